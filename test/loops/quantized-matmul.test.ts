/**
 * Quantised products at their edges, on the emulators of all targets: sums that no four and no sixteen
 * divides, columns that no panel, rows below, at and beyond tiles and blocks.
 */
import { describe, test } from 'vitest';
import { type Builder, buildGraph, type UntypedBuilder } from '../../src/ir/builder.ts';
import type { Value } from '../../src/ir/graph.ts';
import { f32, i8 } from '../../src/ir/types.ts';
import { expectRight } from '../support/agreement.ts';

const STEPS = (i: number) => ((i * 53) % 127) - 63;

/** A weight of all numbers from -63 to 63, and its scale. */
function quantized(g: Builder, x: Value, k: number, n: number): Value {
  const weight = g.weight('w', i8(k, n), {
    dtype: 'i8',
    shape: [k, n],
    data: Int8Array.from({ length: k * n }, (_, i) => STEPS(i)),
  });
  const scale = g.weight('s', f32(n), {
    dtype: 'f32',
    shape: [n],
    data: Float32Array.from({ length: n }, (_, j) => 0.01 * (j + 1)),
  });
  return (g as unknown as UntypedBuilder).quantized_matmul(x, weight, scale);
}

describe('quantized_matmul', () => {
  test.each([
    [1, 1],
    [4, 8],
    [7, 5],
    [16, 16],
    [33, 19],
    [50, 70],
  ])('rows of any number by a weight of %i x %i, with an epilogue', async (k, n) => {
    const graph = buildGraph('quantized', (g) => {
      const untyped = g as unknown as UntypedBuilder;
      const product = quantized(g, g.input('x', f32('rows', k)), k, n);
      return { y: untyped.add(untyped.gelu(product), g.input('residual', f32('rows', n))) };
    });
    await expectRight(graph, ...[1, 2, 3, 5, 6, 13, 48, 49, 101].map((rows) => ({ rows })));
  });
});
