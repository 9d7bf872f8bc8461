/** Whether a tensor's numbers are what its dtype and shape say, and the same numbers in another dtype. */
import {
  type DType,
  isFloat,
  type TensorData,
  type TensorType,
  type TypedData,
} from '../ir/types.ts';

const ARRAY_OF: {
  readonly [D in DType]: {
    new (length: number): TypedData;
    readonly name: string;
  };
} = {
  f32: Float32Array,
  f16: Float32Array,
  i64: BigInt64Array,
  i32: Int32Array,
  i8: Int8Array,
  u8: Uint8Array,
  bool: Uint8Array,
};

const unread = new WeakSet<TensorData>();

/** A tensor of a file that was checked, whose numbers are read when `data` is first asked for. */
export function unreadTensor(
  dtype: DType,
  shape: readonly number[],
  read: () => TypedData,
): TensorData {
  let data: TypedData | null = null;
  const tensor: TensorData = {
    dtype,
    shape,
    get data() {
      data ??= read();
      unread.delete(tensor);
      return data;
    },
  };
  unread.add(tensor);
  return tensor;
}

/** Whether the tensor's numbers are still in its file. */
export function isUnread(tensor: TensorData): boolean {
  return unread.has(tensor);
}

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

/**
 * The tensor in another dtype of its kind: integers and bools of any width serve for one another where
 * their numbers fit, and so do f16 and f32. Null where it cannot be.
 */
export function asDType(tensor: TensorData, dtype: DType): TensorData | null {
  if (tensor.dtype === dtype) return tensor;
  if (isFloat(tensor.dtype) !== isFloat(dtype)) return null;
  if (isFloat(dtype)) return { ...tensor, dtype };
  const [lowest, highest] = RANGE_OF[dtype];
  const numbers = Array.from(tensor.data as ArrayLike<number | bigint>, BigInt);
  if (numbers.some((number) => number < lowest || number > highest)) return null;
  const data =
    dtype === 'i64' ? BigInt64Array.from(numbers) : WIDTHS[dtype].from(numbers.map(Number));
  return { ...tensor, dtype, data };
}

/**
 * Numbers as a tensor of a declared type, of which one dim may be symbolic, or what is wrong with them, as
 * a clause: "are 2 numbers".
 */
export function tensorOfNumbers(
  numbers: readonly number[],
  { dtype, shape: declared }: TensorType,
): TensorData | string {
  const fixed = declared.filter((dim) => typeof dim === 'number');
  const each = fixed.reduce((product, dim) => product * dim, 1);
  const rest = fixed.length === declared.length ? 1 : numbers.length / each;
  const counted = declared.length - fixed.length <= 1 && Number.isInteger(rest);
  if (!counted || each * rest !== numbers.length) return `are ${numbers.length} numbers`;
  const shape = declared.map((dim) => (typeof dim === 'number' ? dim : rest));
  if (isFloat(dtype)) return { dtype, shape, data: Float32Array.from(numbers) };
  const wrong = numbers.find((number) => !Number.isSafeInteger(number));
  if (wrong !== undefined) return `have ${wrong} among them`;
  const data = BigInt64Array.from(numbers, BigInt);
  return (
    asDType({ dtype: 'i64', shape, data }, dtype) ??
    `have one among them that ${dtype} does not hold`
  );
}

const WIDTHS = { i32: Int32Array, i8: Int8Array, u8: Uint8Array, bool: Uint8Array } as const;

const RANGE_OF: { readonly [D in Exclude<DType, 'f32' | 'f16'>]: readonly [bigint, bigint] } = {
  i64: [-(2n ** 63n), 2n ** 63n - 1n],
  i32: [-(2n ** 31n), 2n ** 31n - 1n],
  i8: [-128n, 127n],
  u8: [0n, 255n],
  bool: [0n, 1n],
};
