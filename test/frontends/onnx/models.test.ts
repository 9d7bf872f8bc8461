/** Whole models as exporters write them, against ONNX Runtime's numbers. */
import { expect, it } from 'vitest';
import { runOn } from '../../../src/cli/run-backends.ts';
import { importOnnx } from '../../../src/frontends/onnx/index.ts';
import { valueOf } from '../../../src/ir/graph.ts';
import { resolveSizes } from '../../../src/ir/sizes.ts';
import type { TensorData } from '../../../src/ir/types.ts';
import { BERT_MODELS, bertFixture, type FixtureTensor } from '../../support/bert-fixture.ts';
import { describeWithData } from '../../support/test-data.ts';

/** Of float32 against float32, summed in another order. */
const TOLERANCE = 1e-5;

const ids = ({ shape, data }: FixtureTensor): TensorData => ({
  dtype: 'i64',
  shape,
  data: BigInt64Array.from(data, BigInt),
});

for (const model of BERT_MODELS) {
  describeWithData(model, `models/${model}/model.onnx`, (path) => {
    it.each(['interpreter', 'js', 'wasm', 'emulator-wgsl'] as const)('on %s', async (backend) => {
      const graph = await importOnnx(path);
      expect(graph.inputs.map((id) => valueOf(graph, id).shape)).toEqual(
        graph.inputs.map(() => ['batch_size', 'sequence_length']),
      );
      // the emulator takes seconds a case, and one tells as much
      const cases = bertFixture(model).cases.slice(0, backend === 'emulator-wgsl' ? 1 : undefined);
      for (const { inputs, outputs } of cases) {
        const tensors = new Map(Object.entries(inputs).map(([name, given]) => [name, ids(given)]));
        const shapes = graph.inputs.map((id) => {
          const { name, shape } = valueOf(graph, id);
          return { what: name, declared: shape, given: tensors.get(name)?.shape ?? [] };
        });
        const got = await runOn(backend, graph, { tensors, sizes: resolveSizes(shapes) });
        for (const [name, want] of Object.entries(outputs)) {
          expect(got.get(name)?.shape).toEqual(want.shape);
          want.data.forEach((number, i) => {
            const error = Math.abs(Number(got.get(name)?.data[i]) - number);
            expect(error, `${name}[${i}]`).toBeLessThan(TOLERANCE);
          });
        }
      }
    });

    it('has its weights under the names of the file', async () => {
      const graph = await importOnnx(path);
      const names = graph.parameters.map(({ value }) => valueOf(graph, value).name);
      expect(names.some((name) => name.endsWith('word_embeddings.weight'))).toBe(true);
    });
  });
}
