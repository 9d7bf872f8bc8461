/**
 * Unpacks archives that npm packages carry, once per user and key, below the system's temporary
 * directory.
 *
 * Invariants: a folder that `unpackOnce` returns is complete (it is filled elsewhere and renamed
 * into place, so parallel processes never see half of it), and it lies below a directory that
 * belongs to the current user, because shared libraries are loaded from it.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve, sep } from 'node:path';
import { EncompileError } from '../errors.ts';

const BLOCK_BYTES = 512;

/** The folder that `unpackOnce(key, ...)` fills; it need not exist yet. */
export function unpackedFolder(key: string): string {
  return join(cacheRoot(), key);
}

/**
 * Returns the folder of `key`, filled by `fill(folder)` if any of the relative paths in `expected`
 * is missing from it.
 *
 * @throws EncompileError when the cache directory belongs to another user.
 */
export async function unpackOnce(
  key: string,
  expected: readonly string[],
  fill: (folder: string) => Promise<void>,
): Promise<string> {
  const target = unpackedFolder(key);
  await claimCacheRoot();
  if (isComplete(target, expected)) return target;

  const staging = await mkdtemp(`${target}.`);
  const stale = `${staging}.stale`;
  try {
    await fill(staging);
    // A cleaner of temporary files may have taken some; a folder cannot be renamed over the rest.
    if (existsSync(target) && !isComplete(target, expected)) await rename(target, stale);
    await rename(staging, target);
  } catch (error) {
    // Another process may have finished first; its folder is as good as ours.
    if (!isComplete(target, expected)) throw error;
  } finally {
    await rm(staging, { recursive: true, force: true });
    await rm(stale, { recursive: true, force: true });
  }
  return target;
}

/**
 * Writes the regular files and directories of a POSIX ustar archive below `folder`.
 *
 * @throws EncompileError on a path that leaves `folder`, and on links and other special entries.
 */
export async function extractTar(archive: Uint8Array, folder: string): Promise<void> {
  for (let at = 0; at + BLOCK_BYTES <= archive.length; ) {
    const header = archive.subarray(at, at + BLOCK_BYTES);
    if (header[0] === 0) return;
    const size = Number.parseInt(text(header, 124, 12), 8);
    const start = at + BLOCK_BYTES;
    await extractEntry(header, archive.subarray(start, start + size), folder);
    at = start + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
  }
}

async function extractEntry(
  header: Uint8Array,
  content: Uint8Array,
  folder: string,
): Promise<void> {
  const name = [text(header, 345, 155), text(header, 0, 100)].filter(Boolean).join('/');
  const label = JSON.stringify(name);
  const path = resolve(folder, name);
  if (path !== resolve(folder) && !path.startsWith(resolve(folder) + sep)) {
    throw new EncompileError(
      `The archive being unpacked into ${folder} holds the path ${label}, which leads out of ` +
        'that folder. The package that carries the archive is damaged; install it again.',
    );
  }
  const kind = text(header, 156, 1);
  if (kind === '5') {
    await mkdir(path, { recursive: true });
  } else if (kind === '' || kind === '0') {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content, { mode: Number.parseInt(text(header, 100, 8), 8) & 0o777 });
  } else {
    throw new EncompileError(
      `The archive being unpacked into ${folder} holds ${label} of type ${kind}; only files and ` +
        'directories were expected. Install a version of its package that encompile was tested ' +
        'with.',
    );
  }
}

function text(header: Uint8Array, offset: number, length: number): string {
  const field = header.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return Buffer.from(end < 0 ? field : field.subarray(0, end))
    .toString('utf8')
    .trim();
}

function isComplete(folder: string, expected: readonly string[]): boolean {
  return expected.every((path) => existsSync(join(folder, path)));
}

function cacheRoot(): string {
  return join(tmpdir(), `encompile-${process.getuid?.() ?? 'user'}`);
}

async function claimCacheRoot(): Promise<void> {
  const root = cacheRoot();
  await mkdir(root, { recursive: true, mode: 0o700 });
  const owner = (await stat(root)).uid;
  if (process.getuid !== undefined && owner !== process.getuid()) {
    throw new EncompileError(
      `The cache directory ${root} belongs to user ${owner}, and libraries are loaded from it. ` +
        'Remove it, or set TMPDIR to a directory of your own.',
      2,
    );
  }
}
