/**
 * The files beside a model that hold its tensors. Each is resolved and looked at once; the first are kept
 * open, further ones are opened for each read.
 *
 * Invariant: a file has the state that it had when it was first seen, or reading it fails.
 */
import { EncompileError } from '../../errors.ts';
import { type StoredBytes, StoredRange } from '../../onnx/byte-source.ts';
import { confinedPath } from '../confined-path.ts';
import { FileSource, RecordedFile, whileOpen } from '../file-source.ts';

/** Exporters that write a file a tensor write some hundreds; a process may have a thousand open. */
const MAX_FILES = 4096;
const MAX_OPEN = 64;
/** Tensors may share bytes of a file, but not so that a small file fills the memory. */
const MOST_SHARED = 4;

class ExternalFile {
  readonly source: FileSource | RecordedFile;
  private taken = 0;
  private readonly ranges = new Map<string, SharedRange>();

  constructor(source: FileSource | RecordedFile) {
    this.source = source;
  }

  get length(): number {
    return this.source.length;
  }

  /** The `length` bytes from `offset`, which are there. @param model the model, for errors */
  range(offset: number, length: number, model: string): StoredBytes {
    this.taken += length;
    if (this.taken > MOST_SHARED * this.length) {
      throw new EncompileError(
        `The tensors of ${model} lie over one another in ${this.source.path}: together they have more than ${MOST_SHARED} ` +
          `times its ${this.length} bytes. Export both files again.`,
      );
    }
    const key = `${offset} ${length}`;
    let range = this.ranges.get(key);
    if (range === undefined) {
      range = new SharedRange(new StoredRange(this.source, offset, offset + length));
      this.ranges.set(key, range);
    }
    range.users++;
    return range;
  }
}

/** Bytes that are kept where more than one tensor has them. */
class SharedRange implements StoredBytes {
  users = 0;
  private readonly range: StoredRange;
  private kept: Uint8Array | null = null;

  constructor(range: StoredRange) {
    this.range = range;
  }

  get length(): number {
    return this.range.length;
  }

  read(): Uint8Array {
    if (this.users === 1) return this.range.read();
    this.kept ??= this.range.read();
    return this.kept;
  }
}

export class ExternalFiles {
  private readonly folder: string;
  private readonly files = new Map<string, ExternalFile>();

  constructor(folder: string) {
    this.folder = folder;
  }

  /**
   * The file that `location` is in the folder.
   *
   * @param where the field that has the location, for errors
   */
  at(location: string | undefined, where: string): ExternalFile {
    const name = location?.replace(/^\.\//, '');
    let file = this.files.get(name ?? '');
    if (file === undefined) {
      const path = confinedPath(this.folder, name, where);
      if (this.files.size >= MAX_FILES) {
        throw new EncompileError(
          `${where} is one of more than ${MAX_FILES} files that the model keeps tensors in. Export it with ` +
            'all of them in one file.',
        );
      }
      const isKeptOpen = this.files.size < MAX_OPEN;
      file = new ExternalFile(isKeptOpen ? new FileSource(path) : new RecordedFile(path));
      this.files.set(name ?? '', file);
    }
    return file;
  }

  /** @throws EncompileError where a file changed */
  close(): void {
    const changed = this.open().find((file) => !file.isUnchanged());
    this.abandon();
    if (changed !== undefined) throw changed.changed();
  }

  /** Where what was read is given up. */
  abandon(): void {
    for (const file of this.open()) file.abandon();
  }

  private open(): readonly FileSource[] {
    return [...this.files.values()].flatMap(({ source }) =>
      source instanceof FileSource ? source : [],
    );
  }
}

/** What `use` makes of files in `folder`, which can be read until then. */
export function withExternalFiles<T>(folder: string, use: (files: ExternalFiles) => T): T {
  return whileOpen(new ExternalFiles(folder), use);
}
