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
import { buildGraph } from '../../src/ir/builder.ts';
import { bool, dims, f32, i32 } from '../../src/ir/types.ts';
import { bert, lstm, meanPool } from '../../src/models/index.ts';
import { fillRandomWeights } from '../../src/random-weights.ts';
import type { LoadOptions, Model } from '../../src/runtime/load.mts';
import { withTemporaryFolder } from '../../src/temporary-folder.ts';
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

it('the steps of a scan are run by one thread, which the others wait for', async () => {
  const graph = buildGraph('recurrent', (g) => {
    const { outputs } = lstm(g, g.input('x', f32('batch', 'seq', 64)), {
      ...{ hidden: 32, layers: 2, bidirectional: true },
    });
    return { outputs };
  });
  await withTemporaryFolder(async (folder) => {
    const compilation = compileGraph(fillRandomWeights(graph, 1), { targets: ['wasm'] });
    await writeArtifact(folder, await artifactFiles(compilation));
    const artifact: { load: typeof load } = await import(
      pathToFileURL(join(folder, 'model.mjs')).href
    );
    const [one, several] = await Promise.all(
      [1, 3].map((threads) => artifact.load({ backend: 'wasm', threads })),
    );
    for (const seq of [40, 3, 40]) {
      const given = { x: denseInput(2, seq) };
      expect(await several?.run(given)).toEqual(await one?.run(given));
    }
    expect(several?.threads).toBe(3);
    one?.dispose();
    several?.dispose();
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

describe('a model on packed rows', () => {
  const { batch, seq } = dims('batch', 'seq');
  const mixed = (lengths: readonly number[]) => {
    const longest = Math.max(...lengths);
    const shape = [lengths.length, longest];
    const mask = lengths.flatMap((length) =>
      Array.from({ length: longest }, (_, place) => Number(place < length)),
    );
    const ids = mask.map((_, i) => (i * 7) % 50);
    return { ids: { data: ids, shape }, mask: { data: mask, shape } };
  };

  it('gives on several threads what it gives on one, whatever the lengths', async () => {
    const graph = fillRandomWeights(
      buildGraph('packed', (g) => {
        const ids = g.input('ids', i32(batch, seq));
        const mask = g.input('mask', bool(batch, seq));
        const sizes = { layers: 1, hidden: 96, heads: 3, intermediate: 192 };
        const states = bert(g, { ...sizes, vocab: 50, maxPositions: 80 }, { ids, mask });
        return { y: meanPool(g, states, mask) };
      }),
      1,
    );
    await withTemporaryFolder(async (place) => {
      const compilation = compileGraph(graph, { targets: ['wasm'] });
      expect(compilation.optimised.nodes.some(({ op }) => op === 'nonzero')).toBe(true);
      await writeArtifact(place, await artifactFiles(compilation));
      const artifact = await import(pathToFileURL(join(place, 'model.mjs')).href);
      const [one, two, three]: Model[] = await Promise.all(
        [1, 2, 3].map((threads) => artifact.load({ backend: 'wasm', threads })),
      );
      for (const lengths of [[70, 1, 33, 0, 64], [2], [0, 0], [80, 80, 80]]) {
        const want = await one?.run(mixed(lengths));
        expect(await two?.run(mixed(lengths))).toEqual(want);
        expect(await three?.run(mixed(lengths))).toEqual(want);
      }
      for (const model of [one, two, three]) model?.dispose();
    });
  });
});
