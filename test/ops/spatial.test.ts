/** Windows, convolutions, pooling and norms over channels: numbers by hand, symbolic sizes, constraints. */
import { describe, expect, test } from 'vitest';
import { at, type NdArray, tabulate } from '../../src/ir/nd-array.ts';
import { LOWEST } from '../../src/ir/ops/softmax.ts';
import { f32 as f32Type, i32, type TensorType } from '../../src/ir/types.ts';
import {
  type Attributes,
  expectClose,
  expectOp,
  f32,
  infer,
  nd,
  run,
  some,
} from '../support/op-runs.ts';

describe('windows', () => {
  test('of one axis', () => {
    expectOp('windows', [f32([4], [1, 2, 3, 4])], { sizes: [2] }, f32([3, 2], [1, 2, 2, 3, 3, 4]));
  });

  test('with a stride and a dilation: what is left over is in none', () => {
    const x = f32([1, 8], [0, 1, 2, 3, 4, 5, 6, 7]);
    const how = { sizes: [3], strides: [2], dilations: [2] };
    expectOp('windows', [x], how, f32([1, 2, 3], [0, 2, 4, 2, 4, 6]));
  });

  test('of two axes: windows first, then the places inside them', () => {
    const x = some([2, 4, 5]);
    const shape = [2, 2, 2, 3, 2];
    const expected = tabulate({ dtype: 'f32', shape }, ([n = 0, o = 0, p = 0, i = 0, j = 0]) =>
      at(x, [n, o + i, 2 * p + 2 * j]),
    );
    expectOp('windows', [x], { sizes: [3, 2], strides: [1, 2], dilations: [1, 2] }, expected);
  });

  test('of symbolic axes', () => {
    const how = { sizes: [3, 2], strides: [2, 1] };
    expect(infer('windows', [f32Type('n', 'h', 'w')], how)).toEqual([
      f32Type('n', 'floor((h+1)/2)-1', 'w-1', 3, 2),
    ]);
  });

  test('that do not fit the axis of a run', () => {
    expect(() => run('windows', [some([2])], { sizes: [3] })).toThrow(
      /windows_c3: a window spans 3/,
    );
  });
});

/** conv as its formula reads; padding and groups included. */
function convolved(
  x: NdArray,
  weight: NdArray,
  {
    strides = [1, 1],
    dilations = [1, 1],
    before = [0, 0],
    after = [0, 0],
    groups = 1,
  }: Record<'strides' | 'dilations' | 'before' | 'after', number[]> & { groups?: number },
): NdArray {
  const [n = 0, , h = 0, w = 0] = x.shape;
  const [o = 0, own = 0, kh = 0, kw = 0] = weight.shape;
  const count = (d: number, k: number, axis: number) => {
    const padded = d + (before[axis] ?? 0) + (after[axis] ?? 0);
    return Math.floor((padded - (k - 1) * (dilations[axis] ?? 1) - 1) / (strides[axis] ?? 1)) + 1;
  };
  const shape = [n, o, count(h, kh, 0), count(w, kw, 1)];
  return tabulate({ dtype: 'f32', shape }, ([b = 0, r = 0, p = 0, q = 0]) => {
    let sum = 0;
    for (let c = 0; c < own; c++) {
      for (let i = 0; i < kh; i++) {
        for (let j = 0; j < kw; j++) {
          const row = p * (strides[0] ?? 1) + i * (dilations[0] ?? 1) - (before[0] ?? 0);
          const column = q * (strides[1] ?? 1) + j * (dilations[1] ?? 1) - (before[1] ?? 0);
          if (row < 0 || row >= h || column < 0 || column >= w) continue;
          const channel = Math.floor(r / (o / groups)) * own + c;
          sum += at(x, [b, channel, row, column]) * at(weight, [r, c, i, j]);
        }
      }
    }
    return sum;
  });
}

const NONE = { strides: [1, 1], dilations: [1, 1], before: [0, 0], after: [0, 0] };

describe('conv', () => {
  test('by hand: a cross-correlation, not mirrored', () => {
    const [x, weight] = [f32([1, 1, 4], [1, 2, 3, 4]), f32([1, 1, 2], [1, 10])];
    expectOp('conv', [x, weight], {}, f32([1, 1, 3], [21, 32, 43]));
    expectOp('conv', [x, weight, f32([1], [0.5])], { strides: [2] }, f32([1, 1, 2], [21.5, 43.5]));
    const padded = f32([1, 1, 5], [0 + 10, 21, 32, 43, 4]);
    expectOp('conv', [x, weight], { before: [1], after: [1] }, padded);
  });

  test.each([
    ['plain', [3, 4, 2, 3], {}],
    ['strides', [3, 4, 2, 2], { strides: [2, 3] }],
    ['dilations', [3, 4, 3, 2], { dilations: [2, 4] }],
    ['uneven padding', [3, 4, 3, 3], { before: [2, 0], after: [1, 3] }],
    ['groups', [6, 2, 3, 1], { groups: 2, before: [1, 0] }],
    ['a channel a group', [4, 1, 3, 3], { groups: 4, strides: [2, 1] }],
    ['two results a channel', [8, 1, 3, 3], { groups: 4 }],
    ['one place', [5, 4, 1, 1], {}],
    ['all of it', [2, 4, 7, 6], {}],
  ])('%s', (_, shape, how) => {
    const [x, weight] = [some([2, 4, 7, 6]), some(shape, 2)];
    const [y] = run('conv', [x, weight], how);
    if (y === undefined) throw new Error('conv has no result');
    expectClose(y, convolved(x, weight, { ...NONE, ...how }));
  });

  test('of symbolic sizes', () => {
    const weight = f32Type(8, 3, 3, 3);
    const how = { strides: [2, 2], before: [1, 1], after: [1, 1] };
    expect(infer('conv', [f32Type('n', 3, 'h', 224), weight], how)).toEqual([
      f32Type('n', 8, 'floor((h+1)/2)', 112),
    ]);
  });
});

describe('pooling', () => {
  const row = f32([1, 1, 5], [3, -1, 4, -1, -5]);

  test('the largest of each window', () => {
    expectOp('max_pool', [row], { sizes: [2] }, f32([1, 1, 4], [3, 4, 4, -1]));
    expectOp('max_pool', [row], { sizes: [2], strides: [2] }, f32([1, 1, 2], [3, 4]));
    const ends = { sizes: [2], strides: [2], ceil: true };
    expectOp('max_pool', [row], ends, f32([1, 1, 3], [3, 4, -5]));
  });

  test('padding is lower than any element', () => {
    const how = { sizes: [3], strides: [2], before: [1], after: [1] };
    expectOp('max_pool', [f32([1, 1, 3], [-7, -8, -9])], how, f32([1, 1, 2], [-7, -8]));
    const bytes = nd('i8', [1, 1, 2], [-128, -3]);
    expectOp('max_pool', [bytes], { sizes: [2], before: [1] }, nd('i8', [1, 1, 2], [-128, -3]));
    const none = { sizes: [1], before: [1] };
    expectOp('max_pool', [f32([1, 1, 1], [2])], none, f32([1, 1, 2], [LOWEST, 2]));
  });

  test('a mean counts elements of x, or of x and its padding', () => {
    const how = { sizes: [3], strides: [2], before: [1], after: [1] };
    const x = f32([1, 1, 5], [6, 12, 18, 24, 30]);
    expectOp('average_pool', [x], how, f32([1, 1, 3], [9, 18, 27]));
    const included = { ...how, include_padding: true };
    expectOp('average_pool', [x], included, f32([1, 1, 3], [6, 18, 18]));
  });

  test('what rounding up adds is no padding', () => {
    const x = f32([1, 1, 4], [6, 12, 18, 24]);
    const how = { sizes: [3], strides: [2], ceil: true };
    expectOp('average_pool', [x], how, f32([1, 1, 2], [12, 21]));
    expectOp('average_pool', [x], { ...how, include_padding: true }, f32([1, 1, 2], [12, 21]));
  });

  test('no window begins behind x, however it is rounded', () => {
    const how = { sizes: [1], strides: [3], before: [1], after: [1], ceil: true };
    expect(infer('max_pool', [f32Type(1, 1, 2)], how)).toEqual([f32Type(1, 1, 1)]);
    expect(infer('max_pool', [f32Type(1, 1, 3)], how)).toEqual([f32Type(1, 1, 2)]);
  });

  test('counts are products over axes', () => {
    const x = f32([1, 1, 2, 2], [4, 8, 12, 16]);
    const how = { sizes: [2, 2], before: [1, 1], after: [0, 0] };
    expectOp('average_pool', [x], how, f32([1, 1, 2, 2], [4, 6, 8, 10]));
  });
});

describe('norms over channels', () => {
  const x = f32([1, 2, 2], [1, 3, 10, 30]);

  test('batch_norm by the stored mean and variance', () => {
    const [gamma, beta] = [f32([2], [2, 1]), f32([2], [0.5, 0])];
    const [mean, variance] = [f32([2], [1, 20]), f32([2], [3, 99])];
    const expected = f32([1, 2, 2], [0.5, 2.5, -1, 1]);
    expectOp('batch_norm', [x, gamma, beta, mean, variance], { eps: 1 }, expected);
  });

  test('instance_norm by those of each channel of each sample', () => {
    const [gamma, beta] = [f32([2], [1, 2]), f32([2], [0, 5])];
    const expected = f32([1, 2, 2], [-1, 1, 3, 7]);
    expectOp('instance_norm', [x, gamma, beta], { eps: 0 }, expected);
  });

  test('group_norm by those of some channels', () => {
    const y = f32([1, 2, 1], [1, 3]);
    expectOp('group_norm', [y], { groups: 1, eps: 0 }, f32([1, 2, 1], [-1, 1]));
    expectOp('group_norm', [y], { groups: 2, eps: 1 }, f32([1, 2, 1], [0, 0]));
    const four = f32([1, 4], [1, 3, 10, 30]);
    const [gamma, beta] = [f32([4], [1, 2, 3, 4]), f32([4], [0, 0, 1, 1])];
    const expected = f32([1, 4], [-1, 2, -2, 5]);
    expectOp('group_norm', [four, gamma, beta], { groups: 2, eps: 0 }, expected);
  });
});

describe('constraints', () => {
  const image = f32Type('n', 4, 'h', 6);
  const weight = f32Type(2, 4, 3, 3);
  const four = f32Type(4);
  test.each<readonly [string, string, readonly (TensorType | null)[], Attributes]>([
    ['windows_c1', 'windows', [four], { sizes: [2, 2] }],
    ['windows_c1', 'windows', [four], { sizes: [2], strides: [1, 1] }],
    ['windows_c2', 'windows', [four], { sizes: [2], strides: [0] }],
    ['windows_c2', 'windows', [four], { sizes: [2], dilations: [-1] }],
    ['windows_c3', 'windows', [four], { sizes: [3], dilations: [2] }],
    ['conv_c1', 'conv', [f32Type(4, 4), f32Type(2, 4)], {}],
    ['conv_c1', 'conv', [image, f32Type(2, 4, 3)], {}],
    ['conv_c1', 'conv', [image, weight], { strides: [1] }],
    ['conv_c2', 'conv', [image, f32Type(2, 4, 'k', 3)], {}],
    ['conv_c2', 'conv', [image, weight], { dilations: [1, 0] }],
    ['conv_c3', 'conv', [image, weight], { dilations: [1, 3] }],
    ['conv_c4', 'conv', [image, weight], { before: [1] }],
    ['conv_c4', 'conv', [image, weight], { after: [0, -1] }],
    ['conv_c5', 'conv', [image, weight], { groups: 2 }],
    ['conv_c5', 'conv', [image, f32Type(3, 2, 1, 1)], { groups: 2 }],
    ['conv_c6', 'conv', [image, weight, four], {}],
    ['conv_c7', 'conv', [i32(1, 4, 3, 3), i32(2, 4, 3, 3)], {}],
    ['max_pool_c1', 'max_pool', [image], { sizes: [2] }],
    ['max_pool_c1', 'max_pool', [image], { sizes: [2, 2], strides: [2] }],
    ['max_pool_c2', 'max_pool', [image], { sizes: [2, 0] }],
    ['max_pool_c3', 'max_pool', [image], { sizes: [2, 8], before: [0, 1] }],
    ['max_pool_c4', 'max_pool', [image], { sizes: [2, 2], before: [0, -1] }],
    ['average_pool_c4', 'average_pool', [image], { sizes: [2, 2], after: [0] }],
    ['average_pool_c5', 'average_pool', [i32(1, 1, 4)], { sizes: [2] }],
    ['batch_norm_c1', 'batch_norm', [i32(1, 2), four, four, four, four], {}],
    ['batch_norm_c2', 'batch_norm', [four, four, four, four, four], {}],
    ['batch_norm_c3', 'batch_norm', [image, four, four, four, f32Type(5)], {}],
    ['group_norm_c3', 'group_norm', [image, f32Type(2)], { groups: 2 }],
    ['group_norm_c4', 'group_norm', [image], { groups: 3 }],
    ['instance_norm_c4', 'instance_norm', [f32Type(2, 'c', 4)], {}],
  ])('%s refuses %s of %j by %j', (label, op, types, attributes) => {
    expect(() => infer(op, types, attributes)).toThrow(`${label}: `);
  });
});
