/** Ops that carry a state, by hand. */
import { f32, nd } from '../../support/op-runs.ts';
import { type Call, describeCalls, describeRefusals } from './one-node.ts';

const floats = (...numbers: readonly number[]) => f32([numbers.length], numbers);
const longs = (...numbers: readonly number[]) => nd('i64', [numbers.length], numbers);
const axis = (value: number) => nd('i64', [], [value]);
const cache = f32([2, 4, 1], [10, 11, 12, 13, 20, 21, 22, 23]);
const update = f32([2, 2, 1], [1, 2, 3, 4]);

/** One head of width 1, two steps: keys 2 and 3, values 5 and 7. */
const [query, key, value] = [
  [1, 1],
  [2, 3],
  [5, 7],
].map((x) => f32([1, 2, 1], x)) as [
  ReturnType<typeof f32>,
  ReturnType<typeof f32>,
  ReturnType<typeof f32>,
];
const half = f32([1, 2, 1], [Math.log(0.5), Math.log(0.5)]);
const ones = f32([1, 2, 1], [1, 1]);
const heads = { q_num_heads: 1, kv_num_heads: 1 };
const state = (s: number) => f32([1, 1, 1, 1], [s]);

function attention(
  rule: string,
  more: readonly (ReturnType<typeof f32> | null)[],
  ...[first, last]: readonly [number, number]
): Call {
  const attributes = { ...heads, update_rule: rule };
  const y = f32([1, 2, 1], [first, last]);
  return ['LinearAttention', [query, key, value, ...more], attributes, y, state(last)];
}

const calls: readonly Call[] = [
  ['CumProd', [floats(1, 2, 3, 4), axis(0)], {}, floats(1, 2, 6, 24)],
  ['CumProd', [floats(1, 2, 3, 4), axis(0)], { exclusive: 1 }, floats(1, 1, 2, 6)],
  ['CumProd', [floats(1, 2, 3, 4), axis(-1)], { reverse: 1 }, floats(24, 24, 12, 4)],
  ['CumProd', [floats(1, 2, 3, 4), axis(0)], { exclusive: 1, reverse: 1 }, floats(24, 12, 4, 1)],
  [
    'CumProd',
    [nd('i32', [2, 3], [1, 2, 3, 4, 5, 6]), axis(1)],
    {},
    nd('i32', [2, 3], [1, 2, 6, 4, 20, 120]),
  ],
  ['TensorScatter', [cache, update, longs(1, 2)], {}, f32([2, 4, 1], [10, 1, 2, 13, 20, 21, 3, 4])],
  [
    'TensorScatter',
    [cache, update, longs(3, 1)],
    { mode: 'circular' },
    f32([2, 4, 1], [2, 11, 12, 1, 20, 3, 4, 23]),
  ],
  ['TensorScatter', [cache, update], { axis: 1 }, f32([2, 4, 1], [1, 2, 12, 13, 3, 4, 22, 23])],
  [
    'CausalConvWithState',
    [f32([1, 1, 3], [1, 2, 3]), f32([1, 1, 2], [10, 1])],
    {},
    f32([1, 1, 3], [1, 12, 23]),
    f32([1, 1, 1], [3]),
  ],
  [
    'CausalConvWithState',
    [
      ...[f32([1, 2, 1], [1, 2]), f32([2, 1, 3], [100, 10, 1, 1, 1, 1])],
      ...[floats(0.5, 0), f32([1, 2, 2], [7, 8, 3, 4])],
    ],
    {},
    f32([1, 2, 1], [781.5, 9]),
    f32([1, 2, 2], [8, 1, 4, 2]),
  ],
  [
    'CausalConvWithState',
    [f32([1, 1, 1], [1]), f32([1, 1, 1], [Math.log(3)])],
    { activation: 'silu' },
    f32([1, 1, 1], [0.75 * Math.log(3)]),
  ],
  // 2 * 5, and 3 * 7 more
  attention('linear', [], 10, 31),
  attention('linear', [state(1)], 11, 32),
  // half of 10, and 21
  attention('gated', [null, half], 10, 26),
  // the second key finds 30, which the value less leaves -23
  attention('delta', [null, null, ones], 10, -59),
  // it finds 15 of the half that is kept
  attention('gated_delta', [null, half, ones], 10, -19),
  [
    // two heads of width 2 see one key and value
    'LinearAttention',
    [f32([1, 1, 4], [1, 0, 0, 2]), f32([1, 1, 2], [3, 4]), f32([1, 1, 1], [5])],
    { q_num_heads: 2, kv_num_heads: 1, update_rule: 'linear', scale: { float: 0.5 } },
    f32([1, 1, 2], [7.5, 20]),
    f32([1, 1, 2, 1], [15, 20]),
  ],
];

describeCalls('states', calls, 27);

describeRefusals([
  [/its axis is the batch/, ['TensorScatter', [cache, update], { axis: 0 }, cache]],
  [
    /its activation is 'relu'/,
    [
      'CausalConvWithState',
      [f32([1, 1, 1], [1]), f32([1, 1, 1], [1])],
      { activation: 'relu' },
      cache,
    ],
  ],
  [
    /2 key heads do not divide 3/,
    ['LinearAttention', [query, key, value], { q_num_heads: 3, kv_num_heads: 2 }, cache],
  ],
]);
