/** Runs a declaration in the interpreter with seeded weights, which the test can read too. */
import { expect } from 'vitest';
import { interpret } from '../../src/interpreter/interpreter.ts';
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import { type Graph, type Value, valueOf } from '../../src/ir/graph.ts';
import type { NdArray } from '../../src/ir/nd-array.ts';
import { staticShape } from '../../src/ir/types.ts';
import { verifyGraph } from '../../src/ir/verify.ts';
import { seededWeight } from './seeded-numbers.ts';
import type { Matrix, WeightRows } from './transformer-reference.ts';

export interface ModelRun {
  readonly graph: Graph;
  readonly outputs: ReadonlyMap<string, NdArray>;
  readonly weights: WeightRows;
  /** In the order of declaration, with their shapes: `query.weight [8, 8]`. */
  readonly weightNames: readonly string[];
}

/** A declared graph whose weights, unless it gives them, are seeded numbers, each with its own seed. */
export function seededGraph(declare: (g: Builder) => { readonly [output: string]: Value }): Graph {
  const graph = buildGraph('test', declare);
  const parameters = graph.parameters.map(({ value, data }, seed) => {
    if (data !== null) return { value, data };
    const shape = staticShape(valueOf(graph, value).shape);
    if (shape === null) throw new Error('a weight has a symbolic dim');
    return { value, data: seededWeight(seed, shape) };
  });
  return { ...graph, parameters };
}

export function interpretModel(
  inputs: { readonly [name: string]: NdArray },
  declare: (g: Builder) => { readonly [output: string]: Value },
): ModelRun {
  const graph = seededGraph(declare);
  verifyGraph(graph);
  return {
    graph,
    outputs: interpret(graph, new Map(Object.entries(inputs))).outputs,
    weightNames: graph.parameters.map(({ value }) => {
      const { name, shape } = valueOf(graph, value);
      return `${name} [${shape.join(', ')}]`;
    }),
    weights: weightRows(graph),
  };
}

/** The rows of a graph's weights by name; a vector is one row. */
export function weightRows(graph: Graph): WeightRows {
  const read = new Map<string, Matrix>();
  for (const { value, data } of graph.parameters) {
    if (data === null) continue;
    const { name } = valueOf(graph, value);
    read.set(name, rows(data.shape.at(-1) ?? 1, Array.from(data.data, Number)));
  }
  return (name) => {
    const found = read.get(name);
    if (found === undefined) throw new Error(`there is no weight ${name}`);
    return found;
  };
}

/** Numbers as rows of `width`. */
export function rows(width: number, data: readonly number[]): Matrix {
  const count = data.length / width;
  return Array.from({ length: count }, (_, i) => data.slice(i * width, (i + 1) * width));
}

/** The matrix at place `index` of a batch [batch, rows, width]. */
export function matrixOf({ shape, data }: NdArray, index = 0): Matrix {
  const [count = 0, width = 0] = shape.slice(-2);
  const start = index * count * width;
  return rows(width, Array.from(data.subarray(start, start + count * width)));
}

export function bools(values: readonly (readonly boolean[])[]): NdArray {
  const shape = [values.length, values[0]?.length ?? 0];
  return { dtype: 'bool', shape, data: Float64Array.from(values.flat(), Number) };
}

/** All outputs are computed in float64, so that only the order of sums may differ. */
export function expectClose(actual: Matrix, expected: Matrix, tolerance = 1e-10): void {
  expect(actual.map((row) => row.length)).toEqual(expected.map((row) => row.length));
  const worst = Math.max(
    ...expected.flatMap((row, i) =>
      row.map((value, j) => Math.abs(value - (actual[i]?.[j] ?? Number.NaN))),
    ),
  );
  expect(worst).toBeLessThan(tolerance);
}
