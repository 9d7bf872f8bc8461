/** Measures one target: the whole model as users load it, then its kernels one by one. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { printProgram } from '../backends/print.ts';
import { type Compilation, compiledFor, compileGraph, onlyFor } from '../compile.ts';
import { buildGraph } from '../ir/builder.ts';
import type { Sizes } from '../ir/sizes.ts';
import { withCounts } from '../ir/symbol-counts.ts';
import { f32, type TensorData } from '../ir/types.ts';
import type { Target } from '../loops/program.ts';
import { storageOf } from '../loops/row-major.ts';
import { compileTargetOf } from '../targets.ts';
import { timeJsKernels } from '../timing/js-kernels.ts';
import type { Numbers, TimedProgram } from '../timing/kernel-memory.ts';
import { measureRounds, median } from '../timing/rounds.ts';
import { timeWasmKernels } from '../timing/wasm-kernels.ts';
import { timeWgslKernels } from '../timing/wgsl-kernels.ts';
import { kernelCosts, stepCosts, total } from './kernel-costs.ts';
import { type LoadedArtifact, withArtifact } from './loaded-artifact.ts';
import { progress } from './progress.ts';

/** Threads, where a target runs on more than one. */
export interface BenchOptions {
  readonly threads: number;
}

export interface BenchResult {
  /** Of the host, which ran the whole model; kernels are timed on one. */
  readonly threads: number;
  /** GFLOP/s of a bare product, which the kernels' speeds are a share of; null where none is timed. */
  readonly peak: number | null;
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
  shapeSizes: Sizes,
  { threads }: BenchOptions,
): Promise<BenchResult> {
  const peak = await measurePeak(target);
  const measure = async (loaded: LoadedArtifact): Promise<BenchResult> => {
    const { program, plan } = compiledFor(compilation, target);
    const stored = new Map([...inputs].map(([name, tensor]) => [name, asStored(tensor)]));
    const numbersOf = (name: string) => stored.get(name) ?? [];
    const sizes = withCounts(program.counts ?? [], shapeSizes, numbersOf);
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
    const timed = { program, plan, sizes, inputs: stored };
    const steps = await TIME_KERNELS[target](timed, loaded);
    const device = loaded.gpu?.adapterName ?? null;
    const model = { ...speed, rounds: times.length };
    return {
      threads: loaded.model.threads,
      peak,
      device,
      model,
      kernels: steps === null ? null : sumUp(costs, steps),
    };
  };
  return withArtifact(onlyFor(compilation, target), target, measure, threads);
}

/**
 * The speed of a product that has nothing around it and fits the caches, compiled as all others are:
 * [120, 384] by a weight of [384, 384], in GFLOP/s. `bench/limits` has kernels written by hand, which
 * it comes within some percent of.
 */
async function measurePeak(target: Target): Promise<number | null> {
  progress.show(`time a bare product on ${target}`);
  const { rows, inner, columns } = PEAK;
  const numbers = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i));
  const shape = [inner, columns];
  const graph = buildGraph('peak', (g) => {
    const weight = { dtype: 'f32', shape, data: numbers(inner * columns) } as const;
    const x = g.input('x', f32(rows, inner));
    return { y: g.matmul(x, g.weight('w', f32(inner, columns), weight)) };
  });
  const compilation = compileGraph(graph, { targets: [compileTargetOf(target)] });
  return withArtifact(onlyFor(compilation, target), target, async (loaded) => {
    const { program, plan } = compiledFor(compilation, target);
    const inputs = new Map([['x', numbers(rows * inner)]]);
    const steps = await TIME_KERNELS[target]({ program, plan, sizes: {}, inputs }, loaded);
    return steps === null ? null : speedOf(total(steps), 2 * rows * inner * columns).gflops;
  });
}

const PEAK = { rows: 120, inner: 384, columns: 384 };

type TimeKernels = (
  timed: TimedProgram,
  loaded: LoadedArtifact,
) => Promise<readonly number[] | null>;

const TIME_KERNELS: { readonly [T in Target]: TimeKernels } = {
  js: async (timed, { folder }) => {
    const source = printProgram(timed.program);
    const module: Readonly<Record<string, unknown>> = await import(
      pathToFileURL(join(folder, source.path)).href
    );
    return timeJsKernels(timed, source, module);
  },
  wasm: (timed) => timeWasmKernels(timed),
  'wasm-relaxed': (timed) => timeWasmKernels(timed),
  wgsl: async (timed, { gpu }) => {
    if (gpu === null) throw new Error('no GPU is open');
    return timeWgslKernels(gpu.gpu, timed, printProgram(timed.program));
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
