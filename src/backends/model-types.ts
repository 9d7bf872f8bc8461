/**
 * `model.d.ts`: the types of a compiled model's inputs and outputs. It imports nothing, so that an
 * artifact can be used without encompile, WebGPU's or the DOM's types.
 */
import type { Dim } from '../ir/dims.ts';
import { type DType, printType } from '../ir/types.ts';
import type { Program, ProgramIo } from '../loops/program.ts';
import { commentText } from './escape.ts';
import { JS_RESERVED, Names } from './identifiers.ts';
import { propertyName } from './js-data.ts';

export function modelTypes(program: Program, backends: readonly string[]): string {
  const kinds = ['auto', ...backends].map((name) => `'${name}'`).join(' | ');
  return `${[
    `/** ${commentText(program.name)}, compiled by encompile. */`,
    '',
    '/** What `run` takes: numbers in row-major order, and their shape. */',
    'export interface Inputs {',
    ...program.inputs.flatMap((io) => member(io, INPUT_DATA[io.dtype])),
    '}',
    '',
    '/** What `run` gives: new arrays in every run. */',
    'export interface Outputs {',
    ...program.outputs.flatMap((io) => member(io, OUTPUT_DATA[io.dtype])),
    '}',
    '',
    ...fixedPart(kinds, backends.map((name) => `'${name}'`).join(' | ')),
  ].join('\n')}\n`;
}

function member({ name, dtype, shape, range }: ProgramIo, data: string): readonly string[] {
  const values = range == null ? '' : `, values from ${range[0]} to ${range[1]}`;
  return [
    `  /** ${commentText(printType({ dtype, shape }))}${values} */`,
    `  readonly ${propertyName(name)}: {`,
    `    readonly data: ${data};`,
    `    readonly shape: readonly [${tupleText(shape)}];`,
    '  };',
  ];
}

/** `batch: number, seq: number, dim2: 64`; a label is the dim where that is a name. */
function tupleText(shape: readonly Dim[]): string {
  const names = new Names(JS_RESERVED);
  return shape
    .map((dim, axis) => {
      const isName = typeof dim === 'string' && /^\w+$/.test(dim);
      const label = names.fresh(isName ? dim : `dim${axis}`);
      return `${label}: ${typeof dim === 'number' ? dim : 'number'}`;
    })
    .join(', ');
}

const INTEGERS = 'readonly number[] | readonly bigint[] | Int32Array | BigInt64Array';

const INPUT_DATA: { readonly [D in DType]: string } = {
  f32: 'readonly number[] | Float32Array | Float64Array',
  f16: 'readonly number[] | Float32Array | Float64Array',
  i64: INTEGERS,
  i32: INTEGERS,
  i8: `${INTEGERS} | Int8Array`,
  u8: `${INTEGERS} | Uint8Array`,
  bool: `readonly boolean[] | ${INTEGERS} | Uint8Array`,
};

const OUTPUT_DATA: { readonly [D in DType]: string } = {
  f32: 'Float32Array',
  f16: 'Float32Array',
  i64: 'BigInt64Array',
  i32: 'Int32Array',
  i8: 'Int8Array',
  u8: 'Uint8Array',
  bool: 'Uint8Array',
};

function fixedPart(kinds: string, loaded: string): readonly string[] {
  return [
    'export interface LoadOptions {',
    '  /**',
    "   * 'auto' takes the first that the model has kernels for and the host can run: WebGPU where there",
    '   * is an adapter, WebAssembly where it has SIMD, js.',
    '   */',
    `  readonly backend?: ${kinds};`,
    '  /** The content, address or path of weights.bin, where it does not lie beside model.mjs. */',
    '  readonly weights?: ArrayBuffer | Uint8Array | URL | string;',
    '  /** A GPUDevice to use, or a function that gives one; it stays yours. */',
    '  readonly device?: object | (() => object | Promise<object>);',
    '  /** A GPU to ask for a device instead of navigator.gpu. */',
    '  readonly gpu?: object;',
    '  /** For the wasm backend; others run on one thread. */',
    '  readonly threads?: number;',
    '}',
    '',
    'export interface TensorInfo {',
    '  readonly name: string;',
    "  readonly dtype: 'f32' | 'f16' | 'i64' | 'i32' | 'i8' | 'u8' | 'bool';",
    '  /** Numbers, names of symbols, and expressions over them. */',
    '  readonly shape: readonly (number | string)[];',
    '  /** Of an input that indexes tables: the smallest and the largest value allowed. */',
    '  readonly range: readonly [number, number] | null;',
    '}',
    '',
    'export interface Model {',
    `  readonly backend: ${loaded};`,
    '  /** Of the host, which run the model together. */',
    '  readonly threads: number;',
    '  readonly inputs: readonly TensorInfo[];',
    '  readonly outputs: readonly TensorInfo[];',
    '  /** Rejects where an input is missing, misshaped or of the wrong type, and says which. */',
    '  run(inputs: Inputs): Promise<Outputs>;',
    '  /** Frees the memory; the model cannot run after it. */',
    '  dispose(): void;',
    '}',
    '',
    '/** Rejects where the backend cannot start here, or the weights cannot be read. */',
    'export function load(options?: LoadOptions): Promise<Model>;',
  ];
}
