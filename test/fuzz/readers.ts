/** What is fuzzed: readers with their seeds, how inputs are made of these, and what is done with an input. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { compileGraph } from '../../src/compile.ts';
import { EncompileError } from '../../src/errors.ts';
import { graphOfModel } from '../../src/frontends/onnx/index.ts';
import { encodeSafetensors, parseSafetensors } from '../../src/frontends/safetensors.ts';
import { decodeModel } from '../../src/onnx/model-file.ts';
import type { ModelProto } from '../../src/onnx/schema.ts';
import { windowed } from '../support/windowed.ts';
import { mutateOnnx } from './onnx-mutator.ts';
import { Random } from './random.ts';
import { mutateSafetensors } from './safetensors-mutator.ts';

export interface Reader {
  /** Small files that are sound, the same in the same checkout. */
  seeds(root: string): readonly Uint8Array[];
  mutate(seed: Uint8Array, other: Uint8Array, random: Random): Uint8Array;
  /** Takes the file to where it is a verified graph or tensors, and compiles it where `compiles`. */
  read(content: Uint8Array, compiles: boolean): void;
}

export type ReaderName = 'onnx' | 'safetensors';

/** Larger seeds make slow inputs and find no more. */
const MAX_SEED_BYTES = 3000;

export const READERS: { readonly [R in ReaderName]: Reader } = {
  onnx: {
    seeds: (root) => [
      ...filesBelow(join(root, 'test/fuzz/corpus/onnx'), '.onnx'),
      ...filesBelow(join(root, '../shared/onnx-node'), 'model.onnx'),
      ...filesBelow(join(root, '../shared/torch-cases'), '.onnx'),
    ],
    mutate: mutateOnnx,
    read: (content, compiles) => {
      const model = decodeBothWays(content);
      const graph = graphOfModel({ model, external: new Map() }, 'fuzz.onnx');
      if (compiles) compileGraph(graph, { targets: ['js'] });
    },
  },
  safetensors: {
    seeds: (root) => [
      ...filesBelow(join(root, 'test/fuzz/corpus/safetensors'), '.safetensors'),
      ...filesBelow(join(root, 'test/fixtures'), '.safetensors'),
      ...madeTensors(),
    ],
    mutate: (seed, _, random) => mutateSafetensors(seed, random),
    read: (content) => {
      parseSafetensors(content, 'fuzz.safetensors');
    },
  },
};

/** Through a window that meets the edges of most things, and as a whole: the same comes of both. */
function decodeBothWays(content: Uint8Array): ModelProto {
  const source = windowed(content, 1 + (content.length % 61));
  const [whole, parts] = [content, source].map((bytes) => {
    try {
      return decodeModel(bytes, 'fuzz.onnx');
    } catch (error) {
      return error;
    }
  });
  const [fault, again] = [whole, parts].map((found) => (found instanceof Error ? found : null));
  if (fault?.message !== again?.message) {
    throw new Error(`through a window: ${again?.message}; as a whole: ${fault?.message}`);
  }
  if (parts instanceof Error) throw parts;
  return parts as ModelProto;
}

const LONGEST_MESSAGE = 1 << 16;

export function check(
  reader: ReaderName | Reader,
  content: Uint8Array,
  compiles: boolean,
): string | boolean {
  try {
    (typeof reader === 'string' ? READERS[reader] : reader).read(content, compiles);
    return true;
  } catch (error) {
    if (!(error instanceof EncompileError)) {
      return `it threw what is no EncompileError: ${error instanceof Error ? error.stack : error}`;
    }
    const { length } = error.message;
    return length <= LONGEST_MESSAGE ? false : `its error has ${length} characters`;
  }
}

/** The input with the number `index`. */
export function inputOf(
  reader: Reader,
  seeds: readonly Uint8Array[],
  seed: number,
  index: number,
): Uint8Array {
  const random = new Random(seed, index);
  const [first, other] = [random.of(seeds), random.of(seeds)];
  if (first === undefined || other === undefined) throw new Error('There are no seeds.');
  return reader.mutate(first, other, random);
}

function filesBelow(folder: string, ending: string): readonly Uint8Array[] {
  return namesBelow(folder)
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).size <= MAX_SEED_BYTES)
    .map((path) => Uint8Array.from(readFileSync(path)));
}

function namesBelow(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch {
    return [];
  }
}

function madeTensors(): readonly Uint8Array[] {
  const two = new Map([
    ['a', { dtype: 'f32', shape: [2, 1], data: Float32Array.of(1, 2) }],
    ['b.c', { dtype: 'i64', shape: [], data: BigInt64Array.of(3n) }],
  ] as const);
  const three = new Map([
    ['x', { dtype: 'f16', shape: [3], data: Float32Array.of(1, 2, 3) }],
    ['y', { dtype: 'bool', shape: [1, 2], data: Uint8Array.of(0, 1) }],
    ['z', { dtype: 'i8', shape: [0], data: new Int8Array(0) }],
  ] as const);
  return [encodeSafetensors(two), encodeSafetensors(three, new Map([['format', 'pt']]))];
}
