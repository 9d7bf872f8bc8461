/** Compiles `random.ts` with all that it needs into `build`, and runs it. */
import { spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';

const HERE = import.meta.dirname;
const ROOT = join(HERE, '../..');
/** What compiled files read where their sources do, and tsc leaves behind. */
const COPIED = ['package.json', 'test/oracles/onnx-runtime.mjs'];

function node(...args) {
  const { status } = spawnSync(process.execPath, args, { cwd: HERE, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

node(join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', HERE);
for (const path of COPIED) copyFileSync(join(ROOT, path), join(HERE, 'build', path));
node(join(HERE, 'build/test/oracles/random.js'), ...process.argv.slice(2));
