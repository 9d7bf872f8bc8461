/**
 * Writes an artifact's folder whole or not at all. A folder that is there is replaced only if it is
 * empty or holds an artifact and nothing else.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { EncompileError } from '../errors.ts';
import { writeFolder } from '../output-files.ts';
import type { ArtifactFiles } from './artifact.ts';
import { MANIFEST_FORMAT } from './manifest.ts';

/** @throws EncompileError where the folder holds anything else, or cannot be written. */
export async function writeArtifact(folder: string, files: ArtifactFiles): Promise<void> {
  await checkReplaceable(resolve(folder), folder);
  await writeFolder(folder, files, { mayReplace: () => true });
}

async function checkReplaceable(target: string, shown: string): Promise<void> {
  const found = await stat(target).catch(() => null);
  if (found === null) return;
  const refuse = (why: string): never => {
    throw new EncompileError(
      `The artifact is not written to ${shown}, because ${why}. Choose another folder, or remove ` +
        'what is there.',
      2,
    );
  };
  if (!found.isDirectory()) return refuse('it is there and is no folder');
  const present = await filesBelow(target);
  if (present.length === 0) return;
  const own = await ownFiles(target);
  if (own === null) return refuse('it holds files, and no artifact of encompile');
  const foreign = present.filter((path) => !own.has(path));
  if (foreign.length === 0) return;
  const more = foreign.length > 3 ? ` and ${foreign.length - 3} others` : '';
  refuse(
    `beside an artifact it holds files that encompile did not write: ${foreign.slice(0, 3).join(', ')}${more}`,
  );
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .map((path) => path.replaceAll('\\', '/'));
}

/** The paths that the manifest in a folder lists, and its own; null where there is no manifest of ours. */
async function ownFiles(folder: string): Promise<ReadonlySet<string> | null> {
  try {
    const manifest: unknown = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'));
    if (typeof manifest !== 'object' || manifest === null) return null;
    const { format, files } = manifest as { format?: unknown; files?: unknown };
    if (format !== MANIFEST_FORMAT || typeof files !== 'object' || files === null) return null;
    return new Set([...Object.keys(files), 'manifest.json']);
  } catch {
    return null;
  }
}
