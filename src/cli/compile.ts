/** `encompile compile`: writes an artifact. */
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Command } from 'commander';
import { artifactFiles, ONNX_PATH } from '../artifact-files.ts';
import type { ArtifactFiles } from '../backends/artifact.ts';
import { writeArtifact } from '../backends/write-artifact.ts';
import { type Compilation, compileGraph } from '../compile.ts';
import { EncompileError } from '../errors.ts';
import { countPrimitives } from '../primitive-count.ts';
import { COMPILE_TARGETS, EXACT_TARGETS } from '../targets.ts';
import { EXACT_FLAG, EXACT_MEANING, readList } from './arguments.ts';
import { fileNameOf } from './file-name.ts';
import { openModel } from './open-model.ts';
import { progress } from './progress.ts';
import { byteCount, counted } from './quantities.ts';
import { printJson, printText } from './standard-output.ts';
import { indentLines, printTable } from './tables.ts';

interface Options {
  readonly output?: string;
  readonly target?: string;
  readonly exact?: boolean;
  readonly json?: boolean;
}

export function defineCompile(program: Command): void {
  program
    .command('compile')
    .argument('<model>', 'a model file or folder')
    .description('write an artifact: an ES module with its kernels and weights')
    .option('-o, --output <folder>', 'where to write it (default: out/<name of the model>)')
    .option('--target <list>', `${TARGETS.join(', ')} (default: ${ALL}; with --exact ${EXACT})`)
    .option(EXACT_FLAG, EXACT_MEANING)
    .option('--json', 'print the summary as JSON')
    .addHelpText('after', HELP)
    .action(compile);
}

/** The targets with kernels, and the model for other runtimes. */
const TARGETS = [...COMPILE_TARGETS, 'onnx'] as const;
const ALL = COMPILE_TARGETS.join(',');
const EXACT = EXACT_TARGETS.join(',');

const HELP = `
onnx writes the model as declared, before fusion, as model.onnx: standard ops of opset 17 and the weights
in one file, for other runtimes.

--exact gives up speed for numbers that are equal to the last bit on js and wasm, in Node and browsers, on
one thread and several. There is no exact wgsl, and no relaxed SIMD in an exact artifact.

The folder appears whole or not at all. One that is there already is replaced if it is empty or an
artifact; a folder with anything else in it is left alone.

Examples:
  encompile compile model.ts -o out
  encompile compile ./bert-folder --target js -o web/encoder
  encompile compile model.ts --exact -o out
  encompile compile model.ts --target onnx -o out`;

async function compile(path: string, options: Options): Promise<void> {
  const { exact = false } = options;
  const chosen = readList('target', options.target ?? (exact ? EXACT : ALL), TARGETS);
  const targets = chosen.filter((target) => target !== 'onnx');
  const onnx = chosen.includes('onnx');
  if (exact && onnx) {
    throw new EncompileError(
      "The target 'onnx' has no exact mode: the runtimes that take the file choose the order of sums. " +
        `Choose from ${EXACT_TARGETS.join(' and ')}, or leave --exact out.`,
      2,
    );
  }
  const { graph, randomWeights } = await openModel(path, { needsNumbers: true });
  const folder = options.output ?? join('out', fileNameOf(graph.name));
  const compilation = compileGraph(graph, { targets, exact, onProgress: progress.show });
  progress.show('emit the artifact');
  const files = await artifactFiles(compilation, { randomWeights, onnx });
  await writeArtifact(folder, files);
  const summary = summarise(compilation, files, folder, randomWeights);
  if (options.json) printJson(summary);
  else printText(printSummary(summary));
}

interface Summary {
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
  readonly weights: { readonly bytes: number; readonly randomSeed: number | null };
  /** `model.onnx`, with its weights, where it was asked for. */
  readonly onnx: { readonly path: string; readonly bytes: number } | null;
}

function summarise(
  compilation: Compilation,
  files: ArtifactFiles,
  folder: string,
  randomSeed: number | null,
): Summary {
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
    weights: { bytes: Buffer.byteLength(files.get(WEIGHTS) ?? ''), randomSeed },
    onnx: onnx === undefined ? null : { path: ONNX_PATH, bytes: onnx.length },
  };
}

const WEIGHTS = 'weights.bin';

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
  const stored = targets.length === 0 ? '' : `  ${WEIGHTS}: ${byteCount(weights.bytes)}${random}\n`;
  const exported =
    onnx === null ? '' : `  ${onnx.path}: ${byteCount(onnx.bytes)} with its weights${random}\n`;
  return `Compiled ${model} to ${folder}\n${fused.join('')}\n${indentLines(table)}${stored}${exported}`;
}
