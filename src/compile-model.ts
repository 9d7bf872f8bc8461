/** Compiling from a program of one's own: what build scripts call. */
import { artifactFiles } from './artifact-files.ts';
import { writeArtifact } from './backends/write-artifact.ts';
import { type Compilation, type CompileGraphOptions, compileGraph } from './compile.ts';
import { describeValue } from './describe-value.ts';
import { EncompileError } from './errors.ts';
import type { Graph } from './ir/graph.ts';
import { type InstantiateOptions, instantiate, isModel, type Model } from './model.ts';

export interface CompileOptions extends CompileGraphOptions, InstantiateOptions {
  /** Folder to write the artifact to, whole or not at all; nothing is written where it is left out. */
  readonly output?: string;
}

export interface Compiled extends Compilation {
  /** The artifact: contents by path, `/` between folders. */
  readonly files: ReadonlyMap<string, string | Uint8Array>;
}

/**
 * Compiles a model, or a graph whose parameters have their numbers, to an artifact.
 *
 *     await compile(encoder, { output: './dist/encoder', targets: ['js'] });
 *
 * @throws EncompileError where the model is wrong, weights are missing, or the folder holds files
 * of another origin
 */
export async function compile(
  model: Model | Graph,
  options: CompileOptions = {},
): Promise<Compiled> {
  const { output, folder, ...compileOptions } = options;
  if (compileOptions.targets?.length === 0) {
    throw new EncompileError(
      'The targets are an empty list, but an artifact has kernels for at least one. Leave targets out ' +
        'to compile for all.',
      2,
    );
  }
  const graph = await graphOf(model, folder === undefined ? {} : { folder });
  const compilation = compileGraph(graph, compileOptions);
  const files = await artifactFiles(compilation);
  if (output !== undefined) await writeArtifact(output, files);
  return { ...compilation, files };
}

/** Callers without type checks may pass anything, and most likely a path. */
async function graphOf(model: Model | Graph, options: InstantiateOptions): Promise<Graph> {
  if (isModel(model)) return instantiate(model, options);
  if (typeof model === 'object' && model !== null && 'nodes' in model) return model;
  throw new EncompileError(
    `compile takes a model or a graph, but got ${describeValue(model)}. Pass what model(...) returned. ` +
      'Of a file or folder, pass the graph that loadModel(path) gives: ' +
      "import { loadModel } from 'encompile/compiler'.",
    2,
  );
}
