/**
 * Resize (and Upsample, its form up to opset 9), axis by axis: an element is a sum of weighted taps, which
 * are elements of the axis.
 *
 * Which taps these are is computed here, in float32 as runtimes do. Where an axis of symbolic size gets a
 * whole number of elements for each, the taps of `k` elements beside one another, its phases, say all;
 * for other symbolic sizes the model computes them (`resize-symbolic.ts`).
 */
import { type Dim, divideExactly, floorDivide, isAtLeast, multiply } from '../../../ir/dims.ts';
import type { Value } from '../../../ir/graph.ts';
import { isFloat } from '../../../ir/types.ts';
import type { HandlerTable, NodeContext } from '../context.ts';
import { known } from '../operand.ts';
import { resizeSymbolic, type SymbolicResampling } from './resize-symbolic.ts';
import { cubic, normalised, spread, type Taps, triangle } from './resize-taps.ts';

const { fround } = Math;

/** No axis is a sum of more. */
const MAX_TAPS = 2 ** 22;

/** How an axis is resized. */
interface Axis {
  readonly axis: number;
  readonly from: Dim;
  readonly to: Dim;
  /** Of the file, or the quotient of the sizes; null where only a run knows that. */
  readonly scale: number | null;
  /** `to` before it was rounded to a whole number. */
  readonly length: Dim;
  /** The part of the axis that `tf_crop_and_resize` takes. */
  readonly region: readonly [number, number];
}

function resize(node: NodeContext): Value {
  const x = node.value(0);
  const taps = tapsOf(node);
  return axesOf(node, x).reduce((y, axis) => resizeAxis(node, y, axis, taps), x);
}

type ScaledAxis = Axis & { readonly scale: number };

/** The operands are (x, scales) up to opset 10, and (x, roi, scales, sizes) since. */
function axesOf(node: NodeContext, x: Value): readonly Axis[] {
  const rank = x.shape.length;
  const named = node.ints('axes')?.map((axis) => node.resolve(axis, rank)) ?? [
    ...Array(rank).keys(),
  ];
  const isOld = node.opset < 11;
  const listed = isOld ? floats(node, 1, 'scales') : floats(node, 2, 'scales');
  const attribute = node.attributes.floats('scales');
  const scales = listed ?? attribute ?? null;
  const regions = isOld ? null : floats(node, 1, 'roi');
  const region = (i: number) =>
    [regions?.[i] ?? 0, regions?.[i + named.length] ?? 1] as const satisfies Axis['region'];
  if (scales !== null) {
    return named.map((axis, i) => {
      const [from, scale] = [x.shape[axis] ?? 1, fround(scales[i] ?? 1)];
      const to = scaled(node, from, scale);
      const length = typeof from === 'number' ? fround(from * scale) : to;
      return { axis, from, to, scale, length, region: region(i) };
    });
  }
  if (isOld || !node.has(3)) return node.unsupported('it has neither scales nor sizes');
  const sizes = keepRatio(
    node,
    node.dims(3, 'sizes'),
    named.map((axis) => x.shape[axis] ?? 1),
  );
  return named.map((axis, i) => {
    const [from, to] = [x.shape[axis] ?? 1, sizes[i]?.size ?? 1];
    const scale = sizes[i]?.scale ?? ratio(to, from);
    return { axis, from, to, scale, length: to, region: region(i) };
  });
}

/** The numbers of an operand; null where it is missing or empty, which means the same. */
function floats(node: NodeContext, index: number, what: string): readonly number[] | null {
  if (!node.has(index) || node.type(index).shape[0] === 0) return null;
  const { elements } = node.contents(index, what);
  if (elements.every((element) => typeof element === 'number')) {
    return elements as readonly number[];
  }
  return node.unsupported(`its ${what} depend on a size that is known only when it runs`, FIX);
}

const FIX = 'Fix the sizes that it depends on: --fix SYMBOL=SIZE.';

function scaled(node: NodeContext, from: Dim, scale: number): Dim {
  if (typeof from === 'number') return Math.floor(fround(from * scale));
  if (Number.isInteger(scale)) return multiply(from, scale);
  if (isPart(scale)) return floorDivide(from, Math.round(1 / scale));
  return node.unsupported(`${scale} times the symbolic size ${from} is no whole number`, FIX);
}

/** Whether it is 1 / k of a power of 2, for which no rounding is to be feared. */
const isPart = (scale: number) => scale > 0 && scale < 1 && Number.isInteger(Math.log2(scale));

function ratio(to: Dim, from: Dim): number | null {
  if (to === from) return 1;
  if (typeof to === 'number' && typeof from === 'number') return fround(to / from);
  const times = divideExactly(to, from);
  return typeof times === 'number' ? times : null;
}

/** Sizes of which only the least, or the greatest, ratio counts keep the proportions. */
function keepRatio(
  node: NodeContext,
  sizes: readonly Dim[],
  from: readonly Dim[],
): readonly { readonly size: Dim; readonly scale: number | null }[] {
  const policy = node.text('keep_aspect_ratio_policy', 'stretch');
  if (policy === 'stretch') return sizes.map((size) => ({ size, scale: null }));
  const choose = policy === 'not_larger' ? Math.min : Math.max;
  const ratios = sizes.map((size, i) => {
    const to = `it makes ${size} elements of ${from[i]}, which is no whole multiple`;
    return ratio(size, from[i] ?? 1) ?? node.unsupported(to, FIX);
  });
  const scale = choose(...ratios);
  return from.map((dim) => {
    if (typeof dim !== 'number') return node.unsupported('it keeps proportions', FIX);
    return { size: Math.floor(fround(fround(dim * scale) + 0.5)), scale };
  });
}

/** Place `i` of the result as a place of the axis, between its elements. */
type Coordinate = (i: number, from: number, to: number, axis: ScaledAxis) => number;

const half = (i: number, scale: number) => fround(fround((i + 0.5) / scale) - 0.5);

const COORDINATES: { readonly [mode: string]: Coordinate } = {
  asymmetric: (i, _from, _to, { scale }) => fround(i / scale),
  half_pixel: (i, _from, _to, { scale }) => half(i, scale),
  pytorch_half_pixel: (i, _from, to, { scale }) => (to > 1 ? half(i, scale) : 0),
  half_pixel_symmetric: (i, from, to, { scale }) =>
    fround((from / 2) * (1 - to / fround(scale * from)) + half(i, scale)),
  // The standard's own tests count from the length before rounding; some runtimes do not.
  align_corners: (i, from, to, { length }) =>
    to === 1 ? 0 : fround((i * (from - 1)) / (Number(length) - 1)),
  tf_half_pixel_for_nn: (i, _from, _to, { scale }) => fround((i + 0.5) / scale),
  tf_crop_and_resize: (i, from, to, { region: [start, end] }) =>
    to > 1
      ? fround(start * (from - 1) + (i * (end - start) * (from - 1)) / (to - 1))
      : fround(0.5 * (start + end) * (from - 1)),
};
/** Where every phase is as every other: what a place is depends on no size. */
const HAS_PHASES = new Set(['asymmetric', 'half_pixel']);

const ROUNDINGS: { readonly [mode: string]: (x: number) => number } = {
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

interface Resampling {
  readonly mode: string;
  readonly coordinate: Coordinate;
  readonly taps: (x: number, scale: number) => Taps;
  /** Taps outside of the axis weigh nothing; else they are those at its edge. */
  readonly excludesOutside: boolean;
  /** Of places outside of the axis; null where these take the edge. */
  readonly extrapolation: number | null;
  readonly isAntialiased: boolean;
  /** The same for axes of which only a run knows the size. */
  readonly symbolic: Omit<SymbolicResampling, 'coordinates'>;
}

function tapsOf(node: NodeContext): Resampling {
  const isOld = node.opset < 11;
  const mode = node.text('coordinate_transformation_mode', isOld ? 'asymmetric' : 'half_pixel');
  const coordinate = COORDINATES[mode] ?? node.unsupported(`its coordinates are '${mode}'`);
  const isAntialiased = node.int('antialias', 0) === 1;
  return {
    mode,
    coordinate,
    taps: kernelOf(node, isOld, isAntialiased),
    excludesOutside: node.int('exclude_outside', 0) === 1,
    extrapolation: mode === 'tf_crop_and_resize' ? node.float('extrapolation_value', 0) : null,
    isAntialiased,
    symbolic: {
      mode: node.text('mode', 'nearest'),
      rounding: node.text('nearest_mode', isOld ? 'floor' : 'round_prefer_floor'),
      a: node.float('cubic_coeff_a', -0.75),
    },
  };
}

function kernelOf(node: NodeContext, isOld: boolean, isAntialiased: boolean): Resampling['taps'] {
  const mode = node.text('mode', 'nearest');
  if (mode === 'nearest') {
    const rounding = node.text('nearest_mode', isOld ? 'floor' : 'round_prefer_floor');
    const round = ROUNDINGS[rounding] ?? node.unsupported(`its nearest_mode is '${rounding}'`);
    return (x) => [{ place: round(x), weight: 1 }];
  }
  if (!isFloat(node.type(0).dtype)) {
    return node.unsupported('it interpolates integers', 'Cast them to float before it.');
  }
  const a = node.float('cubic_coeff_a', -0.75);
  if (mode === 'linear') return (x, s) => spread(x, isAntialiased ? s : 1, 1, triangle);
  if (mode === 'cubic') return (x, s) => spread(x, isAntialiased ? s : 1, 2, cubic(a));
  return node.unsupported(`its mode is '${mode}'`, 'Modes that are taken: nearest, linear, cubic.');
}

function resizeAxis(node: NodeContext, x: Value, axis: Axis, how: Resampling): Value {
  const { from, to, scale } = axis;
  if (from === to && scale === 1 && how.extrapolation === null) return x;
  if (scale !== null) return resizeScaled(node, x, { ...axis, scale }, how);
  return computed(node, x, axis, how);
}

/** By taps that the model computes. */
function computed(node: NodeContext, x: Value, axis: Axis, how: Resampling): Value {
  const { from, to, scale } = axis;
  const [num, den] = scale !== null && scale < 1 ? [Math.round(1 / scale), 1] : [from, to];
  const takes = !how.excludesOutside && !how.isAntialiased;
  const { mode: coordinates, symbolic } = how;
  const resized =
    takes && resizeSymbolic(node, x, { ...axis, num, den }, { ...symbolic, coordinates });
  return resized || node.unsupported(`it resizes the symbolic size ${from} to ${to}`, FIX);
}

function resizeScaled(node: NodeContext, x: Value, axis: ScaledAxis, how: Resampling): Value {
  const { from, to, scale } = axis;
  // What the file asks for is held against a bound before it is listed.
  const reach = 4 / Math.min(scale, 1) + Math.max(scale, 1);
  if (!(scale > 0) || !(reach * (typeof to === 'number' ? to : 1) <= MAX_TAPS)) {
    return node.unsupported(`it makes ${to} elements of ${from}, by ${scale}`);
  }
  if (isAtLeast(0, from)) return node.unsupported('an axis has no elements');
  const phases = phasesOf(axis, how);
  if (phases?.every((taps) => taps.length === 1 && taps[0]?.place === 0)) {
    return repeated(node, x, axis);
  }
  if (typeof from === 'number' && typeof to === 'number') {
    return byTaps(node, x, { ...axis, from, to }, how);
  }
  if (phases !== null && !how.excludesOutside) return byPhases(node, x, axis, phases);
  return computed(node, x, axis, how);
}

/** The taps of the elements that stand for one, counted from it; null where they are not all alike. */
function phasesOf(
  axis: ScaledAxis,
  { mode, coordinate, taps }: Resampling,
): readonly Taps[] | null {
  const { scale } = axis;
  if (!HAS_PHASES.has(mode) || !Number.isInteger(scale) || scale < 1) return null;
  return Array.from({ length: scale }, (_, i) => taps(coordinate(i, 1, scale, axis), scale));
}

/** Every element `scale` times. */
function repeated({ g }: NodeContext, x: Value, { axis, to, scale }: ScaledAxis): Value {
  const apart = g.reshape(x, { shape: x.shape.toSpliced(axis + 1, 0, 1) });
  const copies = g.broadcast(apart, { shape: x.shape.toSpliced(axis + 1, 0, scale) });
  return g.reshape(copies, { shape: x.shape.with(axis, to) });
}

function byPhases(
  { g }: NodeContext,
  x: Value,
  { axis, from, to }: Axis,
  phases: readonly Taps[],
): Value {
  const parts = phases.map((taps) => {
    const weighted = taps.map(({ place, weight }) => {
      // A gather clamps its indices: beyond the edge it finds the edge.
      const places = g.iota({ shape: [from], axis: 0, start: place });
      const tap = place === 0 ? x : g.gather(x, places, { axis });
      return weight === 1 ? tap : g.mul(tap, weight);
    });
    const sum = weighted.reduce((total, tap) => g.add(total, tap));
    return g.reshape(sum, { shape: x.shape.toSpliced(axis + 1, 0, 1) });
  });
  return g.reshape(g.concat(parts, { axis: axis + 1 }), { shape: x.shape.with(axis, to) });
}

type SizedAxis = ScaledAxis & { readonly from: number; readonly to: number };

function byTaps(node: NodeContext, x: Value, axis: SizedAxis, how: Resampling): Value {
  const { g, site } = node;
  const { from, to, scale } = axis;
  const places = Array.from({ length: to }, (_, i) => how.coordinate(i, from, to, axis));
  const taps = places.map((place) => inside(how.taps(place, scale), from, how.excludesOutside));
  const count = Math.max(...taps.map((list) => list.length));
  const along = x.shape.map((_, other) => (other === axis.axis ? to : 1));
  const weighted = Array.from({ length: count }, (_, i) => {
    const indices = taps.map((list) => list[i]?.place ?? 0);
    const weights = taps.map((list) => list[i]?.weight ?? 0);
    const tap = g.gather(x, site.materialise(known('i32', [to], indices)), { axis: axis.axis });
    if (weights.every((weight) => weight === 1)) return tap;
    return g.mul(tap, site.materialise(known(x.dtype, along, weights)));
  });
  const sum = weighted.reduce((total, tap) => g.add(total, tap));
  if (how.extrapolation === null) return sum;
  const isInside = places.map((place) => (place >= 0 && place <= from - 1 ? 1 : 0));
  if (isInside.every((holds) => holds === 1)) return sum;
  return g.select(site.materialise(known('bool', along, isInside)), sum, how.extrapolation);
}

/** Taps at places of the axis alone, each place once. */
function inside(taps: Taps, from: number, excludesOutside: boolean): Taps {
  const weights = new Map<number, number>();
  for (const { place, weight } of taps) {
    const nearest = Math.min(Math.max(place, 0), from - 1);
    if (excludesOutside && nearest !== place) continue;
    weights.set(nearest, (weights.get(nearest) ?? 0) + weight);
  }
  const kept = [...weights].map(([place, weight]) => ({ place, weight }));
  return excludesOutside ? normalised(kept) : kept;
}

export const resizing: HandlerTable = {
  Resize: resize,
  Upsample: resize,
};
