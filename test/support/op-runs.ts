/**
 * Runs single ops for tests, in two ways that share nothing: through the interpreter, and, for a
 * primitive, through its loop-IR expression, read off element by element.
 */
import { expect } from 'vitest';
import { interpret } from '../../src/interpreter/interpreter.ts';
import { completeAttributes } from '../../src/ir/attributes.ts';
import { GraphConstruction } from '../../src/ir/builder.ts';
import { type NdArray, tabulate } from '../../src/ir/nd-array.ts';
import { opDefinition } from '../../src/ir/ops/index.ts';
import type { DType, TensorType } from '../../src/ir/types.ts';
import { elementOf } from './element-of.ts';

export type Attributes = { readonly [name: string]: unknown };

/** `nd('f32', [2, 2], [1, 2, 3, 4])`. */
export function nd(dtype: DType, shape: readonly number[], numbers: readonly number[]): NdArray {
  return { dtype, shape, data: Float64Array.from(numbers) };
}

export const f32 = (shape: readonly number[], numbers: readonly number[]) =>
  nd('f32', shape, numbers);

/** Numbers that differ, of both signs and not whole, the same in every run. */
export function someNumbers(count: number, seed = 1): readonly number[] {
  return Array.from({ length: count }, (_, i) => Math.sin(12.9898 * (i + 1) * seed) * 3);
}

/** A tensor of such numbers. */
export function some(shape: readonly number[], seed = 1): NdArray {
  const count = shape.reduce((a, b) => a * b, 1);
  return f32(shape, someNumbers(count, seed));
}

/** All results of one op; null stands for an optional operand left out. */
export function run(
  op: string,
  operands: readonly (NdArray | null)[],
  attributes: Attributes = {},
): readonly NdArray[] {
  const g = new GraphConstruction();
  const values = operands.map((x, i) => (x === null ? null : g.addInput(`x${i}`, x)));
  const results = g.addNode(op, values, attributes);
  const graph = g.finish(
    'test',
    results.map((value, i) => ({ name: `y${i}`, value: value.id })),
  );
  const inputs = new Map(operands.flatMap((x, i) => (x === null ? [] : [[`x${i}`, x] as const])));
  const { outputs } = interpret(graph, inputs);
  return results.map((_, i) => outputs.get(`y${i}`) ?? nd('f32', [0], []));
}

/** The result types of a call, or the error it gives. */
export function infer(
  op: string,
  operands: readonly (TensorType | null)[],
  attributes: Attributes = {},
): readonly TensorType[] {
  const g = new GraphConstruction();
  const values = operands.map((type, i) => (type === null ? null : g.addInput(`x${i}`, type)));
  return g.addNode(op, values, attributes).map(({ dtype, shape }) => ({ dtype, shape }));
}

/** The result as the op's loop-IR expression gives it. */
export function runLowered(
  op: string,
  operands: readonly NdArray[],
  attributes: Attributes = {},
): NdArray {
  const definition = opDefinition(op);
  const { meaning } = definition;
  if (!('lower' in meaning)) throw new Error(`${op} is not a primitive`);
  const [type] = infer(op, operands, attributes);
  if (type === undefined) throw new Error(`${op} has no result`);
  const complete = completeAttributes(op, definition.attributes, attributes);
  const shape = type.shape.map(Number);
  return tabulate({ dtype: type.dtype, shape }, (index) =>
    elementOf(meaning, operands, type, complete, index),
  );
}

/** Expects a result, from the interpreter and from the loop IR. */
export function expectOp(
  op: string,
  operands: readonly NdArray[],
  attributes: Attributes,
  expected: NdArray,
): void {
  const [result] = run(op, operands, attributes);
  if (result === undefined) throw new Error(`${op} has no result`);
  expectClose(result, expected);
  if ('lower' in opDefinition(op).meaning) {
    expectClose(runLowered(op, operands, attributes), expected);
  }
}

export function expectClose(actual: NdArray, expected: NdArray, tolerance = 1e-9): void {
  expect({ dtype: actual.dtype, shape: actual.shape }).toEqual({
    dtype: expected.dtype,
    shape: expected.shape,
  });
  expected.data.forEach((want, i) => {
    const got = actual.data[i] ?? Number.NaN;
    const same = got === want || (Number.isNaN(got) && Number.isNaN(want));
    // nothing is near an infinity
    const bound = Number.isFinite(want) ? tolerance * Math.max(1, Math.abs(want)) : 0;
    const close = Math.abs(got - want) <= bound;
    if (!same && !close) {
      expect([...actual.data], `element ${i}`).toEqual([...expected.data]);
    }
  });
}
