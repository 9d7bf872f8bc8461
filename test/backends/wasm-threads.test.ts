/** Several threads give the numbers that one gives, and end when they shall. */
import { execFile } from 'node:child_process';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { artifactFiles } from '../../src/artifact-files.ts';
import { writeArtifact } from '../../src/backends/write-artifact.ts';
import { compileGraph } from '../../src/compile.ts';
import type { LoadOptions, Model } from '../../src/runtime/load.mts';
import { denseInput, denseModel } from '../support/dense-model.ts';

let folder: string;
let load: (options: LoadOptions) => Promise<Model>;
let reference: Model;
const opened: Model[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'encompile-threads-'));
  await writeArtifact(
    folder,
    await artifactFiles(compileGraph(denseModel(), { targets: ['wasm'] })),
  );
  ({ load } = await import(pathToFileURL(join(folder, 'model.mjs')).href));
  reference = await open(1);
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  for (const model of opened.splice(0)) if (model !== reference) model.dispose();
});

async function open(threads: number): Promise<Model> {
  const model = await load({ backend: 'wasm', threads });
  opened.push(model);
  return model;
}

async function expectSame(model: Model, batch: number, seq: number): Promise<void> {
  const given = { x: denseInput(batch, seq) };
  const [got, want] = await Promise.all([model.run(given), reference.run(given)]);
  // each thread computes whole elements, so they are equal to the last bit
  expect(got).toEqual(want);
}

describe('a model on several threads', () => {
  it.each([1, 2, 3, 7])('gives with %i what it gives with one, at any size', async (threads) => {
    const model = await open(threads);
    expect(model.threads).toBe(threads);
    for (const [batch, seq] of [
      [1, 1],
      [1, 40],
      [3, 17],
      [1, 5],
      [2, 64],
    ] as const) {
      await expectSame(model, batch, seq);
    }
  });

  it('gives it run after run, also where threads have gone to sleep between', async () => {
    const model = await open(2);
    for (let i = 0; i < 40; i++) await expectSame(model, 1, 20 + (i % 5));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await expectSame(model, 1, 30);
  });

  it('takes runs that overlap, beside another model', async () => {
    const models = [await open(2), await open(2)];
    await Promise.all(
      models.flatMap((model) => [10, 20, 30].map((seq) => expectSame(model, 2, seq))),
    );
  });

  it('grows its memory under the other threads', async () => {
    const model = await open(3);
    const grow = vi.spyOn(WebAssembly.Memory.prototype, 'grow');
    await expectSame(model, 1, 8);
    await expectSame(model, 24, 128);
    await expectSame(model, 1, 8);
    expect(grow).toHaveBeenCalled();
  });
});

describe('one thread runs', () => {
  it('where memory cannot be shared', async () => {
    vi.stubGlobal('SharedArrayBuffer', undefined);
    const model = await open(4);
    expect(model.threads).toBe(1);
    vi.unstubAllGlobals();
    await expectSame(model, 2, 20);
  });

  it('in a page that is not isolated', async () => {
    vi.stubGlobal('crossOriginIsolated', false);
    expect((await open(2)).threads).toBe(1);
  });

  it('where a worker cannot start', async () => {
    const file = join(folder, 'runtime', 'wasm-worker.mjs');
    await rename(file, `${file}.hidden`);
    try {
      const model = await open(2);
      expect(model.threads).toBe(1);
      await expectSame(model, 2, 20);
    } finally {
      await rename(`${file}.hidden`, file);
    }
  });
});

it.each([0, -1, 1.5, 1000, Number.NaN])('refuses %d threads', async (threads) => {
  await expect(load({ backend: 'wasm', threads })).rejects.toThrow(
    'but must be an integer from 1 to 64',
  );
});

it.each(['', 'model.dispose();'])('lets the process end (%j)', async (end) => {
  const script = `
    import { load } from ${JSON.stringify(pathToFileURL(join(folder, 'model.mjs')).href)};
    const model = await load({ backend: 'wasm', threads: 2 });
    const x = { data: new Float32Array(64 * 40), shape: [1, 40, 64] };
    const { states } = await model.run({ x });
    ${end}
    console.log(model.threads, states.data.length);`;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '--eval', script],
    { timeout: 20_000 },
  );
  expect(stdout).toBe('2 2560\n');
});
