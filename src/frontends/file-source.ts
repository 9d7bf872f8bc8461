/**
 * A regular file as a source of bytes. What is read of it stays with the caller, and nothing else of it is
 * held.
 *
 * Invariant: where `close` returns, all that was read is of one and the same state of the file.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { EncompileError } from '../errors.ts';
import type { ByteSource } from '../onnx/byte-source.ts';

/** One read of the operating system takes less than 2 GiB. */
const MAX_READ_BYTES = 2 ** 30;
const WINDOW = 1 << 16;

export class FileSource implements ByteSource {
  readonly path: string;
  readonly length: number;
  readonly window = WINDOW;
  /** Of this file in this state. */
  readonly identity: string;
  private readonly file: number;

  /** Opens the file; see `withFile`. @throws EncompileError where it is absent, not readable, or no regular file */
  constructor(path: string) {
    this.path = path;
    this.file = opened(path);
    const { identity, size, isFile } = stateOf(this.file);
    this.identity = identity;
    this.length = size;
    if (isFile) return;
    closeSync(this.file);
    throw new EncompileError(`${path} is not a file. Give the path of a regular file.`);
  }

  read(start: number, end: number): Uint8Array {
    const bytes = allocated(end - start, this.path);
    let done = 0;
    while (done < bytes.length) {
      const wanted = Math.min(bytes.length - done, MAX_READ_BYTES);
      const got = readSync(this.file, bytes, done, wanted, start + done);
      if (got === 0) throw this.changed();
      done += got;
    }
    return bytes;
  }

  /** @throws EncompileError where the file changed since it was opened */
  close(): void {
    const isUnchanged = this.isUnchanged();
    closeSync(this.file);
    if (!isUnchanged) throw this.changed();
  }

  isUnchanged(): boolean {
    return stateOf(this.file).identity === this.identity;
  }

  /** Where what was read is given up. */
  abandon(): void {
    closeSync(this.file);
  }

  changed(): EncompileError {
    return new EncompileError(
      `${this.path} changed while it was read. Wait until it is complete and try again.`,
    );
  }
}

/** A file that is opened for each read, and must be in the state in which it was first seen. */
export class RecordedFile implements ByteSource {
  readonly path: string;
  readonly length: number;
  readonly window = WINDOW;
  private readonly identity: string;

  constructor(path: string) {
    this.path = path;
    const { length, identity } = withFile(path, (file) => file);
    this.length = length;
    this.identity = identity;
  }

  read(start: number, end: number): Uint8Array {
    return withFile(this.path, (file) => {
      if (file.identity !== this.identity) throw file.changed();
      return file.read(start, end);
    });
  }
}

/** What `use` makes of the file at `path`, which is open until then. */
export function withFile<T>(path: string, use: (file: FileSource) => T): T {
  return whileOpen(new FileSource(path), use);
}

/** What `use` makes of what is open until then. @throws EncompileError where `close` finds it changed */
export function whileOpen<S extends { close(): void; abandon(): void }, T>(
  source: S,
  use: (source: S) => T,
): T {
  let made: T;
  try {
    made = use(source);
  } catch (error) {
    source.abandon();
    throw error;
  }
  source.close();
  return made;
}

function opened(path: string): number {
  try {
    // Opening a pipe would wait for its writer for ever.
    return openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new EncompileError(
      missing
        ? `There is no file ${path}. Check the path.`
        : `${path} could not be opened: ${(error as Error).message}. Check its permissions.`,
    );
  }
}

function stateOf(file: number) {
  const stat = fstatSync(file, { bigint: true });
  const { dev, ino, size, mtimeNs } = stat;
  const identity = [dev, ino, size, mtimeNs].join(' ');
  return { identity, size: Number(size), isFile: stat.isFile() };
}

function allocated(length: number, path: string): Uint8Array {
  try {
    return new Uint8Array(length);
  } catch {
    throw new EncompileError(
      `${path} has ${length} bytes to read, which is more than this machine can hold at once. ` +
        'Split it into several files (shards).',
    );
  }
}
