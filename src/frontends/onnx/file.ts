/**
 * The bytes of an ONNX model: its file, and the files beside it that hold large tensors.
 *
 * Invariants: a tensor's file is a regular file in the model's folder or below it, links resolved;
 * its range lies inside that file, and is as long as the tensor's type and shape say. All of this is
 * known before memory is taken.
 */
import { dirname } from 'node:path';
import { EncompileError } from '../../errors.ts';
import { decodeModel } from '../../onnx/model-file.ts';
import type { GraphProto, ModelProto, TensorProto } from '../../onnx/schema.ts';
import { confinedPath } from '../confined-path.ts';
import { openFile, readRange } from '../files.ts';
import { quote } from '../json.ts';
import { bytesOf, elementTypeOf, shapeOf } from './tensors.ts';

/** Protocol buffers themselves end at 2 GiB. */
const MAX_MODEL_BYTES = 2 ** 31;
const MAX_TENSORS_ELSEWHERE = 100_000;

export interface ModelFile {
  readonly model: ModelProto;
  /** The bytes of tensors that other files hold. */
  readonly external: ReadonlyMap<TensorProto, Uint8Array>;
}

/** @throws EncompileError where the file, or one that it names, is not what it should be */
export async function readModelFile(path: string, shown: string): Promise<ModelFile> {
  const file = await openFile(path);
  let content: Uint8Array;
  try {
    const { size } = await file.stat();
    if (size > MAX_MODEL_BYTES) {
      throw new EncompileError(
        `${shown} has ${size} bytes, where an ONNX model of at most 2 GiB was expected. Export it with ` +
          'its weights in a file of their own (external data).',
      );
    }
    content = await readRange(file, 0, size, path);
  } finally {
    await file.close();
  }
  const model = decodeModel(content, shown);
  const elsewhere = externalTensors(model);
  const external = new Map<TensorProto, Uint8Array>();
  const ranges = new Ranges(shown);
  for (const tensor of elsewhere) {
    external.set(tensor, await readExternal(tensor, path, shown, ranges));
  }
  return { model, external };
}

const EXTERNAL = 1;

/** Every tensor of the graph, its subgraphs and attributes whose numbers are in another file. */
function externalTensors({ graph, functions }: ModelProto): readonly TensorProto[] {
  const found: TensorProto[] = [];
  const take = (tensor: TensorProto) => {
    if (tensor.dataLocation === EXTERNAL) found.push(tensor);
  };
  const visit = ({ node, initializer }: Pick<GraphProto, 'node' | 'initializer'>) => {
    initializer.forEach(take);
    for (const attribute of node.flatMap((n) => n.attribute)) {
      if (attribute.t !== undefined) take(attribute.t);
      attribute.tensors.forEach(take);
      if (attribute.g !== undefined) visit(attribute.g);
      attribute.graphs.forEach(visit);
    }
  };
  if (graph !== undefined) visit(graph);
  for (const { node } of functions) visit({ node, initializer: [] });
  if (found.length > MAX_TENSORS_ELSEWHERE) {
    throw new EncompileError(
      `The model keeps ${found.length} tensors in other files, where at most ${MAX_TENSORS_ELSEWHERE} were ` +
        'expected. Check that it is the right file.',
    );
  }
  return found;
}

/** Tensors may share bytes of a file, but not so that a small file fills the memory. */
const MOST_SHARED = 4;

/** The ranges of files that were read; the same range is read once. */
class Ranges {
  private readonly shown: string;
  private readonly read = new Map<string, Uint8Array>();
  private readonly taken = new Map<string, number>();

  constructor(shown: string) {
    this.shown = shown;
  }

  /** The bytes from `offset` of the file at `path`, which has `size`, got by `read` where they are new. */
  async take(
    path: string,
    size: number,
    [offset, length]: readonly [number, number],
    read: () => Promise<Uint8Array>,
  ): Promise<Uint8Array> {
    const taken = (this.taken.get(path) ?? 0) + length;
    this.taken.set(path, taken);
    if (taken > MOST_SHARED * size) {
      throw new EncompileError(
        `The tensors of ${this.shown} lie over one another in ${path}: together they have more than ${MOST_SHARED} ` +
          `times its ${size} bytes. Export both files again.`,
      );
    }
    const key = JSON.stringify([path, offset, length]);
    const known = this.read.get(key) ?? (await read());
    this.read.set(key, known);
    return known;
  }
}

async function readExternal(
  tensor: TensorProto,
  path: string,
  shown: string,
  ranges: Ranges,
): Promise<Uint8Array> {
  const what = `The tensor ${quote(tensor.name ?? '')} of ${shown}`;
  const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]));
  const location = entries.get('location')?.replace(/^\.\//, '');
  const beside = await confinedPath(dirname(path), location, `${what}: its file`);
  const count = shapeOf(tensor.dims, what).reduce((product, dim) => product * dim, 1);
  const wanted = bytesOf(elementTypeOf(tensor.dataType), count);
  const offset = wholeNumber(entries.get('offset') ?? '0', `${what}: the offset`);
  const length = wholeNumber(entries.get('length') ?? `${wanted}`, `${what}: the length`);
  const file = await openFile(beside);
  try {
    const { size } = await file.stat();
    if (length !== wanted || offset + length > size) {
      throw new EncompileError(
        `${what} has ${wanted} bytes by its type and shape, and is said to be the ${length} bytes from ` +
          `${offset} of ${quote(location)}, which has ${size}. Export or fetch both files again.`,
      );
    }
    return await ranges.take(beside, size, [offset, length], () =>
      readRange(file, offset, length, beside),
    );
  } finally {
    await file.close();
  }
}

function wholeNumber(text: string, what: string): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new EncompileError(
    `${what} is ${quote(text)}, where a number of bytes was expected. Export the model again.`,
  );
}
