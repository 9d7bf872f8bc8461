/** Ops that sample images: at a grid, in regions of interest, under kernels whose places are data. */
import { type Dim, divideExactly, multiply } from '../../../ir/dims.ts';
import type { Value } from '../../../ir/graph.ts';
import type { HandlerTable, NodeContext } from '../context.ts';
import { staticSizes, windowsOf } from './convolution.ts';
import {
  type Axis,
  clamped,
  count,
  cubicTaps,
  linearTaps,
  nearestTap,
  type Padding,
  placeOf,
  sampled,
  type Tap,
} from './sampling.ts';

/** Numbers from -1 to 1 along an axis: the middles of its elements, or from the first to the last of them. */
function coordinates(node: NodeContext, size: Dim, isFromMiddle: boolean): Value {
  const { g } = node;
  const places = g.iota({ shape: [size], axis: 0, dtype: 'f32' });
  const length = count(node, size);
  if (!isFromMiddle) return g.sub(g.div(g.add(g.mul(places, 2), 1), length), 1);
  const steps =
    typeof length === 'number' ? Math.max(length - 1, 1) : g.maximum(g.sub(length, 1), 1);
  return g.sub(g.div(g.mul(places, 2), steps), 1);
}

/** theta [n, d, d + 1] times (x, y, .. , 1) of every place of an image of d dims. */
function affineGrid(node: NodeContext): Value {
  const { g } = node;
  const theta = node.value(0);
  const [, , ...dims] = node.dims(1, 'size');
  const isFromMiddle = node.int('align_corners', 0) === 1;
  const rank = dims.length;
  if (rank < 2 || rank > 3) return node.unsupported(`it makes a grid of ${rank} dims`);
  const columns = dims.toReversed().map((size, i) => {
    const axis = rank - 1 - i;
    const along = [...dims.map((dim, other) => (other === axis ? dim : 1)), 1];
    const column = g.reshape(coordinates(node, size, isFromMiddle), { shape: along });
    return g.broadcast(column, { shape: [...dims, 1] });
  });
  const ones = g.constant({ value: [1], dtype: 'f32', shape: [...dims, 1] });
  const places = g.concat([...columns, ones], { axis: rank });
  const flat = g.reshape(places, { shape: [node.size(dims), rank + 1] });
  const wide = theta.dtype === 'f32' ? theta : g.cast(theta, { dtype: 'f32' });
  const grid = g.matmul(flat, g.transpose(wide, { permutation: [0, 2, 1] }));
  const shaped = g.reshape(grid, { shape: [theta.shape[0] ?? 1, ...dims, rank] });
  return theta.dtype === 'f32' ? shaped : g.cast(shaped, { dtype: theta.dtype });
}

const TAPS: { readonly [mode: string]: typeof linearTaps } = {
  ...{ linear: linearTaps, bilinear: linearTaps },
  nearest: nearestTap,
  ...{ cubic: cubicTaps, bicubic: cubicTaps },
};
const PADDINGS: ReadonlySet<string> = new Set([
  'zeros',
  'border',
  'reflection',
] satisfies Padding[]);

/** x [n, c, ..dims] at grid [n, ..places, d], whose last dim counts the axes from the last one on. */
function gridSample(node: NodeContext): Value {
  const { g } = node;
  const [x, grid] = [node.value(0), node.value(1)];
  const [n = 1, c = 1, ...dims] = x.shape;
  const mode = node.text('mode', 'linear');
  const padding = node.text('padding_mode', 'zeros');
  const tapsOf = TAPS[mode] ?? node.unsupported(`its mode is '${mode}'`);
  if (!isPadding(padding)) return node.unsupported(`its padding_mode is '${padding}'`);
  if (dims.length > 3) return node.unsupported(`it samples ${dims.length} dims`);
  const isFromMiddle = node.int('align_corners', 0) === 1;
  node.site.equate(n, grid.shape[0] ?? 1);
  const shape = grid.shape.slice(1, -1);
  const rows = g.reshape(grid, { shape: [n, node.size(shape), dims.length] });
  const wide = rows.dtype === 'f32' ? rows : g.cast(rows, { dtype: 'f32' });
  const taps = dims.map((size, axis) => {
    const place = dims.length - 1 - axis;
    const own = partOf(node, wide, 2, place);
    const length = count(node, size);
    const from0 = g.add(own, 1);
    const at = isFromMiddle
      ? g.mul(g.mul(from0, 0.5), typeof length === 'number' ? length - 1 : g.sub(length, 1))
      : g.mul(g.sub(g.mul(from0, length), 1), 0.5);
    return tapsOf(node, at, { size, isFromMiddle }, padding);
  });
  return g.reshape(sampled(node, x, taps), { shape: [n, c, ...shape] });
}

function isPadding(word: string): word is Padding {
  return PADDINGS.has(word);
}

/** The place `at` of an axis, without it. */
function partOf({ g }: NodeContext, x: Value, axis: number, at: number): Value {
  const part = g.slice(x, {
    starts: x.shape.map((_, other) => (other === axis ? at : 0)),
    ends: x.shape.map((dim, other) => (other === axis ? at + 1 : dim)),
  });
  return g.reshape(part, { shape: x.shape.toSpliced(axis, 1) });
}

/** Regions [r, 4] of the images that `batch_indices` name, each as output_height x output_width cells. */
function roiAlign(node: NodeContext): Value {
  const { g } = node;
  const [x, regions, images] = [node.value(0), node.value(1), node.value(2)];
  const [n = 1, c = 1, height = 1, width = 1] = x.shape;
  const [r = 1] = regions.shape;
  const cells = [node.int('output_height', 1), node.int('output_width', 1)] as const;
  const each = node.int('sampling_ratio', 0);
  if (each < 1) {
    return node.unsupported(
      'its sampling_ratio is 0: how many samples it takes depends on the regions',
      'Export it with a sampling_ratio of 1 or more.',
    );
  }
  const usual = node.opset < 16 ? 'output_half_pixel' : 'half_pixel';
  const isHalf = node.text('coordinate_transformation_mode', usual) === 'half_pixel';
  const corner = (at: number) => {
    const scaled = g.mul(partOf(node, regions, 1, at), node.float('spatial_scale', 1));
    return isHalf ? g.sub(scaled, 0.5) : scaled;
  };
  // regions are x, y of the first corner, and of the last
  const along = (axis: 0 | 1, size: Dim): readonly Tap[] => {
    const start = corner(1 - axis);
    const span = g.sub(corner(3 - axis), start);
    const length = isHalf ? span : g.maximum(span, 1);
    const steps = cells[axis] * each;
    const places = g.add(g.iota({ shape: [steps], axis: 0, dtype: 'f32' }), 0.5);
    const column = (value: Value) => g.reshape(value, { shape: [r, 1] });
    const at = g.add(column(start), g.mul(column(g.div(length, steps)), places));
    const apart: readonly Dim[] = [r, 1, 1, 1, 1];
    const own = apart.with(1 + axis, cells[axis]).with(3 + axis, each);
    const whole = g.broadcast(g.reshape(at, { shape: own }), { shape: [r, ...cells, each, each] });
    const flat = g.reshape(whole, { shape: [1, multiply(r, cells[0] * cells[1] * each * each)] });
    return insideTaps(node, flat, size);
  };
  const image = g.reshape(g.cast(images, { dtype: 'i32' }), { shape: [r, 1] });
  const perRegion = cells[0] * cells[1] * each * each;
  const copies = g.broadcast(image, { shape: [r, perRegion] });
  const which = g.reshape(copies, { shape: [1, multiply(r, perRegion)] });
  const taps = [[{ place: which, weight: null }], along(0, height), along(1, width)];
  const turned = g.transpose(x, { permutation: [1, 0, 2, 3] });
  const flat = g.reshape(turned, { shape: [1, c, n, height, width] });
  const mode = node.text('mode', 'avg');
  const samples = sampled(node, flat, taps, mode === 'max' ? 'maximum' : 'add');
  const grouped = g.reshape(samples, { shape: [c, r, ...cells, each * each] });
  const y = g[mode === 'max' ? 'reduce_max' : 'reduce_mean'](grouped, { axes: [-1] });
  return g.transpose(y, { permutation: [1, 0, 2, 3] });
}

/** The two elements around x, where beyond the last there is none: nothing from one element outside on. */
function insideTaps(node: NodeContext, x: Value, size: Dim): readonly Tap[] {
  const { g } = node;
  const isNear = g.and(g.less_equal(-1, x), g.less_equal(x, count(node, size)));
  const at = clamped(node, x, size);
  const low = g.floor(at);
  const rest = g.sub(at, low);
  const tap = (place: Value, weight: Value) => ({
    place: placeOf(node, place, size),
    weight: g.select(isNear, weight, 0),
  });
  return [tap(low, g.sub(1, rest)), tap(g.add(low, 1), rest)];
}

/**
 * A convolution whose windows have their places moved: by `offset` [n, groups * kernel * 2, ..places], y
 * before x, and weighted by `mask` [n, groups * kernel, ..places].
 */
function deformConv(node: NodeContext): Value {
  const { g } = node;
  const [x, weight, offset] = [node.value(0), node.value(1), node.value(2)];
  const [n = 1, c = 1, height = 1, width = 1] = x.shape;
  const sizes = staticSizes(node, weight);
  if (sizes.length !== 2) return node.unsupported(`it has ${sizes.length} axes`, 'Two are taken.');
  const { sliding, padding } = windowsOf(node, [height, width], sizes);
  const shared = node.int('offset_group', 1);
  const own = divideExactly(c, shared);
  if (own === null) return node.unsupported(`${shared} groups of offsets do not divide ${c}`);
  const kernel = (sizes[0] ?? 1) * (sizes[1] ?? 1);
  const [, , rows = 1, columns = 1] = offset.shape;
  const sets = multiply(n, shared);
  const samples = multiply(multiply(rows, columns), kernel);
  const moves = g.reshape(offset, { shape: [sets, ...sizes, 2, rows, columns] });
  const taps = [height, width].map((size, axis) => {
    const line = (dim: Dim, place: number, factor: number) => {
      const numbers = g.mul(g.iota({ shape: [dim], axis: 0, dtype: 'f32' }), factor);
      const ones: readonly Dim[] = [1, 1, 1, 1, 1];
      return g.reshape(numbers, { shape: ones.with(place, dim) });
    };
    const places = line(axis === 0 ? rows : columns, 3 + axis, sliding.strides[axis] ?? 1);
    const inKernel = line(sizes[axis] ?? 1, 1 + axis, sliding.dilations[axis] ?? 1);
    const before = g.sub(g.add(places, inKernel), Number(padding.before[axis] ?? 0));
    const at = g.add(partOf(node, moves, 3, axis), before);
    const flat = g.reshape(at, { shape: [sets, samples] });
    return linearTaps(node, flat, { size, isFromMiddle: true } satisfies Axis, 'zeros');
  });
  const image = g.reshape(x, { shape: [sets, own, height, width] });
  const found = sampled(node, image, taps);
  const mask = node.optional(4);
  const seen = mask === null ? found : g.mul(found, g.reshape(mask, { shape: [sets, 1, samples] }));
  return underKernels(node, seen, weight, { n, c, kernel, rows, columns });
}

interface Windows {
  readonly n: Dim;
  readonly c: Dim;
  readonly kernel: number;
  readonly rows: Dim;
  readonly columns: Dim;
}

/** Windows [n, c, kernel, rows * columns] times the weights of their group. */
function underKernels(
  node: NodeContext,
  windows: Value,
  weight: Value,
  { n, c, kernel, rows, columns }: Windows,
): Value {
  const { g } = node;
  const groups = node.int('group', 1);
  const [outputs = 1, inputs = 1] = weight.shape;
  const each = divideExactly(outputs, groups);
  if (each === null) return node.unsupported(`${groups} groups do not divide ${outputs}`);
  node.site.equate(c, multiply(inputs, groups));
  const terms = multiply(inputs, kernel);
  const left = g.reshape(weight, { shape: [groups, each, terms] });
  const right = g.reshape(windows, { shape: [n, groups, terms, multiply(rows, columns)] });
  const y = g.reshape(g.matmul(left, right), { shape: [n, outputs, rows, columns] });
  const bias = node.optional(3);
  return bias === null ? y : g.add(y, g.reshape(bias, { shape: [outputs, 1, 1] }));
}

export const grids: HandlerTable = {
  AffineGrid: affineGrid,
  DeformConv: deformConv,
  GridSample: gridSample,
  RoiAlign: roiAlign,
};
