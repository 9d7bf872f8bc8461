/**
 * What a name of an ONNX file stands for while its graph is walked: a value of the graph that is
 * made, numbers that are known already, or a sequence of such. Known integers may be symbolic, which is how shape
 * arithmetic (Shape, Gather, Concat, Reshape) leaves no node behind.
 */
import { EncompileError } from '../../errors.ts';
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

export type TensorOperand = Known | Computed;

/** Tensors in a row, of which the file takes one by its place. There is no such value in a graph. */
export interface Sequence {
  readonly kind: 'sequence';
  readonly elements: readonly TensorOperand[];
}

export type Operand = TensorOperand | Sequence;

/** The operand, which must not be a sequence. */
export function tensorOf(operand: Operand): TensorOperand {
  if (operand.kind !== 'sequence') return operand;
  throw new EncompileError('a sequence of tensors stands where one tensor was expected.');
}

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
