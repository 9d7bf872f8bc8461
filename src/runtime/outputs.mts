/** Turns what kernels leave in memory into what `run` gives: fresh arrays of the outputs' own types. */

import type { DType, ModelDefinition, Numbers, Sizes } from './definition.mts';

export type OutputData = Float32Array | Int32Array | BigInt64Array | Int8Array | Uint8Array;

export interface OutputTensor {
  readonly data: OutputData;
  readonly shape: readonly number[];
}

export function makeOutputs(
  model: ModelDefinition,
  results: readonly Numbers[],
  sizes: Sizes,
): Readonly<Record<string, OutputTensor>> {
  // Unlike an assignment, fromEntries makes even `__proto__` a plain property.
  return Object.fromEntries(
    model.outputs.map((entry, i) => {
      const shape = entry.dims(...sizes);
      const count = shape.reduce((product, size) => product * size, 1);
      const numbers = results[i] ?? new Float32Array(0);
      return [entry.name, { data: COPY[entry.dtype](numbers.subarray(0, count)), shape }];
    }),
  );
}

/** Constructors copy as a block what `from` takes element by element. */
const COPY: { readonly [D in DType]: (numbers: Numbers) => OutputData } = {
  f32: (numbers) => new Float32Array(numbers),
  f16: (numbers) => new Float32Array(numbers),
  i64: (numbers) => {
    const copy = new BigInt64Array(numbers.length);
    for (let i = 0; i < numbers.length; i++) copy[i] = BigInt(numbers[i] ?? 0);
    return copy;
  },
  i32: (numbers) => new Int32Array(numbers),
  i8: (numbers) => new Int8Array(numbers),
  u8: (numbers) => new Uint8Array(numbers),
  bool: (numbers) => new Uint8Array(numbers),
};
