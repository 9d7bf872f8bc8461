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
import type { DTypeOk, LastDim, LastDimOk, SameDTypeOk } from '../shape-types.ts';
import { type DType, type FloatType, isFloat, type Shape } from '../types.ts';
import { requireVectors } from './layer_norm.ts';

interface RmsNormAttributes {
  readonly eps?: number;
}

/** `rms_norm(x, { eps })` or `rms_norm(x, gamma, { eps })`. */
export type RmsNorm = <
  D extends DType,
  S extends Shape,
  E extends DType = D,
  G extends Shape = [LastDim<S>],
>(
  x: Value<D, S> & DTypeOk<'rms_norm_c1', FloatType, D>,
  gamma?:
    | (Value<E, G> & LastDimOk<'rms_norm_c3', S, G> & SameDTypeOk<'rms_norm_c3', D, E>)
    | RmsNormAttributes
    | null,
  attributes?: RmsNormAttributes,
) => Value<D, S>;

export const rms_norm: OpDefinition<RmsNorm> = defineOp({
  kind: 'composite',
  keep: true,
  summary: 'y = x / sqrt(mean(x^2) + eps) * gamma over the last axis',
  operands: [{ name: 'x' }, { name: 'gamma', optional: true }],
  attributes: { eps: real(1e-5) },
  tolerance: { absolute: 1e-5, relative: 1e-4 },
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
