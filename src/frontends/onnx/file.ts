/**
 * An ONNX model as its file, and the files beside it that hold large tensors. Neither is read whole: the
 * bytes of a tensor are read when it is used.
 *
 * Invariants: a tensor's file is a regular file in the model's folder or below it, links resolved;
 * its range lies inside that file, and is as long as the tensor's type and shape say. All of this is
 * known before memory is taken.
 */
import { dirname } from 'node:path';
import { EncompileError } from '../../errors.ts';
import type { StoredBytes } from '../../onnx/byte-source.ts';
import { decodeModel } from '../../onnx/model-file.ts';
import type { GraphProto, ModelProto, TensorProto } from '../../onnx/schema.ts';
import { withFile } from '../file-source.ts';
import { quote } from '../json.ts';
import { type ExternalFiles, withExternalFiles } from './external-files.ts';
import { bytesOf, elementTypeOf, shapeOf } from './tensors.ts';

/** Protocol buffers themselves end at 2 GiB. */
const MAX_MODEL_BYTES = 2 ** 31;
const MAX_TENSORS_ELSEWHERE = 100_000;

export interface ModelFile {
  readonly model: ModelProto;
  /** The bytes of tensors that other files hold. */
  readonly external: ReadonlyMap<TensorProto, StoredBytes>;
}

/**
 * What `use` makes of the model at `path`, whose tensors can be read until then.
 *
 * @throws EncompileError where the file, or one that it names, is not what it should be, or changes
 */
export function withModelFile<T>(path: string, shown: string, use: (file: ModelFile) => T): T {
  return withFile(path, (file) => {
    if (file.length > MAX_MODEL_BYTES) {
      throw new EncompileError(
        `${shown} has ${file.length} bytes, where an ONNX model of at most 2 GiB was expected. Export it with ` +
          'its weights in a file of their own (external data).',
      );
    }
    const model = decodeModel(file, shown);
    return withExternalFiles(dirname(path), (files) =>
      use({ model, external: externalRanges(model, files, shown) }),
    );
  });
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

function externalRanges(
  model: ModelProto,
  files: ExternalFiles,
  shown: string,
): ReadonlyMap<TensorProto, StoredBytes> {
  return new Map(
    externalTensors(model).map((tensor) => [tensor, externalRange(tensor, files, shown)]),
  );
}

function externalRange(tensor: TensorProto, files: ExternalFiles, shown: string): StoredBytes {
  const what = `The tensor ${quote(tensor.name ?? '')} of ${shown}`;
  const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]));
  const location = entries.get('location');
  const file = files.at(location, `${what}: its file`);
  const count = shapeOf(tensor.dims, what).reduce((product, dim) => product * dim, 1);
  const wanted = bytesOf(elementTypeOf(tensor.dataType), count);
  const offset = wholeNumber(entries.get('offset') ?? '0', `${what}: the offset`);
  const length = wholeNumber(entries.get('length') ?? `${wanted}`, `${what}: the length`);
  if (length !== wanted || offset + length > file.length) {
    throw new EncompileError(
      `${what} has ${wanted} bytes by its type and shape, and is said to be the ${length} bytes from ` +
        `${offset} of ${quote(location)}, which has ${file.length}. Export or fetch both files again.`,
    );
  }
  return file.range(offset, length, shown);
}

function wholeNumber(text: string, what: string): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new EncompileError(
    `${what} is ${quote(text)}, where a number of bytes was expected. Export the model again.`,
  );
}
