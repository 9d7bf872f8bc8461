/**
 * In which ONNX types values stand at the boundary of the exported graph, and within it.
 *
 * Within, a value is held as encompile means it, and in a type for which runtimes have all ops: f16 is
 * float32 that is never rounded, i8 and u8 are int32 that wrap around to their own width. Inputs,
 * outputs and weights have the declared types; a Cast stands between.
 */
import { Float16Array } from '@petamoriken/float16';
import { type DType, isInteger, type TensorData, type TypedData } from '../../ir/types.ts';
import { DATA_TYPE } from '../../onnx/schema.ts';
import { type GraphWriter, int, type Ref } from './graph-writer.ts';

export const BOUNDARY_TYPE: { readonly [D in DType]: number } = {
  f32: DATA_TYPE.float,
  f16: DATA_TYPE.float16,
  i64: DATA_TYPE.int64,
  i32: DATA_TYPE.int32,
  i8: DATA_TYPE.int8,
  u8: DATA_TYPE.uint8,
  bool: DATA_TYPE.bool,
};

export const HELD_TYPE: { readonly [D in DType]: number } = {
  ...BOUNDARY_TYPE,
  f16: DATA_TYPE.float,
  i8: DATA_TYPE.int32,
  u8: DATA_TYPE.int32,
};

export function castTo(writer: GraphWriter, x: Ref, to: number): Ref {
  return writer.node('Cast', [x], { to: int(to) });
}

/** A value of the boundary as the graph holds it. */
export function hold(writer: GraphWriter, dtype: DType, x: Ref): Ref {
  const held = HELD_TYPE[dtype];
  return held === BOUNDARY_TYPE[dtype] ? x : castTo(writer, x, held);
}

/** A held value as the boundary has it. */
export function release(writer: GraphWriter, dtype: DType, x: Ref): Ref {
  const type = BOUNDARY_TYPE[dtype];
  return type === HELD_TYPE[dtype] ? x : castTo(writer, x, type);
}

/** A held value as arithmetic leaves it, with i8 and u8 wrapped around to their width. */
export function wrap(writer: GraphWriter, dtype: DType, x: Ref): Ref {
  if (!isInteger(dtype)) return x;
  // ONNX defines that a Cast between integers drops the higher bits.
  return hold(writer, dtype, release(writer, dtype, x));
}

/** Numbers as an initializer in the type in which the graph holds them. */
export function constantOf(
  writer: GraphWriter,
  dtype: DType,
  dims: readonly number[],
  values: readonly number[],
): Ref {
  return writer.constant(HELD_TYPE[dtype], dims, bytesOf(HELD_ARRAY[dtype](values)));
}

/** One number, of no dims. */
export function scalar(writer: GraphWriter, dtype: DType, value: number): Ref {
  return constantOf(writer, dtype, [], [value]);
}

/** A weight as the graph holds it, stored in its own type. */
export function weightOf(writer: GraphWriter, name: string, tensor: TensorData): Ref {
  const { dtype, shape, data } = tensor;
  const stored = dtype === 'f16' ? Float16Array.from(data as Float32Array) : data;
  const ref = writer.weight(BOUNDARY_TYPE[dtype], shape, bytesOf(stored), name);
  return hold(writer, dtype, ref);
}

const HELD_ARRAY: { readonly [D in DType]: (values: readonly number[]) => TypedData } = {
  f32: (values) => Float32Array.from(values),
  f16: (values) => Float32Array.from(values),
  i64: (values) => BigInt64Array.from(values, BigInt),
  i32: (values) => Int32Array.from(values),
  i8: (values) => Int32Array.from(values),
  u8: (values) => Int32Array.from(values),
  bool: (values) => Uint8Array.from(values),
};

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
