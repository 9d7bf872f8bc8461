/**
 * Properties of packed models: what runs on the rows that count agrees with the interpreter on the
 * declared graph, under masks with holes, on either side, of all and of none.
 */
import { expect, test } from 'vitest';
import { checkCompilation } from '../../src/check/check.ts';
import { type CheckBackend, printReport } from '../../src/check/report.ts';
import { type CompileGraphOptions, compileGraph } from '../../src/compile.ts';
import { type Graph, valueOf } from '../../src/ir/graph.ts';
import type { NdArray } from '../../src/ir/nd-array.ts';
import { printGraph } from '../../src/ir/print.ts';
import { buildPaddedGraph, raggedInputs } from '../support/padded-graph.ts';

const SIZES = [
  { batch: 3, seq: 7 },
  { batch: 2, seq: 1 },
  { batch: 1, seq: 19 },
  { batch: 5, seq: 3 },
];

/** The first seeds whose graphs run on packed rows. */
function packedGraphs(count: number): readonly { readonly seed: number; readonly graph: Graph }[] {
  const found: { seed: number; graph: Graph }[] = [];
  for (let seed = 1; found.length < count; seed++) {
    const graph = buildPaddedGraph(seed);
    const { optimised } = compileGraph(graph, { targets: [] });
    const isPacked = optimised.nodes.some(({ op, body }) => {
      return op === 'segment_attention' || body?.nodes.some((n) => n.op === 'segment_attention');
    });
    if (isPacked) found.push({ seed, graph });
  }
  return found;
}

async function expectRight(
  count: number,
  backends: readonly CheckBackend[],
  options: CompileGraphOptions = {},
): Promise<void> {
  for (const { seed, graph } of packedGraphs(count)) {
    const compilation = compileGraph(graph, options);
    const sizes = SIZES[seed % SIZES.length] ?? { batch: 1, seq: 1 };
    for (const inputs of [raggedInputs(graph, sizes, seed), allHidden(graph, sizes)]) {
      const report = await checkCompilation(compilation, { backends, inputs });
      if (!report.passed) {
        expect.fail(`Seed ${seed}: ${printReport(report)}\n${printGraph(graph)}`);
      }
    }
  }
}

/** No row counts at all. */
function allHidden(graph: Graph, sizes: (typeof SIZES)[number]): ReadonlyMap<string, NdArray> {
  const inputs = raggedInputs(graph, sizes, 1);
  for (const id of graph.inputs) {
    const { name } = valueOf(graph, id);
    const given = inputs.get(name);
    if (given !== undefined && (name === 'mask' || name === 'visible')) {
      inputs.set(name, { ...given, data: new Float64Array(given.data.length) });
    }
  }
  return inputs;
}

const SECONDS = 1000;

test('in the emulator', { timeout: 240 * SECONDS }, async () => {
  await expectRight(6, ['emulator-js', 'emulator-wasm', 'emulator-wasm-relaxed', 'emulator-wgsl']);
});

test('as emitted for js and wasm', { timeout: 240 * SECONDS }, async () => {
  await expectRight(8, ['js', 'wasm', 'wasm-relaxed']);
});

test('as emitted for WebGPU', { timeout: 240 * SECONDS }, async () => {
  await expectRight(2, ['wgsl'], { targets: ['wgsl'] });
});

test('with the same bits where it is exact', { timeout: 240 * SECONDS }, async () => {
  await expectRight(5, ['js', 'wasm'], { exact: true });
});
