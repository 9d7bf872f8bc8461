/**
 * How attention scores queries against keys: each function gives scores [.., n, m], which `attend`
 * makes weights of. They compose with every visibility and bias alike.
 */
import { EncompileError } from '../errors.ts';
import type { Builder } from '../ir/builder.ts';
import { add } from '../ir/dims.ts';
import type { Value } from '../ir/graph.ts';
import type { ScoresShape } from '../ir/shape-types.ts';
import { type Dim, type FloatType, printType, type Shape } from '../ir/types.ts';
import { linear } from './linear.ts';
import { lastDims, type Widened, widthOf, withShape } from './shape.ts';

/**
 * dotScores: s[i, j] = scale * query[i] . key[j] (Luong et al. 2015, eq. 8, `dot`)
 *
 * query [.., n, d], key [.., m, d] -> s [.., n, m]. The scale is 1 where it is left out.
 */
export function dotScores<D extends FloatType, Q extends Shape, K extends Shape>(
  g: Builder,
  query: Value<D, Q>,
  key: Value<D, K>,
  { scale = 1 }: { readonly scale?: number } = {},
): Value<D, ScoresShape<Q, K>> {
  const products: Value<D> = g.matmul<D, Shape, D, Shape>(query, transposed(g, key));
  const scores = g.named('scores', scale === 1 ? products : g.mul(products, scale));
  return scoresOf(scores, query, key);
}

/**
 * scaledDotScores: s[i, j] = query[i] . key[j] / sqrt(d) (Vaswani et al. 2017, eq. 1)
 *
 * query [.., n, d], key [.., m, d] -> s [.., n, m].
 * @throws EncompileError where d is not a number
 */
export function scaledDotScores<D extends FloatType, Q extends Shape, K extends Shape>(
  g: Builder,
  query: Value<D, Q>,
  key: Value<D, K>,
): Value<D, ScoresShape<Q, K>> {
  return dotScores(g, query, key, { scale: 1 / Math.sqrt(fixedWidth(query)) });
}

/**
 * generalScores: s[i, j] = query[i] W . key[j] (Luong et al. 2015, eq. 8, `general`)
 *
 * query [.., n, d], key [.., m, e] -> s [.., n, m]. Weight: `weight` [d, e].
 */
export function generalScores<D extends FloatType, Q extends Shape, K extends Shape>(
  g: Builder,
  query: Value<D, Q>,
  key: Value<D, K>,
): Value<D, ScoresShape<Q, K>> {
  const turned: Value<D> = linear(g, query, { width: widthOf<Shape>(key), bias: false });
  return scoresOf(dotScores(g, turned, key), query, key);
}

export interface UnitsOptions {
  /** Width of the layer between query and key and their score. */
  readonly units: number;
  /** Whether its layers have a bias. */
  readonly bias?: boolean;
}

/**
 * additiveScores: s[i, j] = v . tanh(query[i] W_query + key[j] W_key) (Bahdanau et al. 2015, appendix
 * A.1.2)
 *
 * query [.., n, d], key [.., m, e] -> s [.., n, m]. Weights: `query.weight` [d, units], `key.weight`
 * [e, units] and `score.weight` [units], and with a bias (false) `query.bias`, `key.bias` [units] and
 * `score.bias` [1]. No kernel holds more than the units of one query and key.
 */
export function additiveScores<D extends FloatType, Q extends Shape, K extends Shape>(
  g: Builder,
  query: Value<D, Q>,
  key: Value<D, K>,
  { units, bias = false }: UnitsOptions,
): Value<D, ScoresShape<Q, K>> {
  const { dtype } = query;
  const layer = g.scope('score');
  const fromQuery = linear<D, Shape, number>(g.scope('query'), query, { width: units, bias });
  const fromKey = linear<D, Shape, number>(g.scope('key'), key, { width: units, bias });
  const weight: Value<D> = layer.weight('weight', { dtype, shape: [units] });
  const weighed = g.mul(g.tanh(everyPair(g, fromQuery, fromKey)), weight);
  const sums: Value<D> = g.reduce_sum(weighed, { axes: [-1] });
  const scores = bias ? g.add(sums, layer.weight('bias', { dtype, shape: [1] })) : sums;
  return scoresOf(g.named('scores', scores), query, key);
}

/**
 * concatTanhScores: s[i, j] = the sum over units of tanh([query[i] ; key[j]] W + b)
 *
 * query [.., n, d], key [.., m, e] -> s [.., n, m]. Weights: `weight` [d + e, units], of which the first
 * d rows meet the query, and with a bias (true) `bias` [units].
 */
export function concatTanhScores<D extends FloatType, Q extends Shape, K extends Shape>(
  g: Builder,
  query: Value<D, Q>,
  key: Value<D, K>,
  { units, bias = true }: UnitsOptions,
): Value<D, ScoresShape<Q, K>> {
  const { dtype } = query;
  const split = widthOf<Shape>(query);
  const whole = add(split, widthOf<Shape>(key));
  const weight: Value<D> = g.weight('weight', { dtype, shape: [whole, units] });
  const rows = (from: Dim, to: Dim): Value<D> =>
    g.slice(weight, { starts: [from, 0], ends: [to, units] });
  const offset: Value<D> | null = bias ? g.weight('bias', { dtype, shape: [units] }) : null;
  const fromQuery: Value<D> = g.linear<D, Shape, D, Shape, D, Shape>(query, rows(0, split), offset);
  const fromKey: Value<D> = g.matmul<D, Shape, D, Shape>(key, rows(split, whole));
  const sums = g.reduce_sum(g.tanh(everyPair(g, fromQuery, fromKey)), { axes: [-1] });
  return scoresOf(g.named('scores', sums), query, key);
}

/**
 * concatLinearScores: s = [query ; key] W + b, one score for each row of a value of `keys` rows (the
 * attention of PyTorch's sequence-to-sequence tutorial)
 *
 * query [.., d], key [.., e], whose rows belong together -> s [.., keys]. The scores depend on places of
 * keys, not on what stands there. Weights: `weight` [d + e, keys] and with a bias (true) `bias` [keys].
 */
export function concatLinearScores<
  D extends FloatType,
  Q extends Shape,
  K extends Shape,
  N extends number,
>(
  g: Builder,
  query: Value<D, Q>,
  key: Value<D, K>,
  { keys, bias = true }: { readonly keys: N; readonly bias?: boolean },
): Value<D, Widened<Q, N>> {
  const joined: Value<D> = g.concat([query, key] as readonly Value<D>[]);
  const scores: Value<D> = linear<D, Shape, number>(g, joined, { width: keys, bias });
  const shape: Shape = [...query.shape.slice(0, -1), keys];
  return withShape(g.named('scores', scores), shape as Widened<Q, N>);
}

/**
 * joinContext: y = [query ; context] W + b, what follows attention in Luong et al. 2015, eq. 5, and in
 * the tutorial of `concatLinearScores`
 *
 * query [.., d], context [.., v] -> y [.., width]. Weights: `weight` [d + v, width] and `bias` [width].
 */
export function joinContext<D extends FloatType, Q extends Shape, N extends number>(
  g: Builder,
  query: Value<D, Q>,
  context: Value<D>,
  { width }: { readonly width: N },
): Value<D, Widened<Q, N>> {
  const joined: Value<D> = g.concat([query, context] as readonly Value<D>[]);
  const y: Value<D> = linear<D, Shape, number>(g, joined, { width });
  const shape: Shape = [...query.shape.slice(0, -1), width];
  return withShape(y, shape as Widened<Q, N>);
}

/** x[i] + y[j] for every pair: [.., n, u], [.., m, u] -> [.., n, m, u]. */
function everyPair<D extends FloatType>(g: Builder, x: Value<D>, y: Value<D>): Value<D> {
  const [n = 1, units = 1] = lastDims(x, 2);
  const [m = 1] = lastDims(y, 2);
  const column = g.reshape(x, { shape: [...x.shape.slice(0, -2), n, 1, units] });
  const row = g.reshape(y, { shape: [...y.shape.slice(0, -2), 1, m, units] });
  return g.add(column, row);
}

/** x [.., m, d] -> [.., d, m]. */
function transposed<D extends FloatType>(g: Builder, x: Value<D>): Value<D> {
  const rank = x.shape.length;
  const axes = [...Array(rank).keys()];
  return g.transpose(x, { permutation: [...axes.slice(0, -2), rank - 1, rank - 2] });
}

function scoresOf<D extends FloatType, Q extends Shape, K extends Shape>(
  scores: Value<D>,
  query: Value<D, Q>,
  key: Value<D, K>,
): Value<D, ScoresShape<Q, K>> {
  const [keys = 1] = lastDims(key, 2);
  const shape: Shape = [...query.shape.slice(0, -1), keys];
  return withShape(scores, shape as ScoresShape<Q, K>);
}

function fixedWidth(query: Value): number {
  const [width = 1] = lastDims(query, 1);
  if (typeof width === 'number') return width;
  throw new EncompileError(
    `The width of '${query.name}', which is ${printType(query)}, is not a number, so 1 / sqrt(width) ` +
      'is none. Give the attention its scale.',
  );
}
