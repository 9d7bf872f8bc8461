/** A compiled encoder in a real page, under `script-src 'self'`, on JS and on WebGPU. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { artifactFiles } from '../../src/artifact-files.ts';
import { writeArtifact } from '../../src/backends/write-artifact.ts';
import { randomInputs } from '../../src/check/inputs.ts';
import { compileGraph } from '../../src/compile.ts';
import { interpret } from '../../src/interpreter/interpreter.ts';
import { buildGraph } from '../../src/ir/builder.ts';
import { bool, dims, f32, i32 } from '../../src/ir/types.ts';
import { encoderBlock, meanPool, normalize } from '../../src/models/index.ts';
import { fillRandomWeights } from '../../src/random-weights.ts';
import { openPage, type ServedPage } from '../support/browser.ts';

const { batch, seq } = dims('batch', 'seq');

const graph = fillRandomWeights(
  buildGraph('embedder', (g) => {
    const ids = g.input('ids', i32(batch, seq));
    const mask = g.input('mask', bool(batch, seq));
    const x = g.gather(g.weight('table', f32(50, 16)), ids, { axis: 0 });
    const states = encoderBlock(g.scope('layer'), x, { heads: 2, hidden: 32, mask });
    return { embedding: normalize(g, meanPool(g, states, mask)) };
  }),
  7,
);

const SIZES = [
  { batch: 1, seq: 5 },
  { batch: 3, seq: 9 },
];

/** Runs the artifact at all sizes, one after the other, and leaves the results in the page. */
const MAIN = `
import { load } from '/artifact/model.mjs';

try {
  await main();
} catch (error) {
  window.results = { error: String(error) };
}
document.title = 'done';

async function main() {
  const backend = new URLSearchParams(location.search).get('backend');
  const given = await (await fetch('/inputs.json')).json();
  const model = await load({ backend });
  const results = [];
  for (const { ids, mask } of given) {
    const { embedding } = await model.run({
      ids: { data: Int32Array.from(ids.data), shape: ids.shape },
      mask: { data: mask.data, shape: mask.shape },
    });
    results.push(Array.from(embedding.data));
}
  model.dispose();
  window.results = { backend: model.backend, results };
}
`;

interface PageResults {
  readonly error?: string;
  readonly backend: string;
  readonly results: readonly (readonly number[])[];
}

const runs = SIZES.map((sizes, i) => randomInputs(graph, sizes, i));

describe('an artifact in a page with a strict policy', () => {
  let folder: string;
  let served: ServedPage;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'encompile-page-'));
    await writeArtifact(folder, await artifactFiles(compileGraph(graph)));
    const given = runs.map((run) =>
      Object.fromEntries(
        [...run].map(([name, { data, shape }]) => [name, { data: Array.from(data), shape }]),
      ),
    );
    served = await openPage({
      folders: { '/artifact': folder },
      files: {
        '/index.html':
          '<!doctype html><title>empty</title><script type="module" src="/main.js"></script>',
        '/main.js': MAIN,
        '/inputs.json': JSON.stringify(given),
      },
    });
  });

  afterAll(async () => {
    await served?.close();
    await rm(folder, { recursive: true, force: true });
  });

  test.each(['js', 'webgpu'])(
    "%s gives the interpreter's embeddings",
    async (backend) => {
      const { page, origin, problems } = served;
      await page.goto(`${origin}/index.html?backend=${backend}`);
      await page.waitForFunction(() => document.title === 'done', null, { timeout: 100_000 });
      const given: unknown = await page.evaluate('window.results');
      const { error, backend: used, results } = given as PageResults;
      expect(error).toBeUndefined();
      expect(problems).toEqual([]);
      expect(used).toBe(backend);
      runs.forEach((run, i) => {
        const want = interpret(graph, run).outputs.get('embedding')?.data ?? [];
        const got = results[i] ?? [];
        expect(got).toHaveLength(want.length);
        got.forEach((x, at) => {
          expect(Math.abs(x - (want[at] ?? Number.NaN))).toBeLessThan(1e-5);
        });
      });
    },
    120_000,
  );
});
