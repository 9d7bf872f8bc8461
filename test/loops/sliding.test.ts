/**
 * Reductions over windows: convolutions of single channels and pools at the edges of their blocks, with
 * padding of every kind, and what looks like one and is none.
 */
import { describe, expect, it } from 'vitest';
import { compileGraph } from '../../src/compile.ts';
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import type { Graph, Value } from '../../src/ir/graph.ts';
import type { Sizes } from '../../src/ir/sizes.ts';
import { f32 } from '../../src/ir/types.ts';
import { expectRight } from '../support/agreement.ts';
import { expectSameBits } from '../support/exact-bits.ts';

/** Whether some kernel puts together what windows meet. */
function hasBand(graph: Graph): boolean {
  const { programs } = compileGraph(graph, { targets: ['js'] });
  const kernels = programs.get('js')?.kernels ?? [];
  return kernels.some(({ body }) => JSON.stringify(body).includes('"buffer":"band"'));
}

function filters(g: Builder, ...shape: readonly number[]) {
  const data = Float32Array.from({ length: shape.reduce((p, q) => p * q, 1) }, (_, i) =>
    Math.sin(i + 1),
  );
  return g.weight('w', f32(...shape), { dtype: 'f32', shape, data });
}

type Declare = (g: Builder) => { readonly [name: string]: Value };
const image = (g: Builder) => g.input('x', f32('n', 2, 'h', 'w'));

/** More rows and columns than a block has, the last block of one; fewer than a vector; a window alone. */
const SIZES: readonly Sizes[] = [
  { n: 1, h: 9, w: 66 },
  { n: 2, h: 5, w: 7 },
];

interface Taken {
  readonly name: string;
  readonly declare: Declare;
  readonly sizes?: readonly Sizes[];
}

const TAKEN: readonly Taken[] = [
  {
    name: 'a channel a group, padded on all sides, with what follows',
    declare: (g) => {
      const y = g.conv(image(g), filters(g, 2, 1, 3, 3), g.input('b', f32(2)), {
        ...{ groups: 2, before: [1, 1], after: [1, 1] },
      });
      return { y: g.add(g.relu(y), g.input('r', f32('n', 2, 'h', 'w'))) };
    },
  },
  {
    name: 'strides and dilations, more padding than a window',
    declare: (g) => {
      const given = { strides: [2, 3], dilations: [1, 2], before: [4, 5], after: [0, 6] };
      return { y: g.conv(image(g), filters(g, 2, 1, 3, 2), { groups: 2, ...given }) };
    },
  },
  {
    name: 'along one axis, a loop over the window',
    declare: (g) => {
      const x = g.input('x', f32('n', 3, 'w'));
      return { y: g.conv(x, filters(g, 3, 1, 11), { groups: 3, before: [5], after: [5] }) };
    },
  },
  {
    name: 'sizes that are known',
    declare: (g) => {
      const x = g.input('x', f32(1, 2, 6, 10));
      return { y: g.conv(x, filters(g, 2, 1, 5, 5), { groups: 2, before: [2, 2], after: [2, 2] }) };
    },
    sizes: [{}],
  },
  {
    name: 'the largest of each window',
    declare: (g) => ({
      y: g.max_pool(image(g), { sizes: [3, 3], strides: [2, 2], before: [1, 1] }),
    }),
  },
  {
    name: 'the mean of each window, of what is computed in front',
    declare: (g) => ({ y: g.average_pool(g.mul(image(g), 2), { sizes: [2, 4], strides: [1, 4] }) }),
  },
];

describe('reductions over windows', () => {
  it.each(TAKEN)('$name', async ({ declare, sizes = SIZES }) => {
    const graph = buildGraph('sliding', declare);
    expect(hasBand(graph)).toBe(true);
    await expectRight(graph, ...sizes);
  });

  it('the same bits in every exact program', async () => {
    for (const { declare } of TAKEN.slice(0, 2)) {
      const { optimised } = compileGraph(buildGraph('sliding', declare), { targets: [] });
      await expectSameBits(optimised, SIZES);
    }
  });
});

describe('others', () => {
  const misses: readonly (readonly [string, Declare])[] = [
    [
      'a reduction over one axis of windows',
      (g) => ({ y: g.reduce_sum(g.windows(image(g), { sizes: [2, 2] }), { axes: [-1] }) }),
    ],
    [
      'windows along three axes',
      (g) => ({
        y: g.reduce_max(g.windows(image(g), { sizes: [1, 2, 2] }), { axes: [-3, -2, -1] }),
      }),
    ],
    [
      'padding of channels',
      (g) => {
        const padded = g.pad(image(g), { before: [0, 1, 1, 1], after: [0, 0, 0, 0] });
        return { y: g.reduce_sum(g.windows(padded, { sizes: [2, 2] }), { axes: [-2, -1] }) };
      },
    ],
    [
      'windows of too many elements',
      (g) => ({ y: g.max_pool(g.input('x', f32('n', 2, 1, 'w')), { sizes: [1, 33] }) }),
    ],
  ];
  it.each(misses)('%s', async (name, declare) => {
    const graph = buildGraph('sliding', declare);
    expect(hasBand(graph)).toBe(name === 'padding of channels');
    await expectRight(graph, name.includes('too many') ? { n: 1, w: 35 } : { n: 1, h: 3, w: 6 });
  });
});
