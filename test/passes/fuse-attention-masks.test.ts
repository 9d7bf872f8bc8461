/** fuse-attention: masks, biases and causal masks, in the forms in which they are written. */
import { describe, expect, test } from 'vitest';
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import { multiply } from '../../src/ir/dims.ts';
import type { Value } from '../../src/ir/graph.ts';
import { LOWEST } from '../../src/ir/ops/softmax.ts';
import { bool, type Dim, dims, f32, i64 } from '../../src/ir/types.ts';
import { foldConstants } from '../../src/passes/fold-constants.ts';
import { fuseAttention } from '../../src/passes/fuse-attention.ts';
import { simplify } from '../../src/passes/simplify.ts';
import {
  attentionGraph,
  attentionOf,
  type Parts,
  product,
  turned,
  type V,
} from '../support/attention-graph.ts';
import { matches, refusals, run, runSafely } from '../support/run-pass.ts';

const { batch, seq, keys } = dims('batch', 'seq', 'keys');

describe('masks and biases', () => {
  const masked = (scores: (p: Parts, mask: Value<'bool'>) => V, passes = [fuseAttention]) => {
    const graph = attentionGraph((p) => {
      const mask = p.g.input('mask', bool(batch, 1, 1, seq));
      return p.g.matmul(scores(p, mask), p.value);
    });
    return runSafely(graph, ...passes);
  };
  const zero = (g: Builder) => g.constant({ value: [0], dtype: 'f32' });
  const hides = 'now gives zeros instead of the mean of the values';

  test('the mask of the softmax', () => {
    const result = masked((p, mask) => p.g.softmax(product(p), mask));
    expect(attentionOf(result.graph)).toMatchObject({
      operands: ['query', 'key', 'value', 'mask', null],
    });
    expect(matches(result)[0]).not.toContain(hides);
  });

  test('select(mask, scores, -1e9)', () => {
    const result = masked((p, mask) => p.g.softmax(p.g.select(mask, product(p), -1e9)));
    expect(attentionOf(result.graph)).toMatchObject({
      operands: ['query', 'key', 'value', 'mask', null],
    });
    expect(matches(result)[0]).toContain(hides);
  });

  test('select(hidden, -inf, scores): the same on rows without a visible key too', () => {
    const result = masked((p, mask) => {
      return p.g.softmax(p.g.select(p.g.not(mask), -Infinity, product(p)));
    });
    expect(attentionOf(result.graph)).toMatchObject({
      operands: ['query', 'key', 'value', 'mask', null],
    });
    expect(matches(result)[0]).not.toContain(hides);
  });

  const additive: { readonly [form: string]: (g: Builder, mask: Value<'bool'>) => V } = {
    '(1 - mask) * -1e9': (g, mask) => g.mul(g.sub(1, g.cast(mask, { dtype: 'f32' })), -1e9),
    '(mask - 1) * 1e9': (g, mask) => g.mul(g.sub(g.cast(mask, { dtype: 'f32' }), 1), 1e9),
    'hidden * -1e9': (g, mask) => g.mul(g.cast(g.not(mask), { dtype: 'f32' }), -1e9),
    'select(mask, 0, -1e9)': (g, mask) => g.select(mask, zero(g), -1e9),
    'select(hidden, -1e9, 0)': (g, mask) => g.select(g.not(mask), -1e9, zero(g)),
  };
  for (const [form, term] of Object.entries(additive)) {
    test(`scores + ${form}`, () => {
      const result = masked(
        (p, mask) => p.g.softmax(p.g.add(product(p), term(p.g, mask))),
        [fuseAttention, simplify],
      );
      expect(attentionOf(result.graph)).toMatchObject({
        operands: ['query', 'key', 'value', 'mask', null],
      });
      expect(matches(result)[0]).toContain(hides);
    });
  }

  test('two masks are both of them', () => {
    const result = masked((p, mask) => {
      const other = p.g.input('other', bool(seq, seq));
      return p.g.softmax(p.g.select(other, product(p), -Infinity), mask);
    });
    expect(result.ops).toEqual(['and', 'attention']);
  });

  test('a mask that differs from query to query, of finite numbers, is a bias: a hidden row has a mean', () => {
    const select = masked((p) => {
      const other = p.g.input('other', bool(seq, seq));
      return p.g.softmax(p.g.select(other, product(p), -1e9));
    });
    expect(select.ops.filter((op) => op !== 'constant')).toEqual(['select', 'attention']);
    expect(matches(select)[0]).toContain('bias of the mask %other');
    expect(matches(select)[0]).not.toContain(hides);
    const sum = masked((p) => {
      const other = p.g.cast(p.g.input('other', bool(batch, 1, seq, seq)), { dtype: 'f32' });
      return p.g.softmax(p.g.add(product(p), p.g.mul(p.g.sub(1, other), -1e9)));
    });
    expect(attentionOf(sum.graph)).toMatchObject({
      operands: ['query', 'key', 'value', null, 'mul'],
    });
  });

  test('such a mask of the lowest float32, of which a hidden row has zeros, is a mask', () => {
    const result = masked((p) => {
      const other = p.g.input('other', bool(seq, seq));
      return p.g.softmax(p.g.select(other, product(p), LOWEST));
    });
    expect(attentionOf(result.graph)).toMatchObject({
      operands: ['query', 'key', 'value', 'other', null],
    });
  });

  test('a mask of numbers that is added stays a bias', () => {
    const graph = attentionGraph((p) => {
      const mask = p.g.input('mask', i64(batch, 1, 1, seq));
      const term = p.g.mul(p.g.sub(1, p.g.cast(mask, { dtype: 'f32' })), -1e4);
      return p.g.matmul(p.g.softmax(p.g.add(product(p), term)), p.value);
    });
    const result = runSafely(graph, fuseAttention);
    expect(attentionOf(result.graph)).toMatchObject({
      operands: ['query', 'key', 'value', null, 'mul'],
    });
    expect(matches(result)[0]).toContain('which is no mask because %mask is i64, not bool');
  });

  /** Terms that meet the scores before and after a reshape of the leading dims. */
  const joined = (wide: readonly (string | number)[]) =>
    runSafely(
      attentionGraph((p) => {
        const mask = p.g.input('mask', bool(batch, 1, 1, seq));
        const bias = p.g.input('bias', { dtype: 'f32', shape: wide } as never) as V;
        const flat: V = p.g.reshape(product(p), { shape: ['2*batch', seq, seq] });
        const scores: V = p.g.reshape(p.g.add(flat, bias), { shape: [batch, 2, seq, seq] });
        return p.g.matmul(p.g.softmax(scores, mask), p.value);
      }),
      fuseAttention,
    );

  test('a bias that has all the dims of its place is brought to those of the mask', () => {
    const result = joined(['2*batch', seq, seq]);
    expect(result.ops).toEqual(['reshape', 'attention']);
    expect(attentionOf(result.graph).operands.slice(3)).toEqual(['mask', 'bias.reshape']);
  });

  test('a bias of positions alone fits everywhere', () => {
    expect(joined([seq, seq]).ops).toEqual(['attention']);
  });

  test('a bias, added before or after the scale', () => {
    const biased = (scores: (p: Parts, bias: V) => V) =>
      runSafely(
        attentionGraph((p) => {
          const bias = p.g.input('bias', f32(2, seq, seq));
          return p.g.matmul(p.g.softmax(scores(p, bias)), p.value);
        }),
        fuseAttention,
      );
    const after = biased((p, bias) => p.g.add(p.g.mul(product(p), 0.5), bias));
    expect(after.ops).toEqual(['attention']);
    expect(attentionOf(after.graph)).toMatchObject({
      scale: 0.5,
      operands: ['query', 'key', 'value', null, 'bias'],
    });
    const before = biased((p, bias) => p.g.mul(p.g.add(bias, product(p)), 0.5));
    expect(before.ops).toEqual(['constant', 'mul', 'attention']);
    const subtracted = biased((p, bias) => p.g.sub(product(p), bias));
    expect(subtracted.ops).toEqual(['constant', 'mul', 'attention']);
  });

  test('a bias that a matmul makes too is not taken for the scores', () => {
    const graph = attentionGraph((p) => {
      const bias = p.g.matmul(p.g.input('a', f32(seq, 3)), p.g.input('b', f32(3, seq)));
      return p.g.matmul(p.g.softmax(p.g.add(bias, product(p))), p.value);
    });
    expect(runSafely(graph, fuseAttention).ops).toEqual(['matmul', 'attention']);
  });
});

describe('terms that meet the scores at different shapes', () => {
  const windows = 3;
  /** As Swin: windows of a picture are samples, and a mask a window is added in between. */
  const shifted = (maskShape: readonly Dim[], biasShape: readonly Dim[], outer: Dim = batch) =>
    buildGraph('windows', (g) => {
      const all = multiply(windows, outer);
      const [query, key]: V[] = ['query', 'key'].map((name) => g.input(name, f32(all, 2, 4, 8)));
      if (query === undefined || key === undefined) throw new Error('no inputs');
      const bias = g.input('bias', { dtype: 'f32', shape: biasShape });
      const mask = g.input('mask', { dtype: 'f32', shape: maskShape });
      const scores: V = g.add(g.matmul(query, turned(g, key)), bias as V);
      const apart = g.reshape(scores, { shape: [outer, windows, 2, 4, 4] });
      const masked = g.reshape(g.add(apart, mask as V), { shape: [all, 2, 4, 4] });
      return { context: g.matmul(g.softmax(masked), key) };
    });

  test.each([
    ['a bias of the heads', [1, 2, 4, 4]],
    ['a bias without leading ones', [2, 4, 4]],
    ['a bias of each window', ['3*batch', 2, 4, 4]],
  ])('%s, and a mask of the windows', (_, biasShape) => {
    const result = runSafely(shifted([windows, 1, 4, 4], biasShape), fuseAttention);
    expect(attentionOf(result.graph)).toMatchObject({ operands: expect.arrayContaining([null]) });
    expect(result.ops).not.toContain('softmax');
    expect(result.ops).not.toContain('matmul');
  });

  test('not where the dims of one do not split those of the other', () => {
    const graph = buildGraph('regrouped', (g) => {
      const [query, key]: V[] = ['query', 'key'].map((name) => g.input(name, f32(4, 6, 5, 8)));
      if (query === undefined || key === undefined) throw new Error('no inputs');
      const scores: V = g.add(g.matmul(query, turned(g, key)), g.input('bias', f32(6, 5, 5)));
      const other = g.reshape(scores, { shape: [3, 8, 5, 5] });
      const masked = g.reshape(g.add(other, g.input('mask', f32(8, 5, 5))), {
        shape: [4, 6, 5, 5],
      });
      return { context: g.matmul(g.softmax(masked), key) };
    });
    const result = run(graph, fuseAttention);
    expect(result.ops).toContain('softmax');
    expect(refusals(result).join()).toContain('at different shapes');
  });
});

describe('causal masks', () => {
  type Positions = (g: Builder) => Value<'bool'>;
  const row = (g: Builder) => g.iota({ shape: [seq, 1], axis: 0 });
  const column = (g: Builder) => g.iota({ shape: [1, seq], axis: 1 });
  const causal = (visible: Positions) =>
    runSafely(
      attentionGraph((p) => p.g.matmul(p.g.softmax(product(p), visible(p.g)), p.value)),
      fuseAttention,
    );
  const forms: { readonly [form: string]: Positions } = {
    'key <= query': (g) => g.less_equal(column(g), row(g)),
    'query >= key': (g) => g.greater_equal(row(g), column(g)),
    'key < query + 1': (g) => g.less(column(g), g.add(row(g), 1)),
    'not key > query': (g) => g.not(g.greater(column(g), row(g))),
    'vectors of positions, one turned': (g) => {
      const positions = g.iota({ shape: [seq] });
      return g.less_equal(positions, g.reshape(positions, { shape: [seq, 1] }));
    },
    'with leading dims of 1': (g) => {
      const visible: Value<'bool'> = g.less_equal(column(g), row(g));
      return g.reshape(visible, { shape: [1, 1, seq, seq] });
    },
  };
  for (const [form, visible] of Object.entries(forms)) {
    test(form, () => {
      const { graph, ops } = causal(visible);
      expect(ops).toEqual(['attention']);
      expect(attentionOf(graph)).toMatchObject({
        causal: true,
        operands: ['query', 'key', 'value', null, null],
      });
    });
  }

  test('beside a mask', () => {
    const graph = attentionGraph((p) => {
      const mask = p.g.input('mask', bool(batch, 1, 1, seq));
      const visible = p.g.and(mask, p.g.less_equal(column(p.g), row(p.g)));
      return p.g.matmul(p.g.softmax(product(p), visible), p.value);
    });
    const { graph: after } = runSafely(graph, fuseAttention);
    expect(attentionOf(after)).toMatchObject({
      causal: true,
      operands: ['query', 'key', 'value', 'mask', null],
    });
  });

  test('the last query sees all keys where there are more keys than queries', () => {
    const shifted = (start: 0 | 'keys-seq') =>
      buildGraph('shifted', (g) => {
        const query = g.input('query', f32(batch, 2, seq, 4));
        const key = g.input('key', f32(batch, 2, keys, 4));
        const visible = g.less_equal(
          g.iota({ shape: [1, keys], axis: 1 }),
          g.iota({ shape: [seq, 1], axis: 0, start }),
        );
        return { context: g.matmul(g.softmax(g.matmul(query, turned(g, key)), visible), key) };
      });
    const last = run(shifted('keys-seq'), fuseAttention).graph;
    expect(attentionOf(last)).toMatchObject({ causal: true });
    const first = runSafely(shifted(0), fuseAttention).graph;
    expect(attentionOf(first)).toMatchObject({ causal: false });
  });

  const others: { readonly [form: string]: Positions } = {
    'key < query, which hides the query itself': (g) => g.less(column(g), row(g)),
    'key >= query, which looks ahead': (g) => g.greater_equal(column(g), row(g)),
    'key <= query turned around': (g) =>
      g.transpose(g.less_equal(column(g), row(g)), { permutation: [1, 0] }),
    'one position for all queries': (g) =>
      g.broadcast(g.less_equal(column(g), g.iota({ shape: [1, 1], axis: 0 })), {
        shape: [seq, seq],
      }),
  };
  for (const [form, visible] of Object.entries(others)) {
    test(`not ${form}: it stays a mask`, () => {
      expect(attentionOf(causal(visible).graph)).toMatchObject({ causal: false });
    });
  }

  test('positions of fixed lengths are not folded into a table before', () => {
    const graph = buildGraph('fixed', (g) => {
      const x = g.input('x', f32(1, 1, 8, 4));
      const visible = g.less_equal(
        g.iota({ shape: [1, 8], axis: 1 }),
        g.iota({ shape: [8, 1], axis: 0 }),
      );
      return { context: g.matmul(g.softmax(g.matmul(x, turned(g, x)), visible), x) };
    });
    expect(attentionOf(runSafely(graph, foldConstants, fuseAttention).graph)).toMatchObject({
      causal: true,
    });
  });
});

describe('windows', () => {
  type Near = (g: Builder, query: Value<'i32'>, key: Value<'i32'>) => Value<'bool'>;
  const attending = (near: Near, [n, m]: readonly [Dim, Dim], start: Dim = 0) =>
    buildGraph('window', (g) => {
      const query = g.input('query', f32(batch, 2, n, 4));
      const key: V = g.input('key', f32(batch, 2, m, 4));
      const row: Value<'i32'> = g.iota({ shape: [n, 1], axis: 0, start });
      const visible = near(g, row, g.iota({ shape: [1, m], axis: 1 }));
      const scores: V = g.matmul(query, turned(g, key));
      return { context: g.matmul(g.softmax(scores, visible), key) };
    });
  const fused = (near: Near) => runSafely(attending(near, [seq, seq]), fuseAttention);

  const forms: { readonly [form: string]: Near } = {
    'abs(query - key) <= 3': (g, i, j) => g.less_equal(g.abs(g.sub(i, j)), 3),
    'abs(key - query) < 4': (g, i, j) => g.less(g.abs(g.sub(j, i)), 4),
    '3 >= abs(query - key)': (g, i, j) => g.greater_equal(3, g.abs(g.sub(i, j))),
    'not abs(query - key) > 3': (g, i, j) => g.not(g.greater(g.abs(g.sub(i, j)), 3)),
    'abs of floats <= 3.5': (g, i, j) =>
      g.less_equal(g.abs(g.cast(g.sub(i, j), { dtype: 'f32' })), 3.5),
    'floats - floats': (g, i, j) => {
      const place = (x: Value<'i32'>): V => g.cast(x, { dtype: 'f32' });
      return g.less_equal(g.abs(g.sub(place(i), place(j))), 3);
    },
    'query - 3 <= key and key <= query + 3': (g, i, j) =>
      g.and(g.less_equal(g.sub(i, 3), j), g.less_equal(j, g.add(i, 3))),
    'key > query - 4 and key < query + 4': (g, i, j) =>
      g.and(g.greater(j, g.sub(i, 4)), g.less(j, g.add(i, 4))),
    'two windows, the smaller': (g, i, j) =>
      g.and(g.less_equal(g.abs(g.sub(i, j)), 9), g.less_equal(g.abs(g.sub(i, j)), 3)),
  };
  for (const [form, near] of Object.entries(forms)) {
    test(form, () => {
      const result = fused(near);
      expect(attentionOf(result.graph)).toMatchObject({
        window: 3,
        causal: false,
        operands: ['query', 'key', 'key', null, null],
      });
      expect(matches(result)[0]).toContain('window 3');
    });
  }

  const left: { readonly [form: string]: Near } = {
    'causal and abs(query - key) <= 3': (g, i, j) =>
      g.and(g.less_equal(j, i), g.less_equal(g.abs(g.sub(i, j)), 3)),
    'query - 3 <= key and key <= query': (g, i, j) =>
      g.and(g.less_equal(g.sub(i, 3), j), g.less_equal(j, i)),
  };
  for (const [form, near] of Object.entries(left)) {
    test(`${form}: to the left alone`, () => {
      expect(attentionOf(fused(near).graph)).toMatchObject({
        window: 3,
        causal: true,
        operands: ['query', 'key', 'key', null, null],
      });
    });
  }

  test('beside a mask', () => {
    const graph = attentionGraph((p) => {
      const mask = p.g.input('mask', bool(batch, 1, 1, seq));
      const [i, j] = [
        p.g.iota({ shape: [seq, 1], axis: 0 }),
        p.g.iota({ shape: [1, seq], axis: 1 }),
      ];
      const visible = p.g.and(p.g.less_equal(p.g.abs(p.g.sub(i, j)), 3), mask);
      return p.g.matmul(p.g.softmax(product(p), visible), p.value);
    });
    expect(attentionOf(runSafely(graph, fuseAttention).graph)).toMatchObject({
      window: 3,
      operands: ['query', 'key', 'value', 'mask', null],
    });
  });

  test('centred on the last key where there are more keys than queries, and there alone', () => {
    const near: Near = (g, i, j) => g.less_equal(g.abs(g.sub(i, j)), 3);
    const of = (start: Dim) =>
      attentionOf(runSafely(attending(near, [seq, keys], start), fuseAttention).graph);
    expect(of('keys-seq')).toMatchObject({ window: 3 });
    expect(of(0)).toMatchObject({ window: null });
  });

  const others: { readonly [form: string]: Near } = {
    'further to the right than to the left': (g, i, j) =>
      g.and(g.less_equal(g.sub(i, 3), j), g.less_equal(j, g.add(i, 4))),
    'to the right alone': (g, i, j) =>
      g.and(g.less_equal(i, j), g.less_equal(g.abs(g.sub(i, j)), 3)),
    'a window off its centre': (g, i, j) => g.less_equal(g.abs(g.sub(g.add(i, 1), j)), 3),
    'abs(query - key) >= 3, which is far': (g, i, j) => g.greater_equal(g.abs(g.sub(i, j)), 3),
    'abs(query - key) < 0, which is nothing': (g, i, j) => g.less(g.abs(g.sub(i, j)), 0),
    'without abs': (g, i, j) => g.less_equal(g.sub(i, j), 3),
    'abs(query - query)': (g, i) => {
      const none: Value<'bool'> = g.less_equal(g.abs(g.sub(i, i)), 3);
      return g.broadcast(none, { shape: [seq, seq] });
    },
    'abs(query + key) <= 3': (g, i, j) => g.less_equal(g.abs(g.add(i, j)), 3),
    'distances that wrap around': (g, i, j) =>
      g.less_equal(g.abs(g.cast(g.sub(i, j), { dtype: 'i8' })), 3),
  };
  for (const [form, near] of Object.entries(others)) {
    test(`not ${form}: it stays a mask`, () => {
      const { operands, ...attributes } = attentionOf(fused(near).graph);
      expect(attributes).toMatchObject({ window: null });
      expect(operands[3]).not.toBeNull();
    });
  }
});
