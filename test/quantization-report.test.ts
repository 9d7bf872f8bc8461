/** What quantising does to results, as WebAssembly computes it, against the interpreter's account of it. */
import { describe, expect, test } from 'vitest';
import { randomInputs } from '../src/check/inputs.ts';
import { type Approximation, aroundAll, compileGraph } from '../src/compile.ts';
import { interpret } from '../src/interpreter/interpreter.ts';
import { type Graph, valueOf } from '../src/ir/graph.ts';
import { reportQuantization } from '../src/quantization-report.ts';
import { denseModel } from './support/dense-model.ts';

const sizes = { batch: 2, seq: 9 };

function quantizedOf(graph: Graph): Omit<Approximation, 'pass'> {
  const { approximations } = compileGraph(graph, { quantize: 'int8', targets: [] });
  const quantized = aroundAll(approximations);
  if (quantized === null) throw new Error('nothing was quantised');
  return quantized;
}

function cosineOf(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const dot = (x: ArrayLike<number>, y: ArrayLike<number>) =>
    Array.from(x, (value, i) => value * (y[i] ?? 0)).reduce((sum, product) => sum + product, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

describe('an encoder of two layers', async () => {
  const graph = denseModel();
  const quantized = quantizedOf(graph);
  const inputs = randomInputs(graph, sizes, 5);
  const report = await reportQuantization(quantized, inputs, sizes);
  const exact = interpret(graph, inputs);
  const rounded = interpret(quantized.after, inputs);

  test('has outputs near those in float32, as far away as the interpreter says', () => {
    expect(report.outputs.map(({ name }) => name)).toEqual(['states', 'largest']);
    for (const { name, cosine, largest, largestError } of report.outputs) {
      const [got, want] = [rounded, exact].map(({ outputs }) => outputs.get(name)?.data ?? []);
      expect(cosine).toBeGreaterThan(0.999);
      expect(cosine).toBeCloseTo(cosineOf(got ?? [], want ?? []), 4);
      expect(largest).toBeCloseTo(Math.max(...Array.from(want ?? [], Math.abs)), 4);
      const errors = Array.from(want ?? [], (x, i) => Math.abs(x - (got?.[i] ?? 0)));
      expect(Math.abs(largestError - Math.max(...errors))).toBeLessThan(0.02 * largest);
      expect(largestError).toBeGreaterThan(0);
    }
  });

  test('has its products in order, each compared with its own', () => {
    const names = quantized.after.nodes.flatMap(({ op, results: [id] }) =>
      op === 'quantized_matmul' && id !== undefined ? [valueOf(quantized.after, id).name] : [],
    );
    expect(report.layers.map(({ name }) => name)).toEqual(names);
    expect(report.layers.map(({ weight, shape }) => `${weight} [${shape.join(', ')}]`)).toEqual(
      [0, 1].flatMap((i) => [
        `layer.${i}.attention.query_key_value.weight [64, 192]`,
        `layer.${i}.attention.output.weight [64, 64]`,
        `layer.${i}.ffn.hidden.weight [64, 200]`,
        `layer.${i}.ffn.output.weight [200, 64]`,
      ]),
    );
    const valuesOf = (graph: Graph) =>
      new Map(
        [...interpret(graph, inputs).values].map(([id, { data }]) => [
          valueOf(graph, id).name,
          data,
        ]),
      );
    const [want, got] = [valuesOf(quantized.before), valuesOf(quantized.after)];
    for (const { name, cosine, largestError, largest } of report.layers) {
      expect(cosine).toBeCloseTo(cosineOf(got.get(name) ?? [], want.get(name) ?? []), 4);
      expect(largest).toBeCloseTo(Math.max(...Array.from(want.get(name) ?? [], Math.abs)), 4);
      expect(cosine).toBeGreaterThan(0.998);
      expect(cosine).toBeLessThan(1);
      expect(largestError).toBeLessThan(0.2 * largest);
    }
    // the first has an exact input, so all of its error is that of one product
    expect(report.layers[0]?.cosine).toBeGreaterThan(0.9998);
  });

  test('has weights of a quarter of their bytes, and a scale a column', () => {
    const { before, after } = report.weightBytes;
    const products = [64 * 192, 64 * 64, 64 * 200, 200 * 64].reduce((sum, size) => sum + size, 0);
    const scales = 4 * (192 + 64 + 200 + 64);
    expect(before - after).toBe(2 * (4 * products - products - scales));
  });
});
