/**
 * Convolutions, pooling and their norms as kernels of every target: each op at its edges, with passes
 * and without.
 */
import { describe, expect, it, test } from 'vitest';
import { compileGraph } from '../../src/compile.ts';
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import type { Value } from '../../src/ir/graph.ts';
import type { Sizes } from '../../src/ir/sizes.ts';
import { f32 } from '../../src/ir/types.ts';
import { expectRight } from '../support/agreement.ts';
import { expectSameBits } from '../support/exact-bits.ts';
import { opCases } from '../support/op-cases.ts';

const OPS = new Set([
  'windows',
  'conv',
  'max_pool',
  'average_pool',
  'batch_norm',
  'group_norm',
  'instance_norm',
]);

/** Sizes at which windows of every case fit. */
const SIZES = [
  { n: 1, m: 5, h: 7, w: 9 },
  { n: 3, m: 3, h: 8, w: 12 },
];

describe('every op at its edges', () => {
  const cases = opCases().filter(({ op }) => OPS.has(op));
  test.each(cases.map(({ op, graph }, i) => ({ name: `${op} ${i}`, graph })))(
    '$name',
    async ({ graph }) => expectRight(graph, ...SIZES),
  );
});

function filters(g: Builder, ...shape: readonly number[]) {
  const data = Float32Array.from({ length: shape.reduce((p, q) => p * q, 1) }, (_, i) =>
    Math.sin(i + 1),
  );
  return g.weight('w', f32(...shape), { dtype: 'f32', shape, data });
}

interface Case {
  readonly name: string;
  readonly declare: (g: Builder) => { readonly [name: string]: Value };
  readonly sizes: readonly Sizes[];
  /** Whether the windows of a block are taken from scratch memory. */
  readonly hasBand: boolean;
}

const CASES: readonly Case[] = [
  {
    name: 'more rows and columns than a block, with what follows',
    declare: (g) => {
      const x = g.input('x', f32('n', 3, 'h', 'w'));
      const y = g.conv(x, filters(g, 7, 3, 3, 3), g.input('b', f32(7)), {
        ...{ before: [1, 1], after: [1, 1] },
      });
      return { y: g.add(g.relu(y), g.input('r', f32('n', 7, 'h', 'w'))) };
    },
    sizes: [
      { n: 1, h: 5, w: 37 },
      { n: 2, h: 1, w: 2 },
    ],
    hasBand: true,
  },
  {
    name: 'groups of several channels, strides, dilations, all sizes known',
    declare: (g) => {
      const given = {
        groups: 2,
        strides: [2, 3],
        dilations: [2, 1],
        before: [0, 2],
        after: [3, 1],
      };
      return { y: g.conv(g.input('x', f32(2, 4, 9, 20)), filters(g, 6, 2, 3, 2), given) };
    },
    sizes: [{}],
    hasBand: true,
  },
  {
    name: 'windows of many places, one row of the weight',
    declare: (g) => {
      const given = { before: [2, 5], after: [2, 5] };
      return { y: g.conv(g.input('x', f32(1, 2, 4, 'w')), filters(g, 1, 2, 5, 11), given) };
    },
    sizes: [{ w: 9 }],
    hasBand: true,
  },
  {
    name: 'too many channels for a block',
    declare: (g) => ({ y: g.conv(g.input('x', f32(1, 600, 3, 4)), filters(g, 2, 600, 3, 3)) }),
    sizes: [{}],
    hasBand: false,
  },
];

describe('convolutions at the edges of their blocks', () => {
  it.each(CASES)('$name', async ({ declare, sizes, hasBand }) => {
    const graph = buildGraph('convolution', declare);
    const { programs } = compileGraph(graph, { targets: ['wasm'] });
    expect(JSON.stringify(programs.get('wasm')?.kernels).includes('"buffer":"band"')).toBe(hasBand);
    await expectRight(graph, ...sizes);
  });

  it('the same bits in every exact program', async () => {
    for (const { declare, sizes } of CASES.slice(0, 2)) {
      const { optimised } = compileGraph(buildGraph('convolution', declare), { targets: [] });
      await expectSameBits(optimised, sizes);
    }
  });
});
