/**
 * linear: y = x W + bias
 *
 * x [.., k], weight [k, n], bias [n] -> y [.., n]
 * - c1: x has at least 1 dim, and the weight has 2
 * - c2: the last dim of x is the first of the weight
 * - c3: the bias is a vector of the weight's last dim
 * - c4: all have the same floating-point dtype
 */
import type { Value } from '../graph.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type {
  DTypeOk,
  LastDim,
  LastDimOk,
  LinearOk,
  LinearShape,
  SameDTypeOk,
} from '../shape-types.ts';
import { type DType, type FloatType, isFloat, type Shape } from '../types.ts';

export type Linear = <
  D extends DType,
  S extends Shape,
  E extends DType,
  W extends Shape,
  F extends DType = D,
  B extends Shape = [LastDim<W>],
>(
  x: Value<D, S> & DTypeOk<'linear_c4', FloatType, D>,
  weight: Value<E, W> & LinearOk<S, W> & SameDTypeOk<'linear_c4', D, E>,
  bias?: (Value<F, B> & LastDimOk<'linear_c3', W, B> & SameDTypeOk<'linear_c4', D, F>) | null,
) => Value<D, LinearShape<S, W>>;

export const linear: OpDefinition<Linear> = defineOp({
  kind: 'composite',
  keep: false,
  summary: 'y = x W + bias',
  operands: [{ name: 'x' }, { name: 'weight' }, { name: 'bias', optional: true }],
  attributes: {},
  tolerance: { absolute: 1e-5, relative: 1e-4 },
  infer: ({ operand, operands, require }) => {
    const [x, weight, bias] = [operand(0), operand(1), operands[2]];
    require('c1', x.shape.length >= 1 && weight.shape.length === 2, () => {
      return 'x needs at least 1 dim, and the weight 2';
    });
    const [inner = 1, n = 1] = weight.shape;
    const k = x.shape.at(-1);
    require('c2', k === inner, () => `the inner dims differ: ${k} and ${inner}`);
    const fits = bias === undefined || (bias.shape.length === 1 && bias.shape[0] === n);
    require('c3', fits, () => `the bias must have the shape [${n}]`);
    const dtypes = new Set([x.dtype, weight.dtype, bias?.dtype ?? x.dtype]);
    require('c4', dtypes.size === 1 && isFloat(x.dtype), () => 'all must be f32, or all f16');
    return [{ dtype: x.dtype, shape: [...x.shape.slice(0, -1), n] }];
  },
  expand: ({ g, operand, operands: [, , bias] }) => {
    const [x, weight] = [operand(0), operand(1)];
    // A matmul needs two dims; a single row is lifted to one and lowered again.
    const isRow = x.shape.length === 1;
    const rows = isRow ? g.reshape(x, { shape: [1, ...x.shape] }) : x;
    const product = g.matmul(rows, weight);
    const result = isRow ? g.reshape(product, { shape: weight.shape.slice(1) }) : product;
    return [bias === undefined ? result : g.add(result, bias)];
  },
});
