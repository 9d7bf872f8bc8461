/**
 * Universal Sentence Encoder Lite as people run it: one artifact, on JS and on WebGPU, against the
 * embeddings that TensorFlow.js gives. One artifact serves every length and batch.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import useLite from '../../examples/use-lite.ts';
import { requestNodeDevice } from '../../src/check/webgpu-node.ts';
import { compileGraph } from '../../src/compile.ts';
import { instantiate } from '../../src/model.ts';
import type { Model } from '../../src/runtime/load.mts';
import { type ArtifactFolder, artifactFolder } from '../backends/artifact-folder.ts';
import { testData } from '../support/test-data.ts';

interface Golden {
  readonly ids: readonly number[];
  readonly embedding: readonly number[];
}

const fixture = fileURLToPath(new URL('../fixtures/use-lite.json', import.meta.url));
const goldens: readonly Golden[] = JSON.parse(
  readFileSync(testData('use-lite/golden.json') ?? fixture, 'utf8'),
);

/** Sentences as one batch, the shorter ones padded. */
function batchOf(rows: readonly (readonly number[])[]) {
  const seq = Math.max(...rows.map((ids) => ids.length));
  const shape = [rows.length, seq];
  const padded = rows.flatMap((ids) => Array.from({ length: seq }, (_, t) => ids[t] ?? 0));
  const mask = rows.flatMap((ids) => Array.from({ length: seq }, (_, t) => t < ids.length));
  return { ids: { data: padded, shape }, mask: { data: mask, shape } };
}

async function expectGoldens(model: Model, given: readonly Golden[], tolerance: number) {
  const { embedding } = await model.run(batchOf(given.map(({ ids }) => ids)));
  const data = Array.from(embedding?.data ?? [], Number);
  expect(data).toHaveLength(512 * given.length);
  given.forEach(({ embedding: want }, row) => {
    const differences = want.map((x, i) => Math.abs(x - (data[512 * row + i] ?? Number.NaN)));
    expect(Math.max(...differences)).toBeLessThan(tolerance);
  });
}

describe('the compiled encoder gives the embeddings of TensorFlow.js', () => {
  let folder: ArtifactFolder;
  beforeAll(async () => {
    const { programs } = compileGraph(await instantiate(useLite));
    folder = await artifactFolder([...programs.values()]);
  });
  afterAll(() => folder?.remove());

  it('on JS, alone and in a padded batch', async () => {
    const model = await folder.load({ backend: 'js' });
    await expectGoldens(model, goldens.slice(0, 1), 1e-5);
    await expectGoldens(model, goldens, 1e-5);
    model.dispose();
  });

  it('on WebGPU, alone and in a padded batch', async () => {
    const { gpu, release } = await requestNodeDevice();
    const model = await folder.load({ backend: 'webgpu', gpu });
    await expectGoldens(model, goldens.slice(0, 1), 1e-4);
    await expectGoldens(model, goldens, 1e-4);
    model.dispose();
    release();
  });
});
