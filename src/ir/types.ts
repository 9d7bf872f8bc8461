/**
 * Tensor types: a dtype and dims. A dim is a number, or an expression over named symbols held as
 * text in normal form (`dims.ts`), so that equal dims are identical strings.
 */
import { EncompileError } from '../errors.ts';
import { type Dim, normalise } from './dims.ts';

export type { Dim } from './dims.ts';

export const DTYPES = ['f32', 'f16', 'i64', 'i32', 'i8', 'u8', 'bool'] as const;
export type DType = (typeof DTYPES)[number];
export type FloatType = 'f32' | 'f16';
export type IntegerType = 'i64' | 'i32' | 'i8' | 'u8';
export type NumericType = FloatType | IntegerType;

export type Shape = readonly Dim[];

export interface TensorType<D extends DType = DType, S extends Shape = Shape> {
  readonly dtype: D;
  readonly shape: S;
}

/** The typed array that holds a dtype outside kernels; f16 is expanded, bool is 0 or 1. */
export interface TypedDataOf {
  readonly f32: Float32Array;
  readonly f16: Float32Array;
  readonly i64: BigInt64Array;
  readonly i32: Int32Array;
  readonly i8: Int8Array;
  readonly u8: Uint8Array;
  readonly bool: Uint8Array;
}
export type TypedData = TypedDataOf[DType];

/** A tensor with its numbers, row-major. */
export interface TensorData {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedData;
}

/** Bytes of one element as stored in weight files. */
export const BYTES: { readonly [D in DType]: number } = {
  f32: 4,
  f16: 2,
  i64: 8,
  i32: 4,
  i8: 1,
  u8: 1,
  bool: 1,
};

export function isDType(text: string): text is DType {
  return (DTYPES as readonly string[]).includes(text);
}

export function isFloat(dtype: DType): dtype is FloatType {
  return dtype === 'f32' || dtype === 'f16';
}

export function isInteger(dtype: DType): dtype is IntegerType {
  return !isFloat(dtype) && dtype !== 'bool';
}

/** `f32[batch, seq, 384]`. */
export function printType(type: TensorType): string {
  return `${type.dtype}[${type.shape.join(', ')}]`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

export function sameType(a: TensorType, b: TensorType): boolean {
  return a.dtype === b.dtype && sameShape(a.shape, b.shape);
}

/** Dims of `shape` as numbers, or null where one is symbolic. */
export function staticShape(shape: Shape): readonly number[] | null {
  return shape.every((dim) => typeof dim === 'number') ? (shape as readonly number[]) : null;
}

function makeType<D extends DType>(dtype: D) {
  return <const S extends Shape>(...shape: S): TensorType<D, S> => {
    shape.forEach(requireNormalForm);
    return { dtype, shape };
  };
}

/** Throws where a dim is spelled in another way than its normal form, which alone can be compared. */
export function requireNormalForm(dim: Dim): void {
  const normal = normalise(dim);
  if (normal === dim) return;
  throw new EncompileError(`The dim '${dim}' is not in normal form: write '${normal}'.`);
}

/** `f32('batch', 'seq', 384)`: the type of a float32 tensor of that shape. */
export const f32 = makeType('f32');
export const f16 = makeType('f16');
export const i64 = makeType('i64');
export const i32 = makeType('i32');
export const i8 = makeType('i8');
export const u8 = makeType('u8');
export const bool = makeType('bool');

/**
 * Names symbolic dims: `const { batch, seq } = dims('batch', 'seq')`. One artifact serves every
 * size of them.
 */
export function dims<const N extends readonly string[]>(
  ...names: N
): { readonly [K in N[number]]: K } {
  for (const name of names) {
    if (/^[A-Za-z_]\w*$/.test(name) && !RESERVED.has(name)) continue;
    throw new EncompileError(
      `'${name}' cannot name a dim: a dim's name is letters, digits and '_', and none of ${[...RESERVED].join(', ')}.`,
    );
  }
  return Object.fromEntries(names.map((name) => [name, name])) as { readonly [K in N[number]]: K };
}

const RESERVED = new Set(['floor', 'max', 'min']);
