/** word2vec (Mikolov et al. 2013): words as vectors that predict their neighbours. */
import type { Builder } from '../ir/builder.ts';
import type { Value } from '../ir/graph.ts';
import type { SameShapeOk } from '../ir/shape-types.ts';
import { f32, type IntegerType, type Shape } from '../ir/types.ts';
import { tokenEmbedding } from './embedding.ts';
import { normalize } from './normalization.ts';
import { meanPool } from './pooling.ts';
import { lastDims, withShape } from './shape.ts';

export interface WordVectorOptions<V extends number> {
  /** How many words there are. */
  readonly vocab: V;
  readonly width: number;
}

/**
 * cbow: y = mean of the context's vectors . each word's output vector, scores of the word in the middle
 * (Mikolov et al. 2013, section 3.1)
 *
 * context integer[.., n], mask bool[.., n] (true for words) -> y f32[.., vocab], of which softmax makes
 * chances. Weights: `word` and `output` [vocab, width].
 */
export function cbow<E extends IntegerType, R extends Shape, M extends Shape, V extends number>(
  g: Builder,
  context: Value<E, R>,
  mask: Value<'bool', M> & SameShapeOk<'cbow_c1', R, M>,
  options: WordVectorOptions<V>,
): Value<'f32'> {
  const words: Value<'f32'> = tokenEmbedding(g, context, options);
  return wordScores(g, meanPool<'f32', Shape, Shape>(g, words, mask), options);
}

/**
 * skipGram: y = the word's vector . each word's output vector, scores of the words around it (Mikolov et
 * al. 2013, section 3.2)
 *
 * ids integer[..] -> y f32[.., vocab]. Weights: `word` and `output` [vocab, width].
 */
export function skipGram<E extends IntegerType, R extends Shape, V extends number>(
  g: Builder,
  ids: Value<E, R>,
  options: WordVectorOptions<V>,
): Value<'f32', [...R, V]> {
  const scores = wordScores(g, tokenEmbedding(g, ids, options), options);
  return withShape(scores, [...ids.shape, options.vocab] as [...R, V]);
}

function wordScores(
  g: Builder,
  x: Value<'f32'>,
  { vocab, width }: WordVectorOptions<number>,
): Value<'f32'> {
  const output: Value<'f32'> = g.weight('output', f32(vocab, width));
  const transposed: Value<'f32'> = g.transpose(output, { permutation: [1, 0] });
  return g.named('word_scores', g.linear<'f32', Shape, 'f32', Shape>(x, transposed));
}

/**
 * cosines: y[.., v] = cosine of x and row v of a table; `top_k` of it are the nearest words
 *
 * x f32[.., d], table f32[vocab, d] -> y f32[.., vocab]. A vector of zeros has the cosine 0 with all.
 */
export function cosines(g: Builder, x: Value<'f32'>, table: Value<'f32'>): Value<'f32'> {
  const [width = 1] = lastDims(x, 1);
  const rows = g.transpose(normalize<'f32', Shape>(g, table), { permutation: [1, 0] });
  const unit = normalize<'f32', Shape>(g, x);
  const columns = withShape(rows, [width, ...lastDims(rows, 1)]);
  return g.named('cosines', g.linear<'f32', Shape, 'f32', Shape>(unit, columns));
}
