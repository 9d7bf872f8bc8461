/**
 * What a name of an ONNX file stands for while its graph is walked: a value of the graph that is
 * made, or numbers that are known already. Known integers may be symbolic, which is how shape
 * arithmetic (Shape, Gather, Concat, Reshape) leaves no node behind.
 */
import type { Dim } from '../../ir/dims.ts';
import type { Value } from '../../ir/graph.ts';
import type { DType, TensorData } from '../../ir/types.ts';

export interface Known {
  readonly kind: 'known';
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Row-major. Text is a symbolic whole number; bools are 0 or 1. */
  readonly elements: readonly Dim[];
  /** Of a tensor of the file: the parameter that it becomes is called so. */
  readonly name: string | null;
}

export interface Computed {
  readonly kind: 'computed';
  readonly value: Value;
}

export type Operand = Known | Computed;

/** Tensors with more elements become parameters at once. */
export const MAX_KNOWN = 1024;

export function known(
  dtype: DType,
  shape: readonly number[],
  elements: readonly Dim[],
  name: string | null = null,
): Known {
  return { kind: 'known', dtype, shape, elements, name };
}

/** A vector of sizes, as Shape gives it. */
export function knownSizes(elements: readonly Dim[]): Known {
  return known('i64', [elements.length], elements);
}

export function knownTensor({ dtype, shape, data }: TensorData, name: string | null): Known {
  return known(dtype, shape, Array.from(data as ArrayLike<number | bigint>, Number), name);
}

/** The elements as numbers; null where one is symbolic. */
export function numbersOf({ elements }: Known): readonly number[] | null {
  return elements.every((element) => typeof element === 'number')
    ? (elements as readonly number[])
    : null;
}
