/**
 * The nests of both targets at their edges: sizes below, at and beyond each tile and block, on the
 * emulator, which also sees what leaves a buffer, races or was never written.
 */
import { describe, expect, test } from 'vitest';
import { stepCosts, total } from '../../src/cli/kernel-costs.ts';
import { buildGraph, type UntypedBuilder } from '../../src/ir/builder.ts';
import type { Dim } from '../../src/ir/dims.ts';
import type { Value } from '../../src/ir/graph.ts';
import { bool, f32, i32 } from '../../src/ir/types.ts';
import { lower } from '../../src/loops/lower.ts';
import { printKernel } from '../../src/loops/print.ts';
import { PROGRAM_TARGETS } from '../../src/targets.ts';
import { expectRight, table } from '../support/agreement.ts';

describe('matmul', () => {
  test.each([
    [1, 1],
    [5, 7],
    [16, 64],
    [18, 66],
    [33, 3],
  ])('rows of any number by a weight of %i x %i, with an epilogue', async (k, n) => {
    const graph = buildGraph('dense', (g) => {
      const product = g.matmul(g.input('x', f32('rows', k)), table(g, 'w', k, n));
      const biased = g.add(product, g.reshape(table(g, 'b', 1, n), { shape: [n] }));
      return { y: g.add(g.gelu(biased), g.input('residual', f32('rows', n))) };
    });
    await expectRight(graph, { rows: 1 }, { rows: 2 }, { rows: 35 }, { rows: 65 });
  });

  test.each([
    [640, 9],
    [514, 17],
    [1040, 9],
    [521, 8],
  ])('a sum of %i products goes on from block to block', async (k, n) => {
    const graph = buildGraph('deep', (g) => {
      const product = g.matmul(g.input('x', f32('rows', k)), table(g, 'w', k, n));
      return { y: g.add(product, g.reshape(table(g, 'b', 1, n), { shape: [n] })) };
    });
    await expectRight(graph, { rows: 1 }, { rows: 7 });
  });

  test('of two computed operands, transposed, with leading dims that broadcast', async () => {
    const graph = buildGraph('batched', (g) => {
      const a = g.input('a', f32('batch', 3, 'n', 6));
      const b = g.input('b', f32('m', 6));
      const scores = g.mul(g.matmul(a, g.transpose(b, { permutation: [1, 0] })), 0.5);
      const c = g.input('c', f32('batch', 1, 'm', 5));
      return { y: g.transpose(g.matmul(scores, c), { permutation: [0, 2, 1, 3] }) };
    });
    await expectRight(graph, { batch: 2, n: 3, m: 4 }, { batch: 1, n: 1, m: 1 });
    await expectRight(graph, { batch: 1, n: 33, m: 65 });
  });
});

test('a matmul by columns of which a view parts some, but not the first', async () => {
  const graph = buildGraph('parted', (g) => {
    const heads = g.input('x', f32('batch', 2, 'seq', 6));
    const x = g.reshape(g.transpose(heads, { permutation: [0, 2, 1, 3] }), {
      shape: ['batch', 'seq', 12],
    });
    return { y: g.matmul(g.transpose(x, { permutation: [0, 2, 1] }), x) };
  });
  await expectRight(graph, { batch: 2, seq: 3 }, { batch: 1, seq: 17 });
});

interface Attended {
  readonly heads: number;
  readonly keyHeads: number;
  readonly width: number;
  readonly valueWidth: number;
  readonly terms: readonly ('mask' | 'bias' | 'causal')[];
  readonly window?: number;
}

function attending(form: Attended, n: Dim, m: Dim) {
  const { heads, keyHeads, width, valueWidth, terms, window = null } = form;
  return buildGraph('attention', (g) => {
    const untyped = g as unknown as UntypedBuilder;
    const query = g.input('query', f32('batch', heads, n, width));
    const key = g.input('key', f32('batch', keyHeads, m, width));
    const value = g.input('value', f32('batch', keyHeads, m, valueWidth));
    const has = (term: 'mask' | 'bias') => terms.includes(term);
    const mask: Value | null = has('mask') ? g.input('mask', bool('batch', 1, 1, m)) : null;
    const bias: Value | null = has('bias') ? g.input('bias', f32(heads, n, m)) : null;
    const causal = terms.includes('causal');
    const attributes = { scale: 0.5, causal, window };
    return { y: untyped.attention(query, key, value, mask, bias, attributes) };
  });
}

describe('attention', () => {
  const plain = { heads: 2, keyHeads: 2, width: 4, valueWidth: 4, terms: [] };

  test.each<readonly [string, Attended]>([
    ['plain', plain],
    ['masked', { ...plain, terms: ['mask'] }],
    ['causal', { ...plain, terms: ['causal'] }],
    ['masked and causal, with a bias', { ...plain, terms: ['mask', 'causal', 'bias'] }],
    ['grouped heads', { ...plain, heads: 6, terms: ['mask'] }],
    ['odd widths', { ...plain, width: 3, valueWidth: 7, terms: ['bias'] }],
    ['wide heads', { ...plain, width: 64, valueWidth: 36, terms: ['mask'] }],
    ['a window', { ...plain, window: 5 }],
    ['a window of the query alone', { ...plain, window: 0 }],
    ['a window larger than the text', { ...plain, window: 500 }],
    ['a window to the left, masked', { ...plain, terms: ['mask', 'causal'], window: 3 }],
    ['a window of grouped heads with a bias', { ...plain, heads: 6, terms: ['bias'], window: 20 }],
  ])('%s', async (_, form) => {
    const self = attending(form, 'seq', 'seq');
    await expectRight(self, { batch: 2, seq: 1 }, { batch: 1, seq: 19 }, { batch: 1, seq: 67 });
  });

  test('more keys than queries, and fewer, causal too', async () => {
    const sizes = [
      { batch: 1, n: 5, m: 70 },
      { batch: 2, n: 18, m: 3 },
    ];
    await expectRight(attending({ ...plain, terms: ['mask', 'causal'] }, 'n', 'm'), ...sizes);
    await expectRight(attending(plain, 'n', 'm'), ...sizes);
    await expectRight(attending({ ...plain, window: 2 }, 'n', 'm'), ...sizes);
    const left: Attended = { ...plain, window: 4, terms: ['causal', 'mask'] };
    await expectRight(attending(left, 'n', 'm'), ...sizes);
  });

  test('local attention costs n * w: a window of 8 at most of 17 keys a query', () => {
    const flopsAt = (form: Attended, seq: number) =>
      total(stepCosts(programOf(form), { batch: 1, seq }).map(({ flops }) => flops));
    const programOf = (form: Attended) => lower(attending(form, 'seq', 'seq'), 'js');
    const local = { ...plain, window: 8 };
    expect(flopsAt(local, 2000)).toBe(2 * flopsAt(local, 1000));
    expect(flopsAt(plain, 2000)).toBeGreaterThan(3.9 * flopsAt(plain, 1000));
    expect(flopsAt({ ...local, window: 16 }, 1000)).toBe((33 / 17) * flopsAt(local, 1000));
    expect(flopsAt({ ...local, terms: ['causal'] }, 1000)).toBe((9 / 17) * flopsAt(local, 1000));
  });

  test('a query that sees no key gives zeros', async () => {
    const graph = buildGraph('blind', (g) => {
      const x = g.input('x', f32('batch', 2, 'seq', 4));
      const none = g.less(g.iota({ shape: [1, 'seq'], axis: 1 }), 0);
      return { y: g.attention(x, x, x, none, { scale: 0.5 }) };
    });
    await expectRight(graph, { batch: 1, seq: 3 }, { batch: 1, seq: 40 });
  });

  test('scores that rise from block to block rescale what was summed before', async () => {
    const graph = buildGraph('rising', (g) => {
      const x = g.input('x', f32('batch', 1, 'seq', 4));
      const place = g.cast(g.iota({ shape: ['seq', 1], axis: 0 }), { dtype: 'f32' });
      const key = g.add(x, g.mul(place, 0.05));
      return { y: g.attention(g.add(x, 2), key, x, { scale: 1 }) };
    });
    await expectRight(graph, { batch: 1, seq: 140 });
  });
});

describe('rows', () => {
  test.each([1, 3, 33, 130])('norms and softmax over %i columns', async (n) => {
    const graph = buildGraph('rows', (g) => {
      const x = g.input('x', f32('rows', n));
      const [gamma, beta] = ['gamma', 'beta'].map((name) =>
        g.reshape(table(g, name, 1, n), { shape: [n] }),
      );
      const untyped = g as unknown as UntypedBuilder;
      const mask = g.input('mask', bool('rows', n));
      return {
        norm: untyped.layer_norm(g.tanh(x), gamma, beta, { eps: 1e-2 }),
        rms: g.rms_norm(g.exp(x), { eps: 1e-2 }),
        probabilities: g.softmax(x, mask, { axis: -1 }),
        log: g.log_softmax(x, { axis: -1 }),
        least: g.reduce_min(g.abs(x), { axes: [-1] }),
      };
    });
    await expectRight(graph, { rows: 1 }, { rows: 3 });
  });

  test('of a symbolic number of columns, and of integers', async () => {
    const graph = buildGraph('symbolic', (g) => {
      const x = g.input('x', f32('rows', 'seq'));
      const ids = g.input('ids', i32('rows', 'seq'));
      return {
        probabilities: g.softmax(g.mul(x, 2), { axis: -1 }),
        most: g.reduce_max(ids, { axes: [-1] }),
        sum: g.reduce_sum(g.add(ids, 1), { axes: [-1], keep: true }),
      };
    });
    await expectRight(graph, { rows: 2, seq: 1 }, { rows: 1, seq: 131 });
  });

  test('the place of the largest beside the largest, of what is kept in scratch', async () => {
    const graph = buildGraph('places', (g) => {
      const x = g.tanh(g.input('x', f32('rows', 40)));
      const best = g.cast(g.argmax(x, { axis: -1 }), { dtype: 'f32' });
      return { y: g.add(g.mul(best, 0.5), g.reduce_max(x, { axes: [-1] })) };
    });
    await expectRight(graph, { rows: 3 });
  });

  test('a residual, its norm and the sum itself', async () => {
    const graph = buildGraph('residual', (g) => {
      const [x, y] = [g.input('x', f32('batch', 'seq', 12)), g.input('y', f32('batch', 'seq', 12))];
      const vector = (name: string) => g.reshape(table(g, name, 1, 12), { shape: [12] });
      const [out, sum] = g.add_norm(x, y, vector('gamma'), vector('beta'), { eps: 1e-2 });
      return { out, doubled: g.mul(sum, 2) };
    });
    await expectRight(graph, { batch: 2, seq: 3 });
  });

  test('looked up, added up and normalised', async () => {
    const graph = buildGraph('embedding', (g) => {
      const rows = g.gather(table(g, 'words', 9, 8), g.input('ids', i32('batch', 'seq')));
      const places = g.gather(table(g, 'places', 5, 8), g.iota({ shape: ['seq'] }));
      return { y: g.layer_norm(g.add(rows, places), { eps: 1e-2 }) };
    });
    await expectRight(graph, { batch: 2, seq: 4 }, { batch: 1, seq: 11 });
  });
});

describe('prefix sums', () => {
  const options = { axis: 1, exclusive: true, reverse: true };

  test('along every axis, from both ends', async () => {
    const graph = buildGraph('running', (g) => {
      const x = g.input('x', f32('batch', 'seq', 3));
      const ids = g.input('ids', i32('batch', 'seq'));
      return {
        rows: g.cumsum(x),
        columns: g.cumsum(g.mul(x, 2), options),
        first: g.cumsum(x, { axis: 0, reverse: true }),
        places: g.cumsum(g.cast(ids, { dtype: 'u8' }), { exclusive: true }),
      };
    });
    await expectRight(graph, { batch: 2, seq: 5 }, { batch: 1, seq: 1 }, { batch: 130, seq: 2 });
  });

  test('take one addition an element, not one a pair of them', () => {
    const graph = buildGraph('running', (g) => ({ y: g.cumsum(g.input('x', f32('n', 'm'))) }));
    for (const target of PROGRAM_TARGETS) {
      const [kernel] = lower(graph, target).kernels;
      const loops = kernel && printKernel(kernel).match(/\bfor k\b.*/g);
      expect(loops).toEqual(['for k in 0..m']);
    }
  });
});

describe('map', () => {
  test('views of views, in place and behind one another', async () => {
    const graph = buildGraph('views', (g) => {
      const x = g.input('x', f32('batch', 'seq', 6));
      const apart = g.reshape(x, { shape: ['batch', 'seq', 2, 3] });
      const turned = g.transpose(apart, { permutation: [2, 0, 3, 1] });
      const joined = g.reshape(turned, { shape: ['2*batch', 3, 'seq'] });
      const part = g.slice(x, { starts: [0, 0, 1], ends: ['batch', 'seq', 6], steps: [1, 1, 2] });
      return {
        joined: g.mul(joined, 2),
        padded: g.pad(part, { before: [0, 1, 0], after: [0, 0, 2], value: 0.5 }),
        twice: g.concat([x, g.neg(x)], { axis: 1 }),
      };
    });
    await expectRight(graph, { batch: 2, seq: 5 }, { batch: 1, seq: 1 });
  });

  test('reductions along other axes than the last', async () => {
    const graph = buildGraph('columns', (g) => {
      const x = g.input('x', f32('batch', 'seq', 5));
      return {
        pooled: g.reduce_mean(x, { axes: [1] }),
        largest: g.reduce_max(x, { axes: [0, 2], keep: true }),
        best: g.argmax(x, { axis: 1 }),
      };
    });
    await expectRight(graph, { batch: 3, seq: 7 }, { batch: 1, seq: 1 });
  });

  test('ids beyond the table take its last row, negative ones its first', async () => {
    const graph = buildGraph('clamped', (g) => {
      const ids = g.input('ids', i32('n'));
      const far = g.sub(g.mul(ids, 5), 3);
      return { y: g.gather(table(g, 'rows', 4, 3), far), z: g.gather(table(g, 'z', 4, 3), ids) };
    });
    await expectRight(graph, { n: 9 });
  });
});
