/**
 * Whole models compiled exactly, loaded as users load them: JS and WebAssembly, on one thread and on
 * several, give the same bits at every size.
 */
import { expect, test } from 'vitest';
import causal from '../../examples/causal.ts';
import classifier from '../../examples/classifier.ts';
import crossAttention from '../../examples/cross-attention.ts';
import groupedHeads from '../../examples/grouped-heads.ts';
import preNorm from '../../examples/pre-norm.ts';
import twoLayers from '../../examples/two-layers.ts';
import { checkSizes } from '../../src/check/default-sizes.ts';
import { randomInputs } from '../../src/check/inputs.ts';
import { compileGraph } from '../../src/compile.ts';
import { loadHuggingFace } from '../../src/frontends/huggingface/index.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { instantiate } from '../../src/model.ts';
import type { Model } from '../../src/runtime/load.mts';
import { artifactFolder } from '../backends/artifact-folder.ts';
import { BERT_MODELS } from '../support/bert-fixture.ts';
import { describeWithData } from '../support/test-data.ts';

async function expectSameBits(graph: Graph): Promise<void> {
  const { programs } = compileGraph(graph, { exact: true });
  const folder = await artifactFolder([...programs.values()]);
  const js = await folder.load({ backend: 'js' });
  const others = [
    await folder.load({ backend: 'wasm' }),
    await folder.load({ backend: 'wasm', threads: 3 }),
  ];
  expect(others.map(({ threads }) => threads)).toEqual([1, 3]);
  try {
    for (const sizes of checkSizes(graph, {})) {
      const given = [...randomInputs(graph, sizes, 1)].map(([name, { data, shape }]) => {
        return [name, { data: Array.from(data), shape }] as const;
      });
      const want = await bitsOf(js, Object.fromEntries(given));
      for (const model of others) {
        expect(await bitsOf(model, Object.fromEntries(given))).toEqual(want);
      }
    }
  } finally {
    for (const model of [js, ...others]) model.dispose();
    await folder.remove();
  }
}

/** Of every output: its bytes, so that the signs of zeros count. */
async function bitsOf(model: Model, inputs: Parameters<Model['run']>[0]) {
  const outputs = await model.run(inputs);
  return Object.entries(outputs).map(([name, { data, shape }]) => {
    return [name, shape, Buffer.from(data.buffer, data.byteOffset, data.byteLength)];
  });
}

test.each([causal, classifier, crossAttention, groupedHeads, preNorm, twoLayers])(
  'example $name',
  async (model) => {
    await expectSameBits(await instantiate(model));
  },
);

for (const model of BERT_MODELS) {
  describeWithData(model, `models/${model}`, (path) => {
    test('exact', async () => {
      await expectSameBits((await loadHuggingFace(path)).graph);
    });
  });
}
