/**
 * Checks and converts what `run` is given. Every error names the input, what was expected and what
 * came. The numbers are copied, so the caller may reuse its arrays at once.
 */

import type {
  DType,
  ModelDefinition,
  Numbers,
  ShapeSymbol,
  Sizes,
  SymbolEntry,
  TensorEntry,
} from './definition.mts';

export interface CheckedInputs {
  readonly data: readonly Numbers[];
  readonly sizes: Sizes;
}

interface Shaped {
  readonly data: ArrayLike<unknown>;
  readonly shape: readonly number[];
}

/** @throws Error at the first input that is missing, unknown, misshaped or of the wrong type. */
export function checkInputs(model: ModelDefinition, given: unknown): CheckedInputs {
  if (typeof given !== 'object' || given === null) {
    throw new TypeError(
      `${show(model.name)} was run with ${describe(given)}; pass an object with one ` +
        `{ data, shape } an input: ${listNames(model)}.`,
    );
  }
  const names = new Set(model.inputs.map(({ name }) => name));
  const unknown = Object.keys(given).find((name) => !names.has(name));
  if (unknown !== undefined) {
    throw new TypeError(
      `${show(model.name)} has no input ${show(unknown)}. Its inputs are ${listNames(model)}.`,
    );
  }
  const tensors = model.inputs.map((entry) => shaped(entry, given));
  const shapeSizes = solveSymbols(model, tensors);
  checkShapes(model, tensors, shapeSizes);
  const data = model.inputs.map((entry, i) => convert(entry, at(tensors, i).data));
  const sizes = [...shapeSizes, ...countSymbols(model, tensors, data, shapeSizes)];
  checkBounds(model, sizes);
  return { data, sizes };
}

function shaped(entry: TensorEntry, given: object): Shaped {
  const what = `The input ${declared(entry)}`;
  const value: unknown = Object.hasOwn(given, entry.name)
    ? Reflect.get(given, entry.name)
    : undefined;
  if (value === undefined) throw new TypeError(`${what} is missing.`);
  const { data, shape } =
    typeof value === 'object' && value !== null
      ? (value as { data?: unknown; shape?: unknown })
      : {};
  const isList = Array.isArray(data) || (ArrayBuffer.isView(data) && !(data instanceof DataView));
  if (!isList || !isSizeList(shape)) {
    throw new TypeError(
      `${what} must be { data, shape }, where shape is an array of sizes; got ${describe(value)}.`,
    );
  }
  if (shape.length !== entry.shape.length) {
    throw new RangeError(
      `${what} has ${entry.shape.length} dims, but the shape given has ${shape.length}: [${shape.join(', ')}].`,
    );
  }
  const list = data as ArrayLike<unknown>;
  const count = shape.reduce((product, size) => product * size, 1);
  if (list.length !== count) {
    const hint = Array.isArray(list[0]) ? ' lists: pass the numbers alone, row by row' : '';
    throw new RangeError(
      `${what} of shape [${shape.join(', ')}] takes ${count} numbers, but its data has ${list.length}${hint}.`,
    );
  }
  return { data: list, shape };
}

function isSizeList(shape: unknown): shape is readonly number[] {
  return Array.isArray(shape) && shape.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function solveSymbols(model: ModelDefinition, tensors: readonly Shaped[]): Sizes {
  return model.symbols.filter(isOfShape).map(({ name, input, axis, solve }) => {
    const entry = at(model.inputs, input);
    const dim = at(at(tensors, input).shape, axis);
    const size = solve(dim);
    if (Number.isSafeInteger(size) && size >= 0) return size;
    throw new RangeError(
      `The input ${declared(entry)} has ${dim} as dim ${axis}, but no size of ${show(name)} makes ` +
        `${entry.shape[axis]} equal to ${dim}.`,
    );
  });
}

function isOfShape(symbol: SymbolEntry): symbol is ShapeSymbol {
  return 'solve' in symbol;
}

function countSymbols(
  model: ModelDefinition,
  tensors: readonly Shaped[],
  data: readonly Numbers[],
  sizes: Sizes,
): Sizes {
  return model.symbols.flatMap((symbol) => {
    if (isOfShape(symbol)) return [];
    const numbers = at(data, symbol.input);
    const length = at(tensors, symbol.input).shape.at(-1) ?? 1;
    const always = symbol.always(...sizes);
    let count = 0;
    for (let i = 0; i < numbers.length; i++) {
      if (numbers[i] !== 0 || always.includes(i % length)) count++;
    }
    return [count];
  });
}

function checkShapes(model: ModelDefinition, tensors: readonly Shaped[], sizes: Sizes): void {
  model.inputs.forEach((entry, i) => {
    const { shape } = at(tensors, i);
    const expected = entry.dims(...sizes);
    const axis = shape.findIndex((size, k) => size !== expected[k]);
    if (axis < 0) return;
    const came = `The input ${declared(entry)} has ${shape[axis]} as dim ${axis}`;
    const dim = entry.shape[axis];
    if (typeof dim === 'number') throw new RangeError(`${came}, which must be ${dim}.`);
    const known = model.symbols.some(({ name }) => name === dim)
      ? ''
      : `${dim} is ${expected[axis]}: `;
    throw new RangeError(`${came} (${dim}), but ${known}${origins(model, sizes, dim)}.`);
  });
}

/** Such as more tokens than a table of positions has rows. */
function checkBounds(model: ModelDefinition, sizes: Sizes): void {
  for (const { smaller, larger, sizes: sizesOf } of model.bounds) {
    const [a = 0, b = 0] = sizesOf(...sizes);
    if (a <= b) continue;
    const limit = typeof larger === 'number' ? `${larger}` : `${larger} (${b} here)`;
    const from = origins(model, sizes, `${smaller} ${larger}`);
    throw new RangeError(
      `${show(model.name)} takes ${smaller} up to ${limit}, but ${smaller} is ${a}: ${from}.`,
    );
  }
}

/** Which inputs gave the symbols in a dim their sizes. */
function origins(model: ModelDefinition, sizes: Sizes, dim: string | undefined): string {
  const words = new Set(`${dim}`.match(/[A-Za-z_]\w*/g) ?? []);
  return model.symbols
    .map((symbol, i) => ({ symbol, size: sizes[i] }))
    .filter(({ symbol: { name } }) => words.has(name))
    .map(({ symbol, size }) => {
      const by = isOfShape(symbol) ? `dim ${symbol.axis}` : 'the elements that are not 0';
      return `${symbol.name} is ${size} by ${by} of the input ${show(at(model.inputs, symbol.input).name)}`;
    })
    .join(', and ');
}

function convert(entry: TensorEntry, data: ArrayLike<unknown>): Numbers {
  checkKind(entry, data);
  if (isFloat(entry.dtype)) return copyFloats(entry, data);
  return copyIntegers(entry, data, ...LIMITS[entry.dtype]);
}

const LIMITS: { readonly [D in DType]: readonly [number, number] } = {
  f32: [0, 0],
  f16: [0, 0],
  i64: [-(2 ** 31), 2 ** 31 - 1],
  i32: [-(2 ** 31), 2 ** 31 - 1],
  i8: [-128, 127],
  u8: [0, 255],
  bool: [0, 1],
};

/** Refuses typed arrays whose kind of number is not the input's. */
function checkKind(entry: TensorEntry, data: ArrayLike<unknown>): void {
  if (Array.isArray(data)) return;
  const name = data.constructor.name;
  if (name.startsWith('Float') === isFloat(entry.dtype)) return;
  const expected = isFloat(entry.dtype)
    ? 'Float32Array'
    : entry.dtype === 'bool'
      ? 'Uint8Array, an array of booleans'
      : 'Int32Array, BigInt64Array';
  throw new TypeError(
    `The input ${declared(entry)} takes ${expected} or an array of numbers; got ${name}.`,
  );
}

function copyFloats(entry: TensorEntry, data: ArrayLike<unknown>): Float32Array {
  if (ArrayBuffer.isView(data)) return Float32Array.from(data as unknown as ArrayLike<number>);
  const copy = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (typeof value !== 'number') throw new TypeError(wrongElement(entry, i, value, 'a number'));
    copy[i] = value;
  }
  return copy;
}

function copyIntegers(
  entry: TensorEntry,
  data: ArrayLike<unknown>,
  lowest: number,
  highest: number,
): Int32Array {
  const [from, to] = entry.range ?? [lowest, highest];
  const copy = new Int32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    const isInteger =
      typeof value === 'bigint' ||
      Number.isSafeInteger(value) ||
      (typeof value === 'boolean' && entry.dtype === 'bool');
    if (!isInteger) {
      const kind = entry.dtype === 'bool' ? 'a boolean, 0 or 1' : 'an integer';
      throw new TypeError(wrongElement(entry, i, value, kind));
    }
    const number = Number(value);
    if (number < from || number > to) {
      throw new RangeError(wrongElement(entry, i, value, `from ${from} to ${to}`));
    }
    copy[i] = number;
  }
  return copy;
}

function wrongElement(entry: TensorEntry, i: number, value: unknown, expected: string): string {
  return `The input ${declared(entry)} has ${describe(value)} at position ${i}, which must be ${expected}.`;
}

function isFloat(dtype: DType): boolean {
  return dtype === 'f32' || dtype === 'f16';
}

/** `"ids": i32[batch, seq]`. */
function declared(entry: TensorEntry): string {
  return `${show(entry.name)} (${entry.dtype}[${entry.shape.join(', ')}])`;
}

function listNames(model: ModelDefinition): string {
  return model.inputs.map(declared).join(', ') || 'none';
}

function describe(value: unknown): string {
  if (typeof value === 'string') return show(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return 'an array';
  const keys = Object.keys(value).slice(0, 5);
  return ArrayBuffer.isView(value)
    ? `a ${value.constructor.name}`
    : `an object with ${keys.length === 0 ? 'no keys' : `the keys ${keys.map(show).join(', ')}`}`;
}

function show(name: string): string {
  return JSON.stringify(name);
}

function at<T>(list: readonly T[], i: number): T {
  const item = list[i];
  if (item === undefined) throw new Error(`the model's tables have no entry ${i}`);
  return item;
}
