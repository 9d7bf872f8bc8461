/** simplify: bools and parts of values, each rule by its equation, and beside it what only looks like it */
import { describe, expect, test } from 'vitest';
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import type { Value } from '../../src/ir/graph.ts';
import { bool, dims, f32, i32, i64, type TensorData } from '../../src/ir/types.ts';
import { simplify } from '../../src/passes/simplify.ts';
import { runSafely } from '../support/run-pass.ts';

const { batch, seq } = dims('batch', 'seq');
type V = Value<'f32'>;

interface Given {
  readonly x: V;
  readonly b: Value<'bool'>;
  readonly i: Value<'i64'>;
}
type Build = (g: Builder, given: Given) => Value;

/** What is left of `build`; x f32[batch, seq, 4], b bool[batch, seq], i i64[batch, seq]. */
function simplified(build: Build) {
  const graph = buildGraph('masks', (g) => {
    const x: V = g.input('x', f32(batch, seq, 4));
    const b: Value<'bool'> = g.input('b', bool(batch, seq));
    const i: Value<'i64'> = g.input('i', i64(batch, seq));
    return { y: build(g, { x, b, i }) };
  });
  return runSafely(graph, simplify);
}

function expectRule(equation: string, build: Build, left: readonly string[]) {
  test(equation, () => {
    const result = simplified(build);
    expect(result.ops.filter((op) => op !== 'constant')).toEqual(left);
    expect(result.entries.map(({ pattern }) => pattern)).toContain(equation);
  });
}

function expectKept(name: string, build: Build, left: readonly string[]) {
  test(`not ${name}`, () => {
    expect(simplified(build).ops.filter((op) => op !== 'constant')).toEqual(left);
  });
}

const cast = (g: Builder, x: Value, dtype: 'f32' | 'i32' | 'i64' | 'bool') => g.cast(x, { dtype });
const floats = (g: Builder, x: Value): V => g.cast(x, { dtype: 'f32' });

describe('bools', () => {
  expectRule('cast(x) to bool = x != 0', (g, { i }) => cast(g, i, 'bool'), ['not_equal']);
  expectRule('not (a = b) = a != b', (g, { i }) => g.not(g.equal(i, 3)), ['not_equal']);
  expectRule('not (a = b) = a != b', (g, { x }) => g.not(g.not_equal(x, 3)), ['equal']);
  expectRule('not (a = b) = a != b', (g, { i }) => g.not(g.less(i, 3)), ['greater_equal']);
  expectKept('not (a < b) of floats, of which one may be NaN', (g, { x }) => g.not(g.less(x, 3)), [
    'less',
    'not',
  ]);

  expectRule('cast(b) != 0 = b', (g, { b }) => g.not(g.not_equal(floats(g, b), 0)), ['not']);
  expectRule('cast(b) != 0 = b', (g, { b }) => g.equal(cast(g, b, 'i32') as Value<'i32'>, 0), [
    'not',
  ]);
  expectKept('cast(b) != 2', (g, { b }) => g.not_equal(floats(g, b), 2), ['cast', 'not_equal']);

  expectRule(
    'select(b, p, q) = p is b',
    (g, { b }) => g.equal(g.select(b, g.constant({ value: [0], dtype: 'f32' }), 5), 5),
    ['not'],
  );
  expectKept(
    'select(b, p, q) = r',
    (g, { b }) => g.equal(g.select(b, g.constant({ value: [0], dtype: 'f32' }), 5), 4),
    ['select', 'equal'],
  );

  expectRule('c - x != d = x != c - d', (g, { x }) => g.not_equal(g.sub(1, x), 0), ['not_equal']);
  expectKept('c - x != 1 of floats, which are rounded', (g, { x }) => g.not_equal(g.sub(1, x), 1), [
    'sub',
    'not_equal',
  ]);
  expectKept('x - c < 0', (g, { x }) => g.less(g.sub(1, x), 0), ['sub', 'less']);
  expectKept(
    'inf - x != 0, which is NaN for x = inf',
    (g, { x }) => g.not_equal(g.sub(Number.POSITIVE_INFINITY, x), 0),
    ['sub', 'not_equal'],
  );

  expectRule('cast(i) != c = i != c', (g, { i }) => g.equal(floats(g, i), 1), ['equal']);
  expectKept('cast(i) != 0.5', (g, { i }) => g.equal(floats(g, i), 0.5), ['cast', 'equal']);
  expectKept(
    'cast(i) != 2^24, to which others are rounded',
    (g, { i }) => g.equal(floats(g, i), 2 ** 24),
    ['cast', 'equal'],
  );
  expectRule('cast(i) < c = i < c', (g, { i }) => g.less(floats(g, i), 1), ['less']);
  expectRule('cast(i) < c = i < c', (g, { i }) => g.greater_equal(0, floats(g, i)), [
    'greater_equal',
  ]);
  expectKept('cast(i) < 0.5', (g, { i }) => g.less(floats(g, i), 0.5), ['cast', 'less']);
  expectKept(
    'cast(i) < 2^24, to which larger ones are rounded',
    (g, { i }) => g.less(floats(g, i), 2 ** 24),
    ['cast', 'less'],
  );
  expectKept(
    'cast of a float to an integer',
    (g, { x }) => g.equal(cast(g, x, 'i32') as Value<'i32'>, 1),
    ['cast', 'equal'],
  );

  expectRule(
    'select(y != 0, c, y) = select(y != 0, c, 0)',
    (g, { i }) => {
      const y: V = g.sub(1, floats(g, i));
      return g.select(cast(g, y, 'bool') as Value<'bool'>, -1e9, y);
    },
    ['not_equal', 'select'],
  );
  expectKept('select(y != 1, c, y)', (g, { x }) => g.select(g.not_equal(x, 1), -1e9, x), [
    'not_equal',
    'select',
  ]);
  test('not select(y = 0, c, y), which keeps y', () => {
    const { graph } = simplified((g, { x }) => g.select(g.equal(x, 0), 7, x));
    const choice = graph.nodes.find(({ op }) => op === 'select');
    expect(choice?.operands[2]).toBe(graph.inputs[0]);
  });

  expectRule(
    'i >= c = true where i is never less',
    (g, { b }) => g.and(b, g.greater_equal(g.iota({ shape: [batch, seq] }), 0)),
    [],
  );
  expectKept(
    'i >= 1, for i counts from 0',
    (g, { b }) => g.and(b, g.greater_equal(g.iota({ shape: [batch, seq] }), 1)),
    ['iota', 'greater_equal', 'and'],
  );
  expectKept('i >= 0 of an input', (g, { i }) => g.greater_equal(i, 0), ['greater_equal']);

  const all = (g: Builder, value: number) =>
    g.constant({ value: [value], dtype: 'bool', shape: [batch, seq] });
  expectRule('b and true = b', (g, { b }) => g.not(g.and(all(g, 1), b)), ['not']);
  expectRule('b and true = b', (g, { b }) => g.not(g.or(b, all(g, 0))), ['not']);
  expectRule('b and true = b', (g, { b }) => g.and(all(g, 0), b), []);
  test('not b and false, which is false', () => {
    const { graph } = simplified((g, { b }) => g.and(b, all(g, 0)));
    expect(graph.nodes.map(({ attributes }) => attributes.value)).toEqual([[0]]);
  });
});

describe('views behind what is elementwise', () => {
  const wide = (g: Builder, i: Value<'i64'>) =>
    g.broadcast(g.reshape(i, { shape: [batch, 1, seq] }), { shape: [batch, 4, seq] });

  expectRule(
    'f(broadcast(x)) = broadcast(f(x))',
    (g, { i }) => g.reduce_max(floats(g, wide(g, i)), { axes: [0] }),
    ['cast', 'reshape', 'broadcast', 'reduce_max'],
  );
  expectRule(
    'f(x with dims of 1) = f(x) with dims of 1',
    (g, { i, x }) => {
      const column = g.reshape(i, { shape: [batch, seq, 1] });
      return g.mul(x, g.sub(2, floats(g, column)));
    },
    ['cast', 'sub', 'reshape', 'mul'],
  );
  expectKept(
    'a reshape that splits a dim',
    (g, { x }) => g.reduce_max(g.exp(g.reshape(x, { shape: [batch, seq, 2, 2] })), { axes: [0] }),
    ['reshape', 'exp', 'reduce_max'],
  );
  expectKept('an output of its own', (g, { i }) => floats(g, wide(g, i)), [
    'reshape',
    'broadcast',
    'cast',
  ]);
  expectKept(
    'two values, of which one is no view',
    (g, { i, x }) =>
      g.reduce_max(g.mul(x, floats(g, g.reshape(i, { shape: [batch, seq, 1] }))), { axes: [0] }),
    ['cast', 'reshape', 'mul', 'reduce_max'],
  );

  test('c + x = x + c', () => {
    const { graph } = simplified((g, { x }) => g.add(g.weight('w', f32(4)), x));
    expect(graph.nodes[0]?.operands).toEqual([graph.inputs[0], graph.parameters[0]?.value]);
  });
  test('not c - x', () => {
    const { graph } = simplified((g, { x }) => g.sub(g.weight('w', f32(4)), x));
    expect(graph.nodes[0]?.operands).toEqual([graph.parameters[0]?.value, graph.inputs[0]]);
  });
});

describe('parts', () => {
  const heads = (g: Builder) => {
    const merged: V = g.input('merged', f32(batch, seq, 24));
    return g.reshape(merged, { shape: [batch, seq, 3, 2, 4] }) as V;
  };
  const part = (g: Builder, x: V, axis: number, at: number) =>
    g.slice(x, {
      starts: x.shape.map((_, i) => (i === axis ? at : 0)),
      ends: x.shape.map((dim, i) => (i === axis ? at + 1 : dim)),
    });

  expectRule('slice(reshape(x)) = reshape(slice(x))', (g) => part(g, heads(g), 2, 1), [
    'slice',
    'reshape',
  ]);
  expectKept('a part of the second of the split dims', (g) => part(g, heads(g), 3, 1), [
    'reshape',
    'slice',
  ]);
  expectRule(
    'slice(transpose(x)) = transpose(slice(x))',
    (g) => part(g, g.transpose(heads(g), { permutation: [2, 0, 3, 1, 4] }) as V, 0, 2),
    ['slice', 'reshape', 'transpose'],
  );
  expectRule(
    'transpose(x) without dims of 1 = transpose(x without them)',
    (g) => {
      const turned = g.transpose(heads(g), { permutation: [2, 0, 3, 1, 4] }) as V;
      return g.reshape(part(g, turned, 0, 2), { shape: [batch, 2, seq, 4] });
    },
    ['slice', 'reshape', 'transpose'],
  );
  expectKept(
    'a reshape that joins what was transposed',
    (g) => {
      const turned = g.transpose(heads(g), { permutation: [2, 0, 3, 1, 4] }) as V;
      return g.reshape(turned, { shape: [3, batch, '2*seq', 4] });
    },
    ['reshape', 'transpose', 'reshape'],
  );
  expectRule(
    'reduce(x) with its axes put back = reduce(x) {keep}',
    (g, { x }) => g.sub(x, g.reshape(g.reduce_max(x, { axes: [1] }), { shape: [batch, 1, 4] })),
    ['reduce_max', 'sub'],
  );
  expectKept(
    'an axis put back elsewhere',
    (g, { x }) => g.mul(g.reshape(g.reduce_max(x, { axes: [1] }), { shape: [1, batch, 4] }), 2),
    ['reduce_max', 'reshape', 'mul'],
  );

  const place = (g: Builder, at: number) => g.constant({ value: [at], dtype: 'i64' });
  expectRule(
    'gather(x, i) at one place i = slice(x)',
    (g) => g.gather(g.input('table', f32(5, 4)), place(g, 3)),
    ['slice', 'reshape'],
  );
  expectRule(
    'gather(x, i) at one place i = slice(x)',
    (g, { x }) => g.gather(x, place(g, 0), { axis: 1 }),
    ['slice', 'reshape'],
  );
  expectKept('a place that may lie outside', (g, { x }) => g.gather(x, place(g, 9), { axis: 1 }), [
    'gather',
  ]);
  expectKept('a place before the first', (g) => g.gather(g.input('t', f32(5, 4)), place(g, -1)), [
    'gather',
  ]);
  expectRule(
    'gather(c, i) of a constant c = c',
    (g, { i }) => g.gather(g.constant({ value: [2], dtype: 'f32', shape: [5] }), i),
    [],
  );
});

describe('rows that a weight counts', () => {
  const counting = (from: number, count: number, step = 1): TensorData => {
    const data = Int32Array.from({ length: count }, (_, i) => from + step * i);
    return { dtype: 'i32', shape: [1, count], data };
  };
  const looked = (numbers: TensorData, rows: number) => (g: Builder) => {
    const [, count = 0] = numbers.shape;
    const positions = g.weight('positions', i32(1, count), numbers);
    const part = g.slice(positions, { starts: [0, 0], ends: [1, seq] });
    return g.gather(g.weight('table', f32(rows, 4)), part);
  };
  expectRule('gather(x, slice(0, 1, 2, ..)) = slice(x)', looked(counting(0, 8), 8), [
    'slice',
    'reshape',
  ]);
  expectRule('gather(x, slice(0, 1, 2, ..)) = slice(x)', looked(counting(2, 8), 10), [
    'slice',
    'reshape',
  ]);
  expectKept('a table that ends before', looked(counting(0, 8), 7), ['slice', 'gather']);
  expectKept('a weight that counts by twos', looked(counting(0, 8, 2), 20), ['slice', 'gather']);
  expectKept('a weight that begins below 0', looked(counting(-1, 8), 8), ['slice', 'gather']);
});

describe('parts of what is put together', () => {
  const joined = (g: Builder, x: V) => g.concat([x, g.neg(x), x], { axis: 1 });
  const part = (g: Builder, x: V, start: string | number, end: string | number) =>
    g.slice(joined(g, x), { starts: [0, start, 0], ends: [batch, end, 4] });

  expectRule('slice(concat(x, y)) = slice(x)', (g, { x }) => part(g, x, seq, '2*seq'), ['neg']);
  expectRule(
    'slice(concat(x, y)) = slice(x)',
    (g, { x }) => part(g, g.slice(x, { starts: [0, 0, 0], ends: [batch, 3, 4] }) as V, 4, 5),
    ['slice', 'neg', 'slice'],
  );
  expectKept('a part that two of them share', (g, { x }) => part(g, x, seq, '2*seq+1'), [
    'neg',
    'concat',
    'slice',
  ]);
  expectKept(
    'a part along another axis than that of the concat',
    (g, { x }) => g.slice(joined(g, x), { starts: [0, 0, 0], ends: [batch, '3*seq', 2] }),
    ['neg', 'concat', 'slice'],
  );
});

describe('bounds of places', () => {
  const counted = (g: Builder) => g.iota({ shape: [batch, seq], axis: 1, dtype: 'i64' });
  const last = (g: Builder, less: number) => {
    const place = g.iota({ shape: [1], start: `seq-${less}`, dtype: 'i64' });
    return g.reshape(place, { shape: [] });
  };

  expectRule('maximum(i, c) = i where i is never less', (g) => g.maximum(counted(g), 0), ['iota']);
  expectKept('maximum(i, c) of places that may be less', (g) => g.maximum(counted(g), 1), [
    'iota',
    'maximum',
  ]);
  expectKept('maximum(i, c) of an input', (g, { i }) => g.maximum(i, 0), ['maximum']);
  expectRule('minimum(i, c) = i where i is never more', (g) => g.minimum(counted(g), last(g, 1)), [
    'iota',
  ]);
  expectKept('minimum(i, c) of places that may be more', (g) => g.minimum(counted(g), last(g, 2)), [
    'iota',
    'iota',
    'reshape',
    'minimum',
  ]);
  expectKept('minimum(i, c) of an input', (g, { i }) => g.minimum(i, last(g, 1)), [
    'iota',
    'reshape',
    'minimum',
  ]);
});

describe('places in order', () => {
  /** A mask looked up by counted places, as PyTorch's exporter writes it since version 2.8. */
  const looked = (g: Builder, i: Value<'i64'>, stride: Value<'i64'>) => {
    const flat = g.reshape(i, { shape: ['batch*seq'] });
    const rows = g.reshape(g.iota({ shape: [batch], dtype: 'i64' }), { shape: [batch, 1, 1] });
    const columns = g.reshape(g.iota({ shape: [seq], dtype: 'i64' }), { shape: [1, 1, seq] });
    const places: Value<'i64'> = g.add(columns, g.mul(rows, stride));
    const guarded = g.select(g.less(places, 0), g.add(places, 7), places);
    return g.gather(flat, guarded);
  };
  const int = (g: Builder, dim: string): Value =>
    g.reshape(g.iota({ shape: [1], start: dim }), { shape: [] });
  const size = (g: Builder, dim: string) =>
    g.reshape(g.iota({ shape: [1], start: dim, dtype: 'i64' }), { shape: [] });

  expectRule('gather(x, 0, 1, 2, ..) = reshape(x)', (g, { i }) => looked(g, i, size(g, 'seq')), [
    'reshape',
  ]);
  expectRule(
    'gather(x, 0, 1, 2, ..) = reshape(x)',
    (g, { i }) => {
      const rows = g.minimum(
        g.maximum(g.iota({ shape: [batch, 1], axis: 0 }), 0),
        int(g, 'batch-1'),
      );
      const columns = g.minimum(g.iota({ shape: [batch, seq], axis: 1 }), int(g, 'seq-1'));
      const places = g.add(g.mul(rows, int(g, 'seq')), columns);
      return g.gather(g.reshape(i, { shape: ['batch*seq'] }), places as Value<'i32'>);
    },
    [],
  );
  test('not rows by another stride', () => {
    const { ops } = simplified((g, { i }) => looked(g, i, size(g, 'batch')));
    expect(ops).toContain('gather');
  });
  test('not part of the rows', () => {
    const { ops } = simplified((g, { x }) => {
      const columns = g.iota({ shape: [seq], dtype: 'i64' });
      return g.gather(x, columns, { axis: 0 });
    });
    expect(ops).toContain('gather');
  });
  test('not rows from the second on', () => {
    const { ops } = simplified((g, { x }) => {
      return g.gather(x, g.iota({ shape: [seq], start: 1, dtype: 'i64' }), { axis: 1 });
    });
    expect(ops).toContain('gather');
  });
  test('not places that a negative stride leads below 0', () => {
    const { ops } = simplified((g, { b }) => {
      const back: Value<'i32'> = g.mul(g.iota({ shape: [batch, seq] }), -1);
      return g.and(b, g.greater_equal(back, 0));
    });
    expect(ops).toContain('greater_equal');
  });
});
