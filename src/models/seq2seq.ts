/**
 * Sequence to sequence with attention: an encoder reads the source, a decoder makes the target one
 * token a step and attends over what the encoder saw. The encoder is one model and a step of the decoder
 * another; who runs them drives the steps, feeding back the token it chose.
 */
import type { Builder } from '../ir/builder.ts';
import type { Value } from '../ir/graph.ts';
import type { Dim, FloatType, IntegerType, Shape } from '../ir/types.ts';
import { attend } from './attention.ts';
import { tokenEmbedding } from './embedding.ts';
import { linear } from './linear.ts';
import { maskOfKeys } from './masks.ts';
import type { RecurrentLayers, RecurrentState } from './recurrent.ts';
import { joinContext } from './scores.ts';
import { lastDims } from './shape.ts';

export interface SequenceEncoderOptions {
  /** `rnn`, `lstm` or `gru`. */
  readonly cell: RecurrentLayers;
  readonly vocab: number;
  /** Width of the token embeddings. */
  readonly width: number;
  readonly hidden: number;
  readonly layers?: number;
  readonly bidirectional?: boolean;
  /** integer [batch]: how many tokens of each row count. */
  readonly lengths?: Value<IntegerType>;
}

export interface EncodedSequence {
  /** H [batch, n, hidden], or twice as wide where both directions are read. */
  readonly memory: Value<'f32'>;
  readonly states: readonly RecurrentState[];
}

/**
 * sequenceEncoder: H = cell(embedding of each token)
 *
 * ids integer[batch, n] -> H [batch, n, hidden] and the last states. Weights: `word` [vocab, width] and
 * those of the cell.
 */
export function sequenceEncoder(
  g: Builder,
  ids: Value<IntegerType>,
  { cell, vocab, width, ...recurrent }: SequenceEncoderOptions,
): EncodedSequence {
  const x: Value<'f32'> = tokenEmbedding<IntegerType, Shape, number>(g, ids, { vocab, width });
  const { outputs, states } = cell(g, x, recurrent);
  return { memory: g.named('memory', outputs), states };
}

/** What scores are made of: the new state, the embedded token, both [batch, 1, ..], and H. */
export interface ScoredStep {
  readonly query: Value<'f32'>;
  readonly token: Value<'f32'>;
  readonly memory: Value<'f32'>;
}

export interface DecoderStepOptions {
  /** `rnn`, `lstm` or `gru`. */
  readonly cell: RecurrentLayers;
  readonly vocab: number;
  /** Width of the token embeddings. */
  readonly width: number;
  readonly hidden: number;
  readonly layers?: number;
  /** Scores [batch, 1, n] of the rows of H: any of the functions of `scores.ts`. */
  readonly score: (g: Builder, step: ScoredStep) => Value<'f32'>;
  /** bool[batch, n], true for tokens of the source. */
  readonly mask?: Value<'bool'>;
}

export interface DecoderStep {
  /** [batch, vocab]: of the next token; softmax makes chances of them. */
  readonly scores: Value<'f32'>;
  readonly states: readonly RecurrentState[];
  /** [batch, n]: how much each row of H was attended to. */
  readonly weights: Value<'f32'>;
}

/**
 * decoderStep: one step of a decoder with attention (Luong et al. 2015, section 3; with additive scores
 * that of Bahdanau et al. 2015)
 *
 *     h = cell(embedding(token), states), context = attention of h over H,
 *     scores = tanh([h ; context] W_join + b) W_out + b
 *
 * token integer[batch], memory H [batch, n, e], states as of the cell -> scores [batch, vocab], the next
 * states and the attention weights [batch, n]. Weights: `word` [vocab, width], those of the cell, those of
 * the score below `score`, `join.weight` [hidden + e, hidden], `join.bias`, `output.weight` [hidden, vocab]
 * and `output.bias`.
 */
export function decoderStep(
  g: Builder,
  token: Value<IntegerType>,
  memory: Value<'f32'>,
  states: readonly RecurrentState[],
  { cell, vocab, width, hidden, layers = 1, score, mask }: DecoderStepOptions,
): DecoderStep {
  const [batch = 1] = token.shape;
  const [keys = 1] = lastDims(memory, 2);
  const embedded = tokenEmbedding<IntegerType, Shape, number>(g, token, { vocab, width });
  const x: Value<'f32'> = g.reshape(embedded as Value<'f32'>, { shape: [batch, 1, width] });
  const step = cell(g, x, { hidden, layers, initial: states });
  const query = step.outputs;
  const scored = score(g.scope('score'), { query, token: x, memory });
  let weights: Value<'f32'> = scored;
  const context = attend<'f32', Shape, Shape, Shape>(g, scored, memory, {
    mask: mask === undefined ? undefined : maskOfKeys(g, mask),
    onWeights: (made) => {
      weights = made;
    },
  });
  const joined = g.tanh(
    joinContext<'f32', Shape, number>(g.scope('join'), query, context, { width: hidden }),
  );
  const next = linear<'f32', Shape, number>(g.scope('output'), joined, { width: vocab });
  return {
    scores: rowsOf(g, next, batch, vocab),
    states: step.states,
    weights: rowsOf(g, weights, batch, keys),
  };
}

/** [batch, 1, m] -> [batch, m]. */
function rowsOf<D extends FloatType>(g: Builder, x: Value<D>, batch: Dim, m: Dim): Value<D> {
  return g.reshape<D, Shape, Shape>(x, { shape: [batch, m] });
}
