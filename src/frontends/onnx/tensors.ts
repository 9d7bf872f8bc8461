/**
 * The tensors of an ONNX file, in the dtypes that graphs have.
 *
 * Invariants: nothing is allocated before the element count was held against the bytes that are
 * there; what is returned has as many elements as its shape says. A double is rounded to float32,
 * a bfloat16 and every integer of 2, 4 and 16 bits is held exactly in a wider type, and an unsigned integer
 * beyond 2^63 is refused.
 */
import { EncompileError } from '../../errors.ts';
import { decodeBfloat16, decodeFloat16 } from '../../ir/float16.ts';
import type { DType, TensorData, TypedData } from '../../ir/types.ts';
import type { StoredBytes } from '../../onnx/byte-source.ts';
import type { Numbers } from '../../onnx/packed-numbers.ts';
import { DATA_TYPE, type TensorProto } from '../../onnx/schema.ts';
import { quote } from '../json.ts';

export type ElementType = keyof typeof DATA_TYPE;

/** The dtype in which a graph holds an element type; null for what it cannot hold. */
export const DTYPE_OF: { readonly [T in ElementType]: DType | null } = {
  float: 'f32',
  uint8: 'u8',
  int8: 'i8',
  uint16: 'i32',
  int16: 'i32',
  int32: 'i32',
  int64: 'i64',
  string: null,
  bool: 'bool',
  float16: 'f16',
  double: 'f32',
  uint32: 'i64',
  uint64: 'i64',
  bfloat16: 'f32',
  uint4: 'u8',
  int4: 'i8',
  uint2: 'u8',
  int2: 'i8',
};

const NAMES = new Map<number, ElementType>(
  (Object.entries(DATA_TYPE) as [ElementType, number][]).map(([name, code]) => [code, name]),
);

/** More elements than that are in no model, and their number is no longer exact as a double. */
const MAX_ELEMENTS = 2 ** 40;

/** The element type with the number `code`; null for one that is not known. */
export function elementTypeOf(code: number | undefined): ElementType | null {
  return NAMES.get(code ?? 0) ?? null;
}

/**
 * The dtype that stands for the element type `code`.
 *
 * @param what the thing that has the type, for errors
 */
export function dtypeOf(code: number | undefined, what: string): DType {
  const type = elementTypeOf(code);
  const dtype = type === null ? null : DTYPE_OF[type];
  if (dtype !== null) return dtype;
  throw new EncompileError(
    `${what} has elements of ${type === null ? `the type ${code ?? 0}` : `type ${type}`}, where numbers ` +
      'or bools were expected. Strings, complex numbers and float8 have no place in a compiled model.',
  );
}

/** The dims of a tensor as numbers. */
export function shapeOf(dims: readonly bigint[], what: string): readonly number[] {
  const shape = dims.map(Number);
  const elements = shape.reduce((product, dim) => product * dim, 1);
  if (dims.some((dim) => dim < 0n || dim > MAX_ELEMENTS) || elements > MAX_ELEMENTS) {
    throw new EncompileError(
      `${what} has the shape [${dims.slice(0, 8).join(', ')}], where dims from 0 and at most 2^40 elements ` +
        'were expected. The file is damaged: export it again.',
    );
  }
  return shape;
}

/**
 * The numbers of a tensor.
 *
 * @param external the bytes in another file where the tensor keeps them there
 */
export function readTensor(proto: TensorProto, what: string, external?: StoredBytes): TensorData {
  const type = elementTypeOf(proto.dataType);
  const dtype = dtypeOf(proto.dataType, what);
  const shape = shapeOf(proto.dims, what);
  const count = shape.reduce((product, dim) => product * dim, 1);
  const raw = external ?? proto.rawData;
  const format = FORMATS[type as Exclude<ElementType, 'string'>];
  if (raw !== undefined && (raw.length > 0 || count === 0)) {
    const wanted = bytesOf(type, count);
    if (raw.length !== wanted) throw misfit(what, shape, `${wanted} bytes`, `${raw.length}`);
    return { dtype, shape, data: format.raw(aligned(raw.read()), count) };
  }
  const list = format.list(proto);
  const bits = BITS[type ?? 'float'];
  const wanted = bits < 8 ? bytesOf(type, count) : count;
  const got = reading(what, () => list.length);
  if (got !== wanted) throw misfit(what, shape, `${wanted} numbers`, `${got}`);
  return { dtype, shape, data: reading(what, () => format.fromList(list.values(), count)) };
}

function reading<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof EncompileError) throw error;
    throw new EncompileError(
      `${what} has numbers that cannot be read: ${(error as Error).message}. The file is damaged: export or ` +
        'fetch it again.',
    );
  }
}

/** Bytes of `count` elements as a file holds them. */
export function bytesOf(type: ElementType | null, count: number): number {
  return Math.ceil((BITS[type ?? 'float'] * count) / 8);
}

const BITS: { readonly [T in ElementType]: number } = {
  float: 32,
  uint8: 8,
  int8: 8,
  uint16: 16,
  int16: 16,
  int32: 32,
  int64: 64,
  string: 0,
  bool: 8,
  float16: 16,
  double: 64,
  uint32: 32,
  uint64: 64,
  bfloat16: 16,
  uint4: 4,
  int4: 4,
  uint2: 2,
  int2: 2,
};

function misfit(
  what: string,
  shape: readonly number[],
  wanted: string,
  got: string,
): EncompileError {
  return new EncompileError(
    `${what} has the shape [${shape.join(', ')}], for which ${wanted} were expected, but ${got} are ` +
      'there. The file is damaged or cut: export or fetch it again.',
  );
}

/** The bytes at an offset that any typed array can start at. */
function aligned(raw: Uint8Array): Uint8Array {
  return raw.byteOffset % 8 === 0 ? raw : new Uint8Array(raw);
}

/** How the elements of one type are read, from little-endian bytes and from a list of the message. */
interface Format {
  raw(bytes: Uint8Array, count: number): TypedData;
  list(proto: TensorProto): Numbers<number | bigint>;
  fromList(list: ArrayLike<number | bigint>, count: number): TypedData;
}

const inInt32Data = ({ int32Data }: TensorProto) => int32Data;

function plain(
  raw: Format['raw'],
  list: Format['list'],
  store: (numbers: ArrayLike<number | bigint>) => TypedData,
): Format {
  return { raw, list, fromList: store };
}

type Bits<T> = new (buffer: ArrayBufferLike, offset: number, length: number) => T;

function view<T>(array: Bits<T>): (bytes: Uint8Array, count: number) => T {
  return ({ buffer, byteOffset }, count) => new array(buffer, byteOffset, count);
}

const toF32 = (numbers: ArrayLike<number | bigint>) =>
  numbers instanceof Float32Array ? numbers : Float32Array.from(numbers, Number);
const toI64 = (numbers: ArrayLike<number | bigint>) =>
  numbers instanceof BigInt64Array
    ? numbers
    : BigInt64Array.from(numbers as ArrayLike<number>, BigInt);
const toI32 = (numbers: ArrayLike<number | bigint>) =>
  numbers instanceof Int32Array ? numbers : Int32Array.from(numbers, Number);
const toI8 = (numbers: ArrayLike<number | bigint>) => Int8Array.from(numbers, Number);
const toU8 = (numbers: ArrayLike<number | bigint>) => Uint8Array.from(numbers, Number);
const toBool = (numbers: ArrayLike<number | bigint>) =>
  Uint8Array.from(numbers, (value) => (Number(value) === 0 ? 0 : 1));
const toUnsigned64 = (numbers: ArrayLike<number | bigint>) =>
  BigInt64Array.from(numbers as ArrayLike<number>, (value) => {
    const whole = BigInt(value);
    if (whole < 2n ** 63n) return whole;
    throw new EncompileError(`A tensor of uint64 has ${quote(`${whole}`)}, which is beyond 2^63.`);
  });
const halves =
  (decode: (bits: Uint16Array) => Float32Array) => (numbers: ArrayLike<number | bigint>) =>
    decode(Uint16Array.from(numbers, Number));

/** Several numbers of 2 or 4 bits a byte, the first in the lowest bits. */
function packed(bits: 2 | 4, isSigned: boolean): Format {
  const [perByte, range] = [8 / bits, 2 ** bits];
  const numbers = (bytes: ArrayLike<number | bigint>, count: number) =>
    Array.from({ length: count }, (_, i) => {
      const byte = Number(bytes[Math.floor(i / perByte)] ?? 0);
      const number = (byte >> (bits * (i % perByte))) & (range - 1);
      return isSigned && number >= range / 2 ? number - range : number;
    });
  const store = isSigned ? toI8 : toU8;
  return {
    raw: (bytes, count) => store(numbers(bytes, count)),
    list: inInt32Data,
    fromList: (list, count) => store(numbers(list, count)),
  };
}

const FORMATS: { readonly [T in Exclude<ElementType, 'string'>]: Format } = {
  float: plain(view(Float32Array), ({ floatData }) => floatData, toF32),
  double: plain(
    (bytes, count) => Float32Array.from(view(Float64Array)(bytes, count)),
    ({ doubleData }) => doubleData,
    toF32,
  ),
  float16: plain(
    (bytes, count) => decodeFloat16(view(Uint16Array)(bytes, count)),
    inInt32Data,
    halves(decodeFloat16),
  ),
  bfloat16: plain(
    (bytes, count) => decodeBfloat16(view(Uint16Array)(bytes, count)),
    inInt32Data,
    halves(decodeBfloat16),
  ),
  int64: plain(view(BigInt64Array), ({ int64Data }) => int64Data, toI64),
  uint64: plain(
    (bytes, count) => toUnsigned64(view(BigUint64Array)(bytes, count)),
    ({ uint64Data }) => uint64Data,
    toUnsigned64,
  ),
  uint32: plain(
    (bytes, count) => BigInt64Array.from(view(Uint32Array)(bytes, count), BigInt),
    ({ uint64Data }) => uint64Data,
    toI64,
  ),
  int32: plain(view(Int32Array), inInt32Data, toI32),
  uint16: plain((bytes, count) => toI32(view(Uint16Array)(bytes, count)), inInt32Data, toI32),
  int16: plain((bytes, count) => toI32(view(Int16Array)(bytes, count)), inInt32Data, toI32),
  int8: plain(view(Int8Array), inInt32Data, toI8),
  uint8: plain(view(Uint8Array), inInt32Data, toU8),
  bool: plain((bytes) => toBool(bytes), inInt32Data, toBool),
  uint4: packed(4, false),
  int4: packed(4, true),
  uint2: packed(2, false),
  int2: packed(2, true),
};
