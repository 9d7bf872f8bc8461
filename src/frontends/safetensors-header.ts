/**
 * The header of a safetensors file: eight bytes with its length (little-endian), then JSON that
 * gives every tensor its type, shape and byte range; the bytes of the tensors follow.
 *
 * Invariants of a header that `parseHeader` returns: the byte ranges, in order, tile the data
 * exactly (no overlap, no hole, nothing after the last), and each is as long as its type and shape
 * need. So nothing is allocated that the file does not hold.
 */
import { EncompileError } from '../errors.ts';
import type { DType } from '../ir/types.ts';
import { isJsonObject, type JsonObject, type JsonValue, member, parseJson, quote } from './json.ts';

/** Types in the file that can be read, each with the dtype it becomes. */
export const STORED_TYPES = {
  F32: { dtype: 'f32', bytes: 4 },
  F16: { dtype: 'f16', bytes: 2 },
  BF16: { dtype: 'f32', bytes: 2 },
  F64: { dtype: 'f32', bytes: 8 },
  I64: { dtype: 'i64', bytes: 8 },
  I32: { dtype: 'i32', bytes: 4 },
  I16: { dtype: 'i32', bytes: 2 },
  I8: { dtype: 'i8', bytes: 1 },
  U8: { dtype: 'u8', bytes: 1 },
  BOOL: { dtype: 'bool', bytes: 1 },
} as const satisfies Record<string, { readonly dtype: DType; readonly bytes: number }>;
export type StoredType = keyof typeof STORED_TYPES;

/** A tensor as the header describes it; `begin` and `end` count from the start of the data. */
export interface StoredTensor {
  readonly name: string;
  readonly stored: StoredType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export const LENGTH_BYTES = 8;
/** The bound that the format sets is 100 MB, which take five times as much when they are read. */
export const MAX_HEADER_BYTES = 12_000_000;
/** A tensor has about 25, as `parseJson` counts: files of 40,000 tensors are taken. */
const MAX_HEADER_PARTS = 1_000_000;
export const METADATA_KEY = '__metadata__';
const MAX_RANK = 64;
/** How a clone without Git LFS holds large files: as text that begins with the pointer's version. */
const GIT_LFS_START = 'version ';

/** The header's length, from the file's first eight bytes (fewer where the file is shorter). */
export function headerLength(start: Uint8Array, fileBytes: number, origin: string): number {
  if (start.length < LENGTH_BYTES || fileBytes < LENGTH_BYTES) {
    throw new EncompileError(
      `${origin} is not a safetensors file: it has ${fileBytes} bytes, and its first ` +
        `${LENGTH_BYTES} should be the header's length. Fetch the file again.`,
    );
  }
  if (new TextDecoder().decode(start) === GIT_LFS_START) {
    throw new EncompileError(
      `${origin} is a Git LFS pointer, not the weights themselves. Run 'git lfs pull' in its ` +
        'repository, or download the file from the hub.',
    );
  }
  const length = new DataView(start.buffer, start.byteOffset).getBigUint64(0, true);
  const room = fileBytes - LENGTH_BYTES;
  if (length > BigInt(Math.min(room, MAX_HEADER_BYTES))) {
    throw new EncompileError(
      `${origin} is not a safetensors file, or is cut short: its first ${LENGTH_BYTES} bytes ` +
        `announce a header of ${length} bytes, where the file has ${room} left and at most ` +
        `${MAX_HEADER_BYTES} are taken. Fetch the file again.`,
    );
  }
  return Number(length);
}

/** The texts under `__metadata__`, checked as `parseHeader` does. */
export function parseMetadata(header: Uint8Array, origin: string): ReadonlyMap<string, string> {
  const root = parseJson(decodeUtf8(header, origin), `The header of ${origin}`, MAX_HEADER_PARTS);
  const value = isJsonObject(root) ? member(root, METADATA_KEY) : undefined;
  if (value === undefined) return new Map();
  checkMetadata(value, origin);
  return new Map(Object.entries(value as JsonObject).map(([key, text]) => [key, String(text)]));
}

/** The tensors in the order of their bytes, checked against `dataBytes`, the size of the data. */
export function parseHeader(
  header: Uint8Array,
  dataBytes: number,
  origin: string,
): readonly StoredTensor[] {
  const root = parseJson(decodeUtf8(header, origin), `The header of ${origin}`, MAX_HEADER_PARTS);
  if (!isJsonObject(root)) {
    throw new EncompileError(
      `The header of ${origin} is ${quote(root)}, where a JSON object of tensors was expected. ` +
        'Save the file again.',
    );
  }
  const tensors: StoredTensor[] = [];
  for (const [name, value] of Object.entries(root)) {
    if (name === METADATA_KEY) checkMetadata(value, origin);
    else tensors.push(parseTensor(name, value, origin));
  }
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkTiling(tensors, dataBytes, origin);
  return tensors;
}

function decodeUtf8(header: Uint8Array, origin: string): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header);
  } catch {
    throw new EncompileError(
      `The header of ${origin} is not UTF-8 text. This is not a safetensors file, or it is ` +
        'damaged; fetch it again.',
    );
  }
  if (!text.startsWith('{')) {
    throw new EncompileError(
      `The header of ${origin} begins with ${quote(text.slice(0, 8))}, where the format wants ` +
        "'{'. This is not a safetensors file, or it is damaged; fetch it again.",
    );
  }
  return text;
}

function checkMetadata(value: JsonValue, origin: string): void {
  const valid =
    isJsonObject(value) && Object.values(value).every((text) => typeof text === 'string');
  if (valid) return;
  throw new EncompileError(
    `${METADATA_KEY} in the header of ${origin} is ${quote(value)}, where an object of texts was ` +
      'expected. Save the file again.',
  );
}

function parseTensor(name: string, value: JsonValue, origin: string): StoredTensor {
  const where = `Tensor ${quote(name)} in ${origin}`;
  if (!isJsonObject(value)) {
    throw new EncompileError(
      `${where} is described by ${quote(value)}, where an object with dtype, shape and ` +
        'data_offsets was expected. Save the file again.',
    );
  }
  const stored = parseType(member(value, 'dtype'), where);
  const shape = parseShape(member(value, 'shape'), where);
  const [begin, end] = parseOffsets(value, where);
  const needed = byteLength(shape, STORED_TYPES[stored].bytes);
  if (needed !== end - begin) {
    throw new EncompileError(
      `${where} has ${end - begin} bytes (data_offsets [${begin}, ${end}]), where ${stored} of ` +
        `shape [${shape.join(', ')}] needs ${needed ?? 'more than a file can hold'}. The file is ` +
        'damaged; fetch or save it again.',
    );
  }
  return { name, stored, shape, begin, end };
}

function parseType(value: JsonValue | undefined, where: string): StoredType {
  if (typeof value === 'string' && Object.hasOwn(STORED_TYPES, value)) return value as StoredType;
  throw new EncompileError(
    `${where} has dtype ${quote(value)}, which cannot be read: expected one of ` +
      `${Object.keys(STORED_TYPES).join(', ')}. Convert the tensor before saving it.`,
  );
}

function parseShape(value: JsonValue | undefined, where: string): readonly number[] {
  if (Array.isArray(value) && value.length <= MAX_RANK && value.every(isCount)) return value;
  throw new EncompileError(
    `${where} has shape ${quote(value)}, where a list of at most ${MAX_RANK} whole numbers, ` +
      `each from 0 to ${Number.MAX_SAFE_INTEGER}, was expected. Save the file again.`,
  );
}

function parseOffsets(description: JsonObject, where: string): readonly [number, number] {
  const value = member(description, 'data_offsets');
  if (Array.isArray(value) && value.length === 2) {
    const [begin, end] = value;
    if (isCount(begin) && isCount(end) && begin <= end) return [begin, end];
  }
  throw new EncompileError(
    `${where} has data_offsets ${quote(value)}, where [begin, end] in bytes with begin <= end was ` +
      'expected. The file is damaged; fetch or save it again.',
  );
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0);
}

/** Bytes of a tensor, or null where the product is past what a number holds exactly. */
function byteLength(shape: readonly number[], elementBytes: number): number | null {
  if (shape.includes(0)) return 0;
  let bytes = elementBytes;
  for (const dim of shape) {
    bytes *= dim;
    if (bytes > Number.MAX_SAFE_INTEGER) return null;
  }
  return bytes;
}

function checkTiling(sorted: readonly StoredTensor[], dataBytes: number, origin: string): void {
  let reached = 0;
  let previous = 'the start of the data';
  for (const { name, begin, end } of sorted) {
    if (end > dataBytes) {
      throw new EncompileError(
        `Tensor ${quote(name)} in ${origin} lies at bytes ${begin} to ${end} of the data, but the ` +
          `file holds only ${dataBytes} bytes of data. The file is cut short; fetch it again.`,
      );
    }
    if (begin !== reached) {
      const fault = begin < reached ? 'overlaps' : 'leaves a hole after';
      throw new EncompileError(
        `Tensor ${quote(name)} in ${origin} begins at byte ${begin} of the data and ${fault} ` +
          `${previous}, which ends at byte ${reached}: the tensors' bytes must follow one another ` +
          'without gap or overlap. Save the file again with a correct writer.',
      );
    }
    reached = end;
    previous = `tensor ${quote(name)}`;
  }
  if (reached !== dataBytes) {
    throw new EncompileError(
      `${origin} holds ${dataBytes} bytes of data, but its tensors end at byte ${reached}: the ` +
        'rest belongs to no tensor. Save the file again with a correct writer.',
    );
  }
}
