/** `encompile dump`: a model at any stage between declaration and source. */
import { extname } from 'node:path';
import type { Command } from 'commander';
import { compileGraph, type Quantization } from '../compile.ts';
import { EncompileError } from '../errors.ts';
import { encodeSafetensors } from '../frontends/safetensors.ts';
import { type Graph, valueOf } from '../ir/graph.ts';
import type { TensorData } from '../ir/types.ts';
import { type FileContent, writeFiles, writeFolder } from '../output-files.ts';
import { pipelineWith } from '../passes/pipeline.ts';
import { checkExact, compileTargetOf, PROGRAM_TARGETS } from '../targets.ts';
import { EXACT_FLAG, EXACT_MEANING, readList, WITHOUT_KERNELS } from './arguments.ts';
import {
  FORMATS,
  type Format,
  GRAPH_ENDINGS,
  graphText,
  programText,
  STAGES,
  type Stage,
} from './dump-text.ts';
import { addModelFlags, type ModelOptions } from './model-flags.ts';
import { openModel } from './open-model.ts';
import { progress } from './progress.ts';
import { counted } from './quantities.ts';
import { QUANTIZE_FLAG, QUANTIZE_MEANING, readQuantization } from './quantization.ts';
import { printText } from './standard-output.ts';

interface Options extends ModelOptions {
  readonly stage: string;
  readonly after?: string;
  readonly all?: boolean;
  readonly format: string;
  readonly target?: string;
  readonly exact?: boolean;
  readonly quantize?: Quantization;
  readonly output?: string;
  readonly weights: boolean;
}

/** The graph before the first pass, as `--after` and file names call it. */
const DECLARED = 'declared';

export function defineDump(program: Command): void {
  addModelFlags(
    program
      .command('dump')
      .argument('<model>', 'a model file or folder')
      .description('print a model at any stage: graph, loops, memory plan, source'),
  )
    .option('--stage <stage>', STAGES.join(', '), 'graph')
    .option('--after <pass>', `the graph after this pass, or '${DECLARED}' for the one before all`)
    .option('--all', 'the graph after every pass, a file a pass in the folder -o')
    .option('--format <format>', `${FORMATS.join(', ')} (dot and svg of graphs only)`, 'text')
    .option(
      '--target <target>',
      `whose loops, plan or source: ${PROGRAM_TARGETS.join(', ')} (default: js)`,
    )
    .option(QUANTIZE_FLAG, QUANTIZE_MEANING, readQuantization)
    .option(EXACT_FLAG, `of loops, plan and source: ${EXACT_MEANING}`)
    .option('-o, --output <path>', 'write to a file, with --all to a folder')
    .option('--no-weights', 'leave out the weights beside a graph in text format')
    .addHelpText('after', HELP)
    .action(dump);
}

const HELP = `
Without --after the graph is the one after all passes. A graph written as text to FILE.ir has its
weights in FILE.safetensors beside it, so that FILE.ir is a model that every command takes; leave them
out with --no-weights.

Examples:
  encompile dump model.ts                                   the optimised graph
  encompile dump model.ts --after fuse-attention
  encompile dump model.ts --all -o dumps --format svg
  encompile dump model.ts --stage source --target wgsl -o kernels.wgsl`;

async function dump(path: string, options: Options): Promise<void> {
  const [stage = 'graph'] = readList('stage', options.stage, STAGES);
  const [format = 'text'] = readList('format', options.format, FORMATS);
  checkCombination(options, stage);
  if (stage !== 'graph') return dumpProgram(path, options, stage, format);
  const after = options.after === undefined ? undefined : readPass(options.after, options.quantize);
  const { graph, randomWeights } = await openModel(path, options, { needsNumbers: false });
  if (options.all) return dumpAll(graph, options, format);
  const chosen = graphAfter(graph, after, options.quantize);
  progress.show(`print ${chosen.name}`);
  const text = await graphText(chosen, format);
  if (options.output === undefined) return printText(text);
  const files = new Map<string, FileContent>([[options.output, text]]);
  const hasWeights = options.weights && randomWeights === null && chosen.parameters.length > 0;
  if (format === 'text' && hasWeights) {
    files.set(weightsPath(options.output), encodeSafetensors(weightsOf(chosen)));
  }
  await writeFiles(files);
}

function checkCombination(options: Options, stage: Stage): void {
  const fail = (message: string): never => {
    throw new EncompileError(message, 2);
  };
  if (options.all && options.after !== undefined) {
    fail('--all and --after exclude each other: give one of them.');
  }
  if (options.all && options.output === undefined) {
    fail('--all writes a file a pass: say into which folder with -o.');
  }
  if (stage === 'graph' && options.target !== undefined) {
    fail('--target chooses loops, plan or source; graphs are the same for every target.');
  }
  if (stage === 'graph' && options.exact) {
    fail('--exact is about loops, plan and source; graphs are the same with it and without.');
  }
  if (stage !== 'graph' && (options.all || options.after !== undefined)) {
    const flag = options.all ? '--all' : '--after';
    fail(`${flag} is about graphs: the stage '${stage}' exists once, after all passes.`);
  }
}

async function dumpProgram(
  path: string,
  options: Options,
  stage: Exclude<Stage, 'graph'>,
  format: Format,
): Promise<void> {
  const [target = 'js'] = readList(
    'target',
    options.target ?? 'js',
    PROGRAM_TARGETS,
    WITHOUT_KERNELS,
  );
  const { exact = false } = options;
  if (exact) checkExact(target);
  const { graph } = await openModel(path, options, { needsNumbers: false });
  const compilation = compileGraph(graph, {
    targets: [compileTargetOf(target)],
    exact,
    ...quantizing(options.quantize),
    onProgress: progress.show,
  });
  const text = programText(compilation, stage, target, format);
  if (options.output === undefined) printText(text);
  else await writeFiles(new Map([[options.output, text]]));
}

async function dumpAll(graph: Graph, options: Options, format: Format): Promise<void> {
  const graphs: (readonly [string, Graph])[] = [[DECLARED, graph]];
  compileGraph(graph, {
    ...{ targets: [], onPass: (name, after) => graphs.push([name, after]) },
    ...quantizing(options.quantize),
  });
  const digits = `${graphs.length - 1}`.length;
  const files = new Map<string, string>();
  for (const [i, [name, after]] of graphs.entries()) {
    progress.show(`print ${name}`);
    const number = `${i}`.padStart(Math.max(2, digits), '0');
    files.set(`${number}-${name}.${GRAPH_ENDINGS[format]}`, await graphText(after, format));
  }
  const folder = options.output ?? '.';
  await writeFolder(folder, files, {
    mayReplace: (entries) => entries.every((entry) => DUMP_NAME.test(entry)),
  });
  printText(`Wrote ${counted(files.size, 'graph')} to ${folder}`);
}

/** Of the files that `--all` writes. */
const DUMP_NAME = /^\d{2,}-[a-z-]+\.(ir|json|dot|svg)$/;

function quantizing(quantize: Quantization | undefined): { readonly quantize?: Quantization } {
  return quantize === undefined ? {} : { quantize };
}

function readPass(name: string, quantize: Quantization | undefined): string {
  const passes = pipelineWith({ quantize: quantize !== undefined, round: false });
  const names = [DECLARED, ...passes.map((pass) => pass.name)];
  const [pass = DECLARED] = readList('pass', name, names);
  return pass;
}

function graphAfter(
  graph: Graph,
  pass: string | undefined,
  quantize: Quantization | undefined,
): Graph {
  if (pass === DECLARED) return graph;
  let found = graph;
  const { optimised } = compileGraph(graph, {
    targets: [],
    ...quantizing(quantize),
    onProgress: progress.show,
    onPass: (name, after) => {
      if (name === pass) found = after;
    },
  });
  return pass === undefined ? optimised : found;
}

function weightsOf(graph: Graph): ReadonlyMap<string, TensorData> {
  const tensors = graph.parameters.flatMap(({ value, data }) => {
    return data === null ? [] : [[valueOf(graph, value).name, data] as const];
  });
  return new Map(tensors);
}

function weightsPath(path: string): string {
  return `${path.slice(0, path.length - extname(path).length)}.safetensors`;
}
