/** Temporary files that are gone when the process is: after use, after an error, after Ctrl-C. */
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** With the exit status that shells give to each. */
const SIGNALS = [
  ['SIGHUP', 129],
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const;

const paths = new Set<string>();
let isWatching = false;

/** Runs `use` with a fresh folder, and removes the folder whatever happens. */
export async function withTemporaryFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'encompile-'));
  discardAtExit(folder);
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
    forget(folder);
  }
}

/** Has `path` removed should the process end before `forget(path)`. */
export function discardAtExit(path: string): void {
  paths.add(path);
  if (isWatching) return;
  isWatching = true;
  process.once('exit', () => {
    for (const left of paths) rmSync(left, { recursive: true, force: true });
  });
  // A signal ends the process without an exit event, unless someone exits on it.
  for (const [signal, status] of SIGNALS) process.once(signal, () => process.exit(status));
}

export function forget(path: string): void {
  paths.delete(path);
}
