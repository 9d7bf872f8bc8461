/**
 * Integers as kernels hold them: 32 bits wide, a narrower dtype's results wrapped to its own width.
 * i64 is held in 32 bits by kernels and exactly (below 2^53) by the interpreter: a model whose i64
 * values leave the 32-bit range is outside of what compiles.
 */
import { addOf, binary, constant, type Expression } from '../loops/nodes.ts';
import type { DType } from './types.ts';

/** The value that a dtype holds after arithmetic gave `value`. */
export const WRAP: { readonly [D in DType]: (value: number) => number } = {
  f32: (value) => value,
  f16: (value) => value,
  i64: (value) => value,
  i32: (value) => value | 0,
  i8: (value) => (value << 24) >> 24,
  u8: (value) => value & 255,
  bool: (value) => (value === 0 ? 0 : 1),
};

/** The same in loop IR, where i8 and u8 alone are narrower than what holds them. */
export function wrapExpression(dtype: DType, x: Expression): Expression {
  if (dtype === 'u8') return modulo256(x);
  if (dtype !== 'i8') return x;
  const shifted = modulo256(addOf(x, constant(128, 'i32')));
  return binary('sub', shifted, constant(128, 'i32'));
}

/** In 0 .. 255 also for a negative x, of which `rem` gives a negative remainder. */
function modulo256(x: Expression): Expression {
  const size = constant(256, 'i32');
  return binary('rem', addOf(binary('rem', x, size), size), size);
}

/** The values that an integer dtype holds; of i64 those that kernels hold. */
export const RANGE: { readonly [D in 'i64' | 'i32' | 'i8' | 'u8']: readonly [number, number] } = {
  i64: [-2147483648, 2147483647],
  i32: [-2147483648, 2147483647],
  i8: [-128, 127],
  u8: [0, 255],
};
