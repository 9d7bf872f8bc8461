/**
 * quantized_matmul: y[.., j] = (largest / 127) * scale[j] * sum over k of q[.., k] * weight[k, j],
 * with largest = the largest |x| of the row and q = quantize(x, largest)
 *
 * x [.., k], weight [k, n], scale [n] -> y [.., n]. The weight's numbers lie in -63 .. 63 and count
 * steps of the column's scale, so a sum of products is a whole number, exact in 32 bits: kernels differ
 * from the formula by the rounding of its three factors alone. A row of zeros gives zeros.
 *
 * Why 63: the vector instruction takes one operand of seven bits, and the weight moved up by 64 is
 * 1 .. 127; the row's sum of q times 64 is taken off again. Activations have eight bits, as their
 * range is set by the largest of a row, of which transformers have some far outside.
 * - c1: x has at least 1 dim, and the weight has 2
 * - c2: the last dim of x is the first of the weight, and at most 131,072 where it is a number
 * - c3: the scale is a vector of the weight's last dim
 * - c4: x and scale are f32, the weight is i8
 */
import type { Value } from '../graph.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { DTypeOk, LastDimOk, LinearOk, LinearShape } from '../shape-types.ts';
import type { DType, Shape } from '../types.ts';
import { MOST_STEPS } from './quantize.ts';

export type QuantizedMatmul = <
  D extends DType,
  S extends Shape,
  E extends DType,
  W extends Shape,
  F extends DType,
  N extends Shape,
>(
  x: Value<D, S> & DTypeOk<'quantized_matmul_c4', 'f32', D>,
  weight: Value<E, W> &
    LinearOk<S, W, 'quantized_matmul'> &
    DTypeOk<'quantized_matmul_c4', 'i8', E>,
  scale: Value<F, N> &
    LastDimOk<'quantized_matmul_c3', W, N> &
    DTypeOk<'quantized_matmul_c4', 'f32', F>,
) => Value<D, LinearShape<S, W>>;

/** The largest number of a quantised weight. */
export const MOST_WEIGHT = 63;
/** The longest sum: 131,072 * 127 * 127, and so every part of it, is below 2^31. */
export const LONGEST_SUM = 131_072;

export const quantized_matmul: OpDefinition<QuantizedMatmul> = defineOp({
  kind: 'composite',
  keep: true,
  nest: 'quantized-matmul',
  summary: 'y = x W of a weight of small whole numbers and of x rounded to steps of its rows',
  operands: [{ name: 'x' }, { name: 'weight' }, { name: 'scale' }],
  attributes: {},
  infer: ({ operand, require }) => {
    const [x, weight, scale] = [operand(0), operand(1), operand(2)];
    require('c1', x.shape.length >= 1 && weight.shape.length === 2, () => {
      return 'x needs at least 1 dim, and the weight 2';
    });
    const [inner = 1, n = 1] = weight.shape;
    const k = x.shape.at(-1);
    require('c2', k === inner, () => `the inner dims differ: ${k} and ${inner}`);
    require('c2', typeof k !== 'number' || k <= LONGEST_SUM, () => {
      return `a sum of ${k} products may leave 32 bits: at most ${LONGEST_SUM}`;
    });
    require('c3', scale.shape.length === 1 && scale.shape[0] === n, () => {
      return `the scale must have the shape [${n}]`;
    });
    const isTyped = x.dtype === 'f32' && scale.dtype === 'f32' && weight.dtype === 'i8';
    require('c4', isTyped, () => 'x and scale must be f32, the weight i8');
    return [{ dtype: x.dtype, shape: [...x.shape.slice(0, -1), n] }];
  },
  expand: ({ g, operand }) => {
    const [x, weight, scale] = [operand(0), operand(1), operand(2)];
    // A matmul needs two dims; a single row is lifted to one and lowered again.
    const isRow = x.shape.length === 1;
    const rows = isRow ? g.reshape(x, { shape: [1, ...x.shape] }) : x;
    const largest = g.reduce_max(g.abs(rows), { axes: [-1], keep: true });
    const sums = g.matmul(g.quantize(rows, largest), g.cast(weight, { dtype: 'f32' }));
    const y = g.mul(sums, g.mul(g.div(largest, MOST_STEPS), scale));
    return [isRow ? g.reshape(y, { shape: weight.shape.slice(1) }) : y];
  },
});
