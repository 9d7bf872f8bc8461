import { describe, expect, test } from 'vitest';
import { at, tabulate } from '../../src/ir/nd-array.ts';
import { f16, f32 as f32Type, i32 } from '../../src/ir/types.ts';
import { expectOp, f32, infer, run, some } from '../support/op-runs.ts';

test('rows times columns', () => {
  const a = f32([2, 3], [1, 2, 3, 4, 5, 6]);
  const b = f32([3, 2], [1, 0, 0, 1, 2, -1]);
  expectOp('matmul', [a, b], {}, f32([2, 2], [7, -1, 16, -1]));
});

test('leading dims broadcast', () => {
  const [a, b] = [some([2, 1, 3, 4]), some([5, 4, 2], 2)];
  const product = tabulate({ dtype: 'f32', shape: [2, 5, 3, 2] }, ([p = 0, q = 0, i = 0, j = 0]) =>
    [0, 1, 2, 3].reduce((sum, k) => sum + at(a, [p, 0, i, k]) * at(b, [q, k, j]), 0),
  );
  expectOp('matmul', [a, b], {}, product);
});

test('an inner dim of 0 gives zeros', () => {
  expectOp('matmul', [f32([2, 0], []), f32([0, 1], [])], {}, f32([2, 1], [0, 0]));
});

test('linear is x W + bias, for one row too', () => {
  const weight = f32([2, 3], [1, 2, 3, 4, 5, 6]);
  const bias = f32([3], [10, 20, 30]);
  expectOp('linear', [f32([1, 1, 2], [1, -1]), weight, bias], {}, f32([1, 1, 3], [7, 17, 27]));
  expect([...(run('linear', [f32([2], [1, 1]), weight])[0]?.data ?? [])]).toEqual([5, 7, 9]);
});

describe('constraints', () => {
  const x = f32Type('batch', 'seq', 4);
  test.each([
    ['matmul_c1', 'matmul', [x, f32Type(4)]],
    ['matmul_c2', 'matmul', [x, f32Type(3, 4)]],
    ['matmul_c2', 'matmul', [x, f32Type('seq', 4)]],
    ['matmul_c3', 'matmul', [x, f32Type(2, 4, 4)]],
    ['matmul_c4', 'matmul', [x, f16(4, 4)]],
    ['matmul_c4', 'matmul', [i32(2, 2), i32(2, 2)]],
    ['linear_c1', 'linear', [x, f32Type('batch', 4, 4)]],
    ['linear_c2', 'linear', [x, f32Type(3, 4)]],
    ['linear_c3', 'linear', [x, f32Type(4, 3), f32Type(4)]],
    ['linear_c4', 'linear', [x, f16(4, 3)]],
  ])('%s refuses %s of %j', (label, op, types) => {
    expect(() => infer(op, types)).toThrow(`${label}: `);
  });
});

test('symbolic dims', () => {
  const [query, key] = [f32Type('batch', 12, 'n', 32), f32Type('batch', 1, 32, 'm')];
  expect(infer('matmul', [query, key])).toEqual([f32Type('batch', 12, 'n', 'm')]);
  expect(infer('linear', [f32Type('n', 4), f32Type(4, 7)])).toEqual([f32Type('n', 7)]);
});
