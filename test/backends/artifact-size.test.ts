/**
 * What an artifact ships beside its weights, in bytes: of a BERT of MiniLM's shape but for the vocabulary,
 * whose size no code depends on. Bytes are the same on every machine; the bounds lie a little above them.
 */
import { gzipSync } from 'node:zlib';
import { beforeAll, expect, it } from 'vitest';
import { artifactFiles } from '../../src/artifact-files.ts';
import type { ArtifactFiles } from '../../src/backends/artifact.ts';
import { assembleWat } from '../../src/backends/wasm/assemble.ts';
import { compileGraph } from '../../src/compile.ts';
import { buildGraph } from '../../src/ir/builder.ts';
import { type Graph, valueOf } from '../../src/ir/graph.ts';
import { bool, dims, i32 } from '../../src/ir/types.ts';
import { bert } from '../../src/models/index.ts';

const { batch, seq } = dims('batch', 'seq');

function miniLm(): Graph {
  const sizes = { layers: 6, hidden: 384, heads: 12, intermediate: 1536 };
  const graph = buildGraph('minilm', (g) => {
    const ids = g.input('ids', i32(batch, seq));
    const mask = g.input('mask', bool(batch, seq));
    const more = { vocab: 500, maxPositions: 512, typeVocab: 2 };
    return { states: bert(g, { ...sizes, ...more }, { ids, mask }) };
  });
  // no two weights are equal, which would be stored and listed as one
  const parameters = graph.parameters.map((parameter, i) => {
    const shape = valueOf(graph, parameter.value).shape.map(Number);
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.1 * (i + 1));
    return { ...parameter, data: { dtype: 'f32' as const, shape, data } };
  });
  return { ...graph, parameters };
}

let files: ArtifactFiles;
beforeAll(async () => {
  files = await artifactFiles(compileGraph(miniLm(), { targets: ['js', 'wasm'] }));
});

function gzipped(wanted: (path: string) => boolean): number {
  const chosen = [...files].filter(([path]) => path !== 'weights.bin' && wanted(path));
  return chosen.reduce((sum, [, content]) => sum + gzipSync(content, { level: 9 }).length, 0);
}

it('ships at most 69 kB with gzip', () => {
  expect(gzipped(() => true)).toBeLessThan(69_000);
});

it('has a page fetch at most 25 kB of it, with either module', () => {
  const forPeople = /\.wat$|\.d\.m?ts$|manifest\.json$|kernels\.mjs$|runtime\/js\.mjs$/;
  for (const other of ['kernels/kernels.wasm', 'kernels/kernels.relaxed.wasm']) {
    expect(gzipped((path) => !forPeople.test(path) && path !== other)).toBeLessThan(25_000);
  }
});

it('has texts that are the modules, what both share standing in one', async () => {
  const [first, second] = ['kernels/kernels.wat', 'kernels/kernels.relaxed.wat'].map((path) =>
    String(files.get(path)),
  );
  const functions = new Map<string, string>();
  for (const section of first?.split('\n\n') ?? []) {
    const [, name] = /^ {2}\(func (\$\w+)/m.exec(section) ?? [];
    if (name !== undefined) functions.set(name, section);
  }
  const left = / {2};; (\$\w+): as in kernels\.wat/g;
  const names = [...(second ?? '').matchAll(left)].map(([, name]) => name);
  expect(names).toEqual(expect.arrayContaining(['$exp_f32', '$steps', '$meet', '$run']));
  const whole = second?.replace(left, (_, name: string) => functions.get(name) ?? '') ?? '';
  for (const [text, path] of [
    [first ?? '', 'kernels/kernels.wasm'],
    [whole, 'kernels/kernels.relaxed.wasm'],
  ] as const) {
    expect(Buffer.compare(await assembleWat(text, path), files.get(path) as Uint8Array)).toBe(0);
  }
});

it('says once in the manifest what backends share', () => {
  const { backends, weights } = JSON.parse(String(files.get('manifest.json')));
  expect(Object.keys(backends)).toEqual(['js', 'wasm/simd128', 'wasm/relaxed']);
  expect(backends.js.steps).toHaveLength(43);
  for (const name of ['wasm/simd128', 'wasm/relaxed']) {
    expect(backends[name]).toMatchObject({ kernels: { as: 'js' }, steps: { as: 'js' } });
  }
  const query = 'layer.0.attention.query_key_value.weight';
  const uses = weights.entries.flatMap(({ uses }: { readonly uses: readonly object[] }) => uses);
  expect(uses.filter(({ weight }: { readonly weight: string }) => weight === query)).toEqual([
    { weight: query, layout: 'panels of 3 columns', backends: ['js'] },
    {
      weight: query,
      layout: expect.stringMatching(/^panels of 8 columns/),
      backends: ['wasm/simd128', 'wasm/relaxed'],
    },
  ]);
});
