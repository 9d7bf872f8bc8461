/**
 * Elementwise ops of one operand: y[i] = f(x[i]), of the operand's type. Integers wrap around.
 * - c1: the dtype is one the function is defined on
 */
import { binary, constant, type Expression, unary } from '../../loops/nodes.ts';
import type { Value } from '../graph.ts';
import { WRAP, wrapExpression } from '../integers.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { Tolerance } from '../op-arguments.ts';
import type { DTypeOk } from '../shape-types.ts';
import { type DType, type FloatType, isFloat, type NumericType, type Shape } from '../types.ts';

export type Unary<Op extends string, Defined extends DType> = <D extends DType, S extends Shape>(
  x: Value<D, S> & DTypeOk<`${Op}_c1`, Defined, D>,
) => Value<D, S>;

interface UnaryFunction {
  readonly formula: string;
  readonly evaluate: (x: number) => number;
  readonly lower: (x: Expression) => Expression;
  readonly tolerance?: Tolerance;
  readonly isCostly?: true;
}

function family<D extends DType>(defined: string, accepts: (dtype: DType) => boolean) {
  return <Op extends string>({
    formula,
    evaluate,
    lower,
    tolerance,
    isCostly,
  }: UnaryFunction): OpDefinition<Unary<Op, D>> =>
    defineOp({
      kind: 'elementwise',
      summary: `y[i] = ${formula}`,
      operands: [{ name: 'x' }],
      attributes: {},
      ...(tolerance === undefined ? {} : { tolerance }),
      ...(isCostly === undefined ? {} : { isCostly }),
      infer: ({ operand, require }) => {
        const { dtype, shape } = operand(0);
        require('c1', accepts(dtype), () => `defined on ${defined}, not on ${dtype}`);
        return [{ dtype, shape }];
      },
      evaluate: ({ operand, result }) => {
        const f = (x: number) => WRAP[result.dtype](evaluate(x));
        return [{ ...result, data: operand(0).data.map(f) }];
      },
      lower: ({ index, type, operand }) => wrapExpression(type.dtype, lower(operand(0, index))),
    });
}

const onFloats = family<FloatType>('f32 and f16', isFloat);
const onNumbers = family<NumericType>('numbers', (dtype) => dtype !== 'bool');
const onBools = family<'bool'>('bool', (dtype) => dtype === 'bool');

/** The argument of position 512 in a kernel is itself rounded by 3e-5. */
const CIRCULAR: Tolerance = { absolute: 1e-4, relative: 1e-5 };

const like = (x: Expression, value: number) => constant(value, x.type);

export const unaryOps = {
  neg: onNumbers<'neg'>({ formula: '-x[i]', evaluate: (x) => -x, lower: (x) => unary('neg', x) }),
  abs: onNumbers<'abs'>({ formula: '|x[i]|', evaluate: Math.abs, lower: (x) => unary('abs', x) }),
  sign: onNumbers<'sign'>({
    formula: 'sign(x[i])',
    evaluate: Math.sign,
    lower: (x) => unary('sign', x),
  }),
  relu: onNumbers<'relu'>({
    formula: 'max(x[i], 0)',
    evaluate: (x) => Math.max(x, 0),
    lower: (x) => binary('max', x, like(x, 0)),
  }),
  exp: onFloats<'exp'>({
    isCostly: true,
    formula: 'exp(x[i])',
    evaluate: Math.exp,
    lower: (x) => unary('exp', x),
  }),
  log: onFloats<'log'>({
    isCostly: true,
    formula: 'log(x[i])',
    evaluate: Math.log,
    lower: (x) => unary('log', x),
  }),
  sqrt: onFloats<'sqrt'>({
    isCostly: true,
    formula: 'sqrt(x[i])',
    evaluate: Math.sqrt,
    lower: (x) => unary('sqrt', x),
  }),
  rsqrt: onFloats<'rsqrt'>({
    isCostly: true,
    formula: '1 / sqrt(x[i])',
    evaluate: (x) => 1 / Math.sqrt(x),
    lower: (x) => binary('div', like(x, 1), unary('sqrt', x)),
  }),
  reciprocal: onFloats<'reciprocal'>({
    formula: '1 / x[i]',
    evaluate: (x) => 1 / x,
    lower: (x) => binary('div', like(x, 1), x),
  }),
  sin: onFloats<'sin'>({
    isCostly: true,
    formula: 'sin(x[i])',
    evaluate: Math.sin,
    lower: (x) => unary('sin', x),
    tolerance: CIRCULAR,
  }),
  cos: onFloats<'cos'>({
    isCostly: true,
    formula: 'cos(x[i])',
    evaluate: Math.cos,
    lower: (x) => unary('cos', x),
    tolerance: CIRCULAR,
  }),
  tanh: onFloats<'tanh'>({
    isCostly: true,
    formula: 'tanh(x[i])',
    evaluate: Math.tanh,
    lower: (x) => unary('tanh', x),
  }),
  atan: onFloats<'atan'>({
    isCostly: true,
    formula: 'arctan(x[i])',
    evaluate: Math.atan,
    lower: (x) => unary('atan', x),
  }),
  erf: onFloats<'erf'>({
    isCostly: true,
    formula: 'erf(x[i])',
    evaluate: erf,
    lower: (x) => unary('erf', x),
  }),
  sigmoid: onFloats<'sigmoid'>({
    isCostly: true,
    formula: '1 / (1 + exp(-x[i]))',
    evaluate: (x) => 1 / (1 + Math.exp(-x)),
    lower: (x) =>
      binary('div', like(x, 1), binary('add', like(x, 1), unary('exp', unary('neg', x)))),
  }),
  floor: onFloats<'floor'>({
    formula: 'floor(x[i])',
    evaluate: Math.floor,
    lower: (x) => unary('floor', x),
  }),
  ceil: onFloats<'ceil'>({
    formula: 'ceil(x[i])',
    evaluate: Math.ceil,
    lower: (x) => unary('ceil', x),
  }),
  round: onFloats<'round'>({
    formula: 'the integer nearest to x[i], halves to even',
    evaluate: roundToEven,
    lower: (x) => unary('round', x),
  }),
  trunc: onFloats<'trunc'>({
    formula: 'x[i] without its fraction',
    evaluate: Math.trunc,
    lower: (x) => unary('trunc', x),
  }),
  not: onBools<'not'>({
    formula: 'not x[i]',
    evaluate: (x) => 1 - x,
    lower: (x) => unary('not', x),
  }),
} as const;

function roundToEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * The error function to double precision: its Maclaurin series for |x| < 3, the continued fraction
 * of erfc (Lentz's method) beyond (Abramowitz and Stegun 7.1.5 and 7.1.14).
 */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (size > 6) return Math.sign(x);
  if (size >= 3) return Math.sign(x) * (1 - erfcFraction(size));
  let term = x;
  let sum = x;
  for (let n = 1; n < 200 && Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
    term *= -(x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

function erfcFraction(x: number): number {
  let fraction = x;
  for (let k = 60; k >= 1; k--) fraction = x + k / 2 / fraction;
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / fraction;
}
