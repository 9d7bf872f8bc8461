/** `encompile bench`: how long a model and each of its kernels take. */
import type { Command } from 'commander';
import { randomInputs } from '../check/inputs.ts';
import { respawnWithVulkan } from '../check/respawn.ts';
import { compileGraph, type Quantization } from '../compile.ts';
import { EncompileError } from '../errors.ts';
import type { Graph } from '../ir/graph.ts';
import { fromNdArray } from '../ir/nd-array.ts';
import type { Sizes } from '../ir/sizes.ts';
import type { TensorData } from '../ir/types.ts';
import type { Target } from '../loops/program.ts';
import { COMPILE_TARGETS, type CompileTarget, programsFor } from '../targets.ts';
import { missingFeature } from '../wasm-kernels.ts';
import type { WeightStorage } from '../weight-storage.ts';
import {
  DIM_FLAG,
  type DimSizes,
  EXACT_FLAG,
  EXACT_MEANING,
  readDim,
  readInteger,
  readList,
  singleSizes,
  WITHOUT_KERNELS,
} from './arguments.ts';
import { type BenchResult, type KernelTime, measureModel } from './bench-model.ts';
import { computingOps } from './kernel-costs.ts';
import { addModelFlags, type ModelOptions } from './model-flags.ts';
import { modesOf, readStorage, WEIGHTS_FLAG, WEIGHTS_MEANING } from './modes.ts';
import { openModel } from './open-model.ts';
import { progress } from './progress.ts';
import { counted, duration, flopCount, percent, significant } from './quantities.ts';
import { QUANTIZE_FLAG, QUANTIZE_MEANING, readQuantization } from './quantization.ts';
import { atSizes, printSizes } from './sizes.ts';
import { printJson, printNote, printText } from './standard-output.ts';
import { indentLines, printTable } from './tables.ts';

interface Options extends ModelOptions {
  readonly backend: string;
  readonly exact?: boolean;
  readonly quantize?: Quantization;
  readonly weights?: WeightStorage;
  readonly threads: number;
  readonly dim?: DimSizes;
  readonly seed: number;
  readonly json?: boolean;
}

export function defineBench(program: Command): void {
  addModelFlags(
    program
      .command('bench')
      .argument('<model>', 'a model file or folder')
      .description('measure the whole model and every kernel'),
  )
    .option('--backend <list>', COMPILE_TARGETS.join(', '), 'js')
    .option(EXACT_FLAG, EXACT_MEANING)
    .option(QUANTIZE_FLAG, QUANTIZE_MEANING, readQuantization)
    .option(WEIGHTS_FLAG, WEIGHTS_MEANING, readStorage)
    .option('--threads <number>', 'that run the model on wasm together', readInteger(1), 1)
    .option(DIM_FLAG, 'the size of a symbol; repeat for more', readDim)
    .option('--seed <number>', 'of the random inputs', readInteger(0), 1)
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(bench);
}

const HELP = `
Times are medians over rounds, after warm-up; kernels are timed one by one, on one thread, in the order
in which the model runs them. "of peak" compares the speed of products with that of one which has
nothing around it, timed in the same run, in float32 with --quantize too. "wasm" measures both of its programs, as far as this host's
WebAssembly can run them; load takes wasm-relaxed where it can. Kernels on wgsl are timed by the GPU's
own clock where it has timestamp queries. Symbols without --dim count as 128, or as the most that the
model takes, and a symbol named batch as 1. Weights that the model lacks are random.

Examples:
  encompile bench model.ts --dim batch=1 --dim seq=128
  encompile bench model.ts --backend js,wgsl --json`;

async function bench(path: string, options: Options): Promise<void> {
  const backends = readList('backend', options.backend, COMPILE_TARGETS, WITHOUT_KERNELS);
  if (options.threads > 1 && !backends.includes('wasm')) {
    throw new EncompileError(
      `--threads ${options.threads} asks for several threads, but ${backends.join(' and ')} ` +
        'has none to share the work: add wasm to --backend, or leave --threads out.',
      2,
    );
  }
  if (backends.includes('wgsl')) await respawnWithVulkan();
  const { graph } = await openModel(path, options, { needsNumbers: true });
  const sizes = singleSizes(graph, options.dim);
  const results = await atSizes(sizes, () => measureAll(graph, backends, sizes, options));
  if (options.json) {
    printJson({ model: graph.name, sizes, backends: Object.fromEntries(results) });
  } else {
    printText(results.map(([target, result]) => printResult(target, sizes, result)).join('\n'));
  }
}

async function measureAll(
  graph: Graph,
  backends: readonly CompileTarget[],
  sizes: Sizes,
  options: Options,
): Promise<readonly (readonly [Target, BenchResult])[]> {
  const { seed, threads, exact = false } = options;
  const inputs = new Map<string, TensorData>();
  for (const [name, array] of randomInputs(graph, sizes, seed)) {
    inputs.set(name, fromNdArray(array));
  }
  const results: (readonly [Target, BenchResult])[] = [];
  const compilation = compileGraph(graph, {
    ...{ targets: backends, onProgress: progress.show },
    ...modesOf(options),
  });
  for (const target of programsFor(backends, exact)) {
    const reason = missingFeature(target);
    if (reason === null) {
      results.push([target, await measureModel(compilation, target, inputs, sizes, { threads })]);
    } else printNote(`note: ${target} is not measured: ${reason}.`);
  }
  return results;
}

function printResult(target: Target, sizes: Sizes, result: BenchResult): string {
  const { device, model, kernels, threads, peak } = result;
  const at = printSizes(sizes);
  const head =
    `${target}${device === null ? '' : ` on ${device}`}${threads > 1 ? ` on ${threads} threads` : ''}` +
    `${at === '' ? '' : ` at ${at}`}: ` +
    `${duration(model.milliseconds)} a run, ${flopCount(model.flops)}, ` +
    `${significant(model.gflops)} GFLOP/s (median of ${counted(model.rounds, 'run')})`;
  if (kernels === null) {
    return `${head}\nKernels are not timed one by one: this adapter has no timestamp queries.\n`;
  }
  const table = printTable(
    [
      { title: 'kernel' },
      { title: 'calls', align: 'right' },
      { title: 'a call', align: 'right' },
      { title: 'all calls', align: 'right' },
      { title: 'share', align: 'right' },
      { title: 'GFLOP/s', align: 'right' },
      { title: 'of peak', align: 'right' },
      { title: 'ops' },
    ],
    kernels.map((kernel) => [
      kernel.kernel,
      `${kernel.calls}`,
      duration(kernel.milliseconds / kernel.calls),
      duration(kernel.milliseconds),
      percent(kernel.share),
      significant(kernel.gflops),
      shareOfPeak(kernel, peak),
      computingOps(kernel.ops).join(' '),
    ]),
  );
  return `${head}\n\n${indentLines(table)}`;
}

/** Of kernels that multiply; for others operations are no measure. */
function shareOfPeak({ gflops, ops }: KernelTime, peak: number | null): string {
  const multiplies = ops.some((op) => PRODUCTS.has(op));
  return peak === null || !multiplies ? '' : percent(gflops / peak);
}

const PRODUCTS: ReadonlySet<string> = new Set(['matmul', 'attention', 'segment_attention']);
