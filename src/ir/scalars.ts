/** What kernels hold a dtype's elements in. */
import type { Scalar } from '../loops/nodes.ts';
import { RANGE } from './integers.ts';
import { type DType, isFloat } from './types.ts';

const SCALARS: { readonly [D in DType]: Scalar } = {
  f32: 'f32',
  f16: 'f32',
  i64: 'i32',
  i32: 'i32',
  i8: 'i32',
  u8: 'i32',
  bool: 'bool',
};

export function scalarOf(dtype: DType): Scalar {
  return SCALARS[dtype];
}

/** Whether a number is a value of a dtype: whole and in range for integers, 0 or 1 for bool. */
export function isValueOf(dtype: DType, value: number): boolean {
  if (isFloat(dtype)) return true;
  if (dtype === 'bool') return value === 0 || value === 1;
  const [low, high] = RANGE[dtype];
  return Number.isInteger(value) && value >= low && value <= high;
}
