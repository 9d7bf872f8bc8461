/** What a run leaves in the folder for temporary files, of which it has one of its own. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Names of what `run`, or a process that it starts, leaves there. */
export async function leftBehindBy(run: () => Promise<void>): Promise<readonly string[]> {
  const { TMPDIR: before } = process.env;
  const folder = mkdtempSync(join(tmpdir(), 'encompile-left-behind-'));
  process.env.TMPDIR = folder;
  try {
    await run();
    return readdirSync(folder);
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    rmSync(folder, { recursive: true });
  }
}
