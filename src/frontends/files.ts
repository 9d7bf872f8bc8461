/** Reading files that a user names, with errors that say which file and what to do. */
import { constants, type FileHandle, open, stat } from 'node:fs/promises';
import { EncompileError } from '../errors.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson, quote } from './json.ts';

/** No config, index or tokenizer of a model comes near this. */
const MAX_JSON_BYTES = 256 * 2 ** 20;
/** One read of the operating system takes less than 2 GiB. */
const MAX_READ_BYTES = 2 ** 30;

/**
 * Opens a regular file for reading. The caller closes it.
 *
 * @throws EncompileError when it is absent, not readable, or a folder, pipe or device
 */
export async function openFile(path: string): Promise<FileHandle> {
  let file: FileHandle;
  try {
    // Opening a pipe would wait for its writer for ever.
    file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new EncompileError(
      missing
        ? `There is no file ${path}. Check the path.`
        : `${path} could not be opened: ${(error as Error).message}. Check its permissions.`,
    );
  }
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new EncompileError(`${path} is not a file. Give the path of a regular file.`);
}

/** Whether something is at `path`; a link counts only if it leads somewhere. */
export async function fileExists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Exactly `length` bytes of `file` from `start`; `path` is its name, for errors. */
export async function readRange(
  file: FileHandle,
  start: number,
  length: number,
  path: string,
): Promise<Uint8Array> {
  const bytes = allocate(length, path);
  let done = 0;
  while (done < length) {
    const wanted = Math.min(length - done, MAX_READ_BYTES);
    const { bytesRead } = await file.read(bytes, done, wanted, start + done);
    if (bytesRead === 0) {
      throw new EncompileError(
        `${path} ended after ${start + done} bytes, where ${start + length} were expected: it ` +
          'changed while it was read. Wait until it is complete and try again.',
      );
    }
    done += bytesRead;
  }
  return bytes;
}

function allocate(length: number, path: string): Uint8Array {
  try {
    return new Uint8Array(length);
  } catch {
    throw new EncompileError(
      `${path} has ${length} bytes to read, which is more than this machine can hold at once. ` +
        'Split it into several files (shards).',
    );
  }
}

/** The JSON in the file at `path`. */
export async function readJsonFile(path: string): Promise<JsonValue> {
  const file = await openFile(path);
  try {
    const { size } = await file.stat();
    if (size > MAX_JSON_BYTES) {
      throw new EncompileError(
        `${path} has ${size} bytes, where a JSON file of at most ${MAX_JSON_BYTES} was expected. ` +
          'Check that it is the right file.',
      );
    }
    return parseJson(new TextDecoder().decode(await readRange(file, 0, size, path)), path);
  } finally {
    await file.close();
  }
}

/** The JSON object in the file at `path`. */
export async function readJsonObject(path: string): Promise<JsonObject> {
  const value = await readJsonFile(path);
  if (isJsonObject(value)) return value;
  throw new EncompileError(
    `${path} is ${quote(value)}, where a JSON object was expected. Fetch or save the file again.`,
  );
}
