/**
 * instance_norm: y = (x - mean) / sqrt(var + eps) * gamma[c] + beta[c], with the mean and the (biased)
 * variance over all places of one channel of one sample (Ulyanov et al. 2016, eq. 2)
 *
 * x [n, c, ..d], gamma [c], beta [c] -> y as x: group_norm with a channel a group
 * - c1: x is floating point
 * - c2: x has a batch and channels
 * - c3: gamma and beta are vectors of the channels, of the dtype of x
 * - c4: the number of channels is known
 */
import { real } from '../attributes.ts';
import type { Value } from '../graph.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { DTypeOk } from '../shape-types.ts';
import type { DType, FloatType, Shape } from '../types.ts';
import { requireChannels } from './batch_norm.ts';

export type InstanceNorm = <D extends DType, S extends Shape>(
  x: Value<D, S> & DTypeOk<'instance_norm_c1', FloatType, D>,
  gamma?: Value<D> | { readonly eps?: number } | null,
  beta?: Value<D> | { readonly eps?: number } | null,
  attributes?: { readonly eps?: number },
) => Value<D, S>;

export const instance_norm: OpDefinition<InstanceNorm> = defineOp({
  kind: 'composite',
  keep: false,
  summary: 'y = (x - mean) / sqrt(var + eps) * gamma + beta over the places of a channel',
  operands: [{ name: 'x' }, { name: 'gamma', optional: true }, { name: 'beta', optional: true }],
  attributes: { eps: real(1e-5) },
  tolerance: { absolute: 1e-5, relative: 1e-4 },
  infer: (args) => {
    const x = args.operand(0);
    requireChannels(args, x, args.operands.slice(1));
    const isKnown = typeof x.shape[1] === 'number';
    args.require('c4', isKnown, () => `the channels must be a number, not ${x.shape[1]}`);
    return [x];
  },
  expand: ({ g, operand, operands: [, gamma, beta], attributes: { eps } }) => {
    const x = operand(0);
    return [g.group_norm(x, gamma, beta, { groups: Number(x.shape[1]), eps })];
  },
});
