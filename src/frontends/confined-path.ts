/**
 * Paths that a file inside a model folder names (shards, modules). A folder may come from a
 * stranger, so such a path must stay inside, links resolved.
 */
import { realpathSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { EncompileError } from '../errors.ts';
import { type JsonValue, quote } from './json.ts';

/**
 * The path of `name` in `folder`. The one way out that is allowed is the hub cache's own:
 * `snapshots/<revision>/<file>` there is a link into `blobs/`.
 *
 * @param where the file and field that hold `name`, for errors
 * @throws EncompileError when `name` is not a relative path, leads out of the folder, or is absent
 */
export function confinedPath(folder: string, name: JsonValue | undefined, where: string): string {
  if (typeof name !== 'string' || !isPlainRelative(name)) {
    throw new EncompileError(
      `${where} is ${quote(name)}, where the name of something inside ${folder} was expected: ` +
        "relative, with '/' between its parts and no '..'. Correct it, or fetch the folder again.",
    );
  }
  const path = join(folder, name);
  const [root, target] = [resolveLinks(folder, where), resolveLinks(path, where)];
  if (roots(root).some((allowed) => target.startsWith(allowed + sep))) return path;
  throw new EncompileError(
    `${where} is ${quote(name)}, a link that leads out of ${folder}, to ${quote(target)}. ` +
      'Put the file itself in the folder.',
  );
}

function isPlainRelative(name: string): boolean {
  if (/[\\:\0]/.test(name)) return false;
  return name.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

function roots(folder: string): readonly string[] {
  const parent = dirname(folder);
  return basename(parent) === 'snapshots' ? [folder, resolve(parent, '..', 'blobs')] : [folder];
}

function resolveLinks(path: string, where: string): string {
  try {
    return realpathSync.native(path);
  } catch (error) {
    throw new EncompileError(
      `${where} names ${path}, which cannot be reached: ${(error as Error).message}. Complete the ` +
        'folder, or correct the name.',
    );
  }
}
