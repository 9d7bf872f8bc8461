/**
 * segment_attention: attention in which a query sees the keys of its own segment alone, of sequences that
 * lie packed one behind another
 *
 * query [h, t, dk], key [hk, t, dk], value [hk, t, dv], segments i32[t], offsets i32[s+1]
 * -> y [h, t, dv]. Row i belongs to segment segments[i], in ascending order, and segment b is the rows
 * offsets[b] to before offsets[b + 1]: both say the same, one for each row and one for each segment, of
 * which any may be empty. mask bool[t] is true for keys that may be seen; if causal, a query sees no key
 * behind it. A query that sees no key gives zeros.
 * - c1: query, key and value have 3 dims, and a row for each of the segments' rows
 * - c2: the head widths of query and key agree
 * - c3: the heads of the key divide those of the query, and are those of the value
 * - c4: segments and offsets are i32, of one dim
 * - c5: the mask is bool, with one element a row
 * - c6: query, key and value have the same floating-point dtype
 */
import { flag, real } from '../attributes.ts';
import { add, divideExactly, floorDivide, maximum, multiply, subtract } from '../dims.ts';
import type { Value } from '../graph.ts';
import { defineOp, type OpDefinition, present } from '../op.ts';
import type { AttentionShape, DTypeOk, KeyOk, SameDTypeOk, ValueOk } from '../shape-types.ts';
import { type Dim, type DType, type FloatType, isFloat, type Shape, sameShape } from '../types.ts';

export type SegmentAttention = <
  D extends DType,
  Q extends Shape,
  E extends DType,
  K extends Shape,
  F extends DType,
  V extends Shape,
>(
  query: Value<D, Q> & DTypeOk<'segment_attention_c6', FloatType, D>,
  key: Value<E, K> & KeyOk<Q, K, 'segment_attention'> & SameDTypeOk<'segment_attention_c6', D, E>,
  value: Value<F, V> &
    ValueOk<K, V, 'segment_attention'> &
    SameDTypeOk<'segment_attention_c6', D, F>,
  segments: Value<'i32', readonly [Dim]>,
  offsets: Value<'i32', readonly [Dim]>,
  mask: Value<'bool', readonly [Dim]> | null | undefined,
  attributes: { readonly scale: number; readonly causal?: boolean },
) => Value<D, AttentionShape<Q, V>>;

export const segment_attention: OpDefinition<SegmentAttention> = defineOp({
  kind: 'composite',
  keep: true,
  nest: 'attention',
  summary: 'attention of packed sequences, each to itself',
  operands: [
    { name: 'query' },
    { name: 'key' },
    { name: 'value' },
    { name: 'segments' },
    { name: 'offsets' },
    { name: 'mask', optional: true },
  ],
  attributes: { scale: real(), causal: flag(false) },
  tolerance: { absolute: 1e-5, relative: 1e-4 },
  infer: ({ operand, operands: [, , , , , mask], require }) => {
    const [query, key, value] = [operand(0), operand(1), operand(2)];
    const [segments, offsets] = [operand(3), operand(4)];
    const all = [query, key, value];
    const [rows] = segments.shape;
    require('c4', segments.dtype === 'i32' && segments.shape.length === 1, () => {
      return 'the segments must be i32[rows]';
    });
    require('c4', offsets.dtype === 'i32' && offsets.shape.length === 1, () => {
      return 'the offsets must be i32[segments + 1]';
    });
    const areRows = all.every(({ shape }) => shape.length === 3 && shape[1] === rows);
    require('c1', areRows, () => `query, key and value must be [heads, ${rows}, width]`);
    const [heads = 1, , width = 1] = query.shape;
    const [keyHeads = 1, , keyWidth = 1] = key.shape;
    require('c2', width === keyWidth, () => `the head widths differ: ${width} and ${keyWidth}`);
    const divides = divideExactly(heads, keyHeads) !== null && value.shape[0] === keyHeads;
    require('c3', divides, () => {
      return `${keyHeads} key heads and ${value.shape[0]} value heads do not fit ${heads} query heads`;
    });
    const isMask =
      mask === undefined || (mask.dtype === 'bool' && sameShape(mask.shape, [rows ?? 1]));
    require('c5', isMask, () => `the mask must be bool[${rows}]`);
    require('c6', all.every(({ dtype }) => dtype === query.dtype && isFloat(dtype)), () => {
      return 'query, key and value must all be f32, or all f16';
    });
    return [{ dtype: query.dtype, shape: [heads, rows ?? 1, value.shape[2] ?? 1] }];
  },
  /** Of segments of one length: what sizes alone tell. */
  flops: ({ types }) => {
    const [query, value, offsets] = [present(types, 0), present(types, 2), present(types, 4)];
    const [heads = 1, rows = 1, width = 1] = query.shape;
    const segments = maximum(1, subtract(offsets.shape[0] ?? 1, 1));
    const pairs = multiply(heads, floorDivide(multiply(rows, rows), segments));
    const [valueWidth = 1] = value.shape.slice(-1);
    // of each product and sum, and of scale, softmax and mask
    return multiply(pairs, add(multiply(2, add(width, valueWidth)), 6));
  },
  expand: ({ g, operand, operands: [, , , , , mask], attributes }) => {
    const segments = operand(3);
    const [rows = 1] = segments.shape;
    const ofQuery = g.reshape(segments, { shape: [1, rows, 1] });
    const ofKey = g.reshape(segments, { shape: [1, 1, rows] });
    const own = g.equal(ofQuery, ofKey);
    const visible = mask === undefined ? own : g.and(own, g.reshape(mask, { shape: [1, 1, rows] }));
    return [g.attention(operand(0), operand(1), operand(2), visible, attributes)];
  },
});
