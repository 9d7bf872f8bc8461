/**
 * Tensor files in the safetensors format, which is little-endian throughout.
 *
 * Invariants: a file is checked whole before a tensor of it is made (`safetensors-header.ts`); what
 * is written depends on the tensors alone, not on the order they came in; a file is written whole
 * or not at all. Names are arbitrary text, hence maps and never plain objects.
 */
import { EncompileError } from '../errors.ts';
import { decodeBfloat16, decodeFloat16, encodeFloat16 } from '../ir/float16.ts';
import { BYTES, type DType, type TensorData, type TypedData } from '../ir/types.ts';
import { type ByteSource, inMemory } from '../onnx/byte-source.ts';
import { writeFiles } from '../output-files.ts';
import { RecordedFile, withFile } from './file-source.ts';
import { quote } from './json.ts';
import {
  headerLength,
  LENGTH_BYTES,
  MAX_HEADER_BYTES,
  METADATA_KEY,
  parseHeader,
  parseMetadata,
  STORED_TYPES,
  type StoredType,
} from './safetensors-header.ts';
import { dataFault, unreadTensor } from './tensor-data.ts';

/**
 * The tensors of a safetensors file, in the order of their bytes.
 *
 * F16 is expanded to float32 numbers and keeps dtype f16; BF16 becomes f32 exactly; F64 is rounded
 * to f32 (beyond its range: to infinity); I16 becomes i32. The data may share memory with `bytes`.
 *
 * @param origin the file's name, for errors
 * @throws EncompileError that names the file and tensor, when the file is not valid safetensors
 */
export function parseSafetensors(
  bytes: Uint8Array,
  origin: string,
): ReadonlyMap<string, TensorData> {
  return new Map([...tensorsOf(inMemory(bytes), origin)].map(read));
}

/** Tensors whose numbers are read when they are first asked for. */
function tensorsOf(file: ByteSource, origin: string): ReadonlyMap<string, TensorData> {
  requireLittleEndian();
  const start = file.read(0, Math.min(LENGTH_BYTES, file.length));
  const dataStart = LENGTH_BYTES + headerLength(start, file.length, origin);
  const header = file.read(LENGTH_BYTES, dataStart);
  const tensors = parseHeader(header, file.length - dataStart, origin);
  return new Map(
    tensors.map(({ name, stored, shape, begin, end }): [string, TensorData] => {
      const read = () => {
        const bytes = file.read(dataStart + begin, dataStart + end);
        if (stored === 'BOOL') checkBooleans(bytes, name, origin);
        return DECODERS[stored](bytes);
      };
      return [name, unreadTensor(STORED_TYPES[stored].dtype, shape, read)];
    }),
  );
}

/** The metadata of a safetensors file, by key. @throws EncompileError as `parseSafetensors` does. */
export function readSafetensorsMetadata(
  bytes: Uint8Array,
  origin: string,
): ReadonlyMap<string, string> {
  const start = bytes.subarray(0, LENGTH_BYTES);
  const dataStart = LENGTH_BYTES + headerLength(start, bytes.length, origin);
  return parseMetadata(bytes.subarray(LENGTH_BYTES, dataStart), origin);
}

/** `parseSafetensors` of a file; the header is checked before the data is read. */
export async function readSafetensors(path: string): Promise<ReadonlyMap<string, TensorData>> {
  return withFile(path, (file) => new Map([...tensorsOf(file, path)].map(read)));
}

/**
 * `readSafetensors` that reads the numbers of a tensor when its `data` is first asked for, which throws where
 * the file has changed by then. What does not fit a model is refused without them.
 */
export function openSafetensors(path: string): ReadonlyMap<string, TensorData> {
  return tensorsOf(new RecordedFile(path), path);
}

function read([name, { dtype, shape, data }]: readonly [string, TensorData]) {
  return [name, { dtype, shape, data }] as const;
}

/**
 * A safetensors file of `tensors`. Equal tensors and metadata give equal bytes: tensors are laid
 * out by element size, widest first (so all are aligned), then by name, as the format's own
 * writer does. The numbers of an f16 tensor are rounded to float16.
 *
 * @throws EncompileError when a tensor's data does not fit its dtype and shape, or a name cannot be
 * written
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, TensorData>,
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array {
  requireLittleEndian();
  const sorted = [...tensors].sort(
    ([a, x], [b, y]) => BYTES[y.dtype] - BYTES[x.dtype] || byCodeUnit(a, b),
  );
  const parts = sorted.map(([name, tensor]) => storedBytes(name, tensor));
  const header = encodeHeader(sorted, parts, metadata);
  const length = parts.reduce((sum, part) => sum + part.length, LENGTH_BYTES + header.length);
  const file = new Uint8Array(length);
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
  file.set(header, LENGTH_BYTES);
  let at = LENGTH_BYTES + header.length;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}

/** Writes `encodeSafetensors` to `path`, through a file beside it that is renamed when complete. */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TensorData>,
  metadata?: ReadonlyMap<string, string>,
): Promise<void> {
  await writeFiles(new Map([[path, encodeSafetensors(tensors, metadata)]]));
}

const DECODERS: { readonly [T in StoredType]: (bytes: Uint8Array) => TypedData } = {
  F32: (bytes) => view(Float32Array, bytes),
  F16: (bytes) => decodeFloat16(view(Uint16Array, bytes)),
  BF16: (bytes) => decodeBfloat16(view(Uint16Array, bytes)),
  F64: (bytes) => Float32Array.from(view(Float64Array, bytes)),
  I64: (bytes) => view(BigInt64Array, bytes),
  I32: (bytes) => view(Int32Array, bytes),
  I16: (bytes) => Int32Array.from(view(Int16Array, bytes)),
  I8: (bytes) => view(Int8Array, bytes),
  U8: (bytes) => view(Uint8Array, bytes),
  BOOL: (bytes) => view(Uint8Array, bytes),
};

const STORED_AS: { readonly [D in DType]: StoredType } = {
  f32: 'F32',
  f16: 'F16',
  i64: 'I64',
  i32: 'I32',
  i8: 'I8',
  u8: 'U8',
  bool: 'BOOL',
};

/** `bytes` as numbers, in place where they are aligned and copied where they are not. */
function view<T>(
  array: {
    new (buffer: ArrayBufferLike, byteOffset: number, length: number): T;
    readonly BYTES_PER_ELEMENT: number;
  },
  bytes: Uint8Array,
): T {
  const aligned = bytes.byteOffset % array.BYTES_PER_ELEMENT === 0 ? bytes : Uint8Array.from(bytes);
  return new array(aligned.buffer, aligned.byteOffset, bytes.length / array.BYTES_PER_ELEMENT);
}

function checkBooleans(bytes: Uint8Array, name: string, origin: string): void {
  const at = bytes.findIndex((byte) => byte > 1);
  if (at < 0) return;
  throw new EncompileError(
    `Tensor ${quote(name)} in ${origin} is BOOL, but its element ${at} is the byte ${bytes[at]}, ` +
      'where 0 or 1 was expected. Save it as U8, or as true booleans.',
  );
}

function storedBytes(name: string, tensor: TensorData): Uint8Array {
  const fault = nameFault(name) ?? dataFault(tensor);
  if (fault) throw new EncompileError(`Tensor ${quote(name)} cannot be written: ${fault}`);
  const data: TypedData | Uint16Array =
    tensor.dtype === 'f16' ? encodeFloat16(tensor.data as Float32Array) : tensor.data;
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function nameFault(name: string): string | null {
  if (name === METADATA_KEY) return 'the format reserves this name. Rename the tensor.';
  if (/\p{Surrogate}/u.test(name)) {
    return 'its name holds half a surrogate pair, which is not Unicode text. Rename the tensor.';
  }
  return null;
}

function encodeHeader(
  sorted: readonly (readonly [string, TensorData])[],
  parts: readonly Uint8Array[],
  metadata: ReadonlyMap<string, string>,
): Uint8Array {
  // Joined by hand: an object would reorder names that look like array indices.
  const members: string[] = [];
  const describe = (key: string, value: unknown) =>
    members.push(`${JSON.stringify(key)}:${JSON.stringify(value)}`);
  if (metadata.size > 0) {
    const pairs = [...metadata].sort(([a], [b]) => byCodeUnit(a, b));
    const texts = pairs.map(([key, text]) => `${JSON.stringify(key)}:${JSON.stringify(text)}`);
    members.push(`"${METADATA_KEY}":{${texts.join(',')}}`);
  }
  let begin = 0;
  for (const [i, [name, { dtype, shape }]] of sorted.entries()) {
    const end = begin + (parts[i]?.length ?? 0);
    describe(name, { dtype: STORED_AS[dtype], shape, data_offsets: [begin, end] });
    begin = end;
  }
  const text = new TextEncoder().encode(`{${members.join(',')}}`);
  const padded = new Uint8Array(Math.ceil(text.length / LENGTH_BYTES) * LENGTH_BYTES).fill(0x20);
  padded.set(text);
  if (padded.length > MAX_HEADER_BYTES) {
    throw new EncompileError(
      `The names and shapes of ${sorted.length} tensors take ${padded.length} bytes, where a ` +
        `safetensors header holds ${MAX_HEADER_BYTES}. Write them to several files.`,
    );
  }
  return padded;
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Numbers are viewed in place, so the host must have the file's byte order; all but s390x do. */
function requireLittleEndian(): void {
  if (new Uint8Array(Uint16Array.of(1).buffer)[0] === 1) return;
  throw new EncompileError(
    'Tensor files are little-endian and this machine is not. Run encompile on another machine.',
  );
}
