/**
 * Reads the tensors of a TensorFlow.js graph model: `model.json` lists names, shapes and dtypes in
 * the order in which the shards, joined end to end, hold the bytes (little-endian, no gaps).
 *
 * Every byte is accounted for: a tensor that reaches past the shards, bytes that belong to no
 * tensor, an unknown dtype, quantised data and a shard outside the folder are errors.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export type StoredTensor =
  | { readonly dtype: 'f32'; readonly shape: readonly number[]; readonly data: Float32Array }
  | { readonly dtype: 'i32'; readonly shape: readonly number[]; readonly data: Int32Array };

type JsonObject = Readonly<Record<string, unknown>>;

const BYTES_PER_ELEMENT = 4;

/** All tensors of the graph model in `folder`, by the names that TensorFlow gave them. */
export async function readGraphModel(folder: string): Promise<Map<string, StoredTensor>> {
  const file = join(folder, 'model.json');
  const model: unknown = JSON.parse(await readFile(file, 'utf8'));
  const groups = isObject(model) ? model.weightsManifest : undefined;
  if (!Array.isArray(groups)) {
    throw new Error(`${file} has no list "weightsManifest": it is no TensorFlow.js graph model.`);
  }
  const tensors = new Map<string, StoredTensor>();
  for (const group of groups) {
    if (!isObject(group) || !Array.isArray(group.paths) || !Array.isArray(group.weights)) {
      throw new Error(`${file}: a group of "weightsManifest" lacks its "paths" or "weights".`);
    }
    addTensors(tensors, file, group.weights, await readShards(folder, file, group.paths));
  }
  return tensors;
}

async function readShards(
  folder: string,
  file: string,
  paths: readonly unknown[],
): Promise<ArrayBuffer> {
  const shards: Uint8Array[] = [];
  for (const path of paths) {
    if (typeof path !== 'string' || !/^[\w-][\w.-]*$/.test(path)) {
      throw new Error(`${file}: the shard ${JSON.stringify(path)} is no plain file name.`);
    }
    shards.push(await readFile(join(folder, path)));
  }
  const joined = new Uint8Array(shards.reduce((total, shard) => total + shard.length, 0));
  let offset = 0;
  for (const shard of shards) {
    joined.set(shard, offset);
    offset += shard.length;
  }
  return joined.buffer;
}

function addTensors(
  tensors: Map<string, StoredTensor>,
  file: string,
  entries: readonly unknown[],
  bytes: ArrayBuffer,
): void {
  let offset = 0;
  for (const entry of entries) {
    const { name, dtype, shape } = parseEntry(file, entry);
    if (tensors.has(name)) throw new Error(`${file} lists the tensor "${name}" twice.`);
    const end = offset + shape.reduce((count, dim) => count * dim, BYTES_PER_ELEMENT);
    if (end > bytes.byteLength) {
      throw new Error(
        `${file}: the tensor "${name}" of shape [${shape}] ends at byte ${end}, but the shards ` +
          `hold ${bytes.byteLength} bytes. The package is incomplete; install it anew.`,
      );
    }
    const slice = bytes.slice(offset, end);
    tensors.set(
      name,
      dtype === 'f32'
        ? { dtype, shape, data: new Float32Array(slice) }
        : { dtype, shape, data: new Int32Array(slice) },
    );
    offset = end;
  }
  if (offset !== bytes.byteLength) {
    throw new Error(
      `${file} describes ${offset} bytes of tensors, but the shards hold ${bytes.byteLength}. ` +
        'The files do not belong together; install the package anew.',
    );
  }
}

function parseEntry(
  file: string,
  entry: unknown,
): { name: string; dtype: 'f32' | 'i32'; shape: readonly number[] } {
  if (!isObject(entry) || typeof entry.name !== 'string') {
    throw new Error(`${file}: an entry of "weights" has no name.`);
  }
  const { name, shape } = entry;
  if (!Array.isArray(shape) || !shape.every(isDim)) {
    throw new Error(`${file}: the shape of "${name}" is ${JSON.stringify(shape)}, not dims.`);
  }
  if ('quantization' in entry) {
    throw new Error(`${file}: "${name}" is quantised; the weights of version 0.2.0 are not.`);
  }
  if (entry.dtype === 'float32') return { name, dtype: 'f32', shape };
  if (entry.dtype === 'int32') return { name, dtype: 'i32', shape };
  throw new Error(
    `${file}: "${name}" has dtype ${JSON.stringify(entry.dtype)}; expected float32 or int32.`,
  );
}

function isDim(value: unknown): value is number {
  return Number.isSafeInteger(value) && typeof value === 'number' && value >= 0;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
