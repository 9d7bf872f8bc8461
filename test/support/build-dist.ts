/** Builds `dist` for the tests that run the command or serve its files. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Builds where `src` has changed. Type errors are shown and do not stop the tests: `npm run check` is
 * what fails on them, and tests of one folder should run while another folder is being worked on.
 */
export function buildDist(): void {
  const args = [join(repositoryRoot, 'build.mjs'), '--if-stale'];
  spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (!existsSync(join(repositoryRoot, 'dist'))) throw new Error('dist could not be built.');
}
