/** simplify: each rule by its equation, and beside it what only looks like it */
import { describe, expect, test } from 'vitest';
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import { sizeOf } from '../../src/ir/dims.ts';
import type { Value } from '../../src/ir/graph.ts';
import { bool, dims, f32, i32 } from '../../src/ir/types.ts';
import { foldConstants } from '../../src/passes/fold-constants.ts';
import { simplify } from '../../src/passes/simplify.ts';
import { matches, runSafely } from '../support/run-pass.ts';

const { batch, seq } = dims('batch', 'seq');
type V = Value<'f32'>;

/** The ops that are left of `build(g, x)` with x f32[batch, seq, 4]. */
function simplified(build: (g: Builder, x: V) => Value) {
  const graph = buildGraph('simplify', (g) => {
    const x: V = g.input('x', f32(batch, seq, 4));
    return { y: build(g, x) };
  });
  return runSafely(graph, simplify);
}

function expectRule(equation: string, build: (g: Builder, x: V) => Value, left: readonly string[]) {
  test(equation, () => {
    const result = simplified(build);
    expect(result.ops).toEqual(left);
    expect(result.entries.map(({ pattern }) => pattern)).toContain(equation);
  });
}

function expectKept(name: string, build: (g: Builder, x: V) => Value, left: readonly string[]) {
  test(`not ${name}`, () => expect(simplified(build).ops).toEqual(left));
}

const ones = (g: Builder, value: number, shape: readonly (string | number)[]): V =>
  g.constant({ value: [value], dtype: 'f32', shape });

describe('arithmetic', () => {
  expectRule('x + 0 = x', (g, x) => g.exp(g.add(0, g.add(g.add(x, 0), 0))), ['exp']);
  expectRule('x + 0 = x', (g, x) => g.add(x, ones(g, 0, [3, 1, 1, 1])), ['broadcast']);
  expectRule('x * 1 = x', (g, x) => g.exp(g.mul(1, g.mul(x, 1))), ['exp']);
  expectRule('x - 0 = x', (g, x) => g.exp(g.sub(x, 0)), ['exp']);
  expectRule('x / 1 = x', (g, x) => g.exp(g.div(x, 1)), ['exp']);
  expectRule('-(-x) = x', (g, x) => g.exp(g.neg(g.neg(x))), ['exp']);
  expectRule('-(-x) = x', (g, x) => g.neg(g.neg(g.neg(x))), ['neg']);
  expectRule('not (not x) = x', (g, x) => g.select(g.not(g.not(g.less(x, 0))), x, 1), [
    'constant',
    'less',
    'constant',
    'select',
  ]);
  expectRule('(x * a) * b = x * (a b)', (g, x) => g.mul(3, g.mul(g.mul(x, 5), 7)), [
    'constant',
    'mul',
  ]);
  expectRule('x / 2^n = x * 2^-n', (g, x) => g.div(x, 8), ['constant', 'mul']);
  expectRule('x / 2^n = x * 2^-n', (g, x) => g.div(x, -0.25), ['constant', 'mul']);

  expectKept('0 - x', (g, x) => g.sub(0, x), ['constant', 'sub']);
  expectKept('1 / x', (g, x) => g.div(1, x), ['constant', 'div']);
  expectKept('x * 0, for x may be infinite', (g, x) => g.mul(x, 0), ['constant', 'mul']);
  expectKept('x / 3, which 1/3 is not exact for', (g, x) => g.div(x, 3), ['constant', 'div']);
  expectKept('neg of abs of neg', (g, x) => g.neg(g.abs(g.neg(x))), ['neg', 'abs', 'neg']);
  expectKept('products that leave float32', (g, x) => g.mul(g.mul(x, 1e25), 1e25), [
    'constant',
    'mul',
    'constant',
    'mul',
  ]);
  test('not products of integers, which wrap around', () => {
    const graph = buildGraph('integers', (g) => {
      const x = g.input('x', i32(batch));
      return { y: g.mul(g.mul(x, 65536), 65536) };
    });
    expect(runSafely(graph, simplify).ops).toEqual(['constant', 'mul', 'constant', 'mul']);
  });
});

describe('select', () => {
  const condition = (g: Builder, value: number) =>
    g.constant({ value: [value], dtype: 'bool', shape: [batch, seq, 4] });

  expectRule('select(true, x, y) = x', (g, x) => g.select(condition(g, 1), g.exp(x), x), ['exp']);
  expectRule('select(true, x, y) = x', (g, x) => g.exp(g.select(condition(g, 0), g.log(x), x)), [
    'exp',
  ]);
  expectRule('select(c, x, x) = x', (g, x) => g.exp(g.select(g.less(x, 0), x, x)), ['exp']);
  expectRule(
    'select(true, x, y) = x',
    (g, x) => g.select(g.constant({ value: [1], dtype: 'bool' }), g.input('s', f32(4)), x),
    ['broadcast'],
  );
  expectKept(
    'select of what is not known',
    (g, x) => g.select(g.input('b', bool(4)), g.input('s', f32(4)), x),
    ['select'],
  );
});

describe('views', () => {
  const turn = (g: Builder, x: V, permutation: readonly number[]): V =>
    g.transpose(x, { permutation });
  const shape = (g: Builder, x: V, to: readonly (string | number)[]): V =>
    g.reshape(x, { shape: to });

  expectRule('reshape(x) to the shape of x = x', (g, x) => g.exp(shape(g, x, [batch, seq, 4])), [
    'exp',
  ]);
  expectRule(
    'reshape(reshape(x)) = reshape(x)',
    (g, x) => shape(g, shape(g, shape(g, x, ['4*batch*seq']), [batch, '4*seq']), [seq, batch, 4]),
    ['reshape'],
  );
  expectRule('transpose(x) that moves no axis = x', (g, x) => g.exp(turn(g, x, [0, 1, 2])), [
    'exp',
  ]);
  expectRule(
    'transpose(transpose(x)) = transpose(x)',
    (g, x) => turn(g, turn(g, x, [1, 2, 0]), [0, 2, 1]),
    ['transpose'],
  );
  expectRule(
    'transpose(transpose(x)) = transpose(x)',
    (g, x) => g.exp(turn(g, turn(g, x, [0, 2, 1]), [0, 2, 1])),
    ['exp'],
  );
  expectRule(
    'transpose(x) that moves only dims of 1 = reshape(x)',
    (g, x) => turn(g, shape(g, x, [batch, 1, seq, 4]), [0, 2, 1, 3]),
    ['reshape'],
  );
  expectRule(
    'slice(x) of all of x = x',
    (g, x) => g.exp(g.slice(x, { starts: [0, 0, 0], ends: [batch, seq, 4] })),
    ['exp'],
  );
  expectRule(
    'pad(x) by nothing = x',
    (g, x) => g.exp(g.pad(x, { before: [0, 0, 0], after: [0, 0, 0] })),
    ['exp'],
  );
  expectRule('concat(x) = x', (g, x) => g.exp(g.concat([x])), ['exp']);
  expectRule('cast(x) to the dtype of x = x', (g, x) => g.exp(g.cast(x, { dtype: 'f32' })), [
    'exp',
  ]);
  expectRule(
    'broadcast(broadcast(x)) = broadcast(x)',
    (g, x) =>
      g.broadcast(g.broadcast(x, { shape: [1, batch, seq, 4] }), { shape: [3, batch, seq, 4] }),
    ['broadcast'],
  );
  expectRule(
    'view of a constant c = c',
    (g) => turn(g, shape(g, ones(g, 2, [seq, 4]), ['4*seq', 1]), [1, 0]),
    ['constant'],
  );
  expectRule(
    'f(broadcast(x), y) = f(x, y)',
    (g, x) => g.add(x, g.broadcast(g.input('bias', f32(4)), { shape: [batch, seq, 4] })),
    ['add'],
  );
  expectRule('f(broadcast(x), y) = f(x, y)', (g, x) => g.mul(x, ones(g, 2, [batch, seq, 4])), [
    'constant',
    'mul',
  ]);

  expectKept('a reshape of other dims', (g, x) => shape(g, x, [seq, batch, 4]), ['reshape']);
  expectKept('a transpose of equal dims', (g) => turn(g, g.input('s', f32(4, 4)), [1, 0]), [
    'transpose',
  ]);
  expectKept(
    'a slice backwards over all',
    (g) => g.slice(g.input('s', f32(4)), { starts: [3], ends: [-1], steps: [-1] }),
    ['slice'],
  );
  expectRule(
    'transpose of matrices with their leading dims joined = transpose of matrices',
    (g, x) => {
      const heads = turn(g, shape(g, x, [batch, seq, 2, 2]), [0, 2, 1, 3]);
      const turned = turn(g, shape(g, heads, ['2*batch', seq, 2]), [0, 2, 1]);
      return shape(g, turned, [batch, 2, 2, seq]);
    },
    ['reshape', 'transpose'],
  );
  expectKept(
    'a transpose of matrices that are others',
    (g, x) => shape(g, turn(g, shape(g, x, [batch, 4, seq]), [0, 2, 1]), [batch, seq, 4]),
    ['reshape', 'transpose'],
  );
  expectKept(
    'a transpose of matrices whose leading dims are others behind it',
    (g, x) => {
      const split = shape(g, x, [batch, 2, seq, 2]);
      const turned = turn(g, shape(g, split, ['2*batch', seq, 2]), [0, 2, 1]);
      return shape(g, turned, [2, batch, 2, seq]);
    },
    ['reshape', 'transpose', 'reshape'],
  );
  expectKept(
    'a transpose between reshapes',
    (g, x) => shape(g, turn(g, shape(g, x, [batch, seq, 2, 2]), [0, 2, 1, 3]), [batch, '2*seq', 2]),
    ['reshape', 'transpose', 'reshape'],
  );
  expectKept(
    'a cast to another dtype and back',
    (g, x) => {
      return g.cast(g.cast(x, { dtype: 'i32' }), { dtype: 'f32' });
    },
    ['cast', 'cast'],
  );
  expectKept(
    'a broadcast that alone gives the shape',
    (g) => {
      const wide: V = g.broadcast(g.input('s', f32(4)), { shape: [3, 4] });
      return g.add(wide, g.input('t', f32(4)));
    },
    ['broadcast', 'add'],
  );
});

test('a vector that becomes a matrix and is turned has no last two axes to swap', () => {
  const graph = buildGraph('vector', (g) => {
    const matrix = g.reshape(g.input('x', f32(6)), { shape: [2, 3] });
    return { y: g.reshape(g.transpose(matrix, { permutation: [1, 0] }), { shape: [6] }) };
  });
  expect(runSafely(graph, simplify).ops).toEqual(['reshape', 'transpose', 'reshape']);
});

test('a chain of any length comes to its end', () => {
  const { ops } = simplified((g, x) => {
    let y = x;
    for (let i = 0; i < 99; i++)
      y = g.mul(g.neg(g.neg(g.transpose(y, { permutation: [1, 0, 2] }))), 1.01);
    return y;
  });
  expect(ops.filter((op) => op !== 'constant').sort()).toEqual(
    [...Array(99).fill('mul'), ...Array(99).fill('transpose')].sort(),
  );
  const chain = simplified((g, x) => {
    let y = x;
    for (let i = 0; i < 99; i++)
      y = g.mul(g.transpose(g.neg(g.neg(y)), { permutation: [0, 1, 2] }), 1.01);
    return y;
  });
  expect(chain.ops).toEqual(['constant', 'mul']);
});

test('constants that are folded before are seen', () => {
  const graph = buildGraph('folded', (g) => {
    const x = g.input('x', f32(batch, 4));
    const mask = g.input('mask', bool(batch, 4));
    const one = g.exp(g.constant({ value: [0], dtype: 'f32' }));
    return { y: g.select(mask, g.mul(x, one), x) };
  });
  const result = runSafely(graph, foldConstants, simplify);
  expect(matches(result).join('\n')).toContain('was mul');
  expect(result.ops).toEqual([]);
});

describe('products with weights', () => {
  const flat = (g: Builder, x: V): V => g.reshape(x, { shape: [sizeOf([batch, seq]), 4] });
  const weight = (g: Builder, width: number): V => g.weight('w', f32(4, width));
  const heads = [batch, seq, 2, 3] as const;

  expectRule(
    'x w of rows that are joined for it = x w',
    (g, x) => g.reshape(g.matmul(flat(g, x), weight(g, 6)), { shape: [batch, seq, 6] }),
    ['matmul'],
  );
  expectRule(
    'x w of rows that are joined for it = x w',
    (g, x) => g.reshape(g.matmul(flat(g, x), weight(g, 6)), { shape: heads }),
    ['matmul', 'reshape'],
  );
  expectRule(
    'x w of rows that are joined for it = x w',
    (g, x) => {
      const joined: V = g.reshape(g.transpose(x, { permutation: [1, 0, 2] }), {
        shape: [sizeOf([batch, seq]), 4],
      });
      return g.reshape(g.matmul(joined, weight(g, 6)), { shape: [seq, batch, 6] });
    },
    ['transpose', 'matmul'],
  );
  expectKept(
    'rows that are split inside the columns',
    (g, x) =>
      g.reshape(g.matmul(flat(g, x), weight(g, 6)), { shape: [sizeOf([batch, seq, 2]), 3] }),
    ['reshape', 'matmul', 'reshape'],
  );
  expectKept(
    'a product with a second use',
    (g, x) => {
      const made: V = g.matmul(flat(g, x), weight(g, 6));
      const y: V = g.reshape(made, { shape: [batch, seq, 6] });
      return g.add(y, g.reduce_max(made, { axes: [0] }) as V);
    },
    ['reshape', 'matmul', 'reshape', 'reduce_max', 'add'],
  );

  const product = (g: Builder, x: V): V =>
    g.reshape(g.matmul(x, weight(g, 6)) as V, { shape: heads });
  expectRule(
    'x split into heads + bias = (x + bias) split into heads',
    (g, x) => g.add(product(g, x), g.weight('b', f32(2, 3))),
    ['matmul', 'add', 'reshape'],
  );
  expectKept('a bias of one head', (g, x) => g.add(product(g, x), g.weight('b', f32(1, 3))), [
    'matmul',
    'reshape',
    'add',
  ]);
  expectKept(
    'a bias that differs by position',
    (g, x) => g.add(product(g, x), g.weight('b', f32(1, 2, 3))),
    ['matmul', 'reshape', 'add'],
  );

  expectRule(
    'reshape(f(reshape(x))) = f(reshape(x))',
    (g, x) => g.reshape(g.mul(flat(g, x), 3), { shape: [seq, batch, 4] }),
    ['reshape', 'constant', 'mul'],
  );
  expectKept(
    'reshapes around an op of two values',
    (g, x) => {
      const y = flat(g, x);
      return g.reshape(g.mul(y, g.exp(y)), { shape: [seq, batch, 4] });
    },
    ['reshape', 'exp', 'mul', 'reshape'],
  );
});

describe('scores that are computed as keys times queries, as Keras does', () => {
  const turned = (g: Builder, x: Value): V => g.transpose(x as V, { permutation: [0, 2, 1] });
  const scores = (g: Builder, x: V): V =>
    g.matmul(
      g.transpose(x, { permutation: [1, 0, 2] }),
      g.transpose(x, { permutation: [1, 2, 0] }),
    );

  expectRule('(a b)^T = b^T a^T, a and b being transposed', (g, x) => turned(g, scores(g, x)), [
    'transpose',
    'transpose',
    'matmul',
  ]);
  expectRule(
    'softmax(x)^T = softmax(x^T) over the other axis',
    (g, x) => turned(g, g.softmax(scores(g, x), { axis: 1 })),
    ['transpose', 'transpose', 'matmul', 'softmax'],
  );
  expectKept(
    'a product of which one side is not transposed',
    (g, x) => turned(g, g.matmul(x, g.transpose(x, { permutation: [0, 2, 1] }))),
    ['transpose', 'matmul', 'transpose'],
  );
  expectKept(
    'a softmax over the last axis',
    (g, x) => turned(g, g.softmax(scores(g, x), { axis: 2 })),
    ['transpose', 'transpose', 'matmul', 'softmax', 'transpose'],
  );
});
