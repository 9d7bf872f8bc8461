/**
 * Runs passes in tests: what they leave, what they said, and whether the results stayed. A test
 * graph's weights that have no data get seeded numbers.
 */
import { expect } from 'vitest';
import { randomInputs } from '../../src/check/inputs.ts';
import { interpret } from '../../src/interpreter/interpreter.ts';
import { evaluateDim } from '../../src/ir/dims.ts';
import { type Graph, valueOf } from '../../src/ir/graph.ts';
import type { NdArray } from '../../src/ir/nd-array.ts';
import { printGraph } from '../../src/ir/print.ts';
import type { Sizes } from '../../src/ir/sizes.ts';
import { Ledger, type LedgerEntry } from '../../src/passes/ledger.ts';
import { type Pass, runPasses } from '../../src/passes/pass.ts';
import { seededWeight } from './seeded-numbers.ts';

export interface PassRun {
  readonly graph: Graph;
  readonly entries: readonly LedgerEntry[];
  /** Ops of the nodes, in order. */
  readonly ops: readonly string[];
}

/** Runs passes one after another, the verifier behind each. */
export function run(graph: Graph, ...passes: readonly Pass[]): PassRun {
  const ledger = new Ledger();
  const after = runPasses(graph, passes, { ledger });
  return { graph: after, entries: ledger.entries, ops: opsOf(after) };
}

export function opsOf(graph: Graph): readonly string[] {
  return graph.nodes.map((node) => node.op);
}

/** Ops inside the kernel that makes a value; of a plain node its own. */
export function opsInside(graph: Graph, name: string): readonly string[] {
  const node = graph.nodes.find(({ results }) =>
    results.some((id) => valueOf(graph, id).name === name),
  );
  if (node === undefined) throw new Error(`no node makes %${name}`);
  return node.body === null ? [node.op] : opsOf(node.body);
}

/** What the pass said where it refused, as `%value: reason`. */
export function refusals({ entries }: PassRun): readonly string[] {
  return entries.flatMap((entry) => (entry.matched ? [] : [`%${entry.at}: ${entry.reason}`]));
}

export function matches({ entries }: PassRun): readonly string[] {
  return entries.flatMap((entry) => (entry.matched ? [`%${entry.at}: ${entry.detail}`] : []));
}

/**
 * Runs passes and expects of them what every pass promises: equal results at two sets of sizes,
 * and no change when run again.
 */
export function runSafely(graph: Graph, ...passes: readonly Pass[]): PassRun {
  const before = withWeights(graph);
  const result = run(before, ...passes);
  const again = run(result.graph, ...passes);
  expect(printGraph(again.graph)).toBe(printGraph(result.graph));
  for (const sizes of [
    { batch: 2, seq: 5, keys: 4, n: 3 },
    { batch: 1, seq: 3, keys: 6, n: 4 },
  ]) {
    expectSameResults(before, result.graph, sizes);
  }
  return result;
}

export function expectSameResults(before: Graph, after: Graph, sizes: Sizes, seed = 1): void {
  const inputs = randomInputs(before, sizes, seed);
  const [expected, found] = [before, after].map((graph) => interpret(graph, inputs).outputs);
  expect([...(found?.keys() ?? [])]).toEqual([...(expected?.keys() ?? [])]);
  for (const [name, array] of expected ?? []) {
    expect(largestDifference(array, found?.get(name)), `output ${name}`).toBeLessThan(1e-5);
  }
}

/** Relative to the size of the numbers; where one is NaN and the other not, infinite. */
function largestDifference(a: NdArray, b: NdArray | undefined): number {
  if (b === undefined || a.dtype !== b.dtype || a.shape.join() !== b.shape.join()) return Infinity;
  return a.data.reduce((largest, x, i) => {
    const y = b.data[i] ?? Number.NaN;
    if (Object.is(x, y) || x === y) return largest;
    const difference = Math.abs(x - y) / Math.max(1, Math.abs(x));
    return Math.max(largest, Number.isNaN(difference) ? Infinity : difference);
  }, 0);
}

/** The graph with seeded numbers for weights without data; their dims must be numbers. */
export function withWeights(graph: Graph): Graph {
  const parameters = graph.parameters.map((parameter, i) => {
    if (parameter.data !== null) return parameter;
    const { dtype, shape } = valueOf(graph, parameter.value);
    if (dtype !== 'f32') throw new Error(`no numbers for a weight of ${dtype}`);
    const sizes = shape.map((dim) => evaluateDim(dim, {}));
    return { ...parameter, data: seededWeight(i + 1, sizes) };
  });
  return { ...graph, parameters };
}
