/** `encompile compile`: writes an artifact. */
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Command } from 'commander';
import { artifactFiles } from '../artifact-files.ts';
import type { ArtifactFiles } from '../backends/artifact.ts';
import { writeArtifact } from '../backends/write-artifact.ts';
import { type Compilation, compileGraph } from '../compile.ts';
import { countPrimitives } from '../primitive-count.ts';
import { COMPILE_TARGETS } from '../targets.ts';
import { PLANNED_TARGETS, readList } from './arguments.ts';
import { fileNameOf } from './file-name.ts';
import { openModel } from './open-model.ts';
import { progress } from './progress.ts';
import { byteCount, counted } from './quantities.ts';
import { printJson, printText } from './standard-output.ts';
import { indentLines, printTable } from './tables.ts';

interface Options {
  readonly output?: string;
  readonly target: string;
  readonly json?: boolean;
}

export function defineCompile(program: Command): void {
  program
    .command('compile')
    .argument('<model>', 'a model file or folder')
    .description('write an artifact: an ES module with its kernels and weights')
    .option('-o, --output <folder>', 'where to write it (default: out/<name of the model>)')
    .option('--target <list>', COMPILE_TARGETS.join(', '), COMPILE_TARGETS.join(','))
    .option('--json', 'print the summary as JSON')
    .addHelpText('after', HELP)
    .action(compile);
}

const HELP = `
The folder appears whole or not at all. One that is there already is replaced if it is empty or an
artifact; a folder with anything else in it is left alone.

Examples:
  encompile compile model.ts -o out
  encompile compile ./bert-folder --target js -o web/encoder`;

async function compile(path: string, options: Options): Promise<void> {
  const targets = readList('target', options.target, COMPILE_TARGETS, PLANNED_TARGETS);
  const { graph, randomWeights } = await openModel(path, { needsNumbers: true });
  const folder = options.output ?? join('out', fileNameOf(graph.name));
  const compilation = compileGraph(graph, { targets, onProgress: progress.show });
  progress.show('emit the artifact');
  const files = await artifactFiles(compilation, { randomWeights });
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
}

function summarise(
  compilation: Compilation,
  files: ArtifactFiles,
  folder: string,
  randomSeed: number | null,
): Summary {
  const { declared, programs } = compilation;
  const code = [...files].filter(([path]) => path !== WEIGHTS);
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
  };
}

const WEIGHTS = 'weights.bin';

function printSummary({ model, folder, operations, targets, files, weights }: Summary): string {
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
  return (
    `Compiled ${model} to ${folder}\n${fused.join('')}\n${indentLines(table)}` +
    `  ${WEIGHTS}: ${byteCount(weights.bytes)}${random}\n`
  );
}
