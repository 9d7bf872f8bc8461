/**
 * The BERT family: BERT and MiniLM (Devlin et al. 2019), RoBERTa (Liu et al. 2019), DistilBERT (Sanh
 * et al. 2019), ELECTRA (Clark et al. 2020). They share one encoder and differ in positions, token
 * types, the width of embeddings and heads.
 */
import { EncompileError } from '../errors.ts';
import type { Builder } from '../ir/builder.ts';
import type { Value } from '../ir/graph.ts';
import type { SameShapeOk } from '../ir/shape-types.ts';
import { type FloatType, f32, type IntegerType, type Shape } from '../ir/types.ts';
import { type Activation, activate } from './activations.ts';
import { tokenEmbedding } from './embedding.ts';
import { encoderBlock } from './encoder-block.ts';
import { linear } from './linear.ts';
import { layerNorm } from './normalization.ts';
import { firstToken } from './pooling.ts';
import { learnedPositions } from './positions.ts';
import { lastDims, type Pooled, type Widened, widthOf, withShape } from './shape.ts';

/** The sizes of an encoder, named as in `BertConfig`, which serves as one. */
export interface BertOptions<W extends number> {
  readonly layers: number;
  /** Width of the token vectors. */
  readonly hidden: W;
  /** Width of the embeddings, which a linear layer brings to `hidden` where it differs (hidden). */
  readonly embeddingWidth?: number;
  /** Number of attention heads; it divides `hidden`. */
  readonly heads: number;
  /** Width inside the feed-forward network. */
  readonly intermediate: number;
  /** Of the feed-forward network (gelu). */
  readonly activation?: Activation;
  /** Of the layer norms (1e-12). */
  readonly layerNormEps?: number;
  /** Rows of the table of tokens. */
  readonly vocab: number;
  /** Rows of the table of positions. */
  readonly maxPositions: number;
  /** Row of the first position (0). */
  readonly positionOffset?: number;
  /** Rows of the table of token types; 0 for none (0). */
  readonly typeVocab?: number;
}

export interface BertInputs<R extends Shape, M extends Shape, T extends Shape> {
  /** Token ids, [batch, seq]. */
  readonly ids: Value<IntegerType, R>;
  /** True for tokens, false for padding. */
  readonly mask: Value<'bool', M> & SameShapeOk<'bert_c1', R, M>;
  /** Which text of a pair a token is of; all of type 0 where it is left out. */
  readonly tokenTypes?: (Value<IntegerType, T> & SameShapeOk<'bert_c1', R, T>) | undefined;
  /** The table of tokens [vocab, width], for a head that uses it, too; its weight where it is left out. */
  readonly table?: Value<'f32'> | undefined;
}

/**
 * bert: the sum of word, token type and position embeddings, normalised; then `layers` post-norm
 * encoder blocks (Devlin et al. 2019, section 3 and figure 2)
 *
 * ids integer[batch, seq], mask bool[batch, seq] -> y f32[batch, seq, hidden]; padding's vectors
 * reach no token's. Weights: `embeddings.word`, `.position`, `.token_type`, `.norm` and, where the widths
 * differ, `.projection`, and below
 * `layer.<i>` those of `encoderBlock`.
 *
 * Token i stands in row positionOffset + i of the positions. RoBERTa counts tokens that are not
 * padding instead, which is the same where padding stands on the right.
 */
export function bert<
  W extends number,
  R extends Shape,
  M extends Shape = Shape,
  T extends Shape = Shape,
>(
  g: Builder,
  options: BertOptions<W>,
  { ids, mask, tokenTypes, table }: BertInputs<R, M, T>,
): Value<'f32', [...R, W]> {
  const { layers, hidden, heads, intermediate, activation = 'gelu' } = options;
  const eps = options.layerNormEps ?? 1e-12;
  const embedded = sumOfEmbeddings(g.scope('embeddings'), options, { ids, tokenTypes, table });
  const normal: Value<'f32'> = layerNorm(g.scope('embeddings.norm'), embedded, { eps });
  const projection = g.scope('embeddings.projection');
  let x =
    widthOf(normal) === hidden ? normal : linear(projection, normal, { width: hidden as number });
  for (let i = 0; i < layers; i++) {
    const layer = g.scope(`layer.${i}`);
    x = encoderBlock(layer, x, { heads, hidden: intermediate, activation, eps, mask });
  }
  return withShape(x, [...ids.shape, hidden] as [...R, W]);
}

interface Embedded {
  readonly ids: Value<IntegerType>;
  readonly tokenTypes: Value<IntegerType> | undefined;
  readonly table: Value<'f32'> | undefined;
}

/** The sum over word, token type and position embeddings, in that order. */
function sumOfEmbeddings(
  g: Builder,
  options: BertOptions<number>,
  { ids, tokenTypes, table }: Embedded,
): Value<'f32'> {
  const { vocab, maxPositions: rows, positionOffset: offset = 0 } = options;
  const { embeddingWidth: width = options.hidden } = options;
  const word: Value<'f32'> = tokenEmbedding(g, ids, { vocab, width, table });
  const type = typeEmbedding(g, options, tokenTypes);
  const typed: Value<'f32'> = type === null ? word : g.add(word, type);
  const [seq = 1] = lastDims(ids, 1);
  return g.add(typed, learnedPositions(g, { seq, width, rows, offset }));
}

function typeEmbedding(
  g: Builder,
  { typeVocab: vocab = 0, hidden, embeddingWidth: width = hidden }: BertOptions<number>,
  tokenTypes: Value<IntegerType> | undefined,
): Value<'f32'> | null {
  const name = 'token_type';
  if (vocab > 0 && tokenTypes) return tokenEmbedding(g, tokenTypes, { vocab, width, name });
  if (vocab > 0)
    return g.slice(g.weight(name, f32(vocab, width)), { starts: [0, 0], ends: [1, width] });
  if (tokenTypes === undefined) return null;
  throw new EncompileError(
    `The model has no table of token types (typeVocab is 0), but is given '${tokenTypes.name}'. ` +
      'Leave it out, or say how many token types there are.',
  );
}

/**
 * bertPooler: y = tanh(x[0] W + b), a summary of the text from its first token
 *
 * x [batch, seq, d] -> y [batch, d]. Weights: `weight` [d, d] and `bias` [d].
 */
export function bertPooler<D extends FloatType, S extends Shape>(
  g: Builder,
  x: Value<D, S>,
): Value<D, Pooled<S>> {
  const first = firstToken(g, x);
  return g.tanh(withShape(linear(g, first, { width: widthOf<Shape>(first) }), first.shape));
}

export interface SequenceClassifierOptions<N extends number> {
  readonly classes: N;
  /** Between the two layers (tanh). */
  readonly activation?: Activation;
}

/**
 * sequenceClassifier: y = activation(x[0] W_dense + b_dense) W_projection + b_projection
 *
 * x [batch, seq, d] -> y [batch, classes], of which softmax makes probabilities. Weights:
 * `dense.weight` [d, d], `projection.weight` [d, classes], and the `bias` of each.
 */
export function sequenceClassifier<D extends FloatType, S extends Shape, N extends number>(
  g: Builder,
  x: Value<D, S>,
  { classes, activation = 'tanh' }: SequenceClassifierOptions<N>,
): Value<D, Widened<Pooled<S>, N>> {
  const first = firstToken(g, x);
  const dense = linear(g.scope('dense'), first, { width: widthOf<Shape>(first) });
  const hidden = withShape(activate(g, dense, activation), first.shape);
  return linear(g.scope('projection'), hidden, { width: classes });
}

export interface MaskedLmOptions {
  /** The table of tokens [vocab, e], which gives their scores, too. */
  readonly table: Value<'f32'>;
  /** Between the two layers (gelu). */
  readonly activation?: Activation;
  /** Of the layer norm (1e-12). */
  readonly eps?: number;
}

/**
 * maskedLmHead: y = norm(activation(x W_dense + b_dense)) table^T + bias, scores of the token that a mask
 * stands for (Devlin et al. 2019, section 3.1)
 *
 * x [batch, seq, d], table [vocab, e] -> y f32[batch, seq, vocab]. Weights: `dense` [d, e] with its bias,
 * `norm`, and `bias` [vocab]. ELECTRA's table is narrower than its vectors.
 */
export function maskedLmHead<S extends Shape>(
  g: Builder,
  x: Value<'f32', S>,
  { table, activation = 'gelu', eps = 1e-12 }: MaskedLmOptions,
): Value<'f32'> {
  const [vocab = 1] = lastDims(table, 2);
  const dense: Value<'f32'> = linear(g.scope('dense'), x, { width: widthOf(table) });
  const hidden = layerNorm<'f32', Shape>(g.scope('norm'), activate(g, dense, activation), { eps });
  const transposed: Value<'f32'> = g.transpose(table, { permutation: [1, 0] });
  const bias: Value<'f32'> = g.weight('bias', f32(vocab));
  return g.named(
    'scores',
    g.linear<'f32', Shape, 'f32', Shape, 'f32', Shape>(hidden, transposed, bias),
  );
}
