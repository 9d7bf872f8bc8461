/** Where elements stand: tensors are stored in row-major order. */
import { add, type Dim, multiply, sizeOf, subtract } from '../ir/dims.ts';
import type { DType, Shape } from '../ir/types.ts';
import { divideIndex } from './index-algebra.ts';

/** The element type of the buffer that holds a dtype. */
export function storageOf(dtype: DType): 'f32' | 'i32' {
  return dtype === 'f32' || dtype === 'f16' ? 'f32' : 'i32';
}

/** The place of an element in row-major order. */
export function flatIndex(index: readonly Dim[], shape: Shape): Dim {
  return index.reduce<Dim>((flat, i, axis) => add(multiply(flat, shape[axis] ?? 1), i), 0);
}

/** Where a tensor's elements stand in a buffer: offset + the sum of index[axis] * strides[axis]. */
export interface Place {
  readonly offset: Dim;
  readonly strides: readonly Dim[];
}

/** Row-major from `offset` on. */
export function rowMajor(shape: Shape, offset: Dim = 0): Place {
  return { offset, strides: shape.map((_, axis) => sizeOf(shape.slice(axis + 1))) };
}

/** Where the element at an index stands. */
export function placeOf({ offset, strides }: Place, index: readonly Dim[]): Dim {
  return index.reduce<Dim>((at, i, axis) => add(at, multiply(i, strides[axis] ?? 0)), offset);
}

/** The index of the element at a place in row-major order. */
export function unflatten(
  flat: Dim,
  shape: Shape,
  ranges: ReadonlyMap<string, Dim>,
): readonly Dim[] {
  const index: Dim[] = [];
  let rest = flat;
  shape.forEach((_, axis) => {
    const inner = sizeOf(shape.slice(axis + 1));
    const i = divideIndex(rest, inner, ranges);
    index.push(i);
    rest = subtract(rest, multiply(i, inner));
  });
  return index;
}
