/** Convolutions and pooling: windows that slide along the axes behind batch and channels. */
import {
  add,
  ceilDivide,
  type Dim,
  floorDivide,
  isAtLeast,
  maximum,
  multiply,
  sizeOf,
  subtract,
} from '../../../ir/dims.ts';
import type { Value } from '../../../ir/graph.ts';
import { RANGE } from '../../../ir/integers.ts';
import { LOWEST } from '../../../ir/ops/softmax.ts';
import { ceilPadding, type Padding, type Sliding, spanOf } from '../../../ir/sliding.ts';
import { isFloat, type Shape } from '../../../ir/types.ts';
import type { Handler, HandlerTable, NodeContext } from '../context.ts';

/** The attributes that all of them share, completed. */
export function windowsOf(
  node: NodeContext,
  dims: Shape,
  sizes: readonly number[],
): { readonly sliding: Sliding; readonly padding: Padding } {
  const ones = dims.map(() => 1);
  const strides = node.ints('strides') ?? ones;
  const dilations = node.ints('dilations') ?? ones;
  const sliding = { sizes, strides, dilations };
  return { sliding, padding: paddingOf(node, dims, sliding) };
}

/** As `auto_pad` says, or as the attribute `pads` lists: all before, then all behind. */
function paddingOf(node: NodeContext, dims: Shape, sliding: Sliding): Padding {
  const mode = node.text('auto_pad', 'NOTSET');
  if (mode === 'SAME_UPPER' || mode === 'SAME_LOWER') {
    const totals = dims.map((n, axis) => samePadding(n, sliding, axis));
    const halves = totals.map((total) => floorDivide(total, 2));
    const others = totals.map((total, axis) => subtract(total, halves[axis] ?? 0));
    return mode === 'SAME_UPPER'
      ? { before: halves, after: others }
      : { before: others, after: halves };
  }
  const pads = mode === 'VALID' ? [] : (node.ints('pads') ?? []);
  return {
    before: dims.map((_, axis) => pads[axis] ?? 0),
    after: dims.map((_, axis) => pads[dims.length + axis] ?? 0),
  };
}

/** What n lacks for ceil(n / stride) windows. */
function samePadding(n: Dim, sliding: Sliding, axis: number): Dim {
  const stride = sliding.strides[axis] ?? 1;
  const span = spanOf(sliding, axis);
  const wanted = add(multiply(subtract(ceilDivide(n, stride), 1), stride), span);
  const total = subtract(wanted, n);
  return isAtLeast(total, 0) ? total : maximum(total, 0);
}

/** With the attributes of the node. */
export function convolved(node: NodeContext, x: Value, weight: Value, bias: Value | null): Value {
  const sizes = staticSizes(node, weight);
  const { sliding, padding } = windowsOf(node, x.shape.slice(2), sizes);
  const { strides, dilations } = sliding;
  const groups = node.int('group', 1);
  node.site.equate(x.shape[1] ?? 1, multiply(weight.shape[1] ?? 1, groups));
  return node.g.conv(x, weight, bias, { strides, dilations, ...padding, groups });
}

export function staticSizes(node: NodeContext, weight: Value): readonly number[] {
  return weight.shape.slice(2).map((size) => {
    return typeof size === 'number'
      ? size
      : node.unsupported('the sizes of its weight are symbolic');
  });
}

/**
 * The transpose of a convolution: x with stride - 1 zeros behind every element, under windows of the
 * mirrored weight.
 */
function convTranspose(node: NodeContext): Value {
  const [x, weight] = [node.value(0), node.value(1)];
  const sizes = staticSizes(node, weight);
  const dims = x.shape.slice(2);
  const ones = dims.map(() => 1);
  const strides = node.ints('strides') ?? ones;
  const dilations = node.ints('dilations') ?? ones;
  const sliding = { sizes, strides, dilations };
  const extra = node.ints('output_padding') ?? dims.map(() => 0);
  const padding = transposedPadding(node, dims, sliding, extra);
  const groups = node.int('group', 1);
  return transposedConv(node, [x, weight, node.optional(2)], sliding, { padding, extra, groups });
}

/** `extra` lies behind every axis, beside what the padding takes away. */
export function transposedConv(
  node: NodeContext,
  [x, weight, bias]: readonly [Value, Value, Value | null],
  sliding: Sliding,
  { padding, extra, groups }: { padding: Padding; extra: readonly Dim[]; groups: number },
): Value {
  const { g } = node;
  const { strides, dilations } = sliding;
  const { before, after } = padding;
  const isTiling =
    sliding.sizes.every((size, axis) => size === strides[axis] && dilations[axis] === 1) &&
    [...before, ...after, ...extra].every((entry) => entry === 0);
  if (isTiling && groups === 1) return tiled(node, x, weight, bias);
  const dims = x.shape.slice(2);
  const spread = dims.reduce<Value>(
    (y, _, axis) => zerosBetween(node, y, axis + 2, strides[axis] ?? 1),
    x,
  );
  // windows see a whole span before the first element, less the padding that is cut off
  const reach = (cut: Dim, axis: number) => subtract(spanOf(sliding, axis) - 1, cut);
  const edges = {
    before: before.map(reach),
    after: after.map((cut, axis) => add(reach(cut, axis), extra[axis] ?? 0)),
  };
  const padded = padOrCut(node, spread, edges);
  return g.conv(padded, mirrored(node, weight, groups), bias, { dilations, groups });
}

/**
 * Where the windows of the transpose lie side by side, every element of the result comes from one place of x:
 * y[n, o, p * size + j] = bias[o] + sum over c of x[n, c, p] * weight[c, o, j]
 */
function tiled({ g }: NodeContext, x: Value, weight: Value, bias: Value | null): Value {
  const [channels = 1, results = 1, ...sizes] = weight.shape;
  const axes = sizes.map((_, axis) => axis + 2);
  const rows = g.transpose(weight, { permutation: [1, ...axes, 0] });
  const matrix = g.reshape(rows, {
    shape: [sizeOf([results, ...sizes]), channels, ...sizes.map(() => 1)],
  });
  const [n = 1, , ...places] = x.shape;
  const apart = g.reshape(g.conv(x, matrix), { shape: [n, results, ...sizes, ...places] });
  const beside = axes.flatMap((axis) => [axis + sizes.length, axis]);
  const y = g.reshape(g.transpose(apart, { permutation: [0, 1, ...beside] }), {
    shape: [n, results, ...places.map((dim, axis) => multiply(dim, sizes[axis] ?? 1))],
  });
  if (bias === null) return y;
  return g.add(y, g.reshape(bias, { shape: [results, ...sizes.map(() => 1)] }));
}

function transposedPadding(
  node: NodeContext,
  dims: Shape,
  sliding: Sliding,
  extra: readonly number[],
): Padding {
  const mode = node.text('auto_pad', 'NOTSET');
  const isSame = mode === 'SAME_UPPER' || mode === 'SAME_LOWER';
  const { strides } = sliding;
  const wanted =
    node.ints('output_shape')?.slice(-dims.length) ??
    (isSame ? dims.map((n, axis) => multiply(n, strides[axis] ?? 1)) : null);
  if (wanted === null) return paddingOf(node, dims, sliding);
  const totals = dims.map((n, axis) => {
    const whole = add(multiply(subtract(n, 1), strides[axis] ?? 1), spanOf(sliding, axis));
    return subtract(add(whole, extra[axis] ?? 0), wanted[axis] ?? 0);
  });
  const halves = totals.map((total) => floorDivide(total, 2));
  const others = totals.map((total, axis) => subtract(total, halves[axis] ?? 0));
  return mode === 'SAME_UPPER'
    ? { before: halves, after: others }
    : { before: others, after: halves };
}

function zerosBetween({ g }: NodeContext, x: Value, axis: number, stride: number): Value {
  if (stride === 1) return x;
  const none = [...x.shape, 1].map(() => 0);
  const apart = g.reshape(x, { shape: x.shape.toSpliced(axis + 1, 0, 1) });
  const after = none.map((_, other) => (other === axis + 1 ? stride - 1 : 0));
  const wide = g.pad(apart, { before: none, after });
  const dim = multiply(x.shape[axis] ?? 1, stride);
  const joined = g.reshape(wide, { shape: x.shape.with(axis, dim) });
  const ends = joined.shape.with(axis, subtract(dim, stride - 1));
  return g.slice(joined, { starts: x.shape.map(() => 0), ends });
}

/** Zeros around the last axes, or elements taken away where the padding is negative. */
function padOrCut({ g }: NodeContext, x: Value, { before, after }: Padding): Value {
  const cut = (entry: Dim) => (isAtLeast(-1, entry) ? subtract(0, entry) : 0);
  const put = (entry: Dim) => (isAtLeast(-1, entry) ? 0 : entry);
  const starts = [0, 0, ...before.map(cut)];
  const ends = x.shape.map((dim, axis) =>
    axis < 2 ? dim : subtract(dim, cut(after[axis - 2] ?? 0)),
  );
  const kept = [...before, ...after].some((e) => cut(e) !== 0) ? g.slice(x, { starts, ends }) : x;
  return g.pad(kept, { before: [0, 0, ...before.map(put)], after: [0, 0, ...after.map(put)] });
}

/** [c, o / groups, ..sizes] -> [o, c / groups, ..sizes], mirrored along every size. */
function mirrored(node: NodeContext, weight: Value, groups: number): Value {
  const { g } = node;
  const [channels = 1, own = 1, ...sizes] = weight.shape;
  const ends = weight.shape.map((dim, axis) => (axis < 2 ? dim : -1));
  const starts = weight.shape.map((dim, axis) => (axis < 2 ? 0 : subtract(dim, 1)));
  const steps = weight.shape.map((_, axis) => (axis < 2 ? 1 : -1));
  const turned = g.slice(weight, { starts, ends, steps });
  const each = floorDivide(channels, groups);
  const apart = g.reshape(turned, { shape: [groups, each, own, ...sizes] });
  const permutation = [0, 2, 1, ...sizes.map((_, axis) => axis + 3)];
  const swapped = g.transpose(apart, { permutation });
  return g.reshape(swapped, { shape: [multiply(groups, own), each, ...sizes] });
}

function averagePool(node: NodeContext): Value {
  const x = node.value(0);
  const { sliding, padding } = windowsOf(node, x.shape.slice(2), node.ints('kernel_shape') ?? []);
  const ceil = roundsUp(node);
  const include_padding = node.int('count_include_pad', 0) === 1;
  return node.g.average_pool(x, { ...sliding, ...padding, ceil, include_padding });
}

/** With `auto_pad` the padding is what whole windows need. */
export function roundsUp(node: NodeContext): boolean {
  return node.int('ceil_mode', 0) === 1 && !node.text('auto_pad', 'NOTSET').startsWith('SAME');
}

function maxPool(node: NodeContext): readonly Value[] {
  const { g } = node;
  const x = node.value(0);
  const { sliding, padding } = windowsOf(node, x.shape.slice(2), node.ints('kernel_shape') ?? []);
  const ceil = roundsUp(node);
  const y = g.max_pool(x, { ...sliding, ...padding, ceil });
  if (!node.wants(1)) return [y];
  const around = ceil ? ceilPadding(x.shape.slice(2), sliding, padding) : padding;
  return [y, placesOfMaxima(node, x, y, sliding, around)];
}

/** Where in x, row-major or column-major, the maximum of each window stands. */
function placesOfMaxima(
  node: NodeContext,
  x: Value,
  y: Value,
  sliding: Sliding,
  { before, after }: Padding,
): Value {
  const { g } = node;
  const dims = x.shape.slice(2);
  const isColumnMajor = node.int('storage_order', 0) === 1;
  const order = isColumnMajor ? [...x.shape.slice(0, 2), ...dims.toReversed()] : x.shape;
  const count = node.size(x.shape);
  const numbered = g.reshape(g.iota({ shape: [count], axis: 0, dtype: 'i64' }), { shape: order });
  const turned = [0, 1, ...dims.map((_, axis) => dims.length + 1 - axis)];
  const places = isColumnMajor ? g.transpose(numbered, { permutation: turned }) : numbered;
  const lowest = isFloat(x.dtype) || x.dtype === 'bool' ? LOWEST : RANGE[x.dtype][0];
  const rows = (value: Value, fill: number) => {
    const edges = { before: [0, 0, ...before], after: [0, 0, ...after], value: fill };
    const windows = g.windows(g.pad(value, edges), { ...sliding });
    return g.reshape(windows, { shape: [...y.shape, node.size(sliding.sizes)] });
  };
  const best = g.argmax(rows(x, lowest), { axis: -1, keep: true });
  return g.reshape(g.gather_elements(rows(places, 0), best, { axis: -1 }), { shape: y.shape });
}

const globalPool =
  (op: 'reduce_mean' | 'reduce_max'): Handler =>
  (node) => {
    const x = node.value(0);
    const axes = x.shape.flatMap((_, axis) => (axis < 2 ? [] : [axis]));
    return node.g[op](x, { axes, keep: true });
  };

export const convolution: HandlerTable = {
  AveragePool: averagePool,
  Conv: (node) => convolved(node, node.value(0), node.value(1), node.optional(2)),
  ConvTranspose: convTranspose,
  GlobalAveragePool: globalPool('reduce_mean'),
  GlobalMaxPool: globalPool('reduce_max'),
  MaxPool: maxPool,
};
