/**
 * A graph's inputs out of a tensor file. Invariant: what is returned has every input of the graph, in
 * its dtype, in shapes that agree on the sizes of symbols, with indices inside the tables they index.
 */
import { EncompileError } from '../errors.ts';
import { fileExists } from '../frontends/files.ts';
import { readSafetensors } from '../frontends/safetensors.ts';
import { type Graph, type Value, valueOf } from '../ir/graph.ts';
import { indexRanges } from '../ir/index-ranges.ts';
import { resolveSizes, type Sizes } from '../ir/sizes.ts';
import { type DType, isFloat, printType, type TensorData, type TypedData } from '../ir/types.ts';
import { didYouMean } from './arguments.ts';

export interface InputTensors {
  readonly tensors: ReadonlyMap<string, TensorData>;
  readonly sizes: Sizes;
}

/**
 * The tensors in the file that `--inputs` names.
 *
 * @throws EncompileError where there is no such file, or its tensors do not fit the graph
 */
export async function readInputTensors(graph: Graph, path: string): Promise<InputTensors> {
  if (!(await fileExists(path))) {
    throw new EncompileError(`There is no file ${path}, which --inputs names. Check the path.`, 2);
  }
  return bindInputs(graph, await readSafetensors(path), path);
}

/**
 * Integers of any width serve for one another where their numbers fit, and so for bool; f16 and
 * f32 serve for one another. Tensors that are no inputs are left alone.
 *
 * @param origin the file, for errors
 * @throws EncompileError that lists every input that is missing or does not fit
 */
function bindInputs(
  graph: Graph,
  given: ReadonlyMap<string, TensorData>,
  origin: string,
): InputTensors {
  const inputs = graph.inputs.map((id) => valueOf(graph, id));
  const ranges = indexRanges(graph);
  const faults: string[] = [];
  const tensors = new Map<string, TensorData>();
  for (const input of inputs) {
    const tensor = given.get(input.name);
    if (tensor === undefined) {
      const others = [...given.keys()].filter((name) => !inputs.some((i) => i.name === name));
      faults.push(`'${input.name}' is missing.${didYouMean(input.name, others)}`);
      continue;
    }
    const converted = convert(input, tensor, ranges.get(input.id));
    if (typeof converted === 'string') faults.push(`'${input.name}' ${converted}`);
    else tensors.set(input.name, converted);
  }
  const refuse = (reasons: string): EncompileError => {
    const declared = inputs.map((input) => `${input.name}: ${printType(input)}`).join(', ');
    return new EncompileError(
      `The inputs in ${origin} do not fit the model '${graph.name}': ${reasons} ` +
        `The model takes ${declared || 'no inputs'}; ${origin} has ${listTensors(given)}.`,
    );
  };
  if (faults.length > 0) throw refuse(faults.join(' '));
  const shapes = inputs.map((input) => ({
    what: `'${input.name}'`,
    declared: input.shape,
    given: tensors.get(input.name)?.shape ?? [],
  }));
  try {
    return { tensors, sizes: resolveSizes(shapes) };
  } catch (error) {
    throw error instanceof EncompileError ? refuse(error.message) : error;
  }
}

function listTensors(tensors: ReadonlyMap<string, TensorData>): string {
  const shown = [...tensors].slice(0, 8).map(([name, tensor]) => `${name}: ${printType(tensor)}`);
  if (tensors.size > shown.length) shown.push(`and ${tensors.size - shown.length} more`);
  return shown.join(', ') || 'no tensors';
}

/** The tensor in the input's dtype, or what is wrong with it. */
function convert(input: Value, tensor: TensorData, tableRows?: number): TensorData | string {
  if (isFloat(input.dtype) !== isFloat(tensor.dtype)) {
    return `is ${printType(tensor)}, where ${printType(input)} was expected.`;
  }
  if (isFloat(input.dtype)) return { ...tensor, dtype: input.dtype };
  const [lowest, highest] = tableRows === undefined ? LIMITS[input.dtype] : [0, tableRows - 1];
  const at = tensor.data as ArrayLike<number | bigint>;
  for (let i = 0; i < at.length; i++) {
    const value = Number(at[i]);
    if (value >= lowest && value <= highest) continue;
    return `has ${value} at element ${i}, where a number from ${lowest} to ${highest} was expected.`;
  }
  return { ...tensor, dtype: input.dtype, data: STORE[input.dtype](at) };
}

/** Kernels hold every integer in 32 bits. */
const LIMITS: { readonly [D in DType]: readonly [number, number] } = {
  f32: [-Infinity, Infinity],
  f16: [-Infinity, Infinity],
  i64: [-(2 ** 31), 2 ** 31 - 1],
  i32: [-(2 ** 31), 2 ** 31 - 1],
  i8: [-128, 127],
  u8: [0, 255],
  bool: [0, 1],
};

const STORE: { readonly [D in DType]: (data: ArrayLike<number | bigint>) => TypedData } = {
  f32: (data) => Float32Array.from(data, Number),
  f16: (data) => Float32Array.from(data, Number),
  i64: (data) => BigInt64Array.from(data, BigInt),
  i32: (data) => Int32Array.from(data, Number),
  i8: (data) => Int8Array.from(data, Number),
  u8: (data) => Uint8Array.from(data, Number),
  bool: (data) => Uint8Array.from(data, Number),
};
