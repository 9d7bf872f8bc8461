/**
 * Definitions in loop IR of the functions that a target lacks or computes too coarsely. WGSL
 * promises its sin and cos only to an absolute 2^-11, lets tanh overflow, has no erf, and leaves pow
 * of a negative base open. WebAssembly has none of them. JS has most, but engines differ in their last
 * bits, so that exact programs take these there, too.
 *
 * A definition uses arithmetic and select, on bits too, exp and log (but for these two themselves),
 * so every target and the emulator can run it. Polynomials are minimax fits by Remez exchange, made for this file; each `error` is the bound
 * that `test/loops/math.test.ts` measures in float32 arithmetic over a sweep of the stated range.
 */
import {
  binary,
  bitcast,
  cast,
  constant,
  type Expression,
  type Lanes,
  multiplyAdd,
  read,
  type Scalar,
  select,
  unary,
} from './nodes.ts';

export type MathOp = 'exp' | 'log' | 'erf' | 'tanh' | 'sin' | 'cos' | 'atan' | 'pow' | 'rem';

/** A function of f32 parameters. */
export interface MathDefinition {
  readonly op: MathOp;
  readonly lanes: Lanes;
  readonly parameters: readonly string[];
  /** Immutable names, in order; each may use the ones before. */
  readonly lets: readonly { readonly name: string; readonly value: Expression }[];
  readonly result: Expression;
  /** The error bound, for the comment above the function. */
  readonly error: string;
}

export function isMathOp(name: string): name is MathOp {
  return Object.hasOwn(DEFINITIONS, name);
}

type Body = Pick<MathDefinition, 'parameters' | 'lets' | 'result' | 'error'>;

/** The definition of a function over 1 or 4 lanes. */
export function mathDefinition(op: MathOp, lanes: Lanes): MathDefinition {
  return { op, lanes, ...DEFINITIONS[op](lanes) };
}

/** sin and cos keep their bound up to this magnitude: the largest k for which k * HALF_PI[0..1] is exact. */
export const LARGEST_ANGLE = 12_000;

const DEFINITIONS: { readonly [O in MathOp]: (lanes: Lanes) => Body } = {
  /**
   * e^x = 2 * 2^(n-1) * e^r with n = round(x / ln 2), r = x - n ln 2, e^r = 1 + r + r^2 P(r). Adding
   * ROUNDER rounds x / ln 2 to an integer and leaves n - 1, biased, in the last bits of the sum: shifted
   * to the exponent's place they are 2^(n-1), and 0 where n is -126.
   */
  exp: (lanes) => {
    const b = new BodyBuilder(lanes, ['x']);
    const x = b.parameter('x');
    const within = b.let('within', minimum(maximum(x, of(-87.3)), of(89)));
    const biased = b.let('biased', multiplyAdd(within, of(1 / Math.LN2), of(ROUNDER)));
    const n = b.let('n', sub(biased, of(ROUNDER)));
    const near = multiplyAdd(n, of(-LN2[0]), within);
    const r = b.let('r', multiplyAdd(n, of(-LN2[1]), near));
    const power = b.let('power', bitcast('f32', shiftLeft(bitcast('i32', biased), 23)));
    const rest = multiplyAdd(mul(r, r), polynomial(r, EXP), r);
    const half = b.let('half', multiplyAdd(rest, power, power));
    return b.finish(add(half, half), 'relative error below 1.5e-7; 0 below -87');
  },

  /**
   * log(2^e m) = e ln 2 + log m with m from sqrt(1/2) to sqrt(2); log(1 + f) = f - f^2/2 + f^3 P(f).
   * The bits of x less those of sqrt(1/2) have e where the exponent stands.
   */
  log: (lanes) => {
    const b = new BodyBuilder(lanes, ['x']);
    const x = b.parameter('x');
    const bits = b.let('bits', bitcast('i32', x));
    const above = sub(bits, constant(BITS_OF_SQRT_HALF, 'i32'));
    const e = b.let('e', binary('shift_right', above, constant(23, 'i32')));
    const m = bitcast('f32', sub(bits, shiftLeft(e, 23)));
    const f = b.let('f', sub(m, of(1)));
    const square = b.let('square', mul(f, f));
    const n = b.let('n', cast('f32', e));
    const curve = b.let('curve', mul(mul(f, square), polynomial(f, LOG)));
    const low = multiplyAdd(square, of(-0.5), multiplyAdd(n, of(LN2[1]), curve));
    const value = b.let('value', multiplyAdd(n, of(LN2[0]), add(f, low)));
    // NaN and infinity are their own logarithm; NaN's bits differ from host to host
    const finite = select(binary('le', x, of(LARGEST)), value, x);
    const positive = select(less(x, of(SMALLEST)), of(-LARGEST), finite);
    return b.finish(
      select(less(x, of(0)), of(Number.NaN), positive),
      'relative error below 2e-7, absolute near 1; the lowest float32 below the smallest normal one',
    );
  },

  /** x P(x^2) / Q(x^2); from 4.2 on it is 1. */
  erf: (lanes) => {
    const b = new BodyBuilder(lanes, ['x']);
    return b.finish(b.odd(4.2, ERF), 'error below 4e-7, relative too');
  },

  /** x P(x^2) / Q(x^2); from 9.01 on it is 1 in float32. */
  tanh: (lanes) => {
    const b = new BodyBuilder(lanes, ['x']);
    return b.finish(b.odd(9.01, TANH), 'relative error below 4e-7');
  },

  sin: (lanes) => circular(lanes, 0),
  cos: (lanes) => circular(lanes, 1),

  /**
   * base + atan(t), by the addition theorem: base is pi/2 with t = -1 / |x| above tan(3 pi/8), pi/4 with
   * t = (|x| - 1) / (|x| + 1) above tan(pi/8), else 0 with t = |x|; atan(t) = t + t^3 P(t^2). Nothing
   * divides by an infinity.
   */
  atan: (lanes) => {
    const b = new BodyBuilder(lanes, ['x']);
    const x = b.parameter('x');
    const size = b.let('size', minimum(abs(x), of(1e30)));
    const isLarge = b.let('is_large', less(of(2.414213562373095), size));
    const isMiddle = b.let('is_middle', less(of(0.4142135623730951), size));
    const above = select(isLarge, of(-1), select(isMiddle, sub(size, of(1)), size));
    const below = select(isLarge, size, select(isMiddle, add(size, of(1)), of(1)));
    const t = b.let('t', binary('div', above, below));
    const square = b.let('square', mul(t, t));
    const curve = multiplyAdd(mul(t, square), polynomial(square, ATAN), t);
    const base = select(isLarge, of(Math.PI / 2), select(isMiddle, of(Math.PI / 4), of(0)));
    const angle = b.let('angle', add(base, curve));
    return b.finish(
      select(less(x, of(0)), unary('neg', angle), angle),
      'relative error below 2e-7',
    );
  },

  /** exp(b * ln|a|), with the sign of an odd power; 1 where b is 0. */
  pow: (lanes) => {
    const builder = new BodyBuilder(lanes, ['a', 'b']);
    const a = builder.parameter('a');
    const b = builder.parameter('b');
    const size = builder.let('size', abs(a));
    const power = builder.let('power', unary('exp', mul(b, unary('log', size))));
    const half = builder.let('half', mul(b, of(0.5)));
    const isOdd = binary('ne', unary('floor', half), half);
    const sign = builder.let('sign', select(binary('and', less(a, of(0)), isOdd), of(-1), of(1)));
    const ofZero = builder.let('of_zero', select(less(b, of(0)), of(LARGEST), of(0)));
    const nonZero = select(binary('eq', size, of(0)), ofZero, mul(sign, power));
    return builder.finish(
      select(binary('eq', b, of(0)), of(1), nonZero),
      'relative error below 1e-7 * (2 + |b * ln a|) + 5e-7 * |b|; a negative base needs an integer b',
    );
  },

  /** a - b * trunc(a / b), mended where the rounded quotient is one off. */
  rem: (lanes) => {
    const builder = new BodyBuilder(lanes, ['a', 'b']);
    const a = builder.parameter('a');
    const b = builder.parameter('b');
    const sign = builder.let('sign', select(less(a, of(0)), of(-1), of(1)));
    const size = builder.let('size', abs(b));
    const quotient = builder.let('quotient', unary('floor', binary('div', abs(a), size)));
    const first = builder.let('first', sub(abs(a), mul(quotient, size)));
    const raised = builder.let('raised', select(less(first, of(0)), add(first, size), first));
    const mended = builder.let('mended', select(less(raised, size), raised, sub(raised, size)));
    return builder.finish(
      mul(sign, mended),
      'exact while |a / b| * |b| needs no more than 24 bits; the sign is that of a',
    );
  },
};

/** Every function defined here. */
export const MATH_OPS = Object.keys(DEFINITIONS) as readonly MathOp[];

interface Rational {
  readonly above: readonly number[];
  readonly below: readonly number[];
}

/** erf(sqrt z) / sqrt z on 0 < z < 4.2^2; fit error 3e-9 relative. */
const ERF: Rational = {
  above: [
    1.128379170348699, 0.18521213315723542, 0.05439584143680974, 0.003860120787192879,
    0.0003830131613183611, 4.775342410475706e-6, -1.3671790814224942e-8,
  ],
  below: [1, 0.4974734041, 0.1140309378, 0.01549493464, 0.001314292243, 0.00006396941799],
};
/** tanh(sqrt z) / sqrt z on 0 < z < 9.02^2; fit error 3.7e-11 relative. */
const TANH: Rational = {
  above: [
    0.9999999999641038, 0.14099268858075087, 0.004426027372344428, 4.227570355555656e-5,
    1.1118675373933066e-7, 3.6750490260658693e-11,
  ],
  below: [
    1, 0.47432602151906506, 0.029201368600459195, 0.000500849089164789, 2.604032994389715e-6,
    2.9515575498247805e-9,
  ],
};
/** (sin(sqrt z) / sqrt z - 1) / z on 0 < z < (pi/4)^2; fit error 3.9e-9. */
const SIN = [-0.16666654225576252, 0.008332131498145863, -0.00019510839244571342];
/** (cos(sqrt z) - 1 + z/2) / z^2 on 0 < z < (pi/4)^2; fit error 1.1e-10. */
const COS = [0.041666645652910415, -0.0013887306044474542, 2.443120508900609e-5];
/** (atan(sqrt z) / sqrt z - 1) / z on 0 < z < tan(pi/8)^2; fit error 2.1e-8 relative to atan. */
const ATAN = [-0.33332948997910716, 0.19977704038711636, -0.138776083942862, 0.08053478496684935];
/** pi/2 in three parts; the first two have 8 and 11 significant bits (Cody and Waite's reduction). */
const HALF_PI = [1.5703125, 0.0004837512969970703, 7.549790126404332e-8];

/** (e^r - 1 - r) / r^2 on |r| < 0.347; fit error 3.1e-9 relative. */
const EXP = [
  0.49999993412501564, 0.1666652010781959, 0.04166839421089387, 0.008368780411180533,
  0.001381446705932651,
];
/** (log(1 + f) - f + f^2/2) / f^3 on sqrt(1/2) < 1 + f < sqrt(2); fit error 5.9e-9 relative. */
const LOG = [
  0.33333331707789743, -0.25000821028533193, 0.200012268730962, -0.16623357534961455,
  0.1420175799828562, -0.1316018046633975, 0.12761577348054695, -0.0763450290965327,
];
/** ln 2 in two parts; the first has 10 significant bits, so that its products with n are exact. */
const LN2 = [0.693359375, -0.00021219444005469057] as const;
/** 1.5 * 2^23, whose last place is 1, and the exponent's bias less one. */
const ROUNDER = 12_582_912 + 126;
const BITS_OF_SQRT_HALF = 0x3f3504f3;
const SMALLEST = 1.1754943508222875e-38;

const LARGEST = 3.4028234663852886e38;

/**
 * sin of x + turns * pi/2. x - k * pi/2 lies within pi/4 of 0, where polynomials give its sine and
 * cosine; k mod 4 selects one of them and its sign.
 */
function circular(lanes: Lanes, turns: 0 | 1): Body {
  const b = new BodyBuilder(lanes, ['x']);
  const x = b.parameter('x');
  const [high = 0, middle = 0, low = 0] = HALF_PI;
  const k = b.let('k', unary('round', mul(x, of(2 / Math.PI))));
  const angle = b.let(
    'angle',
    [high, middle, low].reduce((r, part) => sub(r, mul(k, of(part))), x),
  );
  const square = b.let('square', mul(angle, angle));
  const sine = b.let('sine', add(angle, mul(mul(angle, square), polynomial(square, SIN))));
  const even = add(mul(square, of(-0.5)), mul(mul(square, square), polynomial(square, COS)));
  const cosine = b.let('cosine', add(of(1), even));
  const turn = b.let('turn', turns === 0 ? k : add(k, of(turns)));
  const quadrant = b.let('quadrant', sub(turn, mul(of(4), unary('floor', mul(turn, of(0.25))))));
  const isOdd = binary('or', binary('eq', quadrant, of(1)), binary('eq', quadrant, of(3)));
  const value = b.let('value', select(isOdd, cosine, sine));
  return b.finish(
    select(less(quadrant, of(2)), value, unary('neg', value)),
    `absolute error below 1.2e-7 for |x| <= ${LARGEST_ANGLE}`,
  );
}

class BodyBuilder {
  private readonly lets: { name: string; value: Expression }[] = [];
  private readonly lanes: Lanes;
  private readonly parameters: readonly string[];

  constructor(lanes: Lanes, parameters: readonly string[]) {
    this.lanes = lanes;
    this.parameters = parameters;
  }

  parameter(name: string): Expression {
    return read(name, 'f32', this.lanes);
  }

  let(name: string, value: Expression): Expression {
    this.lets.push({ name, value });
    const type: Scalar = value.type;
    return read(name, type, value.lanes);
  }

  /** c P(c^2) / Q(c^2), where c is x within the limit: an odd function that ends at 1. */
  odd(limit: number, { above, below }: Rational): Expression {
    const within = maximum(minimum(this.parameter('x'), of(limit)), of(-limit));
    const c = this.let('c', within);
    const z = this.let('z', mul(c, c));
    return binary('div', mul(c, polynomial(z, above)), polynomial(z, below));
  }

  finish(result: Expression, error: string): Body {
    return { parameters: this.parameters, lets: this.lets, result, error };
  }
}

const of = (value: number) => constant(value);
const add = (a: Expression, b: Expression) => binary('add', a, b);
const sub = (a: Expression, b: Expression) => binary('sub', a, b);
const mul = (a: Expression, b: Expression) => binary('mul', a, b);
const less = (a: Expression, b: Expression) => binary('lt', a, b);
const shiftLeft = (x: Expression, by: number) => binary('shift_left', x, constant(by, 'i32'));
const maximum = (a: Expression, b: Expression) => binary('max', a, b);
const minimum = (a: Expression, b: Expression) => binary('min', a, b);
const abs = (x: Expression) => unary('abs', x);

/** Horner's scheme; coefficients by rising power. */
function polynomial(x: Expression, coefficients: readonly number[]): Expression {
  const [last = 0, ...lower] = [...coefficients].reverse();
  return lower.reduce((sum, coefficient) => multiplyAdd(sum, x, of(coefficient)), of(last));
}
