/** `encompile check`: every kernel, and the whole model, against the interpreter. */
import type { Command } from 'commander';
import { checkCompilation, targetOf } from '../check/check.ts';
import {
  type BackendCheck,
  type CheckBackend,
  type CheckReport,
  printReport,
} from '../check/report.ts';
import { decodeReproducer, encodeReproducer } from '../check/reproducer.ts';
import { respawnWithVulkan } from '../check/respawn.ts';
import { findOptionalPackage } from '../check/webgpu-node.ts';
import { compileGraph, type Quantization } from '../compile.ts';
import { EncompileError } from '../errors.ts';
import { withFile } from '../frontends/file-source.ts';
import type { Graph } from '../ir/graph.ts';
import { type NdArray, toNdArray } from '../ir/nd-array.ts';
import type { Sizes } from '../ir/sizes.ts';
import { writeFiles } from '../output-files.ts';
import {
  COMPILE_TARGETS,
  checkExact,
  compileTargetOf,
  EXACT_TARGETS,
  isCompileTarget,
  PROGRAM_TARGETS,
  programsFor,
} from '../targets.ts';
import type { WeightStorage } from '../weight-storage.ts';
import {
  checkDims,
  DIM_FLAG,
  type DimSizes,
  EXACT_FLAG,
  EXACT_MEANING,
  readDim,
  readInteger,
  readList,
} from './arguments.ts';
import { fileNameOf } from './file-name.ts';
import { readInputTensors } from './input-tensors.ts';
import { addModelFlags, type ModelOptions } from './model-flags.ts';
import { modesOf, readStorage, WEIGHTS_FLAG, WEIGHTS_MEANING } from './modes.ts';
import { openModel } from './open-model.ts';
import { progress } from './progress.ts';
import { QUANTIZE_FLAG, QUANTIZE_MEANING, readQuantization } from './quantization.ts';
import { printJson, printNote, printText } from './standard-output.ts';

interface Options extends ModelOptions {
  readonly backend?: string;
  readonly exact?: boolean;
  readonly quantize?: Quantization;
  readonly weights?: WeightStorage;
  readonly inputs?: string;
  readonly dim?: DimSizes;
  readonly seed: number;
  readonly json?: boolean;
}

const CHECK_BACKENDS = [
  ...COMPILE_TARGETS,
  'wasm-relaxed',
  'emulator',
  ...PROGRAM_TARGETS.map((target) => `emulator-${target}` as const),
] as const;

export function defineCheck(program: Command): void {
  addModelFlags(
    program
      .command('check')
      .argument(
        '<model>',
        'a model file or folder, or the .safetensors file that a failed check wrote',
      )
      .description('compare every kernel, and the whole model, with the float64 interpreter'),
  )
    .option('--backend <list>', `some of ${CHECK_BACKENDS.join(', ')} (default: js,wasm,wgsl)`)
    .option(EXACT_FLAG, EXACT_MEANING)
    .option(QUANTIZE_FLAG, QUANTIZE_MEANING, readQuantization)
    .option(WEIGHTS_FLAG, WEIGHTS_MEANING, readStorage)
    .option('--inputs <file>', 'safetensors file with the inputs (default: random ones)')
    .option(DIM_FLAG, 'the size of a symbol; repeat for more', readDim)
    .option('--seed <number>', 'of the random inputs', readInteger(0), 1)
    .option('--json', 'print the report as JSON')
    .addHelpText('after', HELP)
    .action(check);
}

const HELP = `
Each kernel gets the interpreter's own inputs and must give its outputs within the tolerance of its ops;
then the whole model is compared. "wasm" stands for both of its programs, wasm and wasm-relaxed; one that
this host's WebAssembly cannot run is skipped, and the report says so. "emulator" stands for all
emulators, which run the kernels one element at a time and report races and bad accesses. Where WebGPU is
not to be had, emulator-wgsl stands in for wgsl unless --backend names it. A symbol without --dim is checked at two sizes
that the model takes; of several (--dim seq=16,128 --dim batch=1,3) the first go together, then the second.
With --quantize and --weights f16, kernels answer for what the graph computes after these; what they do to
the results "encompile compile" reports. With --exact, js and wasm must besides give the same bits.
The first kernel that fails is written with its numbers to NAME.reproducer.safetensors, which check takes in
place of a model.

Examples:
  encompile check model.ts
  encompile check model.ts --backend js --dim batch=1 --dim seq=16,128
  encompile check model.ts --inputs in.safetensors`;

async function check(path: string, options: Options): Promise<void> {
  const isReproducer = path.endsWith('.safetensors');
  if ((options.inputs !== undefined || isReproducer) && options.dim !== undefined) {
    const source = isReproducer ? path : '--inputs';
    throw new EncompileError(`${source} has sizes of its own: leave out --dim.`, 2);
  }
  const { exact = false } = options;
  const backends = chooseBackends(options.backend, exact);
  if (backends.includes('wgsl')) await respawnWithVulkan();
  const { graph, inputs } = await openChecked(path, options);
  checkDims(graph, options.dim ?? new Map());
  const compilation = compileGraph(graph, {
    targets: [...new Set(backends.map((backend) => compileTargetOf(targetOf(backend))))],
    ...modesOf(options),
    onProgress: progress.show,
  });
  const reports: CheckReport[] = [];
  for (const dims of sizeSets(options.dim)) {
    reports.push(
      await checkCompilation(compilation, {
        backends,
        dims,
        seed: options.seed,
        onProgress: progress.show,
        ...(inputs === undefined ? {} : { inputs }),
      }),
    );
  }
  const report = joinReports(reports);
  if (report.backends.length === 0) throw nothingChecked(report);
  const written = await writeReproducer(report);
  if (options.json)
    printJson({ ...report, backends: report.backends.map(plain), reproducer: written });
  else
    printText(`${printReport(report)}\n${written === null ? '' : howToReproduce(written, exact)}`);
  if (!report.passed) process.exitCode = 1;
}

function nothingChecked({ skipped }: CheckReport): EncompileError {
  const reasons = skipped.map(({ backend, reason }) => `${backend}: ${reason}`);
  return new EncompileError(
    `None of the backends can run here, so nothing was checked (${reasons.join('; ')}). Choose ` +
      'others, or the emulator.',
    2,
  );
}

/** A model with the inputs of a tensor file, or a reproducer, which has both in itself. */
async function openChecked(
  path: string,
  options: Options,
): Promise<{ readonly graph: Graph; readonly inputs?: ReadonlyMap<string, NdArray> }> {
  const inputsPath = options.inputs;
  if (path.endsWith('.safetensors')) {
    if (inputsPath !== undefined) {
      throw new EncompileError(`${path} has inputs of its own: leave out --inputs.`, 2);
    }
    const content = withFile(path, (file) => file.read(0, file.length));
    return decodeReproducer(content, path);
  }
  const { graph } = await openModel(path, options, { needsNumbers: true });
  if (inputsPath === undefined) return { graph };
  const { tensors } = await readInputTensors(graph, inputsPath);
  return { graph, inputs: new Map([...tensors].map(([name, data]) => [name, toNdArray(data)])) };
}

/** Where the first failing kernel was written with its numbers; null where none fails. */
async function writeReproducer({ model, backends }: CheckReport): Promise<string | null> {
  const failed = backends.find(({ reproducer }) => reproducer !== null)?.reproducer ?? null;
  if (failed === null) return null;
  const path = `${fileNameOf(model)}.reproducer.safetensors`;
  await writeFiles(new Map([[path, encodeReproducer(failed)]]));
  return path;
}

function howToReproduce(path: string, exact: boolean): string {
  const command = `encompile check ${path}${exact ? ` ${EXACT_FLAG}` : ''}`;
  return `\nThe kernel and its numbers are in ${path}: run it again with "${command}".\n`;
}

/** Without the reproducer, which has a file of its own. */
function plain({ reproducer: _, ...check }: BackendCheck): object {
  return check;
}

const DEFAULT_BACKENDS = programsFor(['js', 'wasm']);
const EXACT_BACKENDS = programsFor(EXACT_TARGETS, true);

function chooseBackends(list: string | undefined, exact: boolean): readonly CheckBackend[] {
  if (list === undefined && exact) return EXACT_BACKENDS;
  if (list === undefined) {
    const scope: { readonly navigator?: { readonly gpu?: unknown } } = globalThis;
    if (scope.navigator?.gpu !== undefined || findOptionalPackage('webgpu') !== null) {
      return [...DEFAULT_BACKENDS, 'wgsl'];
    }
    printNote(
      'note: without the npm package webgpu, the WGSL kernels are checked on the emulator alone.',
    );
    return [...DEFAULT_BACKENDS, 'emulator-wgsl'];
  }
  const names = readList('backend', list, CHECK_BACKENDS, {
    interpreter:
      'The interpreter is what backends are checked against. Check js, wasm, wgsl or ' +
      'emulator.',
  });
  const expanded = names.flatMap((name): readonly CheckBackend[] => {
    if (name === 'emulator')
      return (exact ? EXACT_BACKENDS : PROGRAM_TARGETS).map(
        (target) => `emulator-${target}` as const,
      );
    return isCompileTarget(name) ? programsFor([name], exact) : [name];
  });
  if (exact) for (const backend of expanded) checkExact(targetOf(backend));
  return [...new Set(expanded)];
}

/** The n-th sizes of all symbols together; a symbol with fewer keeps its last. */
function sizeSets(dims: DimSizes = new Map()): readonly Sizes[] {
  const count = Math.max(1, ...[...dims.values()].map((sizes) => sizes.length));
  return Array.from({ length: count }, (_, i) => {
    const sizes = [...dims].map(([symbol, list]) => [symbol, list[i] ?? list.at(-1) ?? 1] as const);
    return Object.fromEntries(sizes);
  });
}

function joinReports(reports: readonly CheckReport[]): CheckReport {
  const [first] = reports;
  if (first === undefined) throw new Error('nothing was checked');
  return {
    ...first,
    passes: reports.flatMap(({ passes }) => passes),
    backends: reports.flatMap(({ backends }) => backends),
    bits: reports.flatMap(({ bits }) => bits),
    passed: reports.every(({ passed }) => passed),
  };
}
