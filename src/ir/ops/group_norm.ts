/**
 * group_norm: y = (x - mean) / sqrt(var + eps) * gamma[c] + beta[c], with the mean and the (biased)
 * variance over the channels of a group and all places of one sample (Wu and He 2018, eq. 1 to 4)
 *
 * x [n, c, ..d], gamma [c], beta [c] -> y as x, with c / groups neighbouring channels a group
 * - c1: x is floating point
 * - c2: x has a batch and channels
 * - c3: gamma and beta are vectors of the channels, of the dtype of x
 * - c4: the groups divide the channels
 */
import { integer, real } from '../attributes.ts';
import type { UntypedBuilder } from '../builder.ts';
import { divideExactly, multiply, sizeOf } from '../dims.ts';
import type { Value } from '../graph.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { DTypeOk } from '../shape-types.ts';
import type { DType, FloatType, Shape } from '../types.ts';
import { requireChannels } from './batch_norm.ts';

export type GroupNorm = <D extends DType, S extends Shape>(
  x: Value<D, S> & DTypeOk<'group_norm_c1', FloatType, D>,
  gamma: Value<D> | null | undefined,
  beta: Value<D> | null | undefined,
  attributes: { readonly groups: number; readonly eps?: number },
) => Value<D, S>;

export const group_norm: OpDefinition<GroupNorm> = defineOp({
  kind: 'composite',
  keep: false,
  summary: 'y = (x - mean) / sqrt(var + eps) * gamma + beta over groups of channels',
  operands: [{ name: 'x' }, { name: 'gamma', optional: true }, { name: 'beta', optional: true }],
  attributes: { groups: integer(), eps: real(1e-5) },
  tolerance: { absolute: 1e-5, relative: 1e-4 },
  infer: (args) => {
    const x = args.operand(0);
    requireChannels(args, x, args.operands.slice(1));
    const { groups } = args.attributes;
    const divides = groups >= 1 && divideExactly(x.shape[1] ?? 1, groups) !== null;
    args.require('c4', divides, () => `${groups} groups do not divide ${x.shape[1]} channels`);
    return [x];
  },
  expand: ({ g, operand, operands: [, gamma, beta], attributes: { groups, eps } }) => {
    const x = operand(0);
    const [n = 1, channels = 1, ...dims] = x.shape;
    const own = divideExactly(channels, groups) ?? channels;
    const places = sizeOf(dims);
    const row = multiply(own, places);
    // a group of one sample is a row: scale and shift are taken along, for one kernel to do it all
    const normal = g.layer_norm(g.reshape(x, { shape: [n, groups, row] }), { eps });
    const along = (vector: Value) => rowsOf(g, vector, [groups, own, places]);
    const scaled = gamma === undefined ? normal : g.mul(normal, along(gamma));
    const shifted = beta === undefined ? scaled : g.add(scaled, along(beta));
    return [g.reshape(shifted, { shape: x.shape })];
  },
});

/** A number a channel as [groups, own * places], or [groups, 1] where a group is one channel. */
function rowsOf(g: UntypedBuilder, vector: Value, [groups = 1, own = 1, places = 1]: Shape): Value {
  const column = g.reshape(vector, { shape: own === 1 ? [groups, 1] : [groups, own, 1] });
  if (own === 1) return column;
  const repeated = g.broadcast(column, { shape: [groups, own, places] });
  return g.reshape(repeated, { shape: [groups, multiply(own, places)] });
}
