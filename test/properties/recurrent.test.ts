/**
 * Properties of graphs with recurrent layers and scans of random steps: passes keep what they compute,
 * their text gives them back, and every target's kernels agree with the interpreter.
 */
import { expect } from 'vitest';
import { randomInputs } from '../../src/check/inputs.ts';
import { interpret } from '../../src/interpreter/interpreter.ts';
import { parseGraph } from '../../src/ir/parse.ts';
import { printGraph } from '../../src/ir/print.ts';
import { runPasses } from '../../src/passes/pass.ts';
import { pipeline } from '../../src/passes/pipeline.ts';
import { PROGRAM_TARGETS } from '../../src/targets.ts';
import { expectAgreement } from '../support/agreement.ts';
import { singleOps } from '../support/compilation.ts';
import { expectSameBits } from '../support/exact-bits.ts';
import { recurrentProperty } from '../support/property.ts';
import { expectSameResults } from '../support/run-pass.ts';

recurrentProperty('passes keep what scans compute, and do nothing twice', 25, (given) => {
  const once = runPasses(given.graph, pipeline);
  for (const sizes of given.sizes) expectSameResults(given.graph, once, sizes);
  expect(printGraph(runPasses(once, pipeline))).toBe(printGraph(once));
});

recurrentProperty(
  'parse(print(g)) is g where g has scans',
  25,
  ({ graph, sizes: [sizes = {}] }) => {
    for (const each of [graph, runPasses(graph, pipeline)]) {
      const again = parseGraph(printGraph(each));
      expect(printGraph(again)).toBe(printGraph(each));
    }
    expect(interpret(graph, randomInputs(graph, sizes, 1)).outputs.size).toBeGreaterThan(0);
  },
);

for (const target of PROGRAM_TARGETS) {
  recurrentProperty(`${target} kernels of scans agree with the interpreter`, 12, async (given) => {
    const backend = `emulator-${target}` as const;
    await expectAgreement(given, runPasses(given.graph, pipeline), backend);
  });

  recurrentProperty(`${target} kernels of scans without fusion agree`, 6, async (given) => {
    await expectAgreement(given, singleOps(given.graph), `emulator-${target}`);
  });
}

for (const backend of ['js', 'wasm', 'wgsl'] as const) {
  recurrentProperty(`emitted ${backend} of scans agrees with the interpreter`, 6, (given) =>
    expectAgreement(given, runPasses(given.graph, pipeline), backend),
  );
}

recurrentProperty('exact programs of scans give the same bits everywhere', 8, (given) =>
  expectSameBits(runPasses(given.graph, pipeline), given.sizes),
);
