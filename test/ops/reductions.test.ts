import { describe, expect, test } from 'vitest';
import { bool, f32 as f32Type, i32 as i32Type, i64 } from '../../src/ir/types.ts';
import { expectOp, f32, infer, nd } from '../support/op-runs.ts';

const x = f32([2, 3], [1, 2, 3, -4, 5, -6]);
const cube = f32([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]);

test.each([
  ['reduce_sum', [-1], false, f32([2], [6, -5])],
  ['reduce_sum', [0], true, f32([1, 3], [-3, 7, -3])],
  ['reduce_sum', [], false, x],
  ['reduce_mean', [1], false, f32([2], [2, -5 / 3])],
  ['reduce_max', [-1], true, f32([2, 1], [3, 5])],
  ['reduce_min', [0], false, f32([3], [-4, 2, -6])],
  ['reduce_prod', [0, 1], false, f32([], [720])],
])('%s over %j, keep %s', (op, axes, keep, expected) => {
  expectOp(op, [x], { axes, keep }, expected);
});

test('axes that are not neighbours, in any order', () => {
  expectOp('reduce_sum', [cube], { axes: [2, 0] }, f32([2], [14, 22]));
  expectOp('reduce_sum', [cube], { axes: [-1, 0], keep: true }, f32([1, 2, 1], [14, 22]));
});

test('integers are summed and multiplied as integers, and wrap', () => {
  const large = nd('i32', [2], [2147483647, 2]);
  expectOp('reduce_sum', [large], { axes: [0] }, nd('i32', [], [-2147483647]));
  expectOp('reduce_prod', [large], { axes: [0] }, nd('i32', [], [-2]));
  expectOp('reduce_sum', [nd('i8', [2], [100, 100])], { axes: [0] }, nd('i8', [], [-56]));
  expectOp('reduce_max', [nd('i32', [2], [-7, -9])], { axes: [0] }, nd('i32', [], [-7]));
});

test('over no elements', () => {
  const none = f32([1, 0], []);
  expectOp('reduce_sum', [none], { axes: [1] }, f32([1], [0]));
  expectOp('reduce_prod', [none], { axes: [1] }, f32([1], [1]));
  expectOp('reduce_max', [none], { axes: [1] }, f32([1], [-Infinity]));
  expectOp('reduce_min', [none], { axes: [1] }, f32([1], [Infinity]));
  expectOp('reduce_mean', [none], { axes: [1] }, f32([1], [Number.NaN]));
});

test.each([
  ['i32', -(2 ** 31), 2 ** 31 - 1],
  ['i64', -(2 ** 31), 2 ** 31 - 1],
  ['i8', -128, 127],
  ['u8', 0, 255],
] as const)('over no elements of %s the largest is %d and the smallest %d', (dtype, low, high) => {
  const none = nd(dtype, [1, 0], []);
  expectOp('reduce_max', [none], { axes: [1] }, nd(dtype, [1], [low]));
  expectOp('reduce_min', [none], { axes: [1] }, nd(dtype, [1], [high]));
  const all = nd(dtype, [1, 2], [low, high]);
  expectOp('reduce_max', [all], { axes: [1] }, nd(dtype, [1], [high]));
  expectOp('reduce_min', [all], { axes: [1] }, nd(dtype, [1], [low]));
});

test('infinities alone stay what they are', () => {
  const low = f32([1, 2], [-Infinity, -Infinity]);
  expectOp('reduce_max', [low], { axes: [1] }, f32([1], [-Infinity]));
  expectOp('reduce_min', [f32([1, 1], [Infinity])], { axes: [1] }, f32([1], [Infinity]));
});

test.each([
  ['argmax', -1, false, nd('i64', [2], [2, 1])],
  ['argmax', 0, true, nd('i64', [1, 3], [0, 1, 0])],
  ['argmin', 1, false, nd('i64', [2], [0, 2])],
])('%s along %i, keep %s', (op, axis, keep, expected) => {
  expectOp(op, [x], { axis, keep }, expected);
});

test('of equal elements argmax and argmin name the first, or the last', () => {
  expectOp('argmax', [f32([4], [1, 7, 7, 0])], {}, nd('i64', [], [1]));
  expectOp('argmin', [f32([4], [1, 0, 7, 0])], {}, nd('i64', [], [1]));
  expectOp('argmax', [f32([4], [1, 7, 7, 0])], { last: true }, nd('i64', [], [2]));
  expectOp('argmin', [f32([4], [1, 0, 7, 0])], { last: true }, nd('i64', [], [3]));
});

test.each([
  [{}, f32([2, 3], [1, 3, 6, -4, 1, -5])],
  [{ axis: 0 }, f32([2, 3], [1, 2, 3, -3, 7, -3])],
  [{ exclusive: true }, f32([2, 3], [0, 1, 3, 0, -4, 1])],
  [{ reverse: true }, f32([2, 3], [6, 5, 3, -5, -1, -6])],
  [{ exclusive: true, reverse: true }, f32([2, 3], [5, 3, 0, -1, -6, 0])],
])('cumsum with %j', (attributes, expected) => {
  expectOp('cumsum', [x], attributes, expected);
});

test('cumsum of integers wraps at each step, and one of no elements has none', () => {
  expectOp('cumsum', [nd('i8', [3], [100, 100, 1])], {}, nd('i8', [3], [100, -56, -55]));
  expectOp('cumsum', [nd('u8', [2], [200, 100])], { reverse: true }, nd('u8', [2], [44, 100]));
  expectOp('cumsum', [f32([1, 0], [])], {}, f32([1, 0], []));
});

describe('constraints', () => {
  test.each([
    ['reduce_sum_c1', 'reduce_sum', bool(2, 3), { axes: [0] }],
    ['reduce_mean_c1', 'reduce_mean', i32Type(2, 3), { axes: [0] }],
    ['reduce_max_c2', 'reduce_max', f32Type(2, 3), { axes: [2] }],
    ['reduce_sum_c2', 'reduce_sum', f32Type(2, 3), { axes: [-3] }],
    ['reduce_sum_c3', 'reduce_sum', f32Type(2, 3), { axes: [1, -1] }],
    ['argmax_c1', 'argmax', bool(2), {}],
    ['argmax_c2', 'argmax', f32Type(2), { axis: 1 }],
    ['cumsum_c1', 'cumsum', bool(2), {}],
    ['cumsum_c2', 'cumsum', f32Type(2), { axis: 1 }],
    ['argmin_c2', 'argmin', f32Type(2, 0), { axis: 1 }],
  ])('%s', (label, op, type, attributes) => {
    expect(() => infer(op, [type], attributes)).toThrow(`${label}: `);
  });
});

test('symbolic dims stay', () => {
  const type = f32Type('batch', 'seq', 64);
  expect(infer('reduce_sum', [type], { axes: [1], keep: true })).toEqual([f32Type('batch', 1, 64)]);
  expect(infer('argmax', [type], { axis: -1 })).toEqual([i64('batch', 'seq')]);
});
