/**
 * Circular and hyperbolic functions made of sin, cos, atan, exp, log and tanh, each in a form that
 * loses no leading digits and reaches no infinity before its result does.
 *
 * - tan: sin(x) / cos(x)
 * - asin: 2 atan(x / (1 + sqrt((1 - x)(1 + x))))
 * - acos: a = 2 atan(sqrt((1 - |x|) / (1 + |x|))), and pi - a where x < 0
 * - sinh: tanh(x) cosh(x); cosh: (e^x + e^-x) / 2
 * - asinh: sign(x) log(|x| + m sqrt(1 + q^2)), m = max(|x|, 1), q = min(|x|, 1) / m
 * - acosh: log(x + sqrt(x - 1) sqrt(x + 1)); atanh: log((1 + x) / (1 - x)) / 2
 * - c1: x is floating point
 *
 * In float32 the errors are those of the parts: relative below 1e-6, but absolute below 2e-7 for asinh,
 * acosh and atanh, whose logarithm is near 0 there. tan has the absolute error of its angle beside a
 * pole, 1e-7 / cos(x)^2.
 */
import type { UntypedBuilder } from '../builder.ts';
import type { Value } from '../graph.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import { type FloatType, isFloat } from '../types.ts';
import type { Unary } from './unary.ts';

interface Composed {
  readonly formula: string;
  readonly expand: (g: UntypedBuilder, x: Value) => Value;
}

function composed<Op extends string>({
  formula,
  expand,
}: Composed): OpDefinition<Unary<Op, FloatType>> {
  return defineOp({
    kind: 'composite',
    keep: false,
    summary: `y[i] = ${formula}`,
    operands: [{ name: 'x' }],
    attributes: {},
    infer: ({ operand, require }) => {
      const { dtype, shape } = operand(0);
      require('c1', isFloat(dtype), () => `defined on f32 and f16, not on ${dtype}`);
      return [{ dtype, shape }];
    },
    expand: ({ g, operand }) => [expand(g, operand(0))],
  });
}

const cosh = (g: UntypedBuilder, x: Value): Value => g.mul(g.add(g.exp(x), g.exp(g.neg(x))), 0.5);

type Name = 'tan' | 'asin' | 'acos' | 'sinh' | 'cosh' | 'asinh' | 'acosh' | 'atanh';

export const trigonometricOps: { readonly [N in Name]: OpDefinition<Unary<N, FloatType>> } = {
  tan: composed<'tan'>({ formula: 'tan(x[i])', expand: (g, x) => g.div(g.sin(x), g.cos(x)) }),
  asin: composed<'asin'>({
    formula: 'arcsin(x[i])',
    expand: (g, x) => {
      const cosine = g.sqrt(g.mul(g.sub(1, x), g.add(1, x)));
      return g.mul(g.atan(g.div(x, g.add(cosine, 1))), 2);
    },
  }),
  acos: composed<'acos'>({
    formula: 'arccos(x[i])',
    expand: (g, x) => {
      const size = g.abs(x);
      const angle = g.mul(g.atan(g.sqrt(g.div(g.sub(1, size), g.add(1, size)))), 2);
      return g.select(g.less(x, 0), g.sub(Math.PI, angle), angle);
    },
  }),
  sinh: composed<'sinh'>({
    formula: 'sinh(x[i])',
    expand: (g, x) => g.mul(g.tanh(x), cosh(g, x)),
  }),
  cosh: composed<'cosh'>({ formula: 'cosh(x[i])', expand: cosh }),
  asinh: composed<'asinh'>({
    formula: 'arsinh(x[i])',
    expand: (g, x) => {
      const size = g.abs(x);
      const large = g.maximum(size, 1);
      const quotient = g.div(g.minimum(size, 1), large);
      const root = g.mul(large, g.sqrt(g.add(g.mul(quotient, quotient), 1)));
      return g.mul(g.sign(x), g.log(g.add(size, root)));
    },
  }),
  acosh: composed<'acosh'>({
    formula: 'arcosh(x[i])',
    expand: (g, x) => {
      const root = g.mul(g.sqrt(g.sub(x, 1)), g.sqrt(g.add(x, 1)));
      return g.log(g.add(x, root));
    },
  }),
  atanh: composed<'atanh'>({
    formula: 'artanh(x[i])',
    expand: (g, x) => g.mul(g.log(g.div(g.add(1, x), g.sub(1, x))), 0.5),
  }),
};
