/**
 * What sentence-transformers adds to a model folder: `modules.json`, a list of modules that run one
 * after another, each with a folder of its own. Read are Transformer, then Pooling, then Normalize;
 * any other module or order is refused, for leaving one out would change the embedding.
 */
import { join } from 'node:path';
import { EncompileError } from '../../errors.ts';
import { confinedPath } from '../confined-path.ts';
import { fileExists, readJsonFile, readJsonObject } from '../files.ts';
import { isJsonObject, type JsonObject, type JsonValue, member, quote } from '../json.ts';

/**
 * How token vectors become one, by sentence-transformers' names: `mean` over unmasked tokens,
 * `mean_sqrt_len_tokens` their sum over the root of their number, `weightedmean` weighs the i-th by i.
 */
export const POOLING_MODES = [
  'cls',
  'max',
  'mean',
  'mean_sqrt_len_tokens',
  'weightedmean',
  'lasttoken',
] as const;
export type PoolingMode = (typeof POOLING_MODES)[number];

export interface Pooling {
  /** At least one; several are concatenated in this order. */
  readonly modes: readonly PoolingMode[];
  /** Width of a token vector, where the file gives it. */
  readonly width: number | null;
}

export interface SentenceTransformers {
  /** Folder of the encoder's config.json and weights. */
  readonly encoderPath: string;
  readonly pooling: Pooling | null;
  readonly normalize: boolean;
  /** Tokens after which the text is cut, where the folder says so. */
  readonly maxTokens: number | null;
}

/** Of modules that are not taken, in an error. */
const MAX_LISTED = 8;
const MODULES = ['Transformer', 'Pooling', 'Normalize'] as const;
type ModuleKind = (typeof MODULES)[number];

interface Module {
  readonly kind: ModuleKind;
  /** Null for a module whose folder is the model folder itself. */
  readonly path: string | null;
}

/** The sentence-transformers part of the model folder `folder`, or null where it has none. */
export async function readSentenceTransformers(
  folder: string,
): Promise<SentenceTransformers | null> {
  const origin = join(folder, 'modules.json');
  if (!(await fileExists(origin))) return null;
  const modules = await readModules(folder, origin);
  const pathOf = (kind: ModuleKind) => {
    const found = modules.find((module) => module.kind === kind);
    return found ? (found.path ?? folder) : null;
  };
  const encoderPath = pathOf('Transformer') ?? folder;
  const poolingPath = pathOf('Pooling');
  return {
    encoderPath,
    pooling: poolingPath === null ? null : await readPooling(join(poolingPath, 'config.json')),
    normalize: pathOf('Normalize') !== null,
    maxTokens: await readMaxTokens(join(encoderPath, 'sentence_bert_config.json')),
  };
}

async function readModules(folder: string, origin: string): Promise<readonly Module[]> {
  const list = await readJsonFile(origin);
  if (!Array.isArray(list) || !list.every(isJsonObject)) {
    throw new EncompileError(
      `${origin} is ${quote(list)}, where a list of modules was expected. Fetch the folder again.`,
    );
  }
  const kinds = list.map((module) => kindOf(member(module, 'type')));
  const inOrder = MODULES.filter((kind) => kinds.includes(kind));
  if (kinds[0] !== 'Transformer' || kinds.join() !== inOrder.join()) {
    const types = list.slice(0, MAX_LISTED).map((module) => quote(member(module, 'type')));
    if (list.length > MAX_LISTED) types.push('..');
    throw new EncompileError(
      `${origin} lists the modules ${types.join(', ')}, which cannot be compiled as they stand: ` +
        `supported is sentence_transformers' ${MODULES.join(', then ')}, the latter two optional. ` +
        'Remove modules.json to compile the encoder alone, or declare the model in TypeScript.',
    );
  }
  return inOrder.map((kind, i): Module => {
    const path = member(list[i] as JsonObject, 'path');
    // Normalize has neither parameters nor, in a repository without empty folders, a folder.
    if (path === '' || path === undefined || kind === 'Normalize') return { kind, path: null };
    return { kind, path: confinedPath(folder, path, `The path of module ${i} in ${origin}`) };
  });
}

/** By the class's name: its module path differs between versions of sentence-transformers. */
function kindOf(type: JsonValue | undefined): ModuleKind | null {
  if (typeof type !== 'string' || !type.startsWith('sentence_transformers.')) return null;
  const name = type.slice(type.lastIndexOf('.') + 1);
  return MODULES.find((kind) => kind === name) ?? null;
}

/** A mode has a field of its own; later versions give one `pooling_mode` instead. */
async function readPooling(origin: string): Promise<Pooling> {
  const config = await readJsonObject(origin);
  const named = member(config, 'pooling_mode');
  const modes = POOLING_MODES.filter((mode) =>
    named === undefined
      ? member(config, POOLING_FIELDS[mode]) === true
      : [named].flat().includes(mode),
  );
  const count = named === undefined ? modes.length : [named].flat().length;
  if (modes.length === 0 || modes.length !== count) {
    throw new EncompileError(
      `${origin} asks for the pooling ${quote(named ?? 'none')}: expected at least one of ` +
        `${POOLING_MODES.join(', ')}. Correct the file, or fetch the folder again.`,
    );
  }
  const width = member(config, 'word_embedding_dimension') ?? member(config, 'embedding_dimension');
  return { modes, width: typeof width === 'number' ? width : null };
}

const POOLING_FIELDS: { readonly [M in PoolingMode]: string } = {
  cls: 'pooling_mode_cls_token',
  max: 'pooling_mode_max_tokens',
  mean: 'pooling_mode_mean_tokens',
  mean_sqrt_len_tokens: 'pooling_mode_mean_sqrt_len_tokens',
  weightedmean: 'pooling_mode_weightedmean_tokens',
  lasttoken: 'pooling_mode_lasttoken',
};

async function readMaxTokens(origin: string): Promise<number | null> {
  if (!(await fileExists(origin))) return null;
  const value = member(await readJsonObject(origin), 'max_seq_length');
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : null;
}
