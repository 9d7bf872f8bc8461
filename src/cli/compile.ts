/** `encompile compile`: writes an artifact. */
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Command } from 'commander';
import { artifactFiles, ONNX_PATH, type OnnxFileOptions } from '../artifact-files.ts';
import type { ArtifactFiles } from '../backends/artifact.ts';
import type { OnnxOpset } from '../backends/onnx/opsets.ts';
import { writeArtifact } from '../backends/write-artifact.ts';
import { randomInputs } from '../check/inputs.ts';
import { aroundAll, type Compilation, compileGraph, type Quantization } from '../compile.ts';
import { EncompileError } from '../errors.ts';
import type { Graph } from '../ir/graph.ts';
import { type NdArray, toNdArray } from '../ir/nd-array.ts';
import type { Sizes } from '../ir/sizes.ts';
import { countPrimitives } from '../primitive-count.ts';
import { type QuantizationReport, reportQuantization } from '../quantization-report.ts';
import { reportRounding } from '../rounding-report.ts';
import { COMPILE_TARGETS, EXACT_TARGETS, QUANTIZED_TARGETS } from '../targets.ts';
import type { WeightStorage } from '../weight-storage.ts';
import { EXACT_FLAG, EXACT_MEANING, readInteger, readList, singleSizes } from './arguments.ts';
import { fileNameOf } from './file-name.ts';
import { readInputTensors } from './input-tensors.ts';
import { addModelFlags, type ModelOptions } from './model-flags.ts';
import { modesOf, readStorage, WEIGHTS_FLAG, WEIGHTS_MEANING } from './modes.ts';
import {
  OPSET_FLAG,
  OPSET_MEANING,
  OPTIMISED_FLAG,
  OPTIMISED_MEANING,
  onnxOptions,
  readOpset,
} from './onnx-flags.ts';
import { openModel } from './open-model.ts';
import { progress } from './progress.ts';
import { byteCount, counted } from './quantities.ts';
import {
  printQuantization,
  QUANTIZE_FLAG,
  QUANTIZE_MEANING,
  type ReportedQuantization,
  readQuantization,
} from './quantization.ts';
import { printRounding, type ReportedRounding } from './rounding.ts';
import { atSizes } from './sizes.ts';
import { printJson, printNote, printText } from './standard-output.ts';
import { indentLines, printTable } from './tables.ts';

interface Options extends ModelOptions {
  readonly output?: string;
  readonly target?: string;
  readonly exact?: boolean;
  readonly quantize?: Quantization;
  readonly weights?: WeightStorage;
  readonly inputs?: string;
  readonly seed?: number;
  readonly opset?: OnnxOpset;
  readonly optimised?: boolean;
  readonly json?: boolean;
}

export function defineCompile(program: Command): void {
  addModelFlags(
    program
      .command('compile')
      .argument('<model>', 'a model file or folder')
      .description('write an artifact: an ES module with its kernels and weights'),
  )
    .option('-o, --output <folder>', 'where to write it (default: out/<name of the model>)')
    .option(
      '--target <list>',
      `${TARGETS.join(', ')} (default: ${ALL}; with --exact ${EXACT}; with --quantize ${QUANTIZED})`,
    )
    .option(EXACT_FLAG, EXACT_MEANING)
    .option(QUANTIZE_FLAG, QUANTIZE_MEANING, readQuantization)
    .option(WEIGHTS_FLAG, WEIGHTS_MEANING, readStorage)
    .option('--inputs <file>', 'safetensors file with inputs, for the report of --quantize or f16')
    .option('--seed <number>', 'of its random inputs without a file (default: 1)', readInteger(0))
    .option(OPSET_FLAG, OPSET_MEANING, readOpset)
    .option(OPTIMISED_FLAG, OPTIMISED_MEANING)
    .option('--json', 'print the summary as JSON')
    .addHelpText('after', HELP)
    .action(compile);
}

/** The targets with kernels, and the model for other runtimes. */
const TARGETS = [...COMPILE_TARGETS, 'onnx'] as const;
const ALL = COMPILE_TARGETS.join(',');
const EXACT = EXACT_TARGETS.join(',');
const QUANTIZED = QUANTIZED_TARGETS.join(',');

const HELP = `
onnx writes the model as declared as model.onnx, for other runtimes: standard ops and the weights in one
file. --optimised writes it behind the passes that make fewer and larger ops. Newer opsets have more of these
as one op, and the file then has them in place of their parts: 20 Gelu, 23 Attention, RMSNormalization and
RotaryEmbedding.

--exact gives up speed for numbers that are equal to the last bit on js and wasm, in Node and browsers, on
one thread and several. There is no exact wgsl, and no relaxed SIMD in an exact artifact.

--quantize int8 stores weights of products in bytes, a step a column, and rounds the rows they meet to bytes
as they come. Products then take a quarter of the time on wasm with relaxed SIMD, a little less than in
float32 without it, and more on js and wgsl, which lack such instructions. What it does to the results is
printed: for every output and every product the cosine with float32's numbers and the largest error, on
the inputs of --inputs, or on random ones, which say less.

--weights f16 rounds weights to float16 and halves weights.bin; the host makes float32 of them when it loads.
From then on they are the model's weights: check --weights f16 checks with them. What rounding does to the
weights is printed, and with --inputs or --seed what it does to the outputs. A weight with numbers beyond
65504, or so small that float16 has too few digits for them, stays in float32, and is named. Without the
option, weights that are float16 in every number, as those of a float16 file, are stored so, if they are
most of the model; no result changes by that. --weights f32 stores four bytes always.

The folder appears whole or not at all. One that is there already is replaced if it is empty or an
artifact; a folder with anything else in it is left alone.

Examples:
  encompile compile model.ts -o out
  encompile compile ./bert-folder --target js -o web/encoder
  encompile compile model.ts --exact -o out
  encompile compile model.ts --quantize int8 --inputs in.safetensors -o out
  encompile compile model.ts --weights f16 --inputs in.safetensors -o out
  encompile compile model.ts --target onnx -o out
  encompile compile model.ts --target onnx --opset 23 --optimised -o out`;

async function compile(path: string, options: Options): Promise<void> {
  const { exact = false, quantize } = options;
  const all = quantize === undefined ? (exact ? EXACT : ALL) : QUANTIZED;
  const chosen = readList('target', options.target ?? all, TARGETS);
  const targets = chosen.filter((target) => target !== 'onnx');
  const onnx = onnxOptions(chosen.includes('onnx'), options);
  if (exact && onnx !== null) {
    throw new EncompileError(
      "The target 'onnx' has no exact mode: the runtimes that take the file choose the order of sums. " +
        `Choose from ${EXACT_TARGETS.join(' and ')}, or leave --exact out.`,
      2,
    );
  }
  checkModes(chosen, options);
  const { graph, randomWeights } = await openModel(path, options, { needsNumbers: true });
  const folder = options.output ?? join('out', fileNameOf(graph.name));
  const compilation = compileGraph(graph, {
    ...{ targets, onProgress: progress.show },
    ...modesOf(options),
  });
  const reports = await reportsOf(compilation, options);
  progress.show('emit the artifact');
  const files = await artifactFiles(compilation, { randomWeights, onnx: onnx ?? false });
  await writeArtifact(folder, files);
  const summary = { ...summarise(compilation, files, folder, randomWeights, onnx), ...reports };
  if (options.json) printJson(summary);
  else printText(printSummary(summary));
}

/** What only goes with --quantize or --weights f16, and what does not go with them. */
function checkModes(chosen: readonly string[], options: Options): void {
  const { quantize, weights, inputs, seed } = options;
  const mode = quantize === undefined ? (weights === 'f16' ? '--weights' : null) : '--quantize';
  if (mode === null) {
    const given = inputs === undefined ? (seed === undefined ? null : '--seed') : '--inputs';
    if (given === null) return;
    throw new EncompileError(
      `${given} is for the report of --quantize or --weights f16: add one, or leave ${given} out.`,
      2,
    );
  }
  if (chosen.includes('onnx')) {
    throw new EncompileError(
      `The target 'onnx' is the model as declared, in float32. Leave it out, or ${mode}.`,
      2,
    );
  }
  if (quantize === undefined) return;
  const slower = chosen.filter((target) => target !== 'wasm');
  if (slower.length === 0) return;
  printNote(
    `note: ${slower.join(' and ')} compute quantised products without instructions for bytes, slower ` +
      'than in float32. Compile for wasm alone, and for the others without --quantize.',
  );
}

interface Reports {
  /** What --quantize, with --weights, does to the results. */
  readonly quantization: ReportedQuantization | null;
  /** What --weights f16 does to the weights, and without --quantize to the results. */
  readonly rounding: ReportedRounding | null;
}

async function reportsOf(compilation: Compilation, options: Options): Promise<Reports> {
  const { quantize, inputs: path, seed } = options;
  const rounded = reportRounding(compilation);
  const isRun = quantize !== undefined || path !== undefined || seed !== undefined;
  const { sizes, report } = isRun ? await runReport(compilation, options) : NOT_RUN;
  const on = { inputs: path ?? seed ?? 1, sizes };
  const outputs = quantize === undefined ? (report?.outputs ?? null) : null;
  return {
    quantization:
      quantize === undefined || report === null ? null : { type: quantize, ...on, ...report },
    rounding: rounded === null ? null : { ...on, ...rounded, outputs },
  };
}

interface RunReport {
  readonly sizes: Sizes;
  readonly report: QuantizationReport | null;
}

const NOT_RUN: RunReport = { sizes: {}, report: null };

async function runReport(
  { declared, approximations }: Compilation,
  { inputs: path, seed = 1 }: Options,
): Promise<RunReport> {
  const around = aroundAll(approximations);
  if (around === null) return NOT_RUN;
  const { inputs, sizes } = await reportInputs(declared, path, seed);
  const report = await atSizes(sizes, () =>
    reportQuantization(around, inputs, sizes, progress.show),
  );
  return { sizes, report };
}

async function reportInputs(
  graph: Graph,
  path: string | undefined,
  seed: number,
): Promise<{ readonly inputs: ReadonlyMap<string, NdArray>; readonly sizes: Sizes }> {
  if (path === undefined) {
    const sizes = singleSizes(graph);
    return { sizes, inputs: randomInputs(graph, sizes, seed) };
  }
  const { tensors, sizes } = await readInputTensors(graph, path);
  return { sizes, inputs: new Map([...tensors].map(([name, data]) => [name, toNdArray(data)])) };
}

interface Summary extends Reports {
  readonly model: string;
  readonly folder: string;
  /** Ops that compute, before fusion. */
  readonly operations: number;
  readonly targets: readonly {
    readonly target: string;
    /** Calls of kernels in a run. */
    readonly calls: number;
    /** Different kernels. */
    readonly kernels: number;
  }[];
  readonly files: readonly {
    readonly path: string;
    readonly bytes: number;
    readonly gzip: number;
  }[];
  readonly weights: {
    readonly bytes: number;
    /** Of those, what is stored as float16. */
    readonly float16Bytes: number;
    readonly randomSeed: number | null;
  };
  /** `model.onnx`, with its weights, where it was asked for. */
  readonly onnx: OnnxSummary | null;
}

interface OnnxSummary extends Required<OnnxFileOptions> {
  readonly path: string;
  readonly bytes: number;
}

function summarise(
  compilation: Compilation,
  files: ArtifactFiles,
  folder: string,
  randomSeed: number | null,
  how: Required<OnnxFileOptions> | null,
): Omit<Summary, keyof Reports> {
  const { declared, programs } = compilation;
  const code = [...files].filter(([path]) => path !== WEIGHTS && path !== ONNX_PATH);
  const onnx = files.get(ONNX_PATH);
  return {
    model: declared.name,
    folder,
    operations: countPrimitives(declared),
    targets: [...programs].map(([target, { steps, kernels }]) => {
      return { target, calls: steps.length, kernels: kernels.length };
    }),
    files: code.map(([path, content]) => {
      const bytes = Buffer.from(content);
      return { path, bytes: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length };
    }),
    weights: {
      bytes: Buffer.byteLength(files.get(WEIGHTS) ?? ''),
      float16Bytes: float16BytesOf(files),
      randomSeed,
    },
    onnx:
      onnx === undefined || how === null ? null : { path: ONNX_PATH, bytes: onnx.length, ...how },
  };
}

const WEIGHTS = 'weights.bin';

/** As the manifest says. */
function float16BytesOf(files: ArtifactFiles): number {
  const manifest: { readonly weights?: { readonly float16?: { readonly bytes: number } } } =
    JSON.parse(`${files.get('manifest.json')}`);
  return manifest.weights?.float16?.bytes ?? 0;
}

function printSummary(summary: Summary): string {
  const { model, folder, operations, targets, files, weights, onnx } = summary;
  const fused = targets.map(({ target, calls, kernels }) => {
    return `  ${target}: ${counted(operations, 'op')} -> ${counted(calls, 'kernel call')} (${counted(kernels, 'different kernel')})\n`;
  });
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const gzip = files.reduce((sum, file) => sum + file.gzip, 0);
  const rows = files.map((file) => [file.path, byteCount(file.bytes), byteCount(file.gzip)]);
  const table = printTable(
    [{ title: 'file' }, { title: 'size', align: 'right' }, { title: 'gzip', align: 'right' }],
    [...rows, ['all but weights', byteCount(bytes), byteCount(gzip)]],
  );
  const random = weights.randomSeed === null ? '' : ` (random, seed ${weights.randomSeed})`;
  const half =
    weights.float16Bytes === 0 ? '' : `, ${byteCount(weights.float16Bytes)} of it in float16`;
  const stored =
    targets.length === 0 ? '' : `  ${WEIGHTS}: ${byteCount(weights.bytes)}${half}${random}\n`;
  const exported =
    onnx === null
      ? ''
      : `  ${onnx.path}: ${byteCount(onnx.bytes)} with its weights${random}, opset ${onnx.opset}${onnx.optimised ? ', optimised' : ''}\n`;
  const { quantization, rounding } = summary;
  const report =
    (quantization === null ? '' : `\n${printQuantization(quantization)}`) +
    (rounding === null ? '' : `\n${printRounding(rounding)}`);
  return `Compiled ${model} to ${folder}\n${fused.join('')}\n${indentLines(table)}${stored}${exported}${report}`;
}
