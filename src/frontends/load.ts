/** Models of every kind that the commands take, as graphs. */
import { readFile, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { EncompileError } from '../errors.ts';
import type { Graph } from '../ir/graph.ts';
import { parseGraph } from '../ir/parse.ts';
import type { TensorData } from '../ir/types.ts';
import { hasWeights, wantedWeights, withData } from '../model.ts';
import { displayPath } from './declaration/display-path.ts';
import { type LoadOptions, loadDeclaration } from './declaration.ts';
import { fileExists } from './files.ts';
import type { JsonValue } from './json.ts';
import { openSafetensors } from './safetensors.ts';
import { bindWeights } from './weights.ts';

export interface LoadedModel {
  readonly graph: Graph;
  /** `none` where at least one parameter has no numbers: see `fillRandomWeights`. */
  readonly weights: 'bound' | 'none';
  /** Of a Hugging Face folder that has one. */
  readonly tokenizer?: TokenizerFiles;
}

export interface TokenizerFiles {
  /** What `@huggingface/tokenizers` takes, as two arguments. */
  readonly json: JsonValue;
  readonly config: JsonValue | null;
  /** The most tokens that a text may have, special tokens included. */
  readonly maxTokens: number;
}

const ACCEPTED =
  'A model is a .ts, .mts, .js or .mjs file whose default export is a model, a Hugging Face folder ' +
  '(config.json and model.safetensors), an .onnx file, or an .ir dump.';

/** More than a string of JavaScript can hold is not read at all. */
const MAX_DUMP_BYTES = 2 ** 28;

export interface LoadModelOptions extends LoadOptions {
  /** Of an ONNX file: what inputs hold that decide how the model is built (`OnnxOptions`). */
  readonly constants?: ReadonlyMap<string, TensorData | readonly number[]>;
  /** Of an ONNX file: symbols of its inputs that have one size. */
  readonly sizes?: ReadonlyMap<string, number>;
}

type Load = (path: string, options: LoadModelOptions) => Promise<LoadedModel>;

const LOADERS: ReadonlyMap<string, Load> = new Map([
  ['.ts', loadDeclared],
  ['.mts', loadDeclared],
  ['.js', loadDeclared],
  ['.mjs', loadDeclared],
  ['.ir', loadDump],
  ['.onnx', loadOnnx],
]);

/**
 * Loads the model file or folder at `path`.
 *
 * @throws EncompileError with exit code 2 where there is nothing at `path` or nothing that can be a
 * model, with 1 where the model there is wrong
 */
export async function loadModel(
  path: string,
  options: LoadModelOptions = {},
): Promise<LoadedModel> {
  const found = await stat(path).catch(() => null);
  if (found === null) throw new EncompileError(`There is nothing at ${path}. ${ACCEPTED}`, 2);
  if (found.isDirectory()) return loadFolder(path, options);
  const load = LOADERS.get(extname(path).toLowerCase());
  if (load !== undefined && found.isFile()) return load(path, options);
  throw new EncompileError(`${path} is not a model. ${ACCEPTED}`, 2);
}

async function loadFolder(path: string, { onProgress }: LoadOptions): Promise<LoadedModel> {
  const marks = ['config.json', 'modules.json'].map((name) => fileExists(join(path, name)));
  if (!(await Promise.all(marks)).includes(true)) {
    throw new EncompileError(`The folder ${path} has no config.json. ${ACCEPTED}`, 2);
  }
  onProgress?.(`reading ${displayPath(path)}`);
  const { loadHuggingFace } = await import('./huggingface/index.ts');
  const {
    graph,
    tokenizerJson: json,
    tokenizerConfig: config,
    maxTokens,
  } = await loadHuggingFace(path);
  const tokenizer = json === null ? {} : { tokenizer: { json, config, maxTokens } };
  return { ...describe(graph), ...tokenizer };
}

async function loadDeclared(path: string, options: LoadOptions): Promise<LoadedModel> {
  return describe(await loadDeclaration(path, options));
}

/** The weights of a dump are those in the safetensors file beside it, if there is one. */
async function loadDump(path: string, { onProgress }: LoadOptions): Promise<LoadedModel> {
  onProgress?.(`reading ${displayPath(path)}`);
  const { size } = await stat(path);
  if (size > MAX_DUMP_BYTES) {
    throw new EncompileError(
      `${path} has ${size} bytes, where a dump of at most ${MAX_DUMP_BYTES} was expected. Check that ` +
        'it is the right file.',
    );
  }
  const graph = parseGraph(await readFile(path, 'utf8'), { origin: displayPath(path) });
  const beside = path.replace(/\.ir$/i, '.safetensors');
  if (!(await fileExists(beside))) return describe(graph);
  const tensors = openSafetensors(beside);
  return describe(withData(graph, bindWeights(wantedWeights(graph), tensors, beside)));
}

async function loadOnnx(
  path: string,
  { onProgress, constants, sizes }: LoadModelOptions,
): Promise<LoadedModel> {
  onProgress?.(`reading ${displayPath(path)}`);
  const { importOnnx } = await import('./onnx/index.ts');
  const given = { ...(constants && { constants }), ...(sizes && { sizes }) };
  return describe(await importOnnx(path, given));
}

function describe(graph: Graph): LoadedModel {
  return { graph, weights: hasWeights(graph) ? 'bound' : 'none' };
}
