/**
 * The numbers of a tensor as a message holds them: bytes of the file, of which numbers are made when they are
 * asked for. A byte can stand for a number that takes eight, so how many there are is known before.
 *
 * Invariant: bytes that were added decode without an error.
 */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';

/** Numbers of which the count is known, and that are made anew each time. */
export interface Numbers<T> {
  readonly length: number;
  values(): ArrayLike<T>;
}

/** What holds numbers, and can be written. */
export interface Room<T> {
  readonly length: number;
  [index: number]: T;
}

/** How one number is read; `place` is nothing to it. */
interface NumberKind<T> {
  readonly wire: WireType;
  /** As little memory as `count` numbers need. */
  readonly room?: (count: number) => Room<T>;
  read(reader: BinaryReader, place: never): T;
}

export const NO_NUMBERS: Numbers<never> = Object.freeze({ length: 0, values: () => [] });

/** The longest varint: 64 bits, seven a byte. */
const LONGEST_VARINT = 10;

export class PackedNumbers<T> implements Numbers<T> {
  private readonly kind: NumberKind<T>;
  /** Packed bytes, and numbers that came one by one between them. */
  private readonly chunks: (Uint8Array | T[])[] = [];
  private count = 0;

  constructor(kind: NumberKind<T>) {
    this.kind = kind;
  }

  get length(): number {
    return this.count;
  }

  add(number: T): void {
    const last = this.chunks.at(-1);
    if (Array.isArray(last)) last.push(number);
    else this.chunks.push([number]);
    this.count++;
  }

  /** @throws Error where the bytes are no such numbers */
  addBytes(bytes: Uint8Array): void {
    this.count += countOf(bytes, this.kind.wire);
    this.chunks.push(bytes);
  }

  values(): ArrayLike<T> {
    const all: Room<T> = this.kind.room?.(this.count) ?? new Array<T>(this.count);
    let at = 0;
    for (const chunk of this.chunks) {
      if (Array.isArray(chunk)) for (const number of chunk) all[at++] = number;
      else {
        const reader = new BinaryReader(chunk);
        while (reader.pos < reader.len) all[at++] = this.kind.read(reader, undefined as never);
      }
    }
    return all;
  }
}

function countOf(bytes: Uint8Array, wire: WireType): number {
  if (wire !== WireType.Varint) {
    const count = bytes.length / (wire === WireType.Bit32 ? 4 : 8);
    if (Number.isInteger(count)) return count;
    throw new Error(`a list of numbers has ${bytes.length} bytes`);
  }
  let [count, start] = [0, 0];
  for (let i = 0; i < bytes.length; i++) {
    if (i - start >= LONGEST_VARINT) throw new Error('a number has more than 64 bits');
    if ((bytes[i] ?? 0) > 127) continue;
    count++;
    start = i + 1;
  }
  if (start < bytes.length) throw new Error('a number is cut');
  return count;
}
