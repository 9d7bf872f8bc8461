/** Tensors of the interpreter: float64 for every dtype, row-major; a bool is 0 or 1. */
import type { DType, TensorData, TypedData } from './types.ts';

export interface NdType {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

export interface NdArray extends NdType {
  readonly data: Float64Array;
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((count, dim) => count * dim, 1);
}

/** The array whose element at each index is f(index). The index array is reused between calls. */
export function tabulate(type: NdType, f: (index: readonly number[]) => number): NdArray {
  const { dtype, shape } = type;
  const data = new Float64Array(elementCount(shape));
  const index = shape.map(() => 0);
  for (let i = 0; i < data.length; i++) {
    data[i] = f(index);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const next = (index[axis] ?? 0) + 1;
      index[axis] = next === shape[axis] ? 0 : next;
      if (next !== shape[axis]) break;
    }
  }
  return { dtype, shape, data };
}

/** The element at an index. */
export function at(array: NdArray, index: readonly number[]): number {
  return array.data[offsetOf(array, index)] ?? Number.NaN;
}

/** The place of an element in `data`. */
export function offsetOf({ shape }: NdType, index: readonly number[]): number {
  let offset = 0;
  for (let axis = 0; axis < shape.length; axis++) {
    offset = offset * (shape[axis] ?? 1) + (index[axis] ?? 0);
  }
  return offset;
}

/** The element that stands at `index` of a result to which `array` is broadcast. */
export function atBroadcast(array: NdArray, index: readonly number[]): number {
  const skip = index.length - array.shape.length;
  return at(
    array,
    array.shape.map((dim, axis) => (dim === 1 ? 0 : (index[skip + axis] ?? 0))),
  );
}

/** An i64 beyond 2^53 loses its last digits. */
export function toNdArray({ dtype, shape, data }: TensorData): NdArray {
  const doubles =
    data instanceof BigInt64Array ? Float64Array.from(data, Number) : Float64Array.from(data);
  return { dtype, shape, data: doubles };
}

/** The array in its dtype: floats rounded to float32, integers wrapped. */
export function fromNdArray({ dtype, shape, data }: NdArray): TensorData {
  return { dtype, shape, data: STORE[dtype](data) };
}

const STORE: { readonly [D in DType]: (data: Float64Array) => TypedData } = {
  f32: (data) => Float32Array.from(data),
  f16: (data) => Float32Array.from(data),
  i64: (data) => BigInt64Array.from(data, (value) => BigInt(Math.trunc(value))),
  i32: (data) => Int32Array.from(data),
  i8: (data) => Int8Array.from(data),
  u8: (data) => Uint8Array.from(data),
  bool: (data) => Uint8Array.from(data, (value) => (value === 0 ? 0 : 1)),
};
