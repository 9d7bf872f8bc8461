/**
 * Modules of PyTorch as its exporter writes them, with PyTorch's own numbers: on every backend, and at
 * the sizes of the symbolic dims that the exporter did not see.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type RunBackend, runOn } from '../../../src/cli/run-backends.ts';
import { importOnnx } from '../../../src/frontends/onnx/index.ts';
import { readSafetensors } from '../../../src/frontends/safetensors.ts';
import { type Graph, valueOf } from '../../../src/ir/graph.ts';
import { resolveSizes } from '../../../src/ir/sizes.ts';
import { printType, type TensorData } from '../../../src/ir/types.ts';
import { describeWithData } from '../../support/test-data.ts';

const BACKENDS: readonly RunBackend[] = ['interpreter', 'js', 'wasm', 'emulator-wgsl'];

type Tensors = ReadonlyMap<string, TensorData>;

/** `in:x` and `out:y` as x and y. */
function named(tensors: Tensors, role: 'in' | 'out'): Tensors {
  const prefix = `${role}:`;
  return new Map(
    [...tensors]
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, tensor]) => [name.slice(prefix.length), tensor]),
  );
}

async function expectPyTorch(graph: Graph, data: Tensors, backend: RunBackend): Promise<void> {
  const tensors = named(data, 'in');
  const shapes = graph.inputs.map((id) => {
    const { name, shape } = valueOf(graph, id);
    return { what: name, declared: shape, given: tensors.get(name)?.shape ?? [] };
  });
  const got = await runOn(backend, graph, { tensors, sizes: resolveSizes(shapes) });
  for (const [name, want] of named(data, 'out')) {
    const output = got.get(name);
    expect(output && printType(output), name).toBe(printType(want));
    const numbers = Array.from<number | bigint>(want.data).map(Number);
    const largest = numbers.reduce((most, number) => Math.max(most, Math.abs(number)), 1);
    numbers.forEach((number, i) => {
      const error = Math.abs(Number(output?.data[i]) - number) / largest;
      expect(error, `${name}[${i}]`).toBeLessThan(2e-5);
    });
  }
}

describeWithData('modules of PyTorch', 'torch-cases', (folder) => {
  const files = readdirSync(folder).filter((file) => file.endsWith('.onnx'));
  const names = files.map((file) => file.replace('.onnx', '')).sort();

  it.each(names.flatMap((name) => BACKENDS.map((backend) => [name, backend] as const)))(
    '%s on %s',
    async (name, backend) => {
      const graph = await importOnnx(join(folder, `${name}.onnx`));
      for (const sizes of ['', '.alt']) {
        const path = join(folder, `${name}${sizes}.safetensors`);
        if (existsSync(path)) await expectPyTorch(graph, await readSafetensors(path), backend);
      }
    },
  );
});
