/**
 * Hostile files given to the command, each in a process of its own: it ends with a reason, in less than a
 * second of processor time beside its start, in less than 200 MB with all that the command is (some 70 MB
 * for one that has nothing to do), and writes nothing.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { folderWith, LINEAR_IR } from '../cli/command.ts';
import { repositoryRoot } from '../support/build-dist.ts';
import { ONNX } from './onnx-files.ts';
import { FOLDER, SAFETENSORS, type Sparse } from './safetensors-files.ts';

const COMMAND = join(repositoryRoot, 'dist/cli/main.js');
const MEASURE = pathToFileURL(join(repositoryRoot, 'test/hostile/measure.mjs')).href;
const [MEGABYTES, MILLISECONDS] = [200, 1000];

interface Cost {
  readonly megabytes: number;
  readonly time: number;
}

interface Refusal extends Cost {
  readonly status: number | null;
  readonly message: string;
}

/** `encompile compile model -o out` in the folder. */
function compile(folder: string, model: string): Promise<Refusal> {
  const args = ['--import', MEASURE, COMMAND, 'compile', model, '-o', 'out'];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    said += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => {
      const lines = said.trimEnd().split('\n');
      const cost: Cost = JSON.parse(lines.pop() ?? '');
      resolve({ ...cost, status, message: lines.join('\n') });
    });
  });
}

const folder = folderWith({ 'linear.ir': LINEAR_IR, 'data.bin': new Uint8Array(4_000_000) });
symlinkSync('/etc/passwd', join(folder, 'link.bin'));
mkdirSync(join(folder, 'sub'));

let bare: Cost = { megabytes: 0, time: 0 };
beforeAll(async () => {
  bare = await compile(folder, 'nothing.onnx');
});

/** Other work on the machine makes a run take longer, and none makes it shorter: the best of three. */
async function leastDisturbed(model: string): Promise<Refusal> {
  let best = await compile(folder, model);
  for (let again = 0; again < 2 && best.time - bare.time >= MILLISECONDS; again++) {
    const next = await compile(folder, model);
    if (next.time < best.time) best = next;
  }
  return best;
}

/** The zeros behind the content take no room on the disk. */
function write(name: string, content: Uint8Array | Sparse): void {
  const path = join(folder, name);
  writeFileSync(path, 'start' in content ? content.start : content);
  if ('start' in content) truncateSync(path, content.length);
}

async function expectRefused(model: string, words: string): Promise<void> {
  const files = readdirSync(folder);
  const { status, message, megabytes, time } = await leastDisturbed(model);
  expect(message).toContain(words);
  expect(message).toMatch(/^error: /);
  expect(message.length).toBeLessThan(20_000);
  expect(status).toBe(1);
  expect(megabytes).toBeLessThan(MEGABYTES);
  expect(time - bare.time).toBeLessThan(MILLISECONDS);
  expect(readdirSync(folder)).toEqual(files);
}

it('the command alone leaves room for a file', () => {
  expect(bare.megabytes).toBeGreaterThan(10);
  expect(bare.megabytes).toBeLessThan(MEGABYTES / 2);
});

describe('safetensors', () => {
  it.each(SAFETENSORS)('%s', async (_, words, content) => {
    write('linear.safetensors', content());
    await expectRefused('linear.ir', words);
  });
});

describe('a Hugging Face folder', () => {
  it.each(FOLDER)('with a %s of %s', async (file, _, words, content) => {
    rmSync(join(folder, 'hub'), { recursive: true, force: true });
    mkdirSync(join(folder, 'hub'));
    write('hub/config.json', Buffer.from('{"model_type":"bert"}'));
    write(`hub/${file}`, content());
    await expectRefused('hub', words);
  });
});

describe('ONNX', () => {
  it.each(ONNX)('%s', async (_, words, content) => {
    write('model.onnx', content());
    await expectRefused('model.onnx', words);
  });
});
