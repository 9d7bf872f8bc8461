/**
 * layer_norm: y = (x - mean(x)) / sqrt(var(x) + eps) * gamma + beta, with the mean and the (biased)
 * variance over the last axis (Ba et al. 2016, eq. 3)
 *
 * x [.., n], gamma [n], beta [n] -> y as x
 * - c1: x is floating point
 * - c2: the axis is the last; others may be allowed one day
 * - c3: gamma and beta are vectors of the last dim, of the dtype of x
 */
import { integer, real } from '../attributes.ts';
import { resolveAxis } from '../broadcasting.ts';
import type { Value } from '../graph.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { InferArguments } from '../op-arguments.ts';
import type { DTypeOk, LastDim, LastDimOk, SameDTypeOk } from '../shape-types.ts';
import { type DType, type FloatType, isFloat, type Shape, type TensorType } from '../types.ts';

interface LayerNormAttributes {
  readonly axis?: number;
  readonly eps?: number;
}

/** `layer_norm(x, { eps })`, `layer_norm(x, gamma, { eps })` or `layer_norm(x, gamma, beta, { eps })`. */
export type LayerNorm = <
  D extends DType,
  S extends Shape,
  E extends DType = D,
  G extends Shape = [LastDim<S>],
  F extends DType = D,
  B extends Shape = [LastDim<S>],
>(
  x: Value<D, S> & DTypeOk<'layer_norm_c1', FloatType, D>,
  gamma?:
    | (Value<E, G> & LastDimOk<'layer_norm_c3', S, G> & SameDTypeOk<'layer_norm_c3', D, E>)
    | LayerNormAttributes
    | null,
  beta?:
    | (Value<F, B> & LastDimOk<'layer_norm_c3', S, B> & SameDTypeOk<'layer_norm_c3', D, F>)
    | LayerNormAttributes
    | null,
  attributes?: LayerNormAttributes,
) => Value<D, S>;

export const layer_norm: OpDefinition<LayerNorm> = defineOp({
  kind: 'composite',
  keep: true,
  summary: 'y = (x - mean(x)) / sqrt(var(x) + eps) * gamma + beta over the last axis',
  operands: [{ name: 'x' }, { name: 'gamma', optional: true }, { name: 'beta', optional: true }],
  attributes: { axis: integer(-1), eps: real(1e-5) },
  tolerance: { absolute: 1e-5, relative: 1e-4 },
  infer: (args) => {
    const x = args.operand(0);
    requireNorm(args, x);
    requireVectors(args, x, args.operands.slice(1));
    return [x];
  },
  expand: ({ g, operand, operands: [, gamma, beta], attributes: { eps } }) => {
    const over = { axes: [-1], keep: true };
    const centred = g.sub(operand(0), g.reduce_mean(operand(0), over));
    const variance = g.reduce_mean(g.mul(centred, centred), over);
    const normal = g.mul(centred, g.rsqrt(g.add(variance, eps)));
    const scaled = gamma === undefined ? normal : g.mul(normal, gamma);
    return [beta === undefined ? scaled : g.add(scaled, beta)];
  },
});

/** c1 and c2, which add_norm shares. */
export function requireNorm(
  {
    attributes,
    require,
  }: Pick<InferArguments<{ readonly axis: number }>, 'attributes' | 'require'>,
  x: TensorType,
): void {
  require('c1', isFloat(x.dtype), () => `defined on f32 and f16, not on ${x.dtype}`);
  const rank = x.shape.length;
  const isLast = rank > 0 && resolveAxis(attributes.axis, rank) === rank - 1;
  require('c2', isLast, () => `axis ${attributes.axis} is not the last of ${rank} axes`);
}

/** c3, which add_norm and rms_norm share. */
export function requireVectors(
  { require }: Pick<InferArguments<unknown>, 'require'>,
  x: TensorType,
  vectors: readonly (TensorType | undefined)[],
): void {
  const size = x.shape.at(-1);
  for (const vector of vectors) {
    if (vector === undefined) continue;
    const fits = vector.dtype === x.dtype && vector.shape.length === 1 && vector.shape[0] === size;
    require('c3', fits, () => `gamma and beta must be ${x.dtype}[${size}]`);
  }
}
