/**
 * Where the bytes of a file come from: memory, or a file that is too large to be held whole. What is
 * read of it is read when it is used.
 *
 * Invariant: what `read` gives stays as it is. It may be a view of memory that others see, so nobody
 * writes into it.
 */

export interface ByteSource {
  readonly length: number;
  /** How many bytes to take at once in order to look at some of them. */
  readonly window: number;
  /** The bytes from `start` to before `end`. @throws EncompileError where they cannot be had */
  read(start: number, end: number): Uint8Array;
}

export function inMemory(bytes: Uint8Array): ByteSource {
  return {
    length: bytes.length,
    window: Number.POSITIVE_INFINITY,
    read: (start, end) => bytes.subarray(start, end),
  };
}

/** Bytes that are read when they are asked for. */
export interface StoredBytes {
  readonly length: number;
  read(): Uint8Array;
}

/** A part of a source. */
export class StoredRange implements StoredBytes {
  readonly source: ByteSource;
  readonly start: number;
  readonly end: number;

  constructor(source: ByteSource, start: number, end: number) {
    this.source = source;
    this.start = start;
    this.end = end;
  }

  get length(): number {
    return this.end - this.start;
  }

  read(): Uint8Array {
    return this.source.read(this.start, this.end);
  }
}

export function stored(bytes: Uint8Array): StoredBytes {
  return new StoredRange(inMemory(bytes), 0, bytes.length);
}
