/** fold-batch-norm, and open-depthwise behind it: what they take in, and near misses beside it. */
import { describe, expect, it } from 'vitest';
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import type { Graph, Value } from '../../src/ir/graph.ts';
import { f32 } from '../../src/ir/types.ts';
import { expandComposites } from '../../src/passes/expand-composites.ts';
import { foldBatchNorm } from '../../src/passes/fold-batch-norm.ts';
import { foldConstants } from '../../src/passes/fold-constants.ts';
import { openDepthwise } from '../../src/passes/open-depthwise.ts';
import { runPasses } from '../../src/passes/pass.ts';
import { pipeline } from '../../src/passes/pipeline.ts';
import { opsInside, opsOf, refusals, runSafely } from '../support/run-pass.ts';
import { seededWeight } from '../support/seeded-numbers.ts';

function weight(g: Builder, name: string, ...shape: number[]) {
  return g.weight(name, f32(...shape), seededWeight(name.length, shape));
}

/** y = conv(x, w), or what `behind` makes of it. */
function convolving(
  behind: (g: Builder, y: Value<'f32'>, w: Value<'f32'>) => { [name: string]: Value },
  bias = false,
): Graph {
  return buildGraph('conv', (g) => {
    const w = weight(g, 'w', 4, 3, 3, 3);
    const x = g.input('x', f32('n', 3, 8, 8));
    const y = g.named('sum', g.conv(x, w, bias ? weight(g, 'b', 4) : null, { before: [1, 1] }));
    return behind(g, y, w);
  });
}

function normalised(g: Builder, y: Value<'f32'>): Value<'f32'> {
  const variance = g.abs(weight(g, 'variance', 4));
  const [gamma, beta, mean] = ['gamma', 'beta', 'mean'].map((name) => weight(g, name, 4));
  if (gamma === undefined || beta === undefined || mean === undefined)
    throw new Error('no weights');
  return g.batch_norm(y, gamma, beta, mean, variance, { eps: 0.1 });
}

const PASSES = [expandComposites, foldBatchNorm, foldConstants];

describe('conv(x, W, b) * s + t = conv(x, W * s, b * s + t)', () => {
  it.each([false, true])('a batch norm becomes weights, with a bias before: %s', (bias) => {
    const graph = convolving((g, y) => ({ out: g.relu(normalised(g, y)) }), bias);
    const result = runSafely(graph, ...PASSES);
    expect(result.ops).toEqual(['conv', 'relu']);
    expect(result.graph.parameters).toHaveLength(2);
    expect(opsInside(runPasses(graph, pipeline), 'relu')).toEqual(['conv', 'relu']);
  });

  it('a scale in the shape [1, c, 1, 1], on either side', () => {
    const graph = convolving((g, y) => ({ out: g.mul(weight(g, 's', 1, 4, 1, 1), y) }));
    expect(runSafely(graph, ...PASSES).ops).toEqual(['conv']);
  });

  it('a shift without a scale', () => {
    const graph = convolving((g, y) => ({ out: g.add(y, weight(g, 't', 4, 1, 1)) }));
    expect(runSafely(graph, ...PASSES).ops).toEqual(['conv']);
  });
});

describe('near misses', () => {
  const misses: readonly (readonly [string, Graph, readonly string[], readonly string[]])[] = [
    [
      'the sum has a second use',
      convolving((g, y) => ({ out: g.mul(y, weight(g, 's', 4, 1, 1)), sum: y })),
      ['conv', 'mul'],
      ["%mul: %sum has a second use: the output 'sum'"],
    ],
    [
      'the weight has a second use',
      convolving((g, y, w) => ({ out: g.mul(y, weight(g, 's', 4, 1, 1)), w: g.neg(w) })),
      ['conv', 'mul', 'neg'],
      ['%mul: %w has a second use: %neg'],
    ],
    [
      'a scale that is computed',
      convolving((g, y) => ({ out: g.mul(y, g.input('s', f32(4, 1, 1))) })),
      ['conv', 'mul'],
      ['%mul: %s is not known when compiling'],
    ],
    [
      'a shift a column, not a channel',
      convolving((g, y) => ({ out: g.add(y, weight(g, 't', 7)) })),
      ['conv', 'add'],
      [],
    ],
    [
      'a shift of every place',
      convolving((g, y) => ({ out: g.add(y, weight(g, 't', 4, 7, 1)) })),
      ['conv', 'add'],
      [],
    ],
    [
      'a residual',
      convolving((g, y) => ({ out: g.add(y, g.input('r', f32('n', 4, 7, 7))) })),
      ['conv', 'add'],
      [],
    ],
  ];
  it.each(misses)('%s', (_, graph, ops, reasons) => {
    const result = runSafely(graph, foldBatchNorm);
    expect(result.ops).toEqual(ops);
    expect(refusals(result)).toEqual(reasons);
  });

  it('weights without data', () => {
    const graph = buildGraph('open', (g) => {
      const y = g.conv(g.input('x', f32(1, 3, 5)), g.weight('w', f32(4, 3, 3)));
      return { out: g.mul(y, g.weight('s', f32(4, 1))) };
    });
    expect(opsOf(runPasses(graph, [foldBatchNorm]))).toEqual(['conv', 'mul']);
  });
});

describe('open-depthwise', () => {
  const grouped = (groups: number, results: number) =>
    buildGraph('grouped', (g) => {
      const x = g.input('x', f32('n', 4, 8, 8));
      const w = weight(g, 'w', results, 4 / groups, 3, 3);
      return { out: g.conv(x, w, { groups, before: [1, 1], after: [1, 1] }) };
    });

  it('a channel a group is products of windows, its padding inside', () => {
    const opened = runSafely(grouped(4, 4), openDepthwise);
    expect(opened.ops).toEqual(['pad', 'windows', 'reshape', 'mul', 'reduce_sum']);
    const graph = runPasses(grouped(4, 4), pipeline);
    expect(opsOf(graph)).toEqual(['fused']);
    expect(opsInside(graph, 'conv')).toEqual(['pad', 'windows', 'mul', 'reduce_sum']);
  });

  it.each([
    ['has another use', 1, [0, 0, 1, 1]],
    ['something else reads', 2, [0, 0, 1, 1]],
    ['pads channels too', 2, [0, 2, 1, 1]],
    ['is in front of windows that reach far', 33, [0, 0, 1, 1]],
  ] as const)('padding that %s is a kernel of its own', (why, dilation, before) => {
    const graph = buildGraph('padded', (g) => {
      const padded = g.pad(g.input('x', f32('n', 4, 70, 70)), { before, after: [0, 0, 0, 0] });
      const windows = g.windows(padded, { sizes: [2, 2], dilations: [dilation, 1] });
      const y = g.reduce_sum(g.mul(windows, g.input('w', f32(2, 2))), { axes: [-2, -1] });
      if (why === 'something else reads') return { y, z: g.reduce_max(padded, { axes: [-1] }) };
      return why === 'has another use' ? { y, padded } : { y };
    });
    expect(opsOf(runPasses(graph, pipeline))).toContain('pad');
  });

  it.each([
    [1, 4],
    [2, 4],
    [2, 2],
    [4, 8],
  ])('%i groups and %i results stay a matmul', (groups, results) => {
    expect(runSafely(grouped(groups, results), openDepthwise).ops).toEqual(['conv']);
  });
});
