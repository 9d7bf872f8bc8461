/**
 * The arithmetic of the loop IR on float64 numbers. What integers do: add, subtract and multiply
 * wrap around; division truncates, x / 0 is x and x % 0 is 0 (WGSL, 8.7 "Arithmetic Expressions");
 * f32 to i32 truncates, saturates, and takes NaN to 0. `round` rounds halves to even.
 */
import type {
  ArithmeticOp,
  BitOp,
  ComparisonOp,
  LogicOp,
  Scalar,
  UnaryOp,
} from '../loops/nodes.ts';

type Unary = (x: number) => number;
type Binary = (a: number, b: number) => number;

export const UNARY: { readonly [O in UnaryOp]: Unary } = {
  neg: (x) => -x,
  not: (x) => 1 - x,
  abs: Math.abs,
  sqrt: Math.sqrt,
  floor: Math.floor,
  ceil: Math.ceil,
  round: roundHalfToEven,
  trunc: Math.trunc,
  sign: Math.sign,
  exp: Math.exp,
  log: Math.log,
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  atan: Math.atan,
  erf,
};

export const FLOAT: { readonly [O in ArithmeticOp]: Binary } = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  rem: (a, b) => a % b,
  min: Math.min,
  max: Math.max,
  pow: (a, b) => a ** b,
};

export const INTEGER: { readonly [O in ArithmeticOp | BitOp]: Binary } = {
  add: (a, b) => (a + b) | 0,
  sub: (a, b) => (a - b) | 0,
  mul: Math.imul,
  div: (a, b) => (b === 0 ? a : (a / b) | 0),
  rem: (a, b) => (b === 0 ? 0 : (a % b) | 0),
  min: Math.min,
  max: Math.max,
  pow: (a, b) => (a ** b) | 0,
  shift_left: (a, b) => a << b,
  shift_right: (a, b) => a >> b,
  bit_and: (a, b) => a & b,
  bit_or: (a, b) => a | b,
  bit_xor: (a, b) => a ^ b,
};

/** Of f32, i32 and bool alike; the result is 0 or 1. */
export const BOOLEAN: { readonly [O in ComparisonOp | LogicOp]: Binary } = {
  lt: (a, b) => (a < b ? 1 : 0),
  le: (a, b) => (a <= b ? 1 : 0),
  eq: (a, b) => (a === b ? 1 : 0),
  ne: (a, b) => (a !== b ? 1 : 0),
  and: (a, b) => a & b,
  or: (a, b) => a | b,
};

/** c plus the products of the bytes of a, signed, with those of b, of which seven bits count. */
export function dot4(a: number, b: number, c: number): number {
  let sum = c;
  for (let shift = 0; shift < 32; shift += 8) {
    sum += ((a << (24 - shift)) >> 24) * ((b >> shift) & 127);
  }
  return sum | 0;
}

export function pack4(...lanes: readonly number[]): number {
  return lanes.reduce((word, x, i) => {
    return word | ((Math.max(-128, Math.min(127, x)) & 255) << (8 * i));
  }, 0);
}

/** The conversion between two types; f32 is rounded by the caller. */
export function conversion(from: Scalar, to: Scalar): Unary {
  if (to === 'bool') return (x) => (x === 0 ? 0 : 1);
  if (to === 'i32' && from === 'f32') {
    return (x) =>
      Number.isNaN(x) ? 0 : Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.trunc(x)));
  }
  return (x) => x;
}

const floatBits = new Float32Array(1);
const integerBits = new Int32Array(floatBits.buffer);

/** An f32's bits as an i32, or an i32's as an f32. */
export function reinterpret(to: Scalar): Unary {
  if (to === 'i32') {
    return (x) => {
      floatBits[0] = x;
      return integerBits[0] ?? 0;
    };
  }
  return (x) => {
    integerBits[0] = x;
    return floatBits[0] ?? 0;
  };
}

function roundHalfToEven(x: number): number {
  const down = Math.floor(x);
  const rest = x - down;
  if (rest !== 0.5) return Math.round(x);
  return down % 2 === 0 ? down : down + 1;
}

/** From here on the series would lose to cancellation of 1 - erfc, and the fraction converges. */
const FRACTION_FROM = 3;
/** Terms of the fraction: at x = 3 it has converged to 1e-17. */
const FRACTION_DEPTH = 60;

/**
 * The error function, to about 1e-15.
 *
 * |x| < 3: exp(-x^2) * 2 / sqrt(pi) * sum of 2^n x^(2n+1) / (1 * 3 * ... * (2n+1)), whose terms are
 * all of one sign (Abramowitz and Stegun, 7.1.6). Above: 1 - erfc(x), with the continued fraction
 * erfc(x) = exp(-x^2) / sqrt(pi) * 1/(x + (1/2)/(x + (2/2)/(x + (3/2)/(x + ...)))) (7.1.14).
 */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (!(size < 6)) return Number.isNaN(x) ? x : Math.sign(x);
  const scale = Math.exp(-size * size) / Math.sqrt(Math.PI);
  if (size < FRACTION_FROM) {
    let term = size;
    let sum = size;
    for (let n = 1; term > sum * 1e-17; n++) {
      term *= (2 * size * size) / (2 * n + 1);
      sum += term;
    }
    return Math.sign(x) * 2 * scale * sum;
  }
  let fraction = size;
  for (let n = FRACTION_DEPTH; n > 0; n--) fraction = size + n / 2 / fraction;
  return Math.sign(x) * (1 - scale / fraction);
}
