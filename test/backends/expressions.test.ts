/**
 * Random expressions, printed and run, agree bit by bit with the emulator. Values and functions are
 * chosen such that every result is exact in float32, however a target orders or fuses it.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsBackend } from '../../src/backends/js/module.ts';
import { type NodeGpu, requestNodeDevice } from '../../src/check/webgpu-node.ts';
import { artifactFolder } from './artifact-folder.ts';
import {
  COUNT,
  DATA,
  Expressions,
  emulate,
  kernelOf,
  normal,
  oneOfEach,
  outputsOf,
  programOf,
} from './random-expressions.ts';
import { runWasm } from './wasm-runs.ts';

describe('printed expressions', () => {
  it('compute on JS what the emulator computes', async () => {
    const samples = fc.sample(oneOfEach(1, new Expressions(false)), { seed: 11, numRuns: 400 });
    const kernels = samples.map((xs, i) => kernelOf(`k${i}`, 'js', 1, xs));
    const { text } = jsBackend.print(programOf(kernels, 'js'));
    const module: Record<string, (...args: unknown[]) => void> = await import(
      /* @vite-ignore */ `data:text/javascript,${encodeURIComponent(text)}`
    );
    for (const kernel of kernels) {
      const outputs = outputsOf(kernel);
      module[kernel.name]?.(...Object.values(DATA), ...Object.values(outputs));
      const got = Object.values(outputs).map((data) => Array.from(data, normal));
      expect(got, textOf(text, kernel.name)).toEqual(emulate(kernel, 'f64'));
    }
  });

  it.each([
    [1, 'wasm'],
    [4, 'wasm'],
    [1, 'wasm-relaxed'],
    [4, 'wasm-relaxed'],
  ] as const)(
    'compute on WebAssembly with %i lanes what the emulator computes (%s)',
    async (lanes, target) => {
      const samples = fc.sample(oneOfEach(lanes, new Expressions(true)), {
        seed: 22 + lanes,
        numRuns: 400,
      });
      const kernels = samples.map((xs, i) => kernelOf(`k${i}`, target, lanes, xs));
      const { outputs } = await runWasm(programOf(kernels, target), DATA, {}, target);
      for (const kernel of kernels) {
        const got = [0, 1, 2].map((i) =>
          Array.from(outputs[`${kernel.name}.out${i}`] ?? [], normal),
        );
        expect(got, JSON.stringify(kernel.body)).toEqual(emulate(kernel, 'f32'));
      }
    },
  );

  describe('on WebGPU', () => {
    let node: NodeGpu;
    beforeAll(async () => {
      node = await requestNodeDevice();
    });
    afterAll(() => node.release());

    it.each([1, 4] as const)('compute with %i lanes what the emulator computes', async (lanes) => {
      const samples = fc.sample(oneOfEach(lanes, new Expressions(true)), {
        seed: 12 + lanes,
        numRuns: 100,
      });
      const kernels = samples.map((xs, i) => kernelOf(`k${i}`, 'wgsl', lanes, xs));
      const folder = await artifactFolder([programOf(kernels, 'wgsl')]);
      const model = await folder.load({ backend: 'webgpu', gpu: node.gpu });
      const inputs = Object.entries(DATA).map(
        ([name, data]) => [name, { data, shape: [COUNT] }] as const,
      );
      const outputs = await model.run(Object.fromEntries(inputs));
      for (const kernel of kernels) {
        const got = [0, 1, 2].map((i) =>
          Array.from(outputs[`${kernel.name}.out${i}`]?.data ?? [], Number).map(normal),
        );
        expect(got, JSON.stringify(kernel.body)).toEqual(emulate(kernel, 'f32'));
      }
      model.dispose();
      await folder.remove();
    });
  });
});

function textOf(text: string, kernel: string): string {
  const from = text.indexOf(`export function ${kernel}(`);
  return text.slice(from, text.indexOf('\n}', from));
}
