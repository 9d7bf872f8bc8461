/** Whether a tensor's numbers are what its dtype and shape say. */
import type { DType, TensorData, TypedData } from '../ir/types.ts';

const ARRAY_OF: {
  readonly [D in DType]: { new (length: number): TypedData; readonly name: string };
} = {
  f32: Float32Array,
  f16: Float32Array,
  i64: BigInt64Array,
  i32: Int32Array,
  i8: Int8Array,
  u8: Uint8Array,
  bool: Uint8Array,
};

/** What is wrong with `tensor`, as a sentence that follows "the tensor ...: ", or null. */
export function dataFault({ dtype, shape, data }: TensorData): string | null {
  const array = ARRAY_OF[dtype];
  if (!(data instanceof array)) {
    const given = (data as { constructor?: { name?: string } } | null)?.constructor?.name;
    return `its dtype ${dtype} is held by a ${array.name}, and it has a ${given ?? typeof data}.`;
  }
  if (!shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0)) {
    return `its shape [${shape.join(', ')}] has a dim that is not a whole number.`;
  }
  const elements = shape.reduce((product, dim) => product * dim, 1);
  if (data.length !== elements) {
    return `its shape [${shape.join(', ')}] has ${elements} elements, and its data has ${data.length}.`;
  }
  const at = dtype === 'bool' ? (data as Uint8Array).findIndex((value) => value > 1) : -1;
  return at < 0 ? null : `its element ${at} is ${data[at]}, where a bool is 0 or 1.`;
}
