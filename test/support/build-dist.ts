/**
 * Builds `dist` for the tests that run the command or serve its files. The new build replaces the old
 * one whole, so another test run in the same checkout never sees half-written files.
 */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { rename, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url));

const dist = join(repositoryRoot, 'dist');
const compiler = join(repositoryRoot, 'node_modules', 'typescript', 'bin', 'tsc');

/** Compiles `src` where it is newer than `dist`. */
export async function buildDist(): Promise<void> {
  if (existsSync(dist) && statSync(dist).mtimeMs > newestSource()) return;
  const fresh = `${dist}.${process.pid}`;
  const previous = `${fresh}.previous`;
  const started = new Date();
  try {
    await compile(fresh);
    // A source that was saved during the build makes the next run build again.
    await utimes(fresh, started, started);
    if (existsSync(dist)) await rename(dist, previous);
    await rename(fresh, dist);
  } finally {
    await rm(fresh, { recursive: true, force: true });
    await rm(previous, { recursive: true, force: true });
  }
}

function newestSource(): number {
  const settings = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];
  const sources = readdirSync(join(repositoryRoot, 'src'), { recursive: true, encoding: 'utf8' });
  const paths = [...settings, 'src', ...sources.map((path) => join('src', path))];
  return Math.max(...paths.map((path) => statSync(join(repositoryRoot, path)).mtimeMs));
}

/**
 * Type errors are shown and do not stop the build: `npm run check` is what fails on them, and a unit
 * test of one folder should run while another folder is being worked on.
 */
async function compile(outDir: string): Promise<void> {
  const args = [compiler, '-p', 'tsconfig.build.json', '--outDir', outDir];
  await new Promise<void>((resolve, reject) => {
    execFile(process.execPath, args, { cwd: repositoryRoot }, (error, stdout) => {
      if (stdout !== '') console.error(`Type errors in src:\n${stdout}`);
      if (error !== null && !existsSync(outDir)) reject(error);
      else resolve();
    });
  });
}
