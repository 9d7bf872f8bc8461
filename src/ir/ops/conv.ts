/**
 * conv: y[n, o, p..] = bias[o] + sum over c, j.. of x[n, g * C + c, p * stride + j * dilation - before ..]
 * * weight[o, c, j..], where o belongs to group g and x is 0 outside of its axes
 *
 * x [n, groups * C, ..d], weight [o, C, ..sizes], bias [o] -> y [n, o, ..counts], with
 * floor((before + d + after - (size - 1) * dilation - 1) / stride) + 1 places along each axis. Strides
 * and dilations left out are 1, padding is 0. It is a cross-correlation, as in every library of
 * neural networks: the weight is not mirrored.
 * - c1: x has at least 3 dims and the weight as many; one stride and dilation an axis
 * - c2: sizes, strides and dilations are numbers of at least 1
 * - c3: the weight lies within the padded x
 * - c4: one entry of padding an axis on either side, none negative
 * - c5: the groups divide o, and groups * C channels are those of x
 * - c6: the bias is a vector of o
 * - c7: all have the same floating-point dtype
 */
import { dimList, integer, integers } from '../attributes.ts';
import type { UntypedBuilder } from '../builder.ts';
import { divideExactly, multiply, sizeOf } from '../dims.ts';
import type { Value } from '../graph.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { ConvShape, DTypeOk, SameDTypeOk } from '../shape-types.ts';
import {
  entriesOr,
  type Padding,
  paddedDims,
  paddingOf,
  requirePadding,
  requireWindows,
  type Sliding,
  windowCounts,
} from '../sliding.ts';
import { type DType, type FloatType, isFloat, type Shape } from '../types.ts';

export interface ConvAttributes {
  readonly strides?: readonly number[];
  readonly dilations?: readonly number[];
  /** Zeros in front of each axis and behind it. */
  readonly before?: Shape;
  readonly after?: Shape;
  readonly groups?: number;
}

/** `conv(x, weight, attributes)` or `conv(x, weight, bias, attributes)`. */
export type Conv = <
  D extends DType,
  S extends Shape,
  E extends DType,
  W extends Shape,
  F extends DType = D,
>(
  x: Value<D, S> & DTypeOk<'conv_c7', FloatType, D>,
  weight: Value<E, W> & SameDTypeOk<'conv_c7', D, E>,
  bias?: (Value<F, Shape> & SameDTypeOk<'conv_c7', D, F>) | ConvAttributes | null,
  attributes?: ConvAttributes,
) => Value<D, ConvShape<S, W>>;

export const conv: OpDefinition<Conv> = defineOp({
  kind: 'composite',
  keep: true,
  summary: 'y[n, o, p] = bias[o] + sum of x[n, c, p * stride + j * dilation] * weight[o, c, j]',
  operands: [{ name: 'x' }, { name: 'weight' }, { name: 'bias', optional: true }],
  attributes: {
    strides: integers([]),
    dilations: integers([]),
    before: dimList([]),
    after: dimList([]),
    groups: integer(1),
  },
  tolerance: { absolute: 1e-5, relative: 1e-4 },
  infer: (args) => {
    const { operand, operands, attributes, require } = args;
    const [x, weight, bias] = [operand(0), operand(1), operands[2]];
    require('c1', x.shape.length >= 3 && weight.shape.length === x.shape.length, () => {
      return 'x needs a batch, channels and at least one axis, and the weight as many dims';
    });
    const [n = 1, channels = 1, ...dims] = x.shape;
    const [o = 1, own = 1, ...sizes] = weight.shape;
    require('c2', sizes.every((size) => typeof size === 'number'), () => {
      return `the sizes of the weight must be numbers, not [${sizes.join(', ')}]`;
    });
    const { sliding, padding } = slidingOver(weight.shape, attributes);
    requirePadding(args, dims.length, padding);
    const padded = paddedDims(dims, padding);
    requireWindows(args, padded, sliding);
    const { groups } = attributes;
    const divides = groups >= 1 && divideExactly(o, groups) !== null;
    require('c5', divides, () => `${groups} groups do not divide ${o} results`);
    require('c5', channels === multiply(own, groups), () => {
      return `the weight takes ${multiply(own, groups)} channels, and x has ${channels}`;
    });
    const fits = bias === undefined || (bias.shape.length === 1 && bias.shape[0] === o);
    require('c6', fits, () => `the bias must have the shape [${o}]`);
    const dtypes = new Set([x.dtype, weight.dtype, bias?.dtype ?? x.dtype]);
    require('c7', dtypes.size === 1 && isFloat(x.dtype), () => 'all must be f32, or all f16');
    return [{ dtype: x.dtype, shape: [n, o, ...windowCounts(padded, sliding)] }];
  },
  expand: ({ g, operand, operands: [, , bias], attributes }) => {
    const [x, weight] = [operand(0), operand(1)];
    const { sliding, padding } = slidingOver(weight.shape, attributes);
    const padded = withPadding(g, x, padding, 0);
    const { groups } = attributes;
    const isDepthwise = groups > 1 && x.shape[1] === groups && weight.shape[0] === groups;
    const product = isDepthwise
      ? channelByChannel(g, padded, weight, sliding)
      : asMatmul(g, padded, weight, sliding, groups);
    if (bias === undefined) return [product];
    const column = g.reshape(bias, { shape: [...bias.shape, ...sliding.sizes.map(() => 1)] });
    return [g.add(product, column)];
  },
});

function slidingOver(
  weight: Shape,
  attributes: Pick<Sliding, 'strides' | 'dilations'> & Padding,
): { readonly sliding: Sliding; readonly padding: Padding } {
  const sizes = weight.slice(2).map(Number);
  const sliding = {
    sizes,
    strides: entriesOr(attributes.strides, sizes.length, 1),
    dilations: entriesOr(attributes.dilations, sizes.length, 1),
  };
  return { sliding, padding: paddingOf(attributes, sizes.length) };
}

/** x with a value around its last axes; x itself without padding. */
export function withPadding(
  g: UntypedBuilder,
  x: Value,
  { before, after }: Padding,
  value: number,
): Value {
  if ([...before, ...after].every((entry) => entry === 0)) return x;
  const none = x.shape.slice(before.length).map(() => 0);
  return g.pad(x, { before: [...none, ...before], after: [...none, ...after], value });
}

/** Each channel with a weight of its own: products of windows, added up. */
function channelByChannel(g: UntypedBuilder, x: Value, weight: Value, sliding: Sliding): Value {
  const { sizes } = sliding;
  const windows = g.windows(x, { ...sliding });
  const ones = sizes.map(() => 1);
  const kernels = g.reshape(weight, { shape: [weight.shape[0] ?? 1, ...ones, ...sizes] });
  const axes = sizes.map((_, axis) => axis - sizes.length);
  return g.reduce_sum(g.mul(windows, kernels), { axes });
}

/**
 * weight [groups, o / groups, C * sizes] times the windows [n, groups, C * sizes, places]: the result
 * comes in the order of y, its columns beside each other.
 */
function asMatmul(
  g: UntypedBuilder,
  x: Value,
  weight: Value,
  sliding: Sliding,
  groups: number,
): Value {
  const [n = 1] = x.shape;
  const [o = 1, own = 1] = weight.shape;
  const inner = multiply(own, sizeOf(sliding.sizes));
  const grouped: Shape = groups === 1 ? [] : [groups];
  const rows = groups === 1 ? o : (divideExactly(o, groups) ?? o);
  const matrix = g.reshape(weight, { shape: [...grouped, rows, inner] });
  const counts = windowCounts(x.shape.slice(2), sliding);
  const columns = g.reshape(windowsFirst(g, x, sliding), {
    shape: [n, ...grouped, inner, sizeOf(counts)],
  });
  return g.reshape(g.matmul(matrix, columns), { shape: [n, o, ...counts] });
}

/** [n, c, ..d] -> [n, c, ..sizes, ..counts]. */
function windowsFirst(g: UntypedBuilder, x: Value, sliding: Sliding): Value {
  const { sizes, strides } = sliding;
  if ([...sizes, ...strides].every((entry) => entry === 1)) return x;
  const windows = g.windows(x, { ...sliding });
  const axes = sizes.map((_, axis) => axis + 2);
  const inside = axes.map((axis) => axis + sizes.length);
  return g.transpose(windows, { permutation: [0, 1, ...inside, ...axes] });
}
