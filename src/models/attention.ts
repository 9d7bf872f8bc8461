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
import { type VisibleKeys, visibleKeys } from './masks.ts';
import { dotScores, scaledDotScores } from './scores.ts';
import { lastDims, withShape } from './shape.ts';

export interface WeighingOptions<D extends FloatType = FloatType> {
  /** Added to the scores [.., n, m], to which it broadcasts: a bias by relative position. */
  readonly scoreBias?: Value<D> | undefined;
  /** Receives the attention weights [.., n, m], to make an output of them. */
  readonly onWeights?: ((weights: Value<D>) => void) | undefined;
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
  options: VisibleKeys<Value<'bool', M> & MaskOk<Q, K, M>> &
    WeighingOptions<D> & { readonly scale?: number | undefined } = {},
): Value<D, AttentionShape<Q, V>> {
  const [heads = 1, queries = 1] = lastDims(query, 3);
  const { scale, ...weighing } = options;
  const repeated = repeatHeads(g, key, heads);
  const scores: Value<D> =
    scale === undefined
      ? scaledDotScores(g, query, repeated)
      : dotScores(g, query, repeated, { scale });
  const context = attend<D, Shape, Shape, Shape>(g, scores, repeatHeads(g, value, heads), weighing);
  const shape = [...query.shape.slice(0, -3), heads, queries, ...lastDims(value, 1)];
  return withShape(context, shape as AttentionShape<Q, V>);
}

/**
 * attend: softmax(scores + bias, over the visible keys) value
 *
 * scores [.., n, m], value [.., m, dv] -> y [.., n, dv]. A query that sees no key gives zeros. The
 * weights, which sum to 1 over the keys, are the value named `probs`.
 */
export function attend<D extends FloatType, S extends Shape, V extends Shape, M extends Shape = []>(
  g: Builder,
  scores: Value<D, S>,
  value: Value<D, V>,
  {
    scoreBias,
    onWeights,
    ...visibility
  }: VisibleKeys<Value<'bool', M> & StretchesToOk<'attend_c1', M, S>> & WeighingOptions<D> = {},
): Value<D, MatmulShape<S, V>> {
  const [queries = 1, keys = 1] = lastDims(scores, 2);
  const biased: Value<D> =
    scoreBias === undefined ? scores : g.add<D, Shape, D, Shape>(scores, scoreBias);
  const visible = visibleKeys(g, { queries, keys }, visibility);
  const probs = g.named('probs', g.softmax<D, Shape, Shape>(biased, visible, { axis: -1 }));
  onWeights?.(probs);
  const context: Value<D> = g.matmul<D, Shape, D, Shape>(probs, value);
  return context as Value<D, MatmulShape<S, V>>;
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
