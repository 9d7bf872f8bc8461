/**
 * Builds `dist` from `src`. The new build replaces the old one whole, so nothing that runs from
 * `dist` meanwhile sees half-written files, and files whose source is gone do not linger.
 *
 *     node build.mjs               build; the status is tsc's
 *     node build.mjs --if-stale    build unless dist is newer than everything it is made from
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { join } from 'node:path';

const ROOT = import.meta.dirname;
const DIST = join(ROOT, 'dist');
const SETTINGS = ['build.mjs', 'package-lock.json', 'tsconfig.build.json', 'tsconfig.json'];

function modified(path) {
  return statSync(join(ROOT, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function isFresh() {
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true });
  const inputs = [...SETTINGS, 'src', ...sources.map((path) => join('src', path))];
  return modified('dist') > Math.max(...inputs.map(modified));
}

function compile(outDir) {
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const args = [compiler, '-p', 'tsconfig.build.json', '--outDir', outDir];
  const { status } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
  return status ?? 1;
}

function build() {
  const started = new Date();
  const fresh = `${DIST}.${process.pid}`;
  const previous = `${fresh}.previous`;
  try {
    const status = compile(fresh);
    if (!existsSync(fresh)) return status;
    const command = join(fresh, 'cli', 'main.js');
    // npm makes the command executable when it links it, but not again after a later build.
    if (existsSync(command)) chmodSync(command, 0o755);
    // A source that is saved during the build leaves dist stale.
    utimesSync(fresh, started, started);
    if (existsSync(DIST)) renameSync(DIST, previous);
    renameSync(fresh, DIST);
    return status;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
    rmSync(previous, { recursive: true, force: true });
  }
}

if (!(process.argv.includes('--if-stale') && isFresh())) process.exitCode = build();
