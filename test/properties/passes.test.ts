/** Properties of passes: they keep what a graph computes, and have nothing to do a second time. */
import { expect } from 'vitest';
import { randomInputs } from '../../src/check/inputs.ts';
import { compare } from '../../src/check/report.ts';
import { interpret } from '../../src/interpreter/interpreter.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { printGraph } from '../../src/ir/print.ts';
import type { Sizes } from '../../src/ir/sizes.ts';
import { isFloat } from '../../src/ir/types.ts';
import { Ledger } from '../../src/passes/ledger.ts';
import { runPasses } from '../../src/passes/pass.ts';
import { pipeline } from '../../src/passes/pipeline.ts';
import { type GraphCase, property } from '../support/property.ts';

/** Float64 rounds otherwise in another order, and a folded weight is rounded to its float32. */
const TOLERANCE = { absolute: 1e-5, relative: 1e-5 };
const EXACT = { absolute: 0, relative: 0 };

for (const [at, pass] of pipeline.entries()) {
  property(`${pass.name} keeps what a graph computes`, 30, ({ graph, sizes }) => {
    expectSame(graph, runPasses(graph, [pass]), sizes);
  });

  property(`${pass.name} changes nothing the second time`, 30, ({ graph }) => {
    const once = runPasses(graph, [pass]);
    expect(printGraph(runPasses(once, [pass]))).toBe(printGraph(once));
  });

  property(`${pass.name} changes nothing the second time, in its place`, 30, ({ graph }) => {
    const once = runPasses(graph, pipeline.slice(0, at + 1));
    expect(printGraph(runPasses(once, [pass]))).toBe(printGraph(once));
  });
}

property('the whole pipeline keeps what a graph computes', 100, ({ graph, sizes }: GraphCase) => {
  expectSame(graph, runPasses(graph, pipeline), sizes);
});

property('the ledger says of everything tried what stopped it', 40, ({ graph }) => {
  const ledger = new Ledger();
  runPasses(graph, pipeline, { ledger });
  expect(ledger.entries.length).toBeGreaterThan(0);
  for (const entry of ledger.entries) {
    expect(entry.matched ? entry.detail : entry.reason).not.toBe('');
    expect(entry.at).not.toBe('');
  }
});

function expectSame(before: Graph, after: Graph, allSizes: readonly Sizes[]): void {
  for (const sizes of allSizes) {
    const inputs = randomInputs(before, sizes, 1);
    const want = interpret(before, inputs).outputs;
    const got = interpret(after, inputs).outputs;
    expect([...got.keys()]).toEqual([...want.keys()]);
    for (const [name, { data, dtype, shape }] of want) {
      const result = got.get(name);
      expect(result?.shape).toEqual(shape);
      const tolerance = isFloat(dtype) ? TOLERANCE : EXACT;
      const { worst, ...where } = compare(name, result?.data ?? [], data, tolerance);
      if (worst > 1) {
        const at = `${JSON.stringify(sizes)}: %${name}, element ${where.index}`;
        expect.fail(`at ${at} is ${where.got}, and was ${where.want} before`);
      }
    }
  }
}
