/**
 * Pooling: one number for each window of the axes behind batch and channels.
 *
 * - max_pool: y[n, c, p..] = max over j.. of x[n, c, p * stride + j * dilation - before ..], over the
 *   elements that x has
 * - average_pool: their sum, divided by how many they are; with `include_padding`, by how many elements
 *   of x and its padding the window holds
 *
 * x [n, c, ..d] -> y [n, c, ..counts], with floor((before + d + after - (size - 1) * dilation - 1) /
 * stride) + 1 windows along each axis. With `ceil` the quotient is rounded up: a last window may end
 * behind the padding, but not begin behind x. Strides and dilations left out are 1, padding is 0. A
 * window without an element of x has the lowest number for its maximum, and 0 for its average.
 * - c1: x has batch, channels and an axis a size; one stride and dilation an axis
 * - c2: sizes, strides and dilations are at least 1
 * - c3: a window lies within the padded x
 * - c4: one entry of padding an axis on either side, none negative
 * - c5: x is a number; of an average, floating point
 */
import { dimList, flag, integers } from '../attributes.ts';
import type { UntypedBuilder } from '../builder.ts';
import { type Dim, minimum, subtract } from '../dims.ts';
import type { Value } from '../graph.ts';
import { RANGE } from '../integers.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { InferArguments } from '../op-arguments.ts';
import type { DTypeOk, PooledShape } from '../shape-types.ts';
import {
  ceilPadding,
  type Padding,
  paddedDims,
  paddingOf,
  requirePadding,
  requireWindows,
  type Sliding,
  slidingOf,
  windowCounts,
} from '../sliding.ts';
import {
  type DType,
  type FloatType,
  isFloat,
  type NumericType,
  type Shape,
  type TensorType,
} from '../types.ts';
import { withPadding } from './conv.ts';
import { LOWEST } from './softmax.ts';

export interface PoolAttributes<K extends readonly number[]> {
  readonly sizes: K;
  readonly strides?: readonly number[];
  readonly dilations?: readonly number[];
  readonly before?: Shape;
  readonly after?: Shape;
  /** Whether a last window may end behind the padding (false). */
  readonly ceil?: boolean;
}

export interface AveragePoolAttributes<K extends readonly number[]> extends PoolAttributes<K> {
  /** Whether padding counts as elements of 0 (false). */
  readonly include_padding?: boolean;
}

export type MaxPool = <D extends DType, S extends Shape, const K extends readonly number[]>(
  x: Value<D, S> & DTypeOk<'max_pool_c5', NumericType, D>,
  attributes: PoolAttributes<K>,
) => Value<D, PooledShape<S, K>>;

export type AveragePool = <D extends DType, S extends Shape, const K extends readonly number[]>(
  x: Value<D, S> & DTypeOk<'average_pool_c5', FloatType, D>,
  attributes: AveragePoolAttributes<K>,
) => Value<D, PooledShape<S, K>>;

const ATTRIBUTES = {
  sizes: integers(),
  strides: integers([]),
  dilations: integers([]),
  before: dimList([]),
  after: dimList([]),
  ceil: flag(false),
};

const max_pool: OpDefinition<MaxPool> = defineOp({
  kind: 'composite',
  keep: false,
  summary: 'y[n, c, p] = max of x[n, c, p * stride + j * dilation] over each window',
  operands: [{ name: 'x' }],
  attributes: ATTRIBUTES,
  infer: (args) => {
    const { dtype } = args.operand(0);
    args.require('c5', dtype !== 'bool', () => 'defined on numbers, not on bool');
    return [pooled(args)];
  },
  expand: ({ g, operand, attributes }) => {
    const { sliding, padding } = geometryOf(operand(0).shape, attributes);
    const x = withPadding(g, operand(0), padding, lowest(operand(0).dtype));
    return [g.reduce_max(g.windows(x, { ...sliding }), { axes: lastAxes(sliding) })];
  },
});

const average_pool: OpDefinition<AveragePool> = defineOp({
  kind: 'composite',
  keep: false,
  summary: 'y[n, c, p] = mean of x[n, c, p * stride + j * dilation] over each window',
  operands: [{ name: 'x' }],
  attributes: { ...ATTRIBUTES, include_padding: flag(false) },
  tolerance: { absolute: 1e-5, relative: 1e-4 },
  infer: (args) => {
    const { dtype } = args.operand(0);
    args.require('c5', isFloat(dtype), () => `defined on f32 and f16, not on ${dtype}`);
    return [pooled(args)];
  },
  expand: ({ g, operand, attributes }) => {
    const x = operand(0);
    const { sliding, padding, counted } = geometryOf(x.shape, attributes);
    const windows = g.windows(withPadding(g, x, padding, 0), { ...sliding });
    const axes = lastAxes(sliding);
    const sizes = countsOfElements(g, x, sliding, padding, counted);
    if (sizes === null) return [g.reduce_mean(windows, { axes })];
    // a window of padding alone has a sum of 0 and no element
    return [g.div(g.reduce_sum(windows, { axes }), g.maximum(sizes, 1))];
  },
});

export const poolOps = { max_pool, average_pool } as const;

interface Geometry {
  readonly sliding: Sliding;
  /** All of it, what `ceil` adds included. */
  readonly padding: Padding;
  /** The part of it that counts as elements. */
  readonly counted: Padding;
}

type Given = Sliding & Padding & { readonly ceil: boolean; readonly include_padding?: boolean };

function geometryOf(shape: Shape, attributes: Given): Geometry {
  const sliding = slidingOf(attributes);
  const { length } = sliding.sizes;
  const own = paddingOf(attributes, length);
  const padding = attributes.ceil ? ceilPadding(shape.slice(2), sliding, own) : own;
  const none = paddingOf({ before: [], after: [] }, length);
  // what rounding up adds behind the padding is none
  const after = own.after.map((entry, axis) => minimum(entry, padding.after[axis] ?? 0));
  const counted = attributes.include_padding === true ? { before: own.before, after } : none;
  return { sliding, padding, counted };
}

function pooled(args: InferArguments<Given>): TensorType {
  const { dtype, shape } = args.operand(0);
  const { sizes } = args.attributes;
  const isComplete = sizes.length >= 1 && shape.length === sizes.length + 2;
  args.require('c1', isComplete, () => {
    return `${sizes.length} sizes are for ${sizes.length + 2} dims, batch and channels included`;
  });
  const dims = shape.slice(2);
  const sliding = slidingOf(args.attributes);
  const own = paddingOf(args.attributes, dims.length);
  requirePadding(args, dims.length, own);
  requireWindows(args, paddedDims(dims, own), sliding);
  const { padding } = geometryOf(shape, args.attributes);
  return {
    dtype,
    shape: [...shape.slice(0, 2), ...windowCounts(paddedDims(dims, padding), sliding)],
  };
}

function lastAxes({ sizes }: Sliding): readonly number[] {
  return sizes.map((_, axis) => axis - sizes.length);
}

function lowest(dtype: DType): number {
  return isFloat(dtype) || dtype === 'bool' ? LOWEST : RANGE[dtype][0];
}

/**
 * How many elements each window holds, [..counts]: the product of the counts along its axes. Null
 * where every window holds as many as its size.
 */
function countsOfElements(
  g: UntypedBuilder,
  x: Value,
  sliding: Sliding,
  padding: Padding,
  counted: Padding,
): Value | null {
  const dims = x.shape.slice(2);
  let product: Value | null = null;
  let whole = 1;
  dims.forEach((n, axis) => {
    const edges = [padding, counted].map(({ before, after }) => [before[axis], after[axis]].join());
    const size = sliding.sizes[axis] ?? 1;
    if (edges[0] === edges[1]) {
      whole *= size;
      return;
    }
    const along = countsAlong(g, x, n, axis, { sliding, padding, counted });
    const column = g.reshape(along, {
      shape: [...along.shape, ...dims.slice(axis + 1).map((): Dim => 1)],
    });
    product = product === null ? column : g.mul(product, column);
  });
  if (product === null || whole === 1) return product;
  return g.mul(product, whole);
}

/** How many elements the windows of one axis hold: windows of ones with zeros around them. */
function countsAlong(
  g: UntypedBuilder,
  x: Value,
  n: Dim,
  axis: number,
  { sliding, padding, counted }: Geometry,
): Value {
  const own = { before: [counted.before[axis] ?? 0], after: [counted.after[axis] ?? 0] };
  const ones = g.constant({ value: [1], dtype: x.dtype, shape: paddedDims([n], own) });
  const around = {
    before: [subtract(padding.before[axis] ?? 0, own.before[0] ?? 0)],
    after: [subtract(padding.after[axis] ?? 0, own.after[0] ?? 0)],
  };
  const windows = g.windows(withPadding(g, ones, around, 0), {
    sizes: sliding.sizes.slice(axis, axis + 1),
    strides: sliding.strides.slice(axis, axis + 1),
    dilations: sliding.dilations.slice(axis, axis + 1),
  });
  return g.reduce_sum(windows, { axes: [-1] });
}
