/**
 * Elements of an image between its elements: a sample is a weighted sum of taps, and the places of these are
 * data. Coordinates count elements, the first being 0.
 */
import type { Dim } from '../../../ir/dims.ts';
import type { Value } from '../../../ir/graph.ts';
import { isFloat, type Shape } from '../../../ir/types.ts';
import type { NodeContext } from '../context.ts';

/** A place along one axis for each sample [n, samples], inside of the axis; no weight is 1. */
export interface Tap {
  readonly place: Value;
  readonly weight: Value | null;
}

/** What stands beyond the ends of an axis. */
export type Padding = 'zeros' | 'border' | 'reflection';

/** The axis of an image, from end to end: from the middle of its end elements, or from their edges. */
export interface Axis {
  readonly size: Dim;
  readonly isFromMiddle: boolean;
}

/** A size as a number, or as what it is when the model runs. */
export function count({ g }: NodeContext, size: Dim): number | Value {
  if (typeof size === 'number') return size;
  const whole = g.reshape(g.iota({ shape: [1], axis: 0, start: size }), { shape: [] });
  return g.cast(whole, { dtype: 'f32' });
}

function less(node: NodeContext, size: number | Value, by: number): number | Value {
  return typeof size === 'number' ? size - by : node.g.sub(size, by);
}

/** Within 0 .. size - 1. */
export function clamped(node: NodeContext, x: Value, size: Dim): Value {
  const last = less(node, count(node, size), 1);
  return node.g.maximum(node.g.minimum(x, last), 0);
}

/** A whole number in float32 as a place of the axis. */
export function placeOf(node: NodeContext, x: Value, size: Dim): Value {
  return node.g.cast(clamped(node, x, size), { dtype: 'i32' });
}

/** Where x lies when the axis is a mirror at both ends. */
function reflected(node: NodeContext, x: Value, { size, isFromMiddle }: Axis): Value {
  const { g } = node;
  const start = isFromMiddle ? 0 : -0.5;
  const length = less(node, count(node, size), isFromMiddle ? 1 : 0);
  // an axis of one element has no length between its middles
  const span = typeof length === 'number' ? Math.max(length, 1) : g.maximum(length, 1);
  const twice = typeof span === 'number' ? 2 * span : g.mul(span, 2);
  const way = g.rem(g.abs(g.sub(x, start)), twice);
  return g.add(g.minimum(way, g.sub(twice, way)), start);
}

/** A coordinate beyond the ends of the axis, brought back. */
export function broughtBack(node: NodeContext, x: Value, axis: Axis, padding: Padding): Value {
  const { g } = node;
  if (padding === 'zeros') return x;
  if (padding === 'reflection') return reflected(node, x, axis);
  const edge = axis.isFromMiddle ? 0 : 0.5;
  const end = less(node, count(node, axis.size), 1 - edge);
  const isInside = g.and(g.less_equal(-edge, x), g.less_equal(x, end));
  return g.select(isInside, x, clamped(node, x, axis.size));
}

/** The element at a whole number, with a weight. */
function tapAt(
  node: NodeContext,
  at: Value,
  weight: Value | null,
  axis: Axis,
  padding: Padding,
): Tap {
  const { g } = node;
  if (padding !== 'zeros') {
    const back = padding === 'reflection' ? reflected(node, at, axis) : at;
    return { place: placeOf(node, back, axis.size), weight };
  }
  const last = less(node, count(node, axis.size), 1);
  const isInside = g.and(g.less_equal(0, at), g.less_equal(at, last));
  const given = weight ?? g.cast(isInside, { dtype: 'f32' });
  const own = weight === null ? given : g.select(isInside, given, 0);
  return { place: placeOf(node, at, axis.size), weight: own };
}

/** The one element that is nearest, halves to even. */
export function nearestTap(
  node: NodeContext,
  x: Value,
  axis: Axis,
  padding: Padding,
): readonly Tap[] {
  const whole = broughtBack(node, node.g.round(x), axis, padding);
  return [tapAt(node, whole, null, axis, padding)];
}

/** The two elements around x, weighted by how near they are. */
export function linearTaps(
  node: NodeContext,
  x: Value,
  axis: Axis,
  padding: Padding,
): readonly Tap[] {
  const { g } = node;
  const at = broughtBack(node, x, axis, padding);
  const low = g.floor(at);
  const rest = g.sub(at, low);
  return [
    tapAt(node, low, g.sub(1, rest), axis, padding),
    tapAt(node, g.add(low, 1), rest, axis, padding),
  ];
}

const SHARPNESS = -0.75;

/** Four elements, by Keys, "Cubic convolution interpolation for digital image processing", 1981, (15). */
export function cubicTaps(
  node: NodeContext,
  x: Value,
  axis: Axis,
  padding: Padding,
): readonly Tap[] {
  const { g } = node;
  const [a, at] = [SHARPNESS, broughtBack(node, x, axis, padding)];
  const low = g.floor(at);
  const rest = g.sub(at, low);
  const polynomial = (t: Value, coefficients: readonly number[]) =>
    coefficients.reduce<Value | null>(
      (sum, c) => (sum === null ? g.mul(t, c) : g.mul(g.add(sum, c), t)),
      null,
    ) as Value;
  const near = (t: Value) => g.add(polynomial(t, [a + 2, -(a + 3), 0]), 1);
  const far = (t: Value) => g.add(polynomial(t, [a, -5 * a, 8 * a]), -4 * a);
  const other = g.sub(1, rest);
  const weights = [far(g.add(rest, 1)), near(rest), near(other), far(g.add(other, 1))];
  return weights.map((weight, i) => tapAt(node, g.add(low, i - 1), weight, axis, padding));
}

/**
 * Samples of x [n, c, ..dims], whose taps stand [n, samples] along each of the dims -> [n, c, samples]: over
 * all combinations of taps, the sum of elements times weights, or the largest of these products.
 */
export function sampled(
  node: NodeContext,
  x: Value,
  taps: readonly (readonly Tap[])[],
  combine: 'add' | 'maximum' = 'add',
): Value {
  const { g } = node;
  const [n = 1, c = 1, ...dims] = x.shape;
  const flat = g.reshape(x, { shape: [n, c, node.size(dims)] });
  const samples = taps[0]?.[0]?.place.shape[1] ?? 1;
  const row = (value: Value) => g.reshape(value, { shape: [n, 1, samples] });
  const products = combinations(taps).map((chosen) => {
    const place = flatPlace(node, chosen, dims);
    const indices = g.broadcast(row(place), { shape: [n, c, samples] });
    const element = g.gather_elements(flat, indices, { axis: 2 });
    const weights = chosen.flatMap(({ weight }) => (weight === null ? [] : [weight]));
    if (weights.length === 0) return element;
    const weight = row(weights.reduce((a, b) => g.mul(a, b)));
    return g.mul(element, isFloat(x.dtype) ? inDType(node, weight, x) : weight);
  });
  return products.reduce((a, b) => g[combine](a, b));
}

function inDType({ g }: NodeContext, weight: Value, { dtype }: Value): Value {
  return weight.dtype === dtype ? weight : g.cast(weight, { dtype });
}

function combinations(taps: readonly (readonly Tap[])[]): readonly (readonly Tap[])[] {
  return taps.reduce<readonly (readonly Tap[])[]>(
    (lists, along) => lists.flatMap((list) => along.map((tap) => [...list, tap])),
    [[]],
  );
}

/** Row-major: ((p0 * d1 + p1) * d2 + p2) .. */
function flatPlace(node: NodeContext, taps: readonly Tap[], dims: Shape): Value {
  const { g } = node;
  const size = (dim: Dim) =>
    typeof dim === 'number'
      ? dim
      : g.reshape(g.iota({ shape: [1], axis: 0, start: dim }), { shape: [] });
  const places = taps.map(({ place }) => place);
  return places.reduce((flat, place, axis) => g.add(g.mul(flat, size(dims[axis] ?? 1)), place));
}
