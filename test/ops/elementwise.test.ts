import { describe, expect, test } from 'vitest';
import type { NdArray } from '../../src/ir/nd-array.ts';
import { bool, f32 as f32Type, i32 as i32Type } from '../../src/ir/types.ts';
import { type Attributes, expectOp, f32, infer, nd } from '../support/op-runs.ts';

const floats = (...numbers: readonly number[]) => f32([numbers.length], numbers);
const ints = (...numbers: readonly number[]) => nd('i32', [numbers.length], numbers);
const bytes = (...numbers: readonly number[]) => nd('i8', [numbers.length], numbers);
const octets = (...numbers: readonly number[]) => nd('u8', [numbers.length], numbers);
const bools = (...numbers: readonly number[]) => nd('bool', [numbers.length], numbers);

type Case = readonly [
  op: string,
  operands: readonly NdArray[],
  result: NdArray,
  attributes?: Attributes,
];

const LARGEST = 2147483647;

const cases: readonly Case[] = [
  ['neg', [floats(1, -2, 0.5)], floats(-1, 2, -0.5)],
  ['neg', [ints(-LARGEST - 1, 3)], ints(-LARGEST - 1, -3)],
  ['neg', [octets(1, 0)], octets(255, 0)],
  ['abs', [floats(1, -2)], floats(1, 2)],
  ['abs', [bytes(-128, -1)], bytes(-128, 1)],
  ['sign', [floats(-3, 0, 0.1)], floats(-1, 0, 1)],
  ['relu', [floats(-3, 0, 2)], floats(0, 0, 2)],
  ['relu', [ints(-3, 2)], ints(0, 2)],
  ['exp', [floats(0, 1, -1)], floats(1, Math.E, 1 / Math.E)],
  ['log', [floats(1, Math.E)], floats(0, 1)],
  ['sqrt', [floats(4, 2)], floats(2, Math.SQRT2)],
  ['rsqrt', [floats(4, 0.25)], floats(0.5, 2)],
  ['reciprocal', [floats(4, -0.5)], floats(0.25, -2)],
  ['sin', [floats(0, Math.PI / 6)], floats(0, 0.5)],
  ['cos', [floats(0, Math.PI / 3)], floats(1, 0.5)],
  ['tanh', [floats(0, Math.log(2))], floats(0, 0.6)],
  // Abramowitz and Stegun, table 7.1.
  ['erf', [floats(0, 0.5, 1, -2)], floats(0, 0.5204998778, 0.8427007929, -0.995322265)],
  ['atan', [floats(0, 1, -Math.sqrt(3))], floats(0, Math.PI / 4, -Math.PI / 3)],
  ['trunc', [floats(-1.7, 1.7, -0.2)], floats(-1, 1, 0)],
  ['tan', [floats(0, Math.PI / 4, -Math.PI / 3)], floats(0, 1, -Math.sqrt(3))],
  ['asin', [floats(-1, 0, 0.5)], floats(-Math.PI / 2, 0, Math.PI / 6)],
  ['acos', [floats(-1, -0.5, 0, 1)], floats(Math.PI, (2 * Math.PI) / 3, Math.PI / 2, 0)],
  ['acos', [floats(1.5)], floats(Number.NaN)],
  ['sinh', [floats(0, Math.log(2), -Math.log(2))], floats(0, 0.75, -0.75)],
  ['cosh', [floats(0, Math.log(2))], floats(1, 1.25)],
  ['asinh', [floats(0, 0.75, -0.75, 1e200)], floats(0, Math.LN2, -Math.LN2, Math.log(2e200))],
  ['acosh', [floats(1, 1.25)], floats(0, Math.LN2)],
  ['atanh', [floats(0, 0.6, -0.6)], floats(0, Math.LN2, -Math.LN2)],
  ['is_nan', [floats(Number.NaN, 0, Infinity, -Infinity)], bools(1, 0, 0, 0)],
  ['is_inf', [floats(Number.NaN, 0, Infinity, -Infinity)], bools(0, 0, 1, 1)],
  ['is_inf', [floats(Infinity, -Infinity)], bools(1, 0), { sign: 'positive' }],
  ['is_inf', [floats(Infinity, -Infinity)], bools(0, 1), { sign: 'negative' }],
  [
    'round_float32',
    [floats(0.1, -1e-3, 1e39)],
    floats(Math.fround(0.1), Math.fround(-1e-3), Infinity),
  ],
  // 11 digits: between 2048 and 4096 the even numbers; halves go to what is even in steps of 2
  ['round_float16', [floats(0.1, 2049, 2051, -2051)], floats(0.0999755859375, 2048, 2052, -2052)],
  ['round_float16', [floats(65504, 65519, 65520, -1e9)], floats(65504, 65504, Infinity, -Infinity)],
  // below 2^-14 multiples of 2^-24
  [
    'round_float16',
    [floats(2 ** -25, 3 * 2 ** -25, -5.3 * 2 ** -24, 2 ** -14 - 2 ** -26)],
    floats(0, 2 * 2 ** -24, -5 * 2 ** -24, 2 ** -14),
  ],
  ['round_float16', [floats(Number.NaN, -Infinity, 0)], floats(Number.NaN, -Infinity, 0)],
  // 8 digits: between 256 and 512 the even numbers
  ['round_bfloat16', [floats(0.1, 257, 259, -259)], floats(0.10009765625, 256, 260, -260)],
  ['round_bfloat16', [floats(3.4e38, -3.39e38)], floats(Infinity, -(2 ** 128) * (1 - 2 ** -8))],
  ['round_bfloat16', [floats(Number.NaN, Infinity, 0)], floats(Number.NaN, Infinity, 0)],
  ['sigmoid', [floats(0, Math.log(3))], floats(0.5, 0.75)],
  ['floor', [floats(-0.5, 1.5)], floats(-1, 1)],
  ['ceil', [floats(-1.5, 1.2)], floats(-1, 2)],
  ['round', [floats(0.5, 1.5, 2.5, -0.5, -1.5, 2.4)], floats(0, 2, 2, 0, -2, 2)],
  ['not', [bools(0, 1)], bools(1, 0)],

  ['add', [floats(1, 2), floats(0.5, -2)], floats(1.5, 0)],
  ['add', [ints(LARGEST), ints(1)], ints(-LARGEST - 1)],
  ['add', [bytes(127, -128), bytes(1, -1)], bytes(-128, 127)],
  ['sub', [floats(1), floats(3)], floats(-2)],
  ['sub', [octets(3), octets(5)], octets(254)],
  ['mul', [floats(1.5), floats(-4)], floats(-6)],
  // 65537^2 = 2^32 + 2 * 65536 + 1
  ['mul', [ints(65537), ints(65537)], ints(131073)],
  ['mul', [bytes(16), bytes(-9)], bytes(112)],
  ['div', [floats(1, -1), floats(4, 0)], floats(0.25, -Infinity)],
  ['div', [ints(7, -7, 7, 5), ints(2, 2, -2, 0)], ints(3, -3, -3, 0)],
  ['rem', [floats(5.5, -5.5), floats(2, 2)], floats(1.5, -1.5)],
  ['rem', [ints(7, -7, 7, 5), ints(3, 3, -3, 0)], ints(1, -1, 1, 0)],
  ['pow', [floats(2, 9), floats(3, 0.5)], floats(8, 3)],
  ['pow', [floats(-3), nd('f32', [], [2])], floats(9)],
  ['pow', [floats(-3), nd('f32', [], [3])], floats(-27)],
  ['pow', [floats(4), nd('f32', [], [-0.5])], floats(0.5)],
  ['pow', [ints(3, -2, 7, 0), ints(4, 5, 0, 0)], ints(81, -32, 1, 1)],
  // 3^21 = 10460353203 = 2 * 2^32 + 1870418611
  ['pow', [ints(3), ints(21)], ints(1870418611)],
  ['pow', [ints(3, 1, -1, -1, 0), ints(-1, -5, -5, -4, -1)], ints(0, 1, -1, 1, 0)],
  ['pow', [octets(3, 16), octets(6, 2)], octets(217, 0)],
  ['pow', [bytes(-5), bytes(3)], bytes(-125)],
  ['pow', [ints(-7), nd('i32', [], [2])], ints(49)],
  [
    'mod',
    [floats(5.5, -5.5, 5.5, -5.5, 4), floats(2, 2, -2, -2, 2)],
    floats(1.5, 0.5, -0.5, -1.5, 0),
  ],
  ['mod', [ints(7, -7, 7, -7, 5), ints(3, 3, -3, -3, 0)], ints(1, 2, -2, -1, 0)],
  ['mod', [octets(200), octets(7)], octets(4)],
  ['bit_and', [ints(12, -1), ints(10, 255)], ints(8, 255)],
  ['bit_or', [ints(12, -256), ints(10, 255)], ints(14, -1)],
  ['bit_xor', [bytes(12, -1), bytes(10, 127)], bytes(6, -128)],
  ['shift_left', [ints(3, 1, 1), ints(2, 31, 33)], ints(12, -LARGEST - 1, 2)],
  ['shift_left', [octets(129, 1), octets(1, 9)], octets(2, 0)],
  ['shift_right', [ints(-8, 8, -1), ints(1, 2, 31)], ints(-4, 2, -1)],
  ['shift_right', [octets(255), octets(4)], octets(15)],
  ['minimum', [floats(1, 2), floats(2, 1)], floats(1, 1)],
  ['maximum', [ints(1, 2), ints(2, 1)], ints(2, 2)],
  ['add', [f32([2, 1], [10, 20]), f32([3], [1, 2, 3])], f32([2, 3], [11, 12, 13, 21, 22, 23])],

  ['equal', [floats(1, 2), floats(1, 3)], bools(1, 0)],
  ['equal', [bools(0, 1), bools(0, 0)], bools(1, 0)],
  ['not_equal', [ints(1, 2), ints(1, 3)], bools(0, 1)],
  ['less', [floats(1, 2, 2), floats(2, 1, 2)], bools(1, 0, 0)],
  ['less_equal', [floats(1, 2, 2), floats(2, 1, 2)], bools(1, 0, 1)],
  ['greater', [floats(1, 2, 2), floats(2, 1, 2)], bools(0, 1, 0)],
  ['greater_equal', [floats(1, 2, 2), floats(2, 1, 2)], bools(0, 1, 1)],
  ['greater', [f32([2, 1], [1, 3]), floats(2, 0)], nd('bool', [2, 2], [0, 1, 1, 1])],

  ['and', [bools(0, 0, 1, 1), bools(0, 1, 0, 1)], bools(0, 0, 0, 1)],
  ['or', [bools(0, 0, 1, 1), bools(0, 1, 0, 1)], bools(0, 1, 1, 1)],
  ['xor', [bools(0, 0, 1, 1), bools(0, 1, 0, 1)], bools(0, 1, 1, 0)],

  [
    'select',
    [nd('bool', [2, 1], [1, 0]), floats(1, 2), nd('f32', [], [9])],
    f32([2, 2], [1, 2, 9, 9]),
  ],

  ['cast', [floats(1.9, -1.9, Number.NaN, 1e20)], ints(1, -1, 0, LARGEST), { dtype: 'i32' }],
  ['cast', [floats(200, -129)], bytes(-56, 127), { dtype: 'i8' }],
  ['cast', [ints(256, -1, 255)], octets(0, 255, 255), { dtype: 'u8' }],
  ['cast', [bools(0, 1)], floats(0, 1), { dtype: 'f32' }],
  ['cast', [bools(0, 1)], octets(0, 1), { dtype: 'u8' }],
  ['cast', [floats(0, -0.5, 2)], bools(0, 1, 1), { dtype: 'bool' }],
  ['cast', [ints(7)], nd('i64', [1], [7]), { dtype: 'i64' }],
  ['cast', [ints(7)], floats(7), { dtype: 'f32' }],
];

for (const [op, operands, result, attributes = {}] of cases) {
  const spelled = operands.map(({ dtype, data }) => `${dtype} [${data}]`).join(', ');
  test(`${op} of ${spelled} is ${result.dtype} [${result.data}]`, () => {
    expectOp(op, operands, attributes, result);
  });
}

const x = f32Type('batch', 3);

const refused = [
  ['exp_c1', 'exp', [i32Type(2)]],
  ['neg_c1', 'neg', [bool(2)]],
  ['not_c1', 'not', [x]],
  ['add_c1', 'add', [x, f32Type(4)]],
  ['add_c1', 'add', [x, f32Type('seq', 1)]],
  ['add_c2', 'add', [x, i32Type(3)]],
  ['add_c2', 'add', [bool(3), bool(3)]],
  ['pow_c2', 'pow', [bool(3), bool(3)]],
  ['mod_c1', 'mod', [x, f32Type(4)]],
  ['mod_c2', 'mod', [x, i32Type(3)]],
  ['bit_and_c2', 'bit_and', [x, x]],
  ['tan_c1', 'tan', [i32Type(3)]],
  ['is_nan_c1', 'is_nan', [i32Type(3)]],
  ['is_inf_c1', 'is_inf', [bool(3)]],
  ['round_float32_c1', 'round_float32', [i32Type(3)]],
  ['round_float16_c1', 'round_float16', [i32Type(3)]],
  ['round_bfloat16_c1', 'round_bfloat16', [bool(3)]],
  ['less_c1', 'less', [x, f32Type(4)]],
  ['less_c2', 'less', [bool(3), bool(3)]],
  ['equal_c2', 'equal', [x, i32Type(3)]],
  ['and_c1', 'and', [bool(2), bool(3)]],
  ['and_c2', 'and', [bool(3), x]],
  ['select_c1', 'select', [bool(4), x, x]],
  ['select_c1', 'select', [bool(1), x, f32Type(4)]],
  ['select_c2', 'select', [x, x, x]],
  ['select_c3', 'select', [bool(3), x, i32Type(3)]],
] as const;

describe('constraints', () => {
  test.each(refused)('%s refuses %s of %j', (label, op, operands) => {
    expect(() => infer(op, operands)).toThrow(`${label}: `);
  });
});

test('results take the dims that are not 1, symbolic ones too', () => {
  expect(infer('add', [f32Type('batch', 1, 3), f32Type('seq', 1)])).toEqual([
    f32Type('batch', 'seq', 3),
  ]);
  expect(infer('select', [bool('seq', 1), f32Type(3), f32Type('batch', 1, 1)])).toEqual([
    f32Type('batch', 'seq', 3),
  ]);
});
