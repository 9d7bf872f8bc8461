/**
 * The numbers of a tensor as a message holds them: bytes of the file, of which numbers are made when they are
 * asked for. A byte can stand for a number that takes eight, so how many there are is counted before.
 */
import { WireType } from '@bufbuild/protobuf/wire';
import { StoredRange } from './byte-source.ts';
import { WireReader } from './wire-reader.ts';

/** Numbers of which the count is known, and that are made anew each time. */
export interface Numbers<T> {
  /** @throws Error where the bytes are no such numbers */
  readonly length: number;
  /** @throws Error as `length` does */
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
  /** Of numbers of one width: those that the bytes are. */
  readonly view?: (bytes: Uint8Array) => ArrayLike<T>;
  read(reader: WireReader, place: never): T;
}

export const NO_NUMBERS: Numbers<never> = Object.freeze({ length: 0, values: () => [] });

/** The longest varint: 64 bits, seven a byte. */
const LONGEST_VARINT = 10;

export class PackedNumbers<T> implements Numbers<T> {
  private readonly kind: NumberKind<T>;
  /** Packed bytes, and numbers that came one by one between them. */
  private readonly chunks: (StoredRange | T[])[] = [];
  private count: number | null = null;

  constructor(kind: NumberKind<T>) {
    this.kind = kind;
  }

  get length(): number {
    this.count ??= this.chunks.reduce((sum, chunk) => {
      return sum + (chunk instanceof StoredRange ? countOf(chunk, this.kind.wire) : chunk.length);
    }, 0);
    return this.count;
  }

  add(number: T): void {
    this.count = null;
    const last = this.chunks.at(-1);
    if (Array.isArray(last)) last.push(number);
    else this.chunks.push([number]);
  }

  addPacked(bytes: StoredRange): void {
    this.count = null;
    this.chunks.push(bytes);
  }

  values(): ArrayLike<T> {
    const { kind, length } = this;
    const [only, ...others] = this.chunks;
    if (others.length === 0 && kind.view !== undefined && only instanceof StoredRange)
      return kind.view(only.read());
    const all: Room<T> = kind.room?.(length) ?? new Array<T>(length);
    let at = 0;
    for (const chunk of this.chunks) {
      if (Array.isArray(chunk)) for (const number of chunk) all[at++] = number;
      else {
        const reader = new WireReader(chunk.source, chunk.start, chunk.end);
        while (!reader.isAtEnd) all[at++] = kind.read(reader, undefined as never);
      }
    }
    return all;
  }
}

function countOf({ source, start, end }: StoredRange, wire: WireType): number {
  const length = end - start;
  if (wire !== WireType.Varint) {
    const count = length / (wire === WireType.Bit32 ? 4 : 8);
    if (Number.isInteger(count)) return count;
    throw new Error(`a list of numbers has ${length} bytes`);
  }
  const run = { count: 0, continued: 0 };
  for (let from = start; from < end; from += source.window) {
    countVarints(source.read(from, Math.min(from + source.window, end)), run);
  }
  if (run.continued > 0) throw new Error('a number is cut');
  return run.count;
}

/** Counts on through the bytes: `continued` is how many bytes the number that is not at its end has. */
function countVarints(bytes: Uint8Array, run: { count: number; continued: number }): void {
  let { count, continued } = run;
  for (let i = 0; i < bytes.length; i++) {
    if ((bytes[i] ?? 0) < 128) {
      count++;
      continued = 0;
    } else if (++continued >= LONGEST_VARINT) throw new Error('a number has more than 64 bits');
  }
  run.count = count;
  run.continued = continued;
}
