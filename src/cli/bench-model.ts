/** Measures one target: the whole model as users load it, then its kernels one by one. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BACKENDS } from '../backends/artifact.ts';
import { type Compilation, compiledFor, onlyFor } from '../compile.ts';
import type { Sizes } from '../ir/sizes.ts';
import type { TensorData } from '../ir/types.ts';
import type { Target } from '../loops/program.ts';
import { storageOf } from '../loops/row-major.ts';
import { timeJsKernels } from '../timing/js-kernels.ts';
import type { Numbers, TimedProgram } from '../timing/kernel-memory.ts';
import { measureRounds, median } from '../timing/rounds.ts';
import { timeWasmKernels } from '../timing/wasm-kernels.ts';
import { timeWgslKernels } from '../timing/wgsl-kernels.ts';
import { kernelCosts, stepCosts, total } from './kernel-costs.ts';
import { type LoadedArtifact, withArtifact } from './loaded-artifact.ts';
import { progress } from './progress.ts';

export interface BenchResult {
  /** The GPU adapter; null on the CPU. */
  readonly device: string | null;
  readonly model: Speed & { readonly rounds: number };
  /** In the order of first calls; null where they cannot be timed one by one. */
  readonly kernels: readonly KernelTime[] | null;
}

interface Speed {
  /** Median. */
  readonly milliseconds: number;
  readonly flops: number;
  readonly gflops: number;
}

/** Of all calls of a kernel in one run. */
export interface KernelTime extends Speed {
  readonly kernel: string;
  readonly calls: number;
  readonly bytes: number;
  /** Of the sum over all kernels. */
  readonly share: number;
  readonly ops: readonly string[];
  readonly names: readonly string[];
}

export async function measureModel(
  compilation: Compilation,
  target: Target,
  inputs: ReadonlyMap<string, TensorData>,
  sizes: Sizes,
): Promise<BenchResult> {
  return withArtifact(onlyFor(compilation, target), target, async (loaded) => {
    const { program, plan } = compiledFor(compilation, target);
    const costs = stepCosts(program, sizes);
    const given = Object.fromEntries(inputs);
    progress.show(`time the model on ${target}`);
    const times = await measureRounds(async () => {
      const start = performance.now();
      await loaded.model.run(given);
      return performance.now() - start;
    });
    const speed = speedOf(median(times), total(costs.map(({ flops }) => flops)));
    progress.show(`time the kernels on ${target}`);
    const stored = new Map([...inputs].map(([name, tensor]) => [name, asStored(tensor)]));
    const timed = { program, plan, sizes, inputs: stored };
    const steps = await TIME_KERNELS[target](timed, loaded);
    const device = loaded.gpu?.adapterName ?? null;
    const model = { ...speed, rounds: times.length };
    return { device, model, kernels: steps === null ? null : sumUp(costs, steps) };
  });
}

type TimeKernels = (
  timed: TimedProgram,
  loaded: LoadedArtifact,
) => Promise<readonly number[] | null>;

const TIME_KERNELS: { readonly [T in Target]: TimeKernels } = {
  js: async (timed, { folder }) => {
    const source = BACKENDS.js.print(timed.program);
    const module: Readonly<Record<string, unknown>> = await import(
      pathToFileURL(join(folder, source.path)).href
    );
    return timeJsKernels(timed, source, module);
  },
  wasm: (timed) => timeWasmKernels(timed),
  'wasm-relaxed': (timed) => timeWasmKernels(timed),
  wgsl: async (timed, { gpu }) => {
    if (gpu === null) throw new Error('no GPU is open');
    return timeWgslKernels(gpu.gpu, timed, BACKENDS.wgsl.print(timed.program));
  },
};

function sumUp(
  costs: ReturnType<typeof stepCosts>,
  milliseconds: readonly number[],
): readonly KernelTime[] {
  const whole = total(milliseconds);
  return kernelCosts(costs).map(({ kernel, steps, flops, bytes }) => {
    const time = total(steps.map(({ step }) => milliseconds[step] ?? 0));
    return {
      ...{ kernel, calls: steps.length, bytes, ...speedOf(time, flops), share: time / whole },
      ops: steps[0]?.ops ?? [],
      names: [...new Set(steps.flatMap(({ names }) => names))],
    };
  });
}

function speedOf(milliseconds: number, flops: number): Speed {
  return { milliseconds, flops, gflops: milliseconds === 0 ? 0 : flops / milliseconds / 1e6 };
}

function asStored({ dtype, data }: TensorData): Numbers {
  return storageOf(dtype) === 'f32'
    ? Float32Array.from(data, Number)
    : Int32Array.from(data, Number);
}
