/** Runs the built command as a user does, in folders of its own. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from 'vitest';
import { encodeSafetensors } from '../../src/frontends/safetensors.ts';
import type { TensorData } from '../../src/ir/types.ts';
import { repositoryRoot } from '../support/build-dist.ts';

const COMMAND = join(repositoryRoot, 'dist', 'cli', 'main.js');

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `encompile ...args` in `folder`; its output is not a terminal. */
export function encompile(folder: string, ...args: readonly string[]): Promise<Outcome> {
  return collect(process.execPath, [COMMAND, ...args], folder);
}

/** A shell line in which `encompile` is the built command. */
export function shell(folder: string, line: string): Promise<Outcome> {
  const script = `encompile() { "${process.execPath}" "${COMMAND}" "$@"; }\n${line}`;
  return collect('bash', ['-o', 'pipefail', '-c', script], folder);
}

function collect(file: string, args: readonly string[], cwd: string): Promise<Outcome> {
  const child = spawn(file, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}

/** A folder with these files, removed after the tests of the file that asks for it. */
export function folderWith(files: { readonly [path: string]: string | Uint8Array }): string {
  const folder = mkdtempSync(join(tmpdir(), 'encompile-cli-test-'));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The content of a safetensors file. */
export function tensorFile(tensors: { readonly [name: string]: TensorData }): Uint8Array {
  return encodeSafetensors(new Map(Object.entries(tensors)));
}

/** A token mixer small enough for every backend: an encoder block over a table of 50 tokens. */
export const TINY_TS = `import { bool, dims, f32, i32, model, randomWeights } from 'encompile';
import { encoderBlock } from 'encompile/models';

const { batch, seq } = dims('batch', 'seq');

export default model(
  'tiny',
  (g) => {
    const ids = g.input('ids', i32(batch, seq));
    const mask = g.input('mask', bool(batch, seq));
    const embedded = g.gather(g.weight('table', f32(50, 16)), ids);
    return { states: encoderBlock(g.scope('layer.0'), embedded, { heads: 2, hidden: 32, mask }) };
  },
  { weights: randomWeights({ seed: 7 }) },
);
`;

/** Loads at once, as no TypeScript is checked for it. It has no weights. */
export const LINEAR_IR = `graph @linear(%x: f32[batch, 4]) {
  param %weight: f32[4, 3]
  param %bias: f32[3]
  %product = matmul %x, %weight : f32[batch, 3]
  %sum = add %product, %bias : f32[batch, 3]
  %y = tanh %sum : f32[batch, 3]
  return %y
}
`;

const weight = Float32Array.from({ length: 12 }, (_, i) => Math.sin(i));

/** The weights beside it. */
export const LINEAR_WEIGHTS = tensorFile({
  weight: { dtype: 'f32', shape: [4, 3], data: weight },
  bias: { dtype: 'f32', shape: [3], data: Float32Array.of(0.5, -0.25, 0.125) },
});

/** Inputs for it, two rows. */
export const LINEAR_INPUTS = tensorFile({
  x: { dtype: 'f32', shape: [2, 4], data: Float32Array.of(1, 2, 3, 4, -1, 0.5, 0, 0.25) },
});
