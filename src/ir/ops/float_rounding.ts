/**
 * Rounding to a float format: y[i] = the number of the format that is nearest to x[i], halves to even.
 *
 * - round_float32: 24 binary digits; what float32 arithmetic gives, where JS and the interpreter have more
 * - round_float16: 11 digits, those of 2^-14 below it; beyond 65504 an infinity
 * - round_bfloat16: 8 digits, the range of float32
 *
 * x float[..s] -> y as x. A number is rounded to float32 first, as kernels hold it. NaN stays NaN.
 * - c1: x is floating point
 */
import {
  addOf,
  binary,
  bitcast,
  constant,
  type Expression,
  select,
  unary,
} from '../../loops/nodes.ts';
import type { Value } from '../graph.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { Tolerance } from '../op-arguments.ts';
import type { DTypeOk } from '../shape-types.ts';
import { type DType, type FloatType, isFloat, type Shape } from '../types.ts';

export type RoundFloat<Op extends string> = <D extends DType, S extends Shape>(
  x: Value<D, S> & DTypeOk<`${Op}_c1`, FloatType, D>,
) => Value<D, S>;

interface Format {
  readonly name: string;
  /** Binary digits behind the first one. */
  readonly digits: number;
  /** Exponent of the least number that has all of them. */
  readonly least: number;
  readonly largest: number;
  readonly lower: (word: Expression) => Expression;
  /** A kernel that rounds what it has just computed may find the neighbour, one digit away. */
  readonly tolerance?: Tolerance;
}

function rounding<Op extends string>(format: Format): OpDefinition<RoundFloat<Op>> {
  const { name, tolerance, lower } = format;
  return defineOp({
    kind: 'elementwise',
    summary: `y[i] = the ${name} nearest to x[i]`,
    operands: [{ name: 'x' }],
    attributes: {},
    ...(tolerance === undefined ? {} : { tolerance }),
    infer: ({ operand, require }) => {
      const x = operand(0);
      require('c1', isFloat(x.dtype), () => `defined on f32 and f16, not on ${x.dtype}`);
      return [x];
    },
    evaluate: ({ operand, result }) => [
      { ...result, data: operand(0).data.map((x) => nearest(Math.fround(x), format)) },
    ],
    lower: ({ index, operand }) => lower(bitcast('i32', operand(0, index))),
  });
}

/** x as a multiple of the step between the numbers of the format around it. */
function nearest(x: number, { digits, least, largest }: Format): number {
  if (x === 0 || !Number.isFinite(x)) return x;
  const exponent = Math.max(Math.floor(Math.log2(Math.abs(x))), least);
  const step = 2 ** (exponent - digits);
  const rounded = roundHalfToEven(x / step) * step;
  return Math.abs(rounded) > largest ? Math.sign(x) * Infinity : rounded;
}

function roundHalfToEven(x: number): number {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

const bit = (value: number) => constant(value, 'i32');
const INFINITY = 0x7f80_0000;
const SIGN = -0x8000_0000;

const sizeOf = (word: Expression) => binary('bit_and', word, bit(0x7fff_ffff));
const isNan = (word: Expression) => binary('lt', bit(INFINITY), sizeOf(word));

/**
 * The word without its last `dropped` bits. An odd number in the middle of two goes up, an even one
 * stays; a carry raises the exponent.
 */
function withoutBits(word: Expression, dropped: number): Expression {
  const isOdd = binary('bit_and', binary('shift_right', word, bit(dropped)), bit(1));
  const moved = addOf(addOf(word, bit(2 ** (dropped - 1) - 1)), isOdd);
  return binary('bit_and', moved, bit(-(2 ** dropped)));
}

function toBfloat16(word: Expression): Expression {
  return bitcast('f32', select(isNan(word), word, withoutBits(word, 16)));
}

/** The words of 2^-14 and of 2^16, between which a float16 has all digits. */
const SMALLEST_NORMAL = 0x3880_0000;
const TOO_LARGE = 0x4780_0000;

function toFloat16(word: Expression): Expression {
  const x = bitcast('f32', word);
  const few = binary(
    'mul',
    unary('round', binary('mul', x, constant(2 ** 24))),
    constant(2 ** -24),
  );
  const all = withoutBits(word, 13);
  const infinite = binary('bit_or', binary('bit_and', word, bit(SIGN)), bit(INFINITY));
  const total = select(binary('lt', sizeOf(all), bit(TOO_LARGE)), all, infinite);
  const normal = bitcast('f32', select(isNan(word), word, total));
  return select(binary('lt', sizeOf(word), bit(SMALLEST_NORMAL)), few, normal);
}

export const floatRoundingOps = {
  round_float32: rounding<'round_float32'>({
    name: 'float32',
    digits: 23,
    least: -126,
    largest: 2 ** 128 * (1 - 2 ** -24),
    lower: (word) => bitcast('f32', word),
  }),
  round_float16: rounding<'round_float16'>({
    name: 'float16',
    digits: 10,
    least: -14,
    largest: 65504,
    lower: toFloat16,
    tolerance: { absolute: 2 ** -24, relative: 2 ** -10 },
  }),
  round_bfloat16: rounding<'round_bfloat16'>({
    name: 'bfloat16',
    digits: 7,
    least: -126,
    largest: 2 ** 128 * (1 - 2 ** -8),
    lower: toBfloat16,
    tolerance: { absolute: 0, relative: 2 ** -7 },
  }),
} as const;
