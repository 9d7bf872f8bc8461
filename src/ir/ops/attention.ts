/**
 * attention: softmax(scale * query key^T + bias, over the visible keys) value (Vaswani et al. 2017,
 * eq. 1)
 *
 * query [..p, h, n, dk], key [..p, hk, m, dk], value [..p, hk, m, dv] -> y [..p, h, n, dv].
 * With fewer key heads than query heads, h / hk query heads in a row share one (grouped-query
 * attention). mask and bias broadcast to the scores [..p, h, n, m]; a key is visible where the mask
 * is true, if causal where j <= i + (m - n), and with a window where abs(i + (m - n) - j) <= window: local
 * attention, which costs n * window. A query that sees no key gives zeros, never NaN.
 * - c1: query, key and value have at least 3 dims
 * - c2: the head widths of query and key agree
 * - c3: the leading dims of query and key agree, and the heads of the key divide those of the query
 * - c4: the value has a row for each row of the key
 * - c5: mask and bias broadcast to the scores
 * - c6: the mask is bool; all others have the same floating-point dtype
 * - c7: the window is at least 0
 */
import { flag, optionalInteger, real } from '../attributes.ts';
import { broadcastShapes } from '../broadcasting.ts';
import type { UntypedBuilder } from '../builder.ts';
import { add, divideExactly, minimum, multiply, sizeOf, subtract } from '../dims.ts';
import type { Value } from '../graph.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type {
  AttentionShape,
  DTypeOk,
  KeyOk,
  MaskOk,
  SameDTypeOk,
  ValueOk,
} from '../shape-types.ts';
import { type DType, type FloatType, isFloat, type Shape, sameShape } from '../types.ts';

interface AttentionAttributes {
  readonly scale: number;
  readonly causal?: boolean;
  readonly window?: number | null;
}

/** The generics are those of query, key, value, mask and bias. */
export interface Attention {
  <
    D extends DType,
    Q extends Shape,
    E extends DType,
    K extends Shape,
    F extends DType,
    V extends Shape,
  >(
    query: Value<D, Q> & DTypeOk<'attention_c6', FloatType, D>,
    key: Value<E, K> & KeyOk<Q, K> & SameDTypeOk<'attention_c6', D, E>,
    value: Value<F, V> & ValueOk<K, V> & SameDTypeOk<'attention_c6', D, F>,
    attributes: AttentionAttributes,
  ): Value<D, AttentionShape<Q, V>>;
  <
    D extends DType,
    Q extends Shape,
    E extends DType,
    K extends Shape,
    F extends DType,
    V extends Shape,
    M extends Shape = [],
  >(
    query: Value<D, Q> & DTypeOk<'attention_c6', FloatType, D>,
    key: Value<E, K> & KeyOk<Q, K> & SameDTypeOk<'attention_c6', D, E>,
    value: Value<F, V> & ValueOk<K, V> & SameDTypeOk<'attention_c6', D, F>,
    mask: (Value<'bool', M> & MaskOk<Q, K, M>) | null | undefined,
    attributes: AttentionAttributes,
  ): Value<D, AttentionShape<Q, V>>;
  <
    D extends DType,
    Q extends Shape,
    E extends DType,
    K extends Shape,
    F extends DType,
    V extends Shape,
    M extends Shape = [],
    G extends DType = D,
    B extends Shape = [],
  >(
    query: Value<D, Q> & DTypeOk<'attention_c6', FloatType, D>,
    key: Value<E, K> & KeyOk<Q, K> & SameDTypeOk<'attention_c6', D, E>,
    value: Value<F, V> & ValueOk<K, V> & SameDTypeOk<'attention_c6', D, F>,
    mask: (Value<'bool', M> & MaskOk<Q, K, M>) | null | undefined,
    bias: (Value<G, B> & MaskOk<Q, K, B> & SameDTypeOk<'attention_c6', D, G>) | null | undefined,
    attributes: AttentionAttributes,
  ): Value<D, AttentionShape<Q, V>>;
}

export const attention: OpDefinition<Attention> = defineOp({
  kind: 'composite',
  keep: true,
  nest: 'attention',
  summary: 'softmax(scale * query key^T + bias, over the visible keys) value',
  operands: [
    { name: 'query' },
    { name: 'key' },
    { name: 'value' },
    { name: 'mask', optional: true },
    { name: 'bias', optional: true },
  ],
  attributes: { scale: real(), causal: flag(false), window: optionalInteger() },
  tolerance: { absolute: 1e-5, relative: 1e-4 },
  infer: ({ operand, operands: [, , , mask, bias], attributes: { window }, require }) => {
    const [query, key, value] = [operand(0), operand(1), operand(2)];
    const all = [query, key, value];
    require('c1', all.every(({ shape }) => shape.length >= 3), () => {
      return 'query, key and value need at least 3 dims: heads, rows and width';
    });
    const [heads = 1, n = 1, width = 1] = query.shape.slice(-3);
    const [keyHeads = 1, m = 1, keyWidth = 1] = key.shape.slice(-3);
    require('c2', width === keyWidth, () => `the head widths differ: ${width} and ${keyWidth}`);
    require('c3', sameShape(query.shape.slice(0, -3), key.shape.slice(0, -3)), () => {
      return 'the leading dims of query and key differ';
    });
    require('c3', divideExactly(heads, keyHeads) !== null, () => {
      return `${keyHeads} key heads do not divide ${heads} query heads`;
    });
    require('c4', sameShape(key.shape.slice(0, -1), value.shape.slice(0, -1)), () => {
      return 'the value does not have a row for each row of the key';
    });
    const scores = [...query.shape.slice(0, -1), m];
    for (const extra of [mask, bias]) {
      const together = extra === undefined ? scores : broadcastShapes(scores, extra.shape);
      require('c5', together !== null && sameShape(together, scores), () => {
        return `mask and bias must broadcast to the scores [${scores.join(', ')}]`;
      });
    }
    const floats = bias === undefined ? all : [...all, bias];
    const uniform = floats.every(({ dtype }) => dtype === query.dtype && isFloat(dtype));
    require('c6', uniform, () => 'query, key, value and bias must all be f32, or all f16');
    require('c6', (mask?.dtype ?? 'bool') === 'bool', () => 'the mask must be bool');
    require('c7', window === null || window >= 0, () => `the window is ${window}`);
    return [
      { dtype: query.dtype, shape: [...query.shape.slice(0, -2), n, value.shape.at(-1) ?? 1] },
    ];
  },
  flops: ({ types: [query, key, value], attributes: { window, causal } }) => {
    if (window === null) return null;
    const span = minimum(causal ? window + 1 : 2 * window + 1, key?.shape.at(-2) ?? 1);
    const pairs = multiply(sizeOf(query?.shape.slice(0, -1) ?? []), span);
    const widths = add(query?.shape.at(-1) ?? 1, value?.shape.at(-1) ?? 1);
    return multiply(pairs, add(multiply(2, widths), SOFTMAX_FLOPS));
  },
  expand: ({ g, operand, operands: [, , , mask, bias], attributes: { scale, causal, window } }) => {
    const query = operand(0);
    const key = repeatHeads(g, operand(1), query.shape);
    const value = repeatHeads(g, operand(2), query.shape);
    const rank = key.shape.length;
    const swapped = [...Array(rank - 2).keys(), rank - 1, rank - 2];
    const products = g.matmul(query, g.transpose(key, { permutation: swapped }));
    const scaled = g.mul(products, scale);
    const scores = bias === undefined ? scaled : g.add(scaled, bias);
    const { past, near } = positions(g, scores, window);
    const conditions = [mask, ...(causal ? [past()] : []), ...(window === null ? [] : [near()])];
    const visible = conditions.reduce((a, b) => (a && b ? g.and(a, b) : (a ?? b)));
    return [g.matmul(g.softmax(scores, visible, { axis: -1 }), value)];
  },
});

/** Of a score: scale, two comparisons, maximum, difference, exponential, sum and quotient. */
const SOFTMAX_FLOPS = 8;

/** x [.., hk, m, d] -> [.., h, m, d], every head h / hk times in a row. */
function repeatHeads(g: UntypedBuilder, x: Value, query: Shape): Value {
  const [heads = 1] = query.slice(-3);
  const [keyHeads = 1, ...row] = x.shape.slice(-3);
  const times = divideExactly(heads, keyHeads);
  if (times === 1 || times === null) return x;
  const leading = x.shape.slice(0, -3);
  const apart = g.reshape(x, { shape: [...leading, keyHeads, 1, ...row] });
  const repeated = g.broadcast(apart, { shape: [...leading, keyHeads, times, ...row] });
  return g.reshape(repeated, { shape: [...leading, heads, ...row] });
}

/** Whether key j is not behind query i, and whether it is within the window. */
function positions(g: UntypedBuilder, scores: Value, window: number | null) {
  const [n = 1, m = 1] = scores.shape.slice(-2);
  const key = () => g.iota({ shape: [1, m], axis: 1 });
  const query = () => g.iota({ shape: [n, 1], axis: 0, start: subtract(m, n) });
  return {
    past: () => g.less_equal(key(), query()),
    near: () => g.less_equal(g.abs(g.sub(query(), key())), window ?? 0),
  };
}
