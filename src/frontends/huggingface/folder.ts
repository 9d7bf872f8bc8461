/**
 * A model folder as the Hugging Face hub lays it out: config.json, weights in model.safetensors or in
 * shards with an index, tokenizer files, and the module files of sentence-transformers.
 *
 * Invariants: everything is read and checked before anything is returned; each weight of a sharded
 * model is in exactly the shard that the index names.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EncompileError } from '../../errors.ts';
import type { TensorData } from '../../ir/types.ts';
import { confinedPath } from '../confined-path.ts';
import { fileExists, type JsonBounds, readJsonFile, readJsonObject, TOKENIZER } from '../files.ts';
import { isJsonObject, type JsonObject, type JsonValue, member, quote } from '../json.ts';
import { openSafetensors } from '../safetensors.ts';
import { readSentenceTransformers, type SentenceTransformers } from './sentence-transformers.ts';

export interface HuggingFaceFolder {
  readonly path: string;
  readonly config: JsonObject;
  /** The file that `config` came from, for errors. */
  readonly configOrigin: string;
  readonly tensors: ReadonlyMap<string, TensorData>;
  /** The weights file, or the index of its shards, for errors. */
  readonly tensorsOrigin: string;
  /** Null where the folder has no modules.json. */
  readonly sentenceTransformers: SentenceTransformers | null;
  /** What `@huggingface/tokenizers` takes, as two arguments. */
  readonly tokenizerJson: JsonValue | null;
  readonly tokenizerConfig: JsonValue | null;
}

const WEIGHTS = 'model.safetensors';
/** Models of a hundred thousand million parameters have some hundred. */
const MAX_SHARDS = 4096;
const INDEX = 'model.safetensors.index.json';
const OTHER_WEIGHTS = ['pytorch_model.bin', 'pytorch_model.bin.index.json', 'tf_model.h5'];

/**
 * Reads the model folder at `path`.
 *
 * @throws EncompileError when the folder, its config or its weights are absent, damaged, in another
 * format than safetensors, or name files outside the folder
 */
export async function readHuggingFaceFolder(path: string): Promise<HuggingFaceFolder> {
  await requireFolder(path);
  const sentenceTransformers = await readSentenceTransformers(path);
  const encoderPath = sentenceTransformers?.encoderPath ?? path;
  const configOrigin = join(encoderPath, 'config.json');
  const config = await readJsonObject(configOrigin);
  const [tensors, tensorsOrigin] = await readWeights(encoderPath);
  return {
    path,
    config,
    configOrigin,
    tensors,
    tensorsOrigin,
    sentenceTransformers,
    tokenizerJson: await readOptionalJson(join(encoderPath, 'tokenizer.json'), TOKENIZER),
    tokenizerConfig: await readOptionalJson(join(encoderPath, 'tokenizer_config.json')),
  };
}

async function requireFolder(path: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory()) return;
  throw new EncompileError(
    `${path} is ${found ? 'not a folder' : 'not there'}: a folder with config.json and ${WEIGHTS} ` +
      'was expected. Check the path.',
  );
}

/** A whole file wins over shards, as it does in transformers. */
async function readWeights(
  folder: string,
): Promise<readonly [ReadonlyMap<string, TensorData>, string]> {
  const whole = join(folder, WEIGHTS);
  if (await fileExists(whole)) return [openSafetensors(whole), whole];
  const index = join(folder, INDEX);
  if (await fileExists(index)) return [await readShards(folder, index), index];
  for (const name of OTHER_WEIGHTS) {
    if (!(await fileExists(join(folder, name)))) continue;
    throw new EncompileError(
      `${folder} has its weights in ${name}, which is not read: expected ${WEIGHTS}. Convert them, ` +
        'by loading the model with transformers and calling save_pretrained.',
    );
  }
  throw new EncompileError(
    `${folder} has no weights: expected ${WEIGHTS}, or shards with ${INDEX}. Complete the folder.`,
  );
}

async function readShards(
  folder: string,
  origin: string,
): Promise<ReadonlyMap<string, TensorData>> {
  const map = member(await readJsonObject(origin), 'weight_map');
  if (!isJsonObject(map)) {
    throw new EncompileError(
      `weight_map in ${origin} is ${quote(map)}, where an object from tensor names to file names ` +
        'was expected. Fetch the folder again.',
    );
  }
  const shardOf = new Map(Object.entries(map));
  const paths = new Map<JsonValue, string>();
  for (const [name, shard] of shardOf) {
    if (paths.has(shard)) continue;
    const where = `The shard of ${quote(name)} in ${origin}`;
    if (paths.size === MAX_SHARDS) {
      throw new EncompileError(
        `${origin} names more than ${MAX_SHARDS} files, far more than any model has. Fetch the folder again.`,
      );
    }
    paths.set(shard, confinedPath(folder, shard, where));
  }
  const tensors = new Map<string, TensorData>();
  for (const [shard, path] of paths) {
    for (const [name, tensor] of openSafetensors(path)) {
      if (shardOf.get(name) === shard) tensors.set(name, tensor);
      else throw new EncompileError(misplaced(name, path, shardOf.get(name), origin));
    }
  }
  const absent = [...shardOf].find(([name]) => !tensors.has(name));
  if (!absent) return tensors;
  throw new EncompileError(
    `${origin} says that tensor ${quote(absent[0])} is in ${quote(absent[1])}, but that file does ` +
      'not hold it. The shards and the index are of different models; fetch the folder again.',
  );
}

function misplaced(
  name: string,
  path: string,
  expected: JsonValue | undefined,
  origin: string,
): string {
  const says = expected === undefined ? 'does not name it' : `says it is in ${quote(expected)}`;
  return (
    `Tensor ${quote(name)} is in ${path}, but ${origin} ${says}. The shards and the index are of ` +
    'different models; fetch the folder again.'
  );
}

async function readOptionalJson(path: string, bounds?: JsonBounds): Promise<JsonValue | null> {
  return (await fileExists(path)) ? readJsonFile(path, bounds) : null;
}
