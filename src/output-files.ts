/**
 * Writing what a user asked for: a file or folder appears whole or not at all. Everything is first
 * written beside its place, then renamed into it; what stood there before stays until then.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, realpath, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { EncompileError } from './errors.ts';
import { discardAtExit, forget } from './temporary-folder.ts';

export type FileContent = string | Uint8Array;

/** Contents by path inside the folder, with `/` between its parts. */
export type Files = ReadonlyMap<string, FileContent>;

export interface WriteFolderOptions {
  /**
   * Whether a folder with these entries may be replaced. An empty one always is; any other is an
   * error, so that nobody's own files are lost.
   */
  readonly mayReplace: (entries: readonly string[]) => boolean;
}

/**
 * Writes a folder. Parents that lack are made.
 *
 * @throws EncompileError where the folder cannot be written or holds files of another origin
 */
export async function writeFolder(
  path: string,
  files: Files,
  { mayReplace }: WriteFolderOptions,
): Promise<void> {
  const parent = dirname(resolve(path));
  try {
    await mkdir(parent, { recursive: true });
    const place = (await exists(path)) ? await realpath(path) : resolve(path);
    await refuseForeign(path, place, mayReplace);
    const partial = partialOf(place);
    discardAtExit(partial);
    try {
      await writeAll(partial, files);
      await replaceFolder(partial, place);
    } finally {
      await rm(partial, { recursive: true, force: true });
      forget(partial);
    }
  } catch (error) {
    throw asWriteError(path, error);
  }
}

/**
 * Writes files that belong together, each by its own path.
 *
 * @throws EncompileError where one cannot be written; then none has changed
 */
export async function writeFiles(files: Files): Promise<void> {
  const written: { readonly partial: string; readonly place: string }[] = [];
  try {
    for (const [path, content] of files) {
      const found = await stat(path).catch(() => null);
      if (found?.isDirectory()) {
        throw new EncompileError(
          `${path} is a folder, where a file was to be written. Give the path of a file.`,
          2,
        );
      }
      if (found !== null && !found.isFile()) {
        // A device or pipe, such as /dev/stdout, can only be written to.
        await writeFile(path, content);
        continue;
      }
      const place = found === null ? resolve(path) : await realpath(path);
      const partial = partialOf(place);
      discardAtExit(partial);
      written.push({ partial, place });
      await guarded(path, writeFile(partial, content, { flag: 'wx' }));
    }
    for (const { partial, place } of written) await guarded(place, rename(partial, place));
  } finally {
    for (const { partial } of written) {
      await rm(partial, { force: true });
      forget(partial);
    }
  }
}

async function writeAll(folder: string, files: Files): Promise<void> {
  await mkdir(folder);
  const folders = new Set([...files.keys()].map((path) => dirname(path)));
  for (const inner of folders) await mkdir(join(folder, inner), { recursive: true });
  for (const [path, content] of files) await writeFile(join(folder, path), content);
}

async function replaceFolder(partial: string, place: string): Promise<void> {
  const found = await readdir(place).catch(() => null);
  if (found === null || found.length === 0) {
    if (found !== null) await rmdir(place);
    await rename(partial, place);
    return;
  }
  const previous = `${partial}.previous`;
  await rename(place, previous);
  try {
    await rename(partial, place);
  } catch (error) {
    await rename(previous, place);
    throw error;
  }
  await rm(previous, { recursive: true, force: true });
}

async function refuseForeign(
  path: string,
  place: string,
  mayReplace: (entries: readonly string[]) => boolean,
): Promise<void> {
  const found = await stat(place).catch(() => null);
  if (found === null) return;
  if (!found.isDirectory()) {
    throw new EncompileError(
      `${path} is a file, where a folder was to be written. Give another path with -o.`,
      2,
    );
  }
  const entries = await readdir(place);
  if (entries.length === 0 || mayReplace(entries)) return;
  const shown = entries.slice(0, 3).join(', ');
  const others = entries.length > 3 ? ` and ${entries.length - 3} more` : '';
  throw new EncompileError(
    `The folder ${path} would be replaced as a whole, but it holds files that encompile did not ` +
      `write there (${shown}${others}). Give another folder with -o, or empty this one.`,
    2,
  );
}

function partialOf(place: string): string {
  return join(dirname(place), `.${basename(place)}.${randomUUID()}.partial`);
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null)) !== null;
}

async function guarded(path: string, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    throw asWriteError(path, error);
  }
}

function asWriteError(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error;
  // The operation and path that the system names are those of a temporary file.
  const reason = error.message.replace(/, \w+ '.*$/s, '');
  return new EncompileError(
    `${path} could not be written: ${reason}. Check that its folder exists, is writable ` +
      'and has room.',
    2,
  );
}
