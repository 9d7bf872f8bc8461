/**
 * Attention of queries, keys and values that are projected already, written in primitives: what
 * `fuse-attention` makes one kernel of. Whatever the scores come from, `attend` weighs the values.
 */
import { EncompileError } from '../errors.ts';
import type { Builder } from '../ir/builder.ts';
import { divideExactly } from '../ir/dims.ts';
import type { Value } from '../ir/graph.ts';
import type {
  AttentionShape,
  KeyOk,
  MaskOk,
  MatmulShape,
  StretchesToOk,
  ValueOk,
} from '../ir/shape-types.ts';
import { type Dim, type FloatType, printType, type Shape } from '../ir/types.ts';
import { causalMask } from './masks.ts';
import { lastDims, withShape } from './shape.ts';

export interface VisibleKeys<Mask = Value<'bool'>> {
  /** True where a query sees a key. It broadcasts to the scores [.., n, m]; see `maskOfScores`. */
  readonly mask?: Mask | undefined;
  /** Whether query i sees key j only where j <= i + (m - n). */
  readonly causal?: boolean | undefined;
}

/**
 * scaledDotProductAttention: softmax(scale * query key^T, over the visible keys) value (Vaswani et
 * al. 2017, eq. 1)
 *
 * query [..p, h, n, dk], key [..p, hk, m, dk], value [..p, hk, m, dv] -> y [..p, h, n, dv]. Of fewer
 * key heads than query heads each serves h / hk query heads in a row (grouped-query attention,
 * Ainslie et al. 2023). The scale is 1 / sqrt(dk) where it is left out.
 */
export function scaledDotProductAttention<
  D extends FloatType,
  Q extends Shape,
  K extends Shape,
  V extends Shape,
  M extends Shape = [],
>(
  g: Builder,
  query: Value<D, Q>,
  key: Value<D, K> & KeyOk<Q, K>,
  value: Value<D, V> & ValueOk<K, V>,
  options: VisibleKeys<Value<'bool', M> & MaskOk<Q, K, M>> & { readonly scale?: number } = {},
): Value<D, AttentionShape<Q, V>> {
  const [heads = 1, queries = 1] = lastDims(query, 3);
  const { scale = 1 / Math.sqrt(fixedWidth(query)), mask, causal } = options;
  const products = g.matmul(query, transposed(g, repeatHeads(g, key, heads)));
  const scores = g.named('scores', g.mul(products, scale));
  const context = attend(g, scores, repeatHeads(g, value, heads), { mask, causal });
  const shape = [...query.shape.slice(0, -3), heads, queries, ...lastDims(value, 1)];
  return withShape(context, shape as AttentionShape<Q, V>);
}

/**
 * attend: softmax(scores, over the visible keys) value
 *
 * scores [.., n, m], value [.., m, dv] -> y [.., n, dv]. A query that sees no key gives zeros. The
 * weights, which sum to 1 over the keys, are the value named `probs`.
 */
export function attend<D extends FloatType, S extends Shape, V extends Shape, M extends Shape = []>(
  g: Builder,
  scores: Value<D, S>,
  value: Value<D, V>,
  { mask, causal = false }: VisibleKeys<Value<'bool', M> & StretchesToOk<'attend_c1', M, S>> = {},
): Value<D, MatmulShape<S, V>> {
  const [queries = 1, keys = 1] = lastDims(scores, 2);
  const past = causal ? causalMask(g, { queries, keys }) : null;
  const visible: Value<'bool'> | null = mask && past ? g.and(mask, past) : (mask ?? past);
  const probs = g.softmax(scores, visible, { axis: -1 });
  return g.matmul(g.named('probs', probs), value);
}

/** x [.., m, d] -> [.., d, m]. */
function transposed<D extends FloatType>(g: Builder, x: Value<D>): Value<D> {
  const rank = x.shape.length;
  const axes = [...Array(rank).keys()];
  return g.transpose(x, { permutation: [...axes.slice(0, -2), rank - 1, rank - 2] });
}

/** x [.., hk, m, d] -> [.., heads, m, d], each head heads / hk times in a row. */
function repeatHeads<D extends FloatType>(g: Builder, x: Value<D>, heads: Dim): Value<D> {
  const [keyHeads = 1, ...row] = lastDims(x, 3);
  if (keyHeads === heads) return x;
  const leading = x.shape.slice(0, -3);
  const times = divideExactly(heads, keyHeads);
  if (times === null) {
    throw new EncompileError(
      `attention_c3: ${heads} query heads cannot share the ${keyHeads} heads of '${x.name}', which ` +
        `is ${printType(x)}. Take a number of key heads that divides ${heads}.`,
    );
  }
  const apart = g.reshape(x, { shape: [...leading, keyHeads, 1, ...row] });
  const repeated = g.broadcast(apart, { shape: [...leading, keyHeads, times, ...row] });
  return g.reshape(repeated, { shape: [...leading, heads, ...row] });
}

function fixedWidth(query: Value): number {
  const [width = 1] = lastDims(query, 1);
  if (typeof width === 'number') return width;
  throw new EncompileError(
    `The width of '${query.name}', which is ${printType(query)}, is not a number, so 1 / sqrt(width) ` +
      'is none. Give the attention its scale.',
  );
}
