/**
 * One vector for many: a sequence's token vectors x [.., n, d] pooled into y [.., d]. Tokens that the
 * mask bool[.., n] hides are left out, and may hold anything. Each form takes a token at any place,
 * so padding may stand on either side.
 */
import type { Builder } from '../ir/builder.ts';
import type { Value } from '../ir/graph.ts';
import type { Rows, SameShapeOk } from '../ir/shape-types.ts';
import type { FloatType, Shape } from '../ir/types.ts';
import { attend, type WeighingOptions } from './attention.ts';
import { linear } from './linear.ts';
import { maskOfKeys } from './masks.ts';
import { lastDims, type Pooled, pooled, withShape } from './shape.ts';

/**
 * How vectors become one, named as sentence-transformers does, with m[i] = 1 for tokens and 0 for
 * padding:
 * - cls: x[0], padding or not
 * - lasttoken: x[i] of the last token
 * - max: max over tokens of x[i]; -1e9 where there is none
 * - mean: sum of m[i] x[i] / max(sum of m[i], 1)
 * - mean_sqrt_len_tokens: sum of m[i] x[i] / sqrt(max(sum of m[i], 1))
 * - weightedmean: sum of (i + 1) m[i] x[i] / max(sum of (i + 1) m[i], 1)
 */
export type TokenPooling =
  | 'cls'
  | 'lasttoken'
  | 'max'
  | 'mean'
  | 'mean_sqrt_len_tokens'
  | 'weightedmean';

/** poolTokens: `TokenPooling` over x [.., n, d] -> y [.., d]. */
export function poolTokens<D extends FloatType, S extends Shape, M extends Shape>(
  g: Builder,
  x: Value<D, S>,
  mask: Value<'bool', M> & SameShapeOk<'pool_tokens_c1', Rows<S>, M>,
  mode: TokenPooling,
): Value<D, Pooled<S>> {
  return withShape(g.named('pooled', POOL[mode](g, x, mask)), pooled(x));
}

/**
 * meanPool: y = sum over tokens of x[i] / max(number of tokens, 1)
 *
 * x [.., n, d], mask bool[.., n] -> y [.., d]. Without a mask all are tokens; with none y is 0.
 */
export function meanPool<D extends FloatType, S extends Shape, M extends Shape = Rows<S>>(
  g: Builder,
  x: Value<D, S>,
  mask?: Value<'bool', M> & SameShapeOk<'mean_pool_c1', Rows<S>, M>,
): Value<D, Pooled<S>> {
  const mean = mask === undefined ? g.reduce_mean(x, { axes: [-2] }) : meanOfTokens(g, x, mask);
  return withShape<D, Pooled<S>>(g.named('pooled', mean), pooled(x));
}

/** firstToken: y = x[0], which models are trained to make a summary (Devlin et al. 2019, `[CLS]`). */
export function firstToken<D extends FloatType, S extends Shape>(
  g: Builder,
  x: Value<D, S>,
): Value<D, Pooled<S>> {
  const [, width = 1] = lastDims(x, 2);
  const leading = x.shape.slice(0, -2);
  const starts = x.shape.map(() => 0);
  const first = g.slice<D, Shape, Shape, Shape>(x, { starts, ends: [...leading, 1, width] });
  return withShape(g.named('first', g.reshape(first, { shape: pooled<Shape>(x) })), pooled(x));
}

/**
 * attentionPool: y = sum over tokens of a[i] x[i], with a = softmax(x w) over the tokens that the mask
 * shows
 *
 * x [.., n, d], mask bool[.., n] -> y [.., d]; zeros where there is no token. Weight: `weight` [d, 1].
 */
export function attentionPool<D extends FloatType, S extends Shape, M extends Shape = Rows<S>>(
  g: Builder,
  x: Value<D, S>,
  mask?: Value<'bool', M> & SameShapeOk<'attention_pool_c1', Rows<S>, M>,
  { onWeights }: WeighingOptions<D> = {},
): Value<D, Pooled<S>> {
  const [n = 1] = lastDims(x, 2);
  const column: Value<D> = linear<D, Shape, number>(g, x, { width: 1, bias: false });
  const row: Value<D> = g.reshape(column, { shape: [...x.shape.slice(0, -2), 1, n] });
  const scores = g.named('scores', row);
  const visible = mask === undefined ? undefined : maskOfKeys(g, mask);
  const context = attend<D, Shape, Shape, Shape>(g, scores, x, { mask: visible, onWeights });
  return withShape(g.named('pooled', g.reshape(context, { shape: pooled<Shape>(x) })), pooled(x));
}

type Pool = <D extends FloatType>(g: Builder, x: Value<D>, mask: Value<'bool'>) => Value<D>;

const POOL: { readonly [P in TokenPooling]: Pool } = {
  cls: (g, x) => firstToken(g, x),
  lasttoken: (g, x, mask) => {
    const place = g.iota({ shape: lastDims(mask, 1) });
    const last = g.reduce_max(g.select(mask, place, -1), { axes: [-1], keep: true });
    return sumOfTokens(g, x, g.equal(place, last));
  },
  max: (g, x, mask) => g.reduce_max(g.select(column(g, mask), x, -1e9), { axes: [-2] }),
  mean: meanOfTokens,
  mean_sqrt_len_tokens: (g, x, mask) => {
    const count = g.reduce_sum(g.cast(mask, { dtype: x.dtype }), { axes: [-1], keep: true });
    return g.div(sumOfTokens(g, x, mask), g.sqrt(g.maximum(count, 1)));
  },
  weightedmean: (g, x, mask) => {
    const place = g.iota({ shape: lastDims(mask, 1), start: 1, dtype: x.dtype });
    const weight = g.select(mask, place, 0);
    const total = g.reduce_sum(weight, { axes: [-1], keep: true });
    const sum = sumOfTokens(g, g.mul(x, column(g, weight)), mask);
    return g.div(sum, g.maximum(total, 1));
  },
};

function meanOfTokens<D extends FloatType>(g: Builder, x: Value<D>, mask: Value<'bool'>): Value<D> {
  const count = g.reduce_sum(g.cast(mask, { dtype: x.dtype }), { axes: [-1], keep: true });
  return g.div(sumOfTokens(g, x, mask), g.maximum(count, 1));
}

/** Selected, not multiplied by the mask: padding may hold NaN. */
function sumOfTokens<D extends FloatType>(g: Builder, x: Value<D>, mask: Value<'bool'>): Value<D> {
  return g.reduce_sum(g.select(column(g, mask), x, 0), { axes: [-2] });
}

/** [.., n] -> [.., n, 1]. */
function column<V extends Value>(g: Builder, x: V): Value<V['dtype']> {
  return g.reshape(x, { shape: [...x.shape, 1] });
}
