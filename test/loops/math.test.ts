import { describe, expect, it } from 'vitest';
import { LARGEST_ANGLE, type MathOp, mathDefinition } from '../../src/loops/math.ts';
import type { BinaryOp, Expression, UnaryOp } from '../../src/loops/nodes.ts';

/** How a target computes one operation: rounded to float32, or in the doubles of JS. */
type Rounding = (x: number) => number;

const UNARY: Partial<Record<UnaryOp, (x: number) => number>> = {
  neg: (x) => -x,
  abs: Math.abs,
  exp: Math.exp,
  log: Math.log,
  floor: Math.floor,
  sign: Math.sign,
  round: (x) => {
    const nearest = Math.round(x);
    return nearest - x === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;
  },
};

const BINARY: Partial<Record<BinaryOp, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  min: Math.min,
  max: Math.max,
  shift_left: (a, b) => a << b,
  shift_right: (a, b) => a >> b,
  lt: (a, b) => Number(a < b),
  le: (a, b) => Number(a <= b),
  eq: (a, b) => Number(a === b),
  ne: (a, b) => Number(a !== b),
  and: (a, b) => a & b,
  or: (a, b) => a | b,
};

function evaluate(x: Expression, names: ReadonlyMap<string, number>, round: Rounding): number {
  const of = (y: Expression) => evaluate(y, names, round);
  const rounded = (value: number) => (x.type === 'f32' ? round(value) : value);
  switch (x.tag) {
    case 'constant':
      return rounded(x.value);
    case 'read':
      return names.get(x.name) ?? Number.NaN;
    case 'unary':
      return round(UNARY[x.op]?.(of(x.x)) ?? Number.NaN);
    case 'binary':
      return rounded(BINARY[x.op]?.(of(x.a), of(x.b)) ?? Number.NaN);
    case 'multiply_add':
      return round(round(of(x.a) * of(x.b)) + of(x.c));
    case 'cast':
      return round(of(x.x));
    case 'bitcast': {
      const view = new DataView(new ArrayBuffer(4));
      if (x.type === 'i32') view.setFloat32(0, of(x.x));
      else view.setInt32(0, of(x.x));
      return x.type === 'i32' ? view.getInt32(0) : view.getFloat32(0);
    }
    case 'select':
      return of(x.condition) !== 0 ? of(x.then) : of(x.otherwise);
    default:
      throw new Error(`a definition uses ${x.tag}`);
  }
}

function apply(op: MathOp, values: readonly number[], round: Rounding = Math.fround): number {
  const definition = mathDefinition(op, 1);
  const names = new Map(definition.parameters.map((name, i) => [name, values[i] ?? Number.NaN]));
  for (const { name, value } of definition.lets) names.set(name, evaluate(value, names, round));
  return evaluate(definition.result, names, round);
}

/** erf by its Maclaurin series, and by the continued fraction of erfc beyond 2.5. */
function exactErf(x: number): number {
  const size = Math.abs(x);
  if (size > 2.5) {
    let fraction = 0;
    for (let k = 100; k >= 1; k--) fraction = k / 2 / (size + fraction);
    return Math.sign(x) * (1 - Math.exp(-size * size) / Math.sqrt(Math.PI) / (size + fraction));
  }
  let term = x;
  let sum = x;
  for (let n = 1; n < 80; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

function sweep(from: number, to: number, count = 40_000): readonly number[] {
  return Array.from({ length: count + 1 }, (_, i) => Math.fround(from + ((to - from) * i) / count));
}

function worst(
  inputs: readonly number[],
  got: (x: number) => number,
  want: (x: number) => number,
  measure: (got: number, want: number) => number,
): { readonly error: number; readonly at: number } {
  let found = { error: 0, at: 0 };
  for (const x of inputs) {
    const error = measure(got(x), want(x));
    if (!(error <= found.error)) found = { error, at: x };
  }
  return found;
}

const absolute = (got: number, want: number) => Math.abs(got - want);
const relative = (got: number, want: number) =>
  got === want ? 0 : Math.abs(got - want) / Math.abs(want);
const inDoubles: Rounding = (x) => x;

describe('definitions of functions in loop IR', () => {
  it('exp has relative error below 1.5e-7 on -86.9 to 88.7', () => {
    const inputs = [...sweep(-86.9, 88.7, 100_000), ...sweep(-1, 1)];
    const { error, at } = worst(inputs, (x) => apply('exp', [x]), Math.exp, relative);
    expect(error, `at ${at}`).toBeLessThan(1.5e-7);
  });

  it('exp is 0 far below, infinite far above, and 1 at 0', () => {
    for (const x of [-87.5, -104, -1e30, -3.4e38, -Infinity]) expect(apply('exp', [x])).toBe(0);
    for (const x of [88.8, 1e30, Infinity]) expect(apply('exp', [x])).toBe(Infinity);
    expect(apply('exp', [0])).toBe(1);
  });

  it('log has relative error below 2e-7 away from 1, absolute near it', () => {
    const far = [...sweep(1.5, 1000), ...sweep(1e-30, 0.6), 1.2e-38, 3.4e38, 1e20];
    const { error, at } = worst(far, (x) => apply('log', [x]), Math.log, relative);
    expect(error, `at ${at}`).toBeLessThan(2e-7);
    const near = worst(sweep(0.6, 1.5), (x) => apply('log', [x]), Math.log, absolute);
    expect(near.error, `at ${near.at}`).toBeLessThan(6e-8);
  });

  it('log is the lowest number at 0, infinite at infinity, and no number below', () => {
    expect(apply('log', [0])).toBe(Math.fround(-3.4028234663852886e38));
    expect(apply('log', [Infinity])).toBe(Infinity);
    expect(apply('log', [-1])).toBeNaN();
    expect(apply('log', [Number.NaN])).toBeNaN();
  });

  it('erf in float32 has relative error below 4e-7 on -6 to 6', () => {
    const { error, at } = worst(sweep(-6, 6), (x) => apply('erf', [x]), exactErf, relative);
    expect(error, `at ${at}`).toBeLessThan(4e-7);
  });

  it('erf in the doubles of JS has absolute error below 2e-8 on -6 to 6', () => {
    const inJs = (x: number) => apply('erf', [x], inDoubles);
    const { error, at } = worst(sweep(-6, 6), inJs, exactErf, absolute);
    expect(error, `at ${at}`).toBeLessThan(2e-8);
  });

  it('tanh has relative error below 4e-7 on -100 to 100, and no overflow at the ends', () => {
    const inputs = [...sweep(-2, 2), ...sweep(-100, 100), 1e-30, 3.4e38, -3.4e38];
    const { error, at } = worst(inputs, (x) => apply('tanh', [x]), Math.tanh, relative);
    expect(error, `at ${at}`).toBeLessThan(4e-7);
    expect(apply('tanh', [0])).toBe(0);
  });

  it.each([
    ['sin', Math.sin],
    ['cos', Math.cos],
  ] as const)('%s has absolute error below 1.2e-7 up to the largest angle', (op, want) => {
    const inputs = [...sweep(-10, 10), ...sweep(-LARGEST_ANGLE, LARGEST_ANGLE, 100_000)];
    const { error, at } = worst(inputs, (x) => apply(op, [x]), want, absolute);
    expect(error, `at ${at}`).toBeLessThan(1.2e-7);
  });

  it('atan has relative error below 2e-7 everywhere', () => {
    const far = [1e-30, 2.4142, 2.4143, 0.41421, 0.41422, 1e10, 3e38].flatMap((x) => [x, -x]);
    const inputs = [...sweep(-4, 4, 100_000), ...sweep(-1000, 1000), ...far];
    const { error, at } = worst(inputs, (x) => apply('atan', [x]), Math.atan, relative);
    expect(error, `at ${at}`).toBeLessThan(2e-7);
    expect(apply('atan', [Infinity])).toBeCloseTo(Math.PI / 2, 6);
    expect(apply('atan', [Number.NaN])).toBeNaN();
  });

  it('pow keeps its bound for bases of both signs', () => {
    for (const b of [-3, -1, 0.5, 1, 2, 3, 10, 2.7]) {
      for (const base of sweep(0.001, 20, 2000)) {
        for (const a of Number.isInteger(b) ? [base, -base] : [base]) {
          const bound = 1e-7 * (2 + Math.abs(b * Math.log(base))) + 5e-7 * Math.abs(b);
          expect(relative(apply('pow', [a, b]), a ** b), `${a} ** ${b}`).toBeLessThan(bound);
        }
      }
    }
    expect(apply('pow', [0, 0])).toBe(1);
    expect(apply('pow', [0, 2])).toBe(0);
    expect(apply('pow', [-5, 0])).toBe(1);
  });

  it('rem has the sign of the dividend and is exact where a quotient is an integer', () => {
    for (const a of [-7.5, -6, -1, 0, 0.25, 5, 6, 9, 1000]) {
      for (const b of [-3, -0.5, 0.25, 1, 3, 7]) {
        const [x, y] = [Math.fround(a), Math.fround(b)];
        expect(apply('rem', [x, y]), `${x} % ${y}`).toBeCloseTo(x % y, 7);
      }
    }
    for (let n = 1; n < 500; n++) expect(Math.abs(apply('rem', [3 * n, 3]))).toBe(0);
  });
});
