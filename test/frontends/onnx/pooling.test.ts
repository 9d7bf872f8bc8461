/** Windows: norms, neighbours among channels, the ways back; and convolutions of quantised numbers. */
import { f32, nd } from '../../support/op-runs.ts';
import { type Call, describeCalls, describeRefusals, typed } from './one-node.ts';

const floats = (...numbers: readonly number[]) => f32([numbers.length], numbers);
const longs = (...numbers: readonly number[]) => nd('i64', [numbers.length], numbers);
const ints = (...numbers: readonly number[]) => nd('i32', [numbers.length], numbers);
const octet = (value: number) => nd('u8', [], [value]);
const row = f32([1, 1, 3], [3, -4, 0]);
const rows = f32([2, 3], [1, 2, 3, 4, 5, 6]);
const bools = (...numbers: readonly number[]) => nd('bool', [numbers.length], numbers);

const channels = f32([1, 2, 1, 2], [1, 2, 3, 4]);
const filters = f32([2, 2, 1, 2], [1, 10, 2, 20, 100, 1000, 0, 1]);

const calls: readonly Call[] = [
  [
    // windows side by side
    'ConvTranspose',
    [channels, filters, floats(0.5, 0)],
    { strides: [1, 2] },
    f32([1, 2, 1, 4], [301.5, 3010.5, 402.5, 4020.5, 2, 23, 4, 44]),
  ],
  [
    'ConvTranspose',
    [f32([1, 1, 2, 1], [1, 2]), f32([1, 1, 2, 2], [1, 2, 3, 4])],
    { strides: [2, 2] },
    f32([1, 1, 4, 2], [1, 2, 3, 4, 2, 4, 6, 8]),
  ],
  [
    // the same with one place more, a group a channel, and a stride that parts them
    'ConvTranspose',
    [channels, filters],
    { strides: [1, 2], output_padding: [0, 1] },
    f32([1, 2, 1, 5], [301, 3010, 402, 4020, 0, 2, 23, 4, 44, 0]),
  ],
  [
    'ConvTranspose',
    [channels, f32([2, 1, 1, 2], [1, 10, 100, 1000])],
    { strides: [1, 2], group: 2 },
    f32([1, 2, 1, 4], [1, 10, 2, 20, 300, 3000, 400, 4000]),
  ],
  [
    'ConvTranspose',
    [f32([1, 1, 1, 2], [1, 2]), f32([1, 1, 1, 2], [1, 10])],
    { strides: [1, 3] },
    f32([1, 1, 1, 5], [1, 10, 0, 2, 20]),
  ],
  ['LpPool', [row], { kernel_shape: [2] }, f32([1, 1, 2], [5, 4])],
  ['LpPool', [row], { kernel_shape: [2], p: 1 }, f32([1, 1, 2], [7, 4])],
  ['LpPool', [row], { kernel_shape: [2], p: 3, strides: [2] }, f32([1, 1, 1], [91 ** (1 / 3)])],
  [
    'LpPool',
    [row],
    { kernel_shape: [2], pads: [1, 0], strides: [3], ceil_mode: 1 },
    f32([1, 1, 2], [3, 0]),
  ],
  ['GlobalLpPool', [row], {}, f32([1, 1, 1], [5])],
  [
    'LRN',
    [f32([1, 3, 1, 1], [1, 2, 3])],
    { size: 3, alpha: { float: 3 }, beta: { float: 1 }, bias: { float: 1 } },
    f32([1, 3, 1, 1], [1 / 6, 2 / 15, 3 / 14]),
  ],
  [
    // of two, the one behind
    'LRN',
    [f32([1, 3, 1, 1], [1, 2, 3])],
    { size: 2, alpha: { float: 2 }, beta: { float: 1 }, bias: { float: 1 } },
    f32([1, 3, 1, 1], [1 / 6, 2 / 14, 3 / 10]),
  ],
  [
    'MaxUnpool',
    [f32([1, 2, 1, 2], [5, 6, 7, 8]), nd('i64', [1, 2, 1, 2], [1, 2, 4, 7])],
    { kernel_shape: [1, 2], strides: [1, 2] },
    f32([1, 2, 1, 4], [0, 5, 6, 0, 7, 0, 0, 8]),
  ],
  [
    'MaxUnpool',
    [f32([1, 1, 1, 1], [5]), nd('i64', [1, 1, 1, 1], [1]), longs(1, 1, 2, 3)],
    { kernel_shape: [1, 2], strides: [1, 2] },
    f32([1, 1, 2, 3], [0, 5, 0, 0, 0, 0]),
  ],
  [
    'Col2Im',
    [f32([1, 2, 2], [1, 2, 3, 4]), longs(1, 3), longs(1, 2)],
    {},
    f32([1, 1, 1, 3], [1, 5, 4]),
  ],
  [
    // 5 elements hold two windows of 2 in strides of 2, and one more
    'Col2Im',
    [f32([1, 2, 2], [1, 2, 3, 4]), longs(5), longs(2)],
    { strides: [2] },
    f32([1, 1, 5], [1, 3, 2, 4, 0]),
  ],
  [
    // the first and the last lie in the padding
    'Col2Im',
    [f32([1, 2, 2], [1, 2, 3, 4]), longs(1), longs(2)],
    { pads: [1, 1] },
    f32([1, 1, 1], [5]),
  ],
  [
    'ConvInteger',
    [nd('u8', [1, 1, 3], [2, 3, 4]), nd('u8', [1, 1, 2], [1, 2]), octet(1)],
    {},
    nd('i32', [1, 1, 2], [5, 8]),
  ],
  [
    'ConvInteger',
    [
      ...[nd('u8', [1, 1, 1], [3]), nd('i8', [2, 1, 1], [5, 5])],
      ...[octet(5), nd('i8', [2], [1, -1])],
    ],
    {},
    nd('i32', [1, 2, 1], [-8, -12]),
  ],
  [
    // odd, and beyond 2^24: float32 has only even numbers there
    'ConvInteger',
    [nd('u8', [1, 301, 1], Array(301).fill(255)), nd('u8', [1, 301, 1], Array(301).fill(255))],
    {},
    nd('i32', [1, 1, 1], [301 * 255 * 255]),
  ],
  [
    'QLinearConv',
    [
      ...[nd('u8', [1, 1, 2], [12, 20]), f32([], [0.5]), octet(10)],
      ...[nd('i8', [2, 1, 1], [2, -3]), floats(0.5, 1), nd('i8', [2], [0, 0])],
      ...[f32([], [0.25]), octet(100), ints(4, 0)],
    ],
    {},
    nd('u8', [1, 2, 2], [108, 124, 88, 40]),
  ],
  [
    // 2.5 and 3.5 steps go to the even ones, and 200 to the end of the range
    'QuantizeLinear',
    [floats(2.5, 3.5, 200, -200), f32([], [1]), nd('i8', [], [0])],
    {},
    nd('i8', [4], [2, 4, 127, -128]),
  ],
  [
    'QuantizeLinear',
    [floats(40000, -40000), f32([], [1]), typed('int16', nd('i32', [], [0]))],
    {},
    typed('int16', ints(32767, -32768)),
  ],
  [
    'QuantizeLinear',
    [floats(70000, -1), f32([], [1]), typed('uint16', nd('i32', [], [5]))],
    {},
    typed('uint16', ints(65535, 4)),
  ],
  [
    'QuantizeLinear',
    [floats(9, -9), f32([], [1]), typed('int4', nd('i8', [], [0]))],
    {},
    typed('int4', nd('i8', [2], [7, -8])),
  ],
  [
    // -2.5 is 127.49999 steps of float32(5 / 255): one of 127.5 would be rounded to 128
    'DynamicQuantizeLinear',
    [floats(0, 2, -3, -2.5, 1.34, 0.5)],
    {},
    nd('u8', [6], [153, 255, 0, 26, 221, 179]),
    f32([], [5 / 255]),
    octet(153),
  ],
  ['Compress', [rows, bools(0, 1, 1)], { axis: 1 }, f32([2, 2], [2, 3, 5, 6])],
  ['Compress', [rows, bools(0, 1)], { axis: -2 }, f32([1, 3], [4, 5, 6])],
  ['Compress', [rows, bools(0, 1, 0, 0, 1)], {}, floats(2, 5)],
];

describeCalls('windows and quantised numbers', calls);

describeRefusals([
  [
    /blocks of \[1, 3\] do not fit/,
    ['Col2Im', [f32([1, 2, 2], [1, 2, 3, 4]), longs(1, 4), longs(1, 3)], {}, row],
  ],
  [
    /it quantises to int32/,
    ['QuantizeLinear', [floats(1), f32([], [1]), nd('i32', [], [0])], {}, ints(1)],
  ],
]);
