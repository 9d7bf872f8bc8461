/** Emitted code in this process: an artifact in a temporary folder, and its kernels one by one. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { emitArtifact } from '../backends/artifact.ts';
import { printProgram } from '../backends/print.ts';
import { runtimeFiles } from '../backends/runtime-files.ts';
import { writeArtifact } from '../backends/write-artifact.ts';
import type { MemoryPlan } from '../loops/memory-plan.ts';
import type { VerifiedProgram } from '../loops/verify-program.ts';
import type { loadModel } from '../runtime/load.mts';
import type { WeightStorage } from '../weight-storage.ts';
import type { OpenBackend } from './backends.ts';
import { gpuKernelRunner } from './gpu-kernel-runner.ts';
import { type KernelRunner, kernelBuffers, kernelOf, type Numbers } from './kernel-runner.ts';
import { wasmKernelRunner } from './wasm-kernel-runner.ts';
import { requestNodeDevice } from './webgpu-node.ts';

type Load = (options: Parameters<typeof loadModel>[1]) => ReturnType<typeof loadModel>;
type Loaded = Awaited<ReturnType<typeof loadModel>>;
type KernelFunction = (...args: readonly (Numbers | number)[]) => void;

export async function openJs(
  program: VerifiedProgram,
  plan: MemoryPlan,
  weights?: WeightStorage,
): Promise<OpenBackend> {
  const folder = await writeTemporary(program, plan, weights);
  const model = await (await importModel(folder)).load({ backend: 'js' });
  return opened(model, await jsKernelRunner(program, folder), () => removeFolder(folder));
}

export async function openWasm(
  program: VerifiedProgram,
  plan: MemoryPlan,
  weights?: WeightStorage,
): Promise<OpenBackend> {
  const folder = await writeTemporary(program, plan, weights);
  const model = await (await importModel(folder)).load({ backend: 'wasm' });
  return opened(model, await wasmKernelRunner(program), () => removeFolder(folder));
}

export async function openWgsl(
  program: VerifiedProgram,
  plan: MemoryPlan,
  weights?: WeightStorage,
): Promise<OpenBackend> {
  const { gpu, release } = await requestNodeDevice();
  const adapter = await gpu.requestAdapter();
  if (adapter === null) throw new Error('the GPU has no adapter any more');
  // one device for both: what is compiled for the model serves its kernels alone, too
  const device = await adapter.requestDevice();
  const folder = await writeTemporary(program, plan, weights);
  const model = await (await importModel(folder)).load({ backend: 'webgpu', device });
  return opened(model, gpuKernelRunner(program, device), async () => {
    release();
    await removeFolder(folder);
  });
}

function opened(model: Loaded, kernels: KernelRunner, cleanUp: () => Promise<void>): OpenBackend {
  return {
    kernels,
    run: async (inputs) => {
      const given = [...inputs].map(([name, { shape, data }]) => [
        name,
        { data: Array.from(data), shape },
      ]);
      const outputs = await model.run(Object.fromEntries(given));
      return new Map(
        Object.entries(outputs).map(([name, { data }]) => [
          name,
          { data: Array.from(data, Number) },
        ]),
      );
    },
    close: async () => {
      await kernels.close();
      model.dispose();
      await cleanUp();
    },
  };
}

async function writeTemporary(
  program: VerifiedProgram,
  plan: MemoryPlan,
  weights: WeightStorage | undefined,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'encompile-check-'));
  const runtime = await runtimeFiles([program.target]);
  const files = await emitArtifact({
    ...{ targets: [{ program, plan }], runtime, version: 'check' },
    ...(weights === undefined ? {} : { weights }),
  });
  await writeArtifact(folder, files);
  return folder;
}

async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}

async function importModel(folder: string): Promise<{ readonly load: Load }> {
  return import(pathToFileURL(join(folder, 'model.mjs')).href);
}

async function jsKernelRunner(program: VerifiedProgram, folder: string): Promise<KernelRunner> {
  const { path, kernels } = printProgram(program);
  const functions: Readonly<Record<string, KernelFunction>> = await import(
    pathToFileURL(join(folder, path)).href
  );
  const entries = new Map(kernels.map(({ name, entry }) => [name, functions[entry]]));
  return {
    run: async (step, inputs, sizes) => {
      const kernel = kernelOf(program, step.kernel);
      const run = entries.get(step.kernel);
      if (run === undefined) throw new Error(`the module has no function for ${step.kernel}`);
      const { all, outputs } = kernelBuffers(kernel, inputs, sizes);
      run(...all, ...kernel.symbols.map((symbol) => sizes[symbol] ?? 0));
      return { outputs, faults: [] };
    },
    close: async () => {},
  };
}
