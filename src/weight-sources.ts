/**
 * Where a model's weights come from, as declarations write it. Nothing is read before the model is
 * instantiated: a model can be declared and type-checked without its weights at hand.
 */

import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeValue } from './describe-value.ts';
import { EncompileError } from './errors.ts';
import { fileExists } from './frontends/files.ts';
import { quote } from './frontends/json.ts';
import { openSafetensors } from './frontends/safetensors.ts';
import type { WantedWeight } from './frontends/weights.ts';
import { isValueOf } from './ir/scalars.ts';
import {
  DTYPES,
  type DType,
  isDType,
  type TensorData,
  type TypedData,
  type TypedDataOf,
} from './ir/types.ts';

/** Weights in a safetensors file, under the names of the declaration. */
export interface SafetensorsWeights {
  readonly kind: 'encompile.weights.safetensors';
  readonly path: string | URL;
  readonly allowExtra: boolean;
}

/** Weights by chance, the same for the same seed. */
export interface RandomWeights {
  readonly kind: 'encompile.weights.random';
  readonly seed: number;
}

type Numbers = TypedData | Float64Array | readonly (number | bigint)[];

/**
 * One weight: numbers in row-major order, which take the declared shape, or a tensor with a dtype
 * and shape of its own, which must be the declared ones.
 */
export type WeightArray =
  | Numbers
  | { readonly dtype: DType; readonly shape: readonly number[]; readonly data: Numbers };

/** Weights by name. */
export type WeightArrays =
  | ReadonlyMap<string, WeightArray>
  | { readonly [name: string]: WeightArray };

export type WeightSource =
  | SafetensorsWeights
  | RandomWeights
  | WeightArrays
  | (() => WeightArrays | Promise<WeightArrays>);

export interface SafetensorsOptions {
  /** Whether the file may hold tensors that the model does not declare (false). */
  readonly allowExtra?: boolean;
}

/**
 * The weights in a safetensors file.
 *
 * @param path a relative path starts at the folder of the model file; a URL such as
 * `new URL('./model.safetensors', import.meta.url)` is as good
 */
export function safetensors(
  path: string | URL,
  { allowExtra = false }: SafetensorsOptions = {},
): SafetensorsWeights {
  if ((typeof path !== 'string' || path === '') && !(path instanceof URL)) {
    throw new EncompileError(
      `safetensors takes the path or file URL of a .safetensors file, but got ${describeValue(path)}.`,
    );
  }
  return { kind: 'encompile.weights.safetensors', path, allowExtra };
}

/**
 * Random weights, for trying a model out before it is trained: the same numbers for the same seed
 * and names, on every machine. `fillRandomWeights` says how they are drawn.
 */
export function randomWeights({ seed }: { readonly seed: number }): RandomWeights {
  if (!Number.isSafeInteger(seed)) {
    throw new EncompileError(
      `The seed of randomWeights is a whole number, but is ${describeValue(seed)}.`,
    );
  }
  return { kind: 'encompile.weights.random', seed };
}

export function isSafetensors(source: WeightSource): source is SafetensorsWeights {
  return hasKind(source, 'encompile.weights.safetensors');
}

export function isRandom(source: WeightSource): source is RandomWeights {
  return hasKind(source, 'encompile.weights.random');
}

function hasKind(source: WeightSource, kind: string): boolean {
  return typeof source === 'object' && 'kind' in source && source.kind === kind;
}

/** The tensors of a file, and its path for errors. */
export async function readSafetensorsSource(
  { path }: SafetensorsWeights,
  folder: string,
): Promise<{ tensors: ReadonlyMap<string, TensorData>; origin: string }> {
  if (path instanceof URL && path.protocol !== 'file:') {
    throw new EncompileError(
      `The weights at ${path.href} cannot be read: expected a file URL or a path. Fetch the file ` +
        'first and give its path.',
    );
  }
  const file = path instanceof URL ? fileURLToPath(path) : resolve(folder, path);
  if (!(await fileExists(file))) {
    throw new EncompileError(
      `There is no file ${file}, from which safetensors() takes the model's weights. Check the path; ` +
        'until there are weights, randomWeights({ seed: 1 }) can stand in.',
    );
  }
  return { tensors: openSafetensors(file), origin: file };
}

/**
 * Arrays as tensors. An array without a shape of its own takes the wanted one where it has as many
 * numbers, and else stands as a vector, which is then reported as misshaped.
 *
 * @param what whose weights they are, for errors
 */
export function tensorsOf(
  arrays: WeightArrays,
  wanted: readonly WantedWeight[],
  what: string,
): ReadonlyMap<string, TensorData> {
  if (typeof arrays !== 'object' || arrays === null) {
    throw new EncompileError(
      `The weights of ${what} are ${describeValue(arrays)}, where arrays by name were expected: an object ` +
        "or Map such as { 'layer.0.w': new Float32Array(64) }, or safetensors(path).",
    );
  }
  const byName = new Map(wanted.map((weight) => [weight.name, weight]));
  const faults: string[] = [];
  const tensors = new Map<string, TensorData>();
  for (const [name, array] of arrays instanceof Map ? arrays : Object.entries(arrays)) {
    const made = tensorOf(array, byName.get(name));
    if (typeof made === 'string') faults.push(`  ${quote(name)} ${made}`);
    else tensors.set(name, made);
  }
  if (faults.length === 0) return tensors;
  const shown = faults.slice(0, MAX_FAULTS);
  const rest = faults.length - shown.length;
  if (rest > 0) shown.push(`  and ${rest} more`);
  throw new EncompileError(
    `Of the weights of ${what}, ${faults.length} cannot be read:\n${shown.join('\n')}\n` +
      'Give each as a typed array, a flat array of numbers or { dtype, shape, data }.',
  );
}

const MAX_FAULTS = 20;

/** The tensor, or what is wrong with it as the rest of a sentence. */
function tensorOf(array: unknown, wanted: WantedWeight | undefined): TensorData | string {
  if (isNumbers(array)) {
    const dtype = dtypeFor(array, wanted?.dtype);
    const count = wanted?.shape.reduce((product, dim) => product * dim, 1);
    const shape = wanted !== undefined && array.length === count ? wanted.shape : [array.length];
    return withShape(array, dtype, shape);
  }
  if (typeof array !== 'object' || array === null || !('data' in array)) {
    return `is ${describeValue(array)}, which is no array`;
  }
  const { data } = array;
  const dtype = 'dtype' in array ? array.dtype : undefined;
  const shape = 'shape' in array ? array.shape : undefined;
  if (typeof dtype !== 'string' || !isDType(dtype)) {
    return `has the dtype ${describeValue(dtype)}, which is none of ${DTYPES.join(', ')}`;
  }
  if (!Array.isArray(shape) || !shape.every(Number.isSafeInteger)) {
    const shown = Array.isArray(shape) ? `[${shape.join(', ')}]` : describeValue(shape);
    return `has the shape ${shown}, which is no list of whole numbers`;
  }
  if (isNumbers(data)) return withShape(data, dtype, shape);
  return `has ${describeValue(data)} as its data, which is no array of numbers`;
}

function withShape(numbers: Numbers, dtype: DType, shape: readonly number[]): TensorData | string {
  if (!Array.isArray(numbers) && !(numbers instanceof Float64Array)) {
    return { dtype, shape, data: numbers as TypedData };
  }
  const wrong = numbers.findIndex((value) => !isElement(dtype, value));
  if (wrong >= 0) {
    return `has ${describeValue(numbers[wrong])} as its element ${wrong}, which is no ${dtype}`;
  }
  return { dtype, shape, data: CONVERT[dtype](numbers) };
}

function isElement(dtype: DType, value: unknown): boolean {
  if (typeof value === 'bigint') return dtype === 'i64';
  return typeof value === 'number' && isValueOf(dtype, value);
}

function isNumbers(value: unknown): value is Numbers {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

/** What the array holds: its own type, or the wanted dtype where that is held alike. */
function dtypeFor(numbers: Numbers, wanted: DType = 'f32'): DType {
  if (Array.isArray(numbers)) return wanted;
  const held = HELD.find(([array]) => numbers instanceof array)?.[1] ?? ['f32'];
  return held.includes(wanted) ? wanted : (held[0] ?? 'f32');
}

const HELD: readonly (readonly [new (length: number) => object, readonly DType[]])[] = [
  [Float32Array, ['f32', 'f16']],
  [Float64Array, ['f32', 'f16']],
  [BigInt64Array, ['i64']],
  [Int32Array, ['i32']],
  [Int8Array, ['i8']],
  [Uint8Array, ['u8', 'bool']],
];

const CONVERT: { readonly [D in DType]: (numbers: ArrayLike<number | bigint>) => TypedDataOf[D] } =
  {
    f32: (numbers) => Float32Array.from(numbers, Number),
    f16: (numbers) => Float32Array.from(numbers, Number),
    i64: (numbers) =>
      BigInt64Array.from({ length: numbers.length }, (_, i) => BigInt(numbers[i] ?? 0)),
    i32: (numbers) => Int32Array.from(numbers, Number),
    i8: (numbers) => Int8Array.from(numbers, Number),
    u8: (numbers) => Uint8Array.from(numbers, Number),
    bool: (numbers) => Uint8Array.from(numbers, Number),
  };
