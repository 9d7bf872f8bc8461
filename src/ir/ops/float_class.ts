/**
 * What kind of number a float is: y[i] = whether x[i] is NaN, or an infinity.
 *
 * x float[..s] -> y bool[..s]. Kernels look at the bits, as WGSL lets a compiler assume that no value is
 * NaN or infinite: a number that is loaded keeps its kind there, one that a kernel has just computed may
 * not.
 * - c1: x is floating point
 */
import { binary, bitcast, constant, type Expression } from '../../loops/nodes.ts';
import { oneOf } from '../attributes.ts';
import type { Value } from '../graph.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { DTypeOk } from '../shape-types.ts';
import { type DType, type FloatType, isFloat, type Shape, type TensorType } from '../types.ts';

export type IsNan = <D extends DType, S extends Shape>(
  x: Value<D, S> & DTypeOk<'is_nan_c1', FloatType, D>,
) => Value<'bool', S>;

export type IsInf = <D extends DType, S extends Shape>(
  x: Value<D, S> & DTypeOk<'is_inf_c1', FloatType, D>,
  attributes?: { readonly sign?: 'both' | 'positive' | 'negative' },
) => Value<'bool', S>;

const bit = (value: number) => constant(value, 'i32');
const bitsOf = (x: Expression) => bitcast('i32', x);
/** The bits of +Infinity: all of the exponent, nothing behind it. */
const INFINITY = 0x7f800000;
const WITHOUT_SIGN = 0x7fffffff;

const is_nan: OpDefinition<IsNan> = defineOp({
  kind: 'elementwise',
  summary: 'y[i] = whether x[i] is NaN',
  operands: [{ name: 'x' }],
  attributes: {},
  infer: ({ operand, require }) => inferBool(operand(0), require),
  evaluate: ({ operand, result }) => [
    { ...result, data: operand(0).data.map((x) => (Number.isNaN(x) ? 1 : 0)) },
  ],
  lower: ({ index, operand }) => {
    const size = binary('bit_and', bitsOf(operand(0, index)), bit(WITHOUT_SIGN));
    return binary('lt', bit(INFINITY), size);
  },
});

const is_inf: OpDefinition<IsInf> = defineOp({
  kind: 'elementwise',
  summary: 'y[i] = whether x[i] is an infinity of the sign',
  operands: [{ name: 'x' }],
  attributes: { sign: oneOf(['both', 'positive', 'negative'], 'both') },
  infer: ({ operand, require }) => inferBool(operand(0), require),
  evaluate: ({ operand, attributes: { sign }, result }) => {
    const isInfinite = (x: number) =>
      (sign !== 'negative' && x === Infinity) || (sign !== 'positive' && x === -Infinity);
    return [{ ...result, data: operand(0).data.map((x) => (isInfinite(x) ? 1 : 0)) }];
  },
  lower: ({ index, attributes: { sign }, operand }) => {
    const bits = bitsOf(operand(0, index));
    if (sign === 'positive') return binary('eq', bits, bit(INFINITY));
    if (sign === 'negative') return binary('eq', bits, bit(INFINITY | (1 << 31)));
    return binary('eq', binary('bit_and', bits, bit(WITHOUT_SIGN)), bit(INFINITY));
  },
});

function inferBool(
  { dtype, shape }: TensorType,
  require: (label: string, holds: boolean, message: () => string) => void,
): readonly TensorType[] {
  require('c1', isFloat(dtype), () => `defined on f32 and f16, not on ${dtype}`);
  return [{ dtype: 'bool', shape }];
}

export const floatClassOps = { is_nan, is_inf } as const;
