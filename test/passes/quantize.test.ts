/** quantize: x W -> quantized_matmul(x, W8, scale) */
import { describe, expect, test } from 'vitest';
import { randomInputs } from '../../src/check/inputs.ts';
import { interpret } from '../../src/interpreter/interpreter.ts';
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import { type Value, valueOf } from '../../src/ir/graph.ts';
import { dims, f16, f32 } from '../../src/ir/types.ts';
import { quantize, quantized } from '../../src/passes/quantize.ts';
import { table } from '../support/agreement.ts';
import { matches, opsOf, refusals, run, withWeights } from '../support/run-pass.ts';

const { batch, seq } = dims('batch', 'seq');

const of = (build: (g: Builder) => { readonly [name: string]: Value }) =>
  run(withWeights(buildGraph('products', build)), quantize);

describe('matches', () => {
  const graph = buildGraph('product', (g) => {
    const x = g.input('x', f32(batch, seq, 32));
    return { y: g.matmul(x, table(g, 'layer.weight', 32, 5)) };
  });
  const result = run(graph, quantize);

  test('a product with a weight', () => {
    expect(result.ops).toEqual(['quantized_matmul']);
    expect(matches(result)).toEqual(['%matmul: %layer.weight [32, 5] is stored in bytes']);
    const parameters = result.graph.parameters.map(({ value }) => valueOf(result.graph, value));
    expect(parameters.map(({ name, dtype, shape }) => [name, dtype, shape])).toEqual([
      ['layer.weight.int8', 'i8', [32, 5]],
      ['layer.weight.scale', 'f32', [5]],
    ]);
  });

  test('it once: there is nothing left to do', () => {
    expect(opsOf(run(result.graph, quantize).graph)).toEqual(['quantized_matmul']);
  });

  test('and stays within half a step of each factor', () => {
    const inputs = randomInputs(graph, { batch: 2, seq: 3 }, 1);
    const x = inputs.get('x')?.data ?? [];
    const weight = graph.parameters[0]?.data?.data as Float32Array;
    const [before, after] = [graph, result.graph].map(
      (each) => interpret(each, inputs).outputs.get('y')?.data ?? [],
    );
    before?.forEach((want, i) => {
      const [row, column] = [Math.floor(i / 5), i % 5];
      const xs = Array.from({ length: 32 }, (_, k) => x[row * 32 + k] ?? 0);
      const ws = Array.from({ length: 32 }, (_, k) => weight[k * 5 + column] ?? 0);
      const half = (of: readonly number[], steps: number) =>
        (Math.max(...of.map(Math.abs)) / steps / 2) * (1 + 1e-5);
      const [dx, dw] = [half(xs, 127), half(ws, 63)];
      const bound = xs.reduce((sum, a, k) => {
        return sum + Math.abs(a) * dw + Math.abs(ws[k] ?? 0) * dx + dx * dw;
      }, 0);
      expect(Math.abs((after?.[i] ?? 0) - want)).toBeLessThan(bound);
      expect(after?.[i]).not.toBe(want);
    });
  });
});

describe('refuses', () => {
  const x = (g: Builder) => g.input('x', f32(batch, seq, 32));

  test('a weight with a second use', () => {
    const result = of((g) => {
      const weight = table(g, 'w', 32, 32);
      return { y: g.matmul(x(g), weight), z: g.neg(weight) };
    });
    expect(result.ops).toEqual(['matmul', 'neg']);
    expect(refusals(result)).toEqual(['%matmul: %w has a second use: %neg']);
  });

  test('a sum of 31 products', () => {
    const result = of((g) => ({ y: g.matmul(g.input('x', f32('seq', 31)), table(g, 'w', 31, 9)) }));
    expect(result.ops).toEqual(['matmul']);
    expect(refusals(result)).toEqual([
      '%matmul: a sum of 31 products is not in the range of 32 to 131072',
    ]);
  });

  test('a product of two computed values', () => {
    const result = of((g) => ({
      y: g.matmul(x(g), g.transpose(x2(g), { permutation: [0, 2, 1] })),
    }));
    expect(refusals(result)).toEqual(['%matmul: %transpose is no weight']);
  });

  test('a weight of three dims', () => {
    const result = of((g) => ({ y: g.matmul(x(g), g.weight('w', f32(1, 32, 4))) }));
    expect(refusals(result)).toEqual(['%matmul: %w has 3 dims, not 2']);
  });

  test('a weight of f16', () => {
    const graph = buildGraph('half', (g) => ({
      y: g.matmul(g.input('x', f16(seq, 32)), g.weight('w', f16(32, 4))),
    }));
    expect(refusals(run(graph, quantize))).toEqual(['%matmul: %w is f16, not f32']);
  });

  test('a weight that is not finite', () => {
    const data = new Float32Array(64).fill(1);
    data[7] = Number.POSITIVE_INFINITY;
    const result = of((g) => {
      const w = g.weight('w', f32(32, 2), { dtype: 'f32', shape: [32, 2], data });
      return { y: g.matmul(x(g), w) };
    });
    expect(refusals(result)).toEqual(['%matmul: %w has numbers that are not finite']);
  });

  test('a table that is gathered', () => {
    const result = of((g) => ({
      y: g.gather(table(g, 'w', 40, 64), g.cast(g.input('i', f32(seq)), { dtype: 'i32' })),
    }));
    expect(result.ops).toEqual(['cast', 'gather']);
  });

  const x2 = (g: Builder) => g.input('z', f32(batch, 4, 32));
});

test('a weight without numbers is an error', () => {
  const graph = buildGraph('bare', (g) => ({
    y: g.matmul(g.input('x', f32(seq, 32)), g.weight('layer.weight', f32(32, 4))),
  }));
  expect(() => run(graph, quantize)).toThrow(
    "The weight 'layer.weight' has no numbers, and quantising needs them",
  );
});

test('columns have steps of their own, up to 63 of them', () => {
  const data = Float32Array.of(63, 0, 1e-45, -126, -31.4, 0, 0, 50, 0.5, 0, 0, 2);
  const { bytes, scale } = quantized({ dtype: 'f32', shape: [3, 4], data });
  expect([...(bytes.data as Int8Array)]).toEqual([63, 0, 0, -63, -31, 0, 0, 25, 1, 0, 0, 1]);
  expect([...(scale.data as Float32Array)]).toEqual([1, 1, 1, 2]);
});
