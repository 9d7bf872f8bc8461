/** Numbers for test tensors: the same for the same seed, spread evenly over -1 .. 1. */
import type { NdArray } from '../../src/ir/nd-array.ts';
import type { TensorData } from '../../src/ir/types.ts';

export function seededNumbers(seed: number, count: number): number[] {
  let state = (seed * 2654435761 + 1) >>> 0;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 23 - 1;
  };
  for (let i = 0; i < 8; i++) next();
  return Array.from({ length: count }, next);
}

export function seededWeight(
  seed: number,
  shape: readonly number[],
  scale = 1,
): TensorData & { readonly data: Float32Array } {
  const count = shape.reduce((product, dim) => product * dim, 1);
  const data = Float32Array.from(seededNumbers(seed, count), (value) => value * scale);
  return { dtype: 'f32', shape, data };
}

export function seededArray(seed: number, shape: readonly number[]): NdArray {
  const { dtype, data } = seededWeight(seed, shape);
  return { dtype, shape, data: Float64Array.from(data) };
}
