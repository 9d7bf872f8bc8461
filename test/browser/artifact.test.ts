/** A compiled encoder in a real page, under a strict policy, on every backend. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { artifactFiles } from '../../src/artifact-files.ts';
import { writeArtifact } from '../../src/backends/write-artifact.ts';
import { randomInputs } from '../../src/check/inputs.ts';
import { type CompileGraphOptions, compileGraph } from '../../src/compile.ts';
import { interpret } from '../../src/interpreter/interpreter.ts';
import { buildGraph } from '../../src/ir/builder.ts';
import { bool, dims, f32, i32 } from '../../src/ir/types.ts';
import { encoderBlock, meanPool, normalize } from '../../src/models/index.ts';
import { fillRandomWeights } from '../../src/random-weights.ts';
import type { CompileTarget } from '../../src/targets.ts';
import { withArtifactOf } from '../backends/artifact-folder.ts';
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
  const backend = new URLSearchParams(location.search).get('backend') ?? 'auto';
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
const inputs = runs.map((run) =>
  Object.fromEntries(
    [...run].map(([name, { data, shape }]) => [name, { data: Array.from(data), shape }]),
  ),
);
const files = {
  '/index.html':
    '<!doctype html><title>empty</title><script type="module" src="/main.js"></script>',
  '/main.js': MAIN,
  '/inputs.json': JSON.stringify(inputs),
};

/** What a page of the artifact leaves, and the addresses that it fetched. */
async function visit({ page, origin }: ServedPage, query: string) {
  const fetched: string[] = [];
  const note = (request: { url(): string }) => fetched.push(new URL(request.url()).pathname);
  page.on('request', note);
  await page.goto(`${origin}/index.html${query}`);
  await page.waitForFunction(() => document.title === 'done', null, { timeout: 100_000 });
  page.off('request', note);
  const given: unknown = await page.evaluate('window.results');
  return { ...(given as PageResults), fetched };
}

function expectEmbeddings(results: PageResults['results']): void {
  runs.forEach((run, i) => {
    const want = interpret(graph, run).outputs.get('embedding')?.data ?? [];
    const got = results[i] ?? [];
    expect(got).toHaveLength(want.length);
    got.forEach((x, at) => {
      expect(Math.abs(x - (want[at] ?? Number.NaN))).toBeLessThan(1e-5);
    });
  });
}

/** An artifact of some targets, served to a page under a strict policy. */
function serveArtifact(
  targets: readonly CompileTarget[],
  allowsWasm: boolean,
  modes: Pick<CompileGraphOptions, 'exact' | 'weights'> = {},
): () => ServedPage {
  let folder: string;
  let served: ServedPage;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'encompile-page-'));
    await writeArtifact(folder, await artifactFiles(compileGraph(graph, { targets, ...modes })));
    served = await openPage({ folders: { '/artifact': folder }, files, allowsWasm });
  });
  afterAll(async () => {
    await served?.close();
    await rm(folder, { recursive: true, force: true });
  });
  return () => served;
}

const isWasm = (path: string) => path.includes('wasm');

describe("an artifact in a page with script-src 'self'", () => {
  const page = serveArtifact(['js', 'wasm', 'wgsl'], false);

  test.each(['js', 'webgpu'])(
    "%s gives the interpreter's embeddings, and fetches nothing of WebAssembly",
    async (backend) => {
      const { error, backend: used, results, fetched } = await visit(page(), `?backend=${backend}`);
      expect(error).toBeUndefined();
      expect(page().problems).toEqual([]);
      expect(used).toBe(backend);
      expectEmbeddings(results);
      expect(fetched.filter(isWasm)).toEqual([]);
    },
    120_000,
  );

  test('says for wasm what the policy lacks', async () => {
    const { error, fetched } = await visit(page(), '?backend=wasm');
    expect(error).toContain("add 'wasm-unsafe-eval' to its script-src");
    expect(fetched.filter((path) => path.endsWith('.wasm'))).toEqual([]);
  });
});

describe("an artifact without WebGPU in a page with script-src 'self'", () => {
  const page = serveArtifact(['js', 'wasm'], false);

  test('falls back to js', async () => {
    const { error, backend, results } = await visit(page(), '');
    expect(error).toBeUndefined();
    expect(backend).toBe('js');
    expectEmbeddings(results);
  });
});

describe("an artifact in a page with script-src 'self' 'wasm-unsafe-eval'", () => {
  const page = serveArtifact(['js', 'wasm'], true);

  test.each(['', '?backend=wasm'])(
    "gives the interpreter's embeddings, and fetches one module (%j)",
    async (query) => {
      const { error, backend, results, fetched } = await visit(page(), query);
      expect(error).toBeUndefined();
      expect(page().problems).toEqual([]);
      expect(backend).toBe('wasm');
      expectEmbeddings(results);
      expect(fetched.filter((path) => path.endsWith('.wasm'))).toEqual([
        '/artifact/kernels/kernels.relaxed.wasm',
      ]);
    },
  );
});

describe('an exact artifact, its weights in float16', () => {
  const page = serveArtifact(['js', 'wasm'], true, { exact: true, weights: 'f16' });

  test('gives in a page, on js and wasm, the bits that it gives in Node', async () => {
    const onPage = async (backend: string) => {
      const { error, backend: used, results } = await visit(page(), `?backend=${backend}`);
      expect(error).toBeUndefined();
      expect(used).toBe(backend);
      return results;
    };
    const [js, wasm] = [await onPage('js'), await onPage('wasm')];
    const node = await withArtifactOf(
      compileGraph(graph, { targets: ['js'], exact: true, weights: 'f16' }),
      async ({ load }) => {
        const model = await load({ backend: 'js' });
        const results: number[][] = [];
        for (const given of inputs) {
          const { embedding } = await model.run(given);
          results.push(Array.from(embedding?.data ?? [], Number));
        }
        return results;
      },
    );
    expect(node.map(({ length }) => length)).toEqual(SIZES.map(({ batch }) => 16 * batch));
    expect(js).toEqual(node);
    expect(wasm).toEqual(node);
  });
});
