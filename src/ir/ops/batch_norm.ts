/**
 * batch_norm: y[n, c, ..] = (x[n, c, ..] - mean[c]) / sqrt(variance[c] + eps) * gamma[c] + beta[c], with
 * the mean and the variance that training has left (Ioffe and Szegedy 2015, algorithm 2)
 *
 * x [n, c, ..d], gamma [c], beta [c], mean [c], variance [c] -> y as x. It is expanded as x times a
 * scale plus a shift, both of them a number a channel.
 * - c1: x is floating point
 * - c2: x has a batch and channels
 * - c3: the others are vectors of the channels, of the dtype of x
 */
import { real } from '../attributes.ts';
import type { UntypedBuilder } from '../builder.ts';
import type { Value } from '../graph.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { InferArguments } from '../op-arguments.ts';
import type { DTypeOk } from '../shape-types.ts';
import { type DType, type FloatType, isFloat, type Shape, type TensorType } from '../types.ts';

export type BatchNorm = <D extends DType, S extends Shape>(
  x: Value<D, S> & DTypeOk<'batch_norm_c1', FloatType, D>,
  gamma: Value<D>,
  beta: Value<D>,
  mean: Value<D>,
  variance: Value<D>,
  attributes?: { readonly eps?: number },
) => Value<D, S>;

export const batch_norm: OpDefinition<BatchNorm> = defineOp({
  kind: 'composite',
  keep: false,
  summary: 'y = (x - mean) / sqrt(variance + eps) * gamma + beta, a number each a channel',
  operands: [
    { name: 'x' },
    { name: 'gamma' },
    { name: 'beta' },
    { name: 'mean' },
    { name: 'variance' },
  ],
  attributes: { eps: real(1e-5) },
  tolerance: { absolute: 1e-5, relative: 1e-4 },
  infer: (args) => {
    requireChannels(args, args.operand(0), args.operands.slice(1));
    return [args.operand(0)];
  },
  expand: ({ g, operand, attributes: { eps } }) => {
    const [x, gamma, beta, mean] = [operand(0), operand(1), operand(2), operand(3)];
    const scale = g.mul(gamma, g.rsqrt(g.add(operand(4), eps)));
    const shift = g.sub(beta, g.mul(mean, scale));
    const scaled = g.mul(x, overChannels(g, scale, x.shape));
    return [g.add(scaled, overChannels(g, shift, x.shape))];
  },
});

/** [c] -> [c, ..1], which broadcasts to x [n, c, ..d]. */
export function overChannels(g: UntypedBuilder, vector: Value, x: Shape): Value {
  return g.reshape(vector, { shape: [...vector.shape, ...x.slice(2).map(() => 1)] });
}

/** c1 to c3, which group_norm and instance_norm share. */
export function requireChannels(
  { require }: Pick<InferArguments<unknown>, 'require'>,
  x: TensorType,
  vectors: readonly (TensorType | undefined)[],
): void {
  require('c1', isFloat(x.dtype), () => `defined on f32 and f16, not on ${x.dtype}`);
  require('c2', x.shape.length >= 2, () => 'x needs a batch and channels');
  const channels = x.shape[1];
  for (const vector of vectors) {
    if (vector === undefined) continue;
    const fits =
      vector.dtype === x.dtype && vector.shape.length === 1 && vector.shape[0] === channels;
    require('c3', fits, () => `all but x must be ${x.dtype}[${channels}]`);
  }
}
