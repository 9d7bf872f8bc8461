/** A quantised model is checked as any other, against the graph that was quantised. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { artifactFiles } from '../../src/artifact-files.ts';
import { writeArtifact } from '../../src/backends/write-artifact.ts';
import { checkCompilation } from '../../src/check/check.ts';
import { randomInputs } from '../../src/check/inputs.ts';
import { printReport } from '../../src/check/report.ts';
import { aroundAll, compileGraph } from '../../src/compile.ts';
import { loadModel } from '../../src/frontends/load.ts';
import { opDefinition } from '../../src/ir/ops/index.ts';
import { reportQuantization } from '../../src/quantization-report.ts';
import type { LoadOptions, Model } from '../../src/runtime/load.mts';
import { COMPILE_TARGETS } from '../../src/targets.ts';
import { denseInput, denseModel } from '../support/dense-model.ts';
import { describeWithData } from '../support/test-data.ts';

const compilation = compileGraph(denseModel(), { targets: COMPILE_TARGETS, quantize: 'int8' });

describe('a quantised encoder', () => {
  it('has a kernel of bytes for every product with a weight', () => {
    for (const program of compilation.programs.values()) {
      const quantised = program.steps.filter(({ provenance }) =>
        provenance.ops.includes('quantized_matmul'),
      );
      expect(quantised.length).toBe(8);
      expect(program.steps.some(({ provenance }) => provenance.ops.includes('matmul'))).toBe(false);
    }
    const text = JSON.stringify(compilation.programs.get('wasm-relaxed')?.kernels);
    expect(text).toContain('"dot4"');
  });

  it.each(['js', 'wasm', 'wasm-relaxed', 'wgsl', 'emulator-wasm'] as const)(
    'computes on %s what the interpreter computes, kernel by kernel and whole',
    async (backend) => {
      for (const dims of [
        { batch: 1, seq: 13 },
        { batch: 2, seq: 50 },
      ]) {
        const report = await checkCompilation(compilation, { backends: [backend], dims });
        expect(report.passed, printReport(report)).toBe(true);
      }
    },
  );

  it('answers for its kernels as sharply as float32 does', () => {
    expect(opDefinition('quantized_matmul').tolerance.relative).toBeLessThanOrEqual(1e-5);
  });
});

it('threads give the bits that one gives', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'encompile-quantized-'));
  await writeArtifact(
    folder,
    await artifactFiles(compileGraph(denseModel(), { targets: ['wasm'], quantize: 'int8' })),
  );
  const { load }: { load(options: LoadOptions): Promise<Model> } = await import(
    pathToFileURL(join(folder, 'model.mjs')).href
  );
  const [one, ...several] = await Promise.all(
    [1, 2, 3].map((threads) => load({ backend: 'wasm', threads })),
  );
  for (const [batch, seq] of [
    [1, 1],
    [1, 13],
    [3, 33],
  ] as const) {
    const given = { x: denseInput(batch, seq) };
    const want = await one?.run(given);
    for (const model of several) expect(await model.run(given)).toEqual(want);
  }
  for (const model of [one, ...several]) model?.dispose();
  await rm(folder, { recursive: true });
});

describeWithData('an untrained BERT', 'models/bert-untrained-sentence_embedding', (path) => {
  it('is right in bytes, and near to what it is in float32', async () => {
    const { graph } = await loadModel(path);
    const compiled = compileGraph(graph, { targets: ['wasm'], quantize: 'int8' });
    const report = await checkCompilation(compiled, { backends: ['wasm', 'wasm-relaxed'] });
    expect(report.passed, printReport(report)).toBe(true);
    const sizes = { batch: 2, seq: 11 };
    const quantized = aroundAll(compiled.approximations);
    if (quantized === null) throw new Error('nothing was quantised');
    const inputs = randomInputs(graph, sizes, 1);
    const { layers, outputs } = await reportQuantization(quantized, inputs, sizes);
    // all others add up 16 products
    expect(layers.map(({ weight }) => weight)).toEqual(['layer.0.ffn.output.weight']);
    expect(outputs.map(({ name }) => name)).toEqual(['last_hidden_state', 'pooler_output']);
    for (const { cosine, largestError } of outputs) {
      expect(cosine).toBeGreaterThan(0.9999);
      expect(largestError).toBeGreaterThan(0);
    }
  });
});

it('is for wasm where no target is named', () => {
  const { programs } = compileGraph(denseModel(), { quantize: 'int8' });
  expect([...programs.keys()]).toEqual(['wasm', 'wasm-relaxed']);
});

it('another kind of quantisation is an error', () => {
  expect(() => compileGraph(denseModel(), { quantize: 'int4' as 'int8' })).toThrow(
    'quantize is "int4", where',
  );
});
