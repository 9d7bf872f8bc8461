/**
 * rms_norm: y = x / sqrt(mean(x^2) + eps) * gamma, with the mean over the last axis (Zhang and
 * Sennrich 2019, eq. 4)
 *
 * x [.., n], gamma [n] -> y as x
 * - c1: x is floating point
 * - c2: x has a last axis
 * - c3: gamma is a vector of the last dim, of the dtype of x
 */
import { real } from '../attributes.ts';
import type { Value } from '../graph.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import { type FloatType, isFloat, type Shape } from '../types.ts';
import { requireVectors } from './layer_norm.ts';

export interface RmsNorm {
  <D extends FloatType, const S extends Shape>(
    x: Value<D, S>,
    attributes?: { readonly eps?: number },
  ): Value<D, S>;
  <D extends FloatType, const S extends Shape>(
    x: Value<D, S>,
    gamma: Value<D> | null,
    attributes?: { readonly eps?: number },
  ): Value<D, S>;
}

export const rms_norm: OpDefinition<RmsNorm> = defineOp({
  kind: 'composite',
  keep: true,
  summary: 'y = x / sqrt(mean(x^2) + eps) * gamma over the last axis',
  operands: [{ name: 'x' }, { name: 'gamma', optional: true }],
  attributes: { eps: real(1e-5) },
  infer: (args) => {
    const x = args.operand(0);
    args.require('c1', isFloat(x.dtype), () => `defined on f32 and f16, not on ${x.dtype}`);
    args.require('c2', x.shape.length > 0, () => 'x has no axis');
    requireVectors(args, x, args.operands.slice(1));
    return [x];
  },
  expand: ({ g, operand, operands: [x, gamma], attributes: { eps } }) => {
    const square = g.mul(x, x);
    const mean = g.reduce_mean(square, { axes: [-1], keep: true });
    const normal = g.mul(operand(0), g.rsqrt(g.add(mean, eps)));
    return [gamma === undefined ? normal : g.mul(normal, gamma)];
  },
});
