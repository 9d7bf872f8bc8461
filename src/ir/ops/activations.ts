/**
 * Activations made of smaller ops, elementwise, of the operand's type.
 *
 * - gelu: y = x * Phi(x) with Phi the normal distribution function (Hendrycks and Gimpel 2016)
 *   - approximation none: x / 2 * (1 + erf(x / sqrt(2)))
 *   - approximation tanh: x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))
 * - silu: y = x / (1 + exp(-x))
 * - c1: x is floating point
 */
import { oneOf } from '../attributes.ts';
import type { Value } from '../graph.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { InferArguments } from '../op-arguments.ts';
import type { DTypeOk } from '../shape-types.ts';
import { type DType, type FloatType, isFloat, type Shape, type TensorType } from '../types.ts';

export type Gelu = <D extends DType, S extends Shape>(
  x: Value<D, S> & DTypeOk<'gelu_c1', FloatType, D>,
  attributes?: { readonly approximation?: 'none' | 'tanh' },
) => Value<D, S>;

export type Silu = <D extends DType, S extends Shape>(
  x: Value<D, S> & DTypeOk<'silu_c1', FloatType, D>,
) => Value<D, S>;

const gelu: OpDefinition<Gelu> = defineOp({
  kind: 'composite',
  keep: true,
  summary: 'y = x * Phi(x), Phi the normal distribution function',
  operands: [{ name: 'x' }],
  attributes: { approximation: oneOf(['none', 'tanh'], 'none') },
  infer: sameFloat,
  expand: ({ g, operand, attributes: { approximation } }) => {
    const x = operand(0);
    const cubic = () => g.add(x, g.mul(0.044715, g.mul(x, g.mul(x, x))));
    const inner =
      approximation === 'none'
        ? g.erf(g.mul(x, Math.SQRT1_2))
        : g.tanh(g.mul(Math.sqrt(2 / Math.PI), cubic()));
    return [g.mul(g.mul(x, 0.5), g.add(inner, 1))];
  },
});

const silu: OpDefinition<Silu> = defineOp({
  kind: 'composite',
  keep: true,
  summary: 'y = x / (1 + exp(-x))',
  operands: [{ name: 'x' }],
  attributes: {},
  infer: sameFloat,
  expand: ({ g, operand }) => [g.mul(operand(0), g.sigmoid(operand(0)))],
});

function sameFloat({ operand, require }: InferArguments<unknown>): readonly TensorType[] {
  const x = operand(0);
  require('c1', isFloat(x.dtype), () => `defined on f32 and f16, not on ${x.dtype}`);
  return [x];
}

export const activationOps = { gelu, silu } as const;
