/** Ops that move elements and compute none: shapes, order, parts, copies. */
import {
  add,
  type Dim,
  divideExactly,
  isAtLeast,
  maximum,
  minimum,
  multiply,
  sizeOf,
  subtract,
} from '../../../ir/dims.ts';
import type { Value } from '../../../ir/graph.ts';
import type { HandlerTable, NodeContext, Result } from '../context.ts';
import { pad } from './padding.ts';

/** The shape is an operand since opset 5: 0 keeps a dim (unless `allowzero`), -1 takes the rest. */
function reshape(node: NodeContext): Value {
  const x = node.value(0);
  const wanted = node.has(1) ? node.dims(1, 'shape') : (node.ints('shape') ?? []);
  const keepsZero = node.int('allowzero', 0) === 1;
  const shape = wanted.map((dim, axis) => (dim === 0 && !keepsZero ? (x.shape[axis] ?? 0) : dim));
  const open = shape.indexOf(-1);
  if (open >= 0) {
    const rest = sizeOf(shape.filter((_, axis) => axis !== open));
    const size = rest === 0 ? 0 : divideExactly(sizeOf(x.shape), rest);
    if (size === null) {
      return node.unsupported(
        `[${x.shape.join(', ')}] does not divide into rows of ${rest} for every size`,
        'Fix the sizes that it depends on: --fix SYMBOL=SIZE.',
      );
    }
    shape[open] = size;
  }
  return reshapeTo(node, x, shape);
}

function reshapeTo(node: NodeContext, x: Value, shape: readonly Dim[]): Value {
  if (sizeOf(x.shape) !== sizeOf(shape)) {
    const [from, to] = withoutShared(x.shape, shape);
    node.site.equate(sizeOf(from), sizeOf(to));
  }
  return node.g.reshape(x, { shape });
}

/** What is left of both shapes when dims that stand in both are taken out. */
function withoutShared(a: readonly Dim[], b: readonly Dim[]): readonly [Dim[], Dim[]] {
  const right = [...b];
  const left = a.filter((dim) => {
    const at = right.indexOf(dim);
    if (at >= 0) right.splice(at, 1);
    return at < 0;
  });
  return [left, right];
}

function flatten(node: NodeContext): Value {
  const x = node.value(0);
  const rank = x.shape.length;
  const axis = node.int('axis', 1);
  const split = axis < 0 ? axis + rank : axis;
  return node.g.reshape(x, {
    shape: [sizeOf(x.shape.slice(0, split)), sizeOf(x.shape.slice(split))],
  });
}

function transpose(node: NodeContext): Value {
  const x = node.value(0);
  const reversed = x.shape.map((_, axis) => x.shape.length - 1 - axis);
  return node.g.transpose(x, { permutation: node.ints('perm') ?? reversed });
}

/** The axes are an attribute up to opset 12, and an operand since; all dims of 1 where none is named. */
function squeeze(node: NodeContext): Value {
  const x = node.value(0);
  const named = node.intsOrOperand('axes', 1);
  const axes = named?.map((axis) => node.resolve(axis, x.shape.length));
  const isGone = (dim: Dim, axis: number) => axes?.includes(axis) ?? dim === 1;
  for (const axis of axes ?? []) node.site.equate(x.shape[axis] ?? 1, 1);
  return node.g.reshape(x, { shape: x.shape.filter((dim, axis) => !isGone(dim, axis)) });
}

function unsqueeze(node: NodeContext): Value {
  const x = node.value(0);
  const named = node.intsOrOperand('axes', 1) ?? [];
  const rank = x.shape.length + named.length;
  const axes = new Set(named.map((axis) => node.resolve(axis, rank)));
  const kept = x.shape[Symbol.iterator]();
  const shape = Array.from({ length: rank }, (_, axis) => {
    return axes.has(axis) ? 1 : (kept.next().value ?? 1);
  });
  return node.g.reshape(x, { shape });
}

function expand(node: NodeContext): Value {
  const x = node.value(0);
  const wanted = node.dims(1, 'shape');
  node.align(x.shape, wanted);
  const rank = Math.max(x.shape.length, wanted.length);
  const shape = Array.from({ length: rank }, (_, axis) => {
    const [own, other] = [
      x.shape[axis - rank + x.shape.length],
      wanted[axis - rank + wanted.length],
    ];
    if (other === undefined || other === 1) return own ?? 1;
    return own === 1 ? withoutOne(other) : other;
  });
  return node.g.broadcast(x, { shape });
}

/** Paddle expands one row to max(1, n), and an empty batch has none: n of max(1, n), else the dim itself. */
function withoutOne(dim: Dim): Dim {
  const [, a, b] = typeof dim === 'string' ? (/^max\((.*),(.*)\)$/.exec(dim) ?? []) : [];
  const inner = a === '1' ? b : b === '1' ? a : undefined;
  if (inner === undefined || !/^\w+$/.test(inner)) return dim;
  return maximum(1, inner) === dim ? inner : dim;
}

function concat(node: NodeContext): Value {
  const values = node.values();
  const [first] = values;
  const rank = first?.shape.length ?? 0;
  const axis = node.axis('axis', 1, rank);
  for (const { shape } of values.slice(1)) {
    shape.forEach((dim, other) => {
      if (other !== axis) node.site.equate(first?.shape[other] ?? 1, dim);
    });
  }
  return node.g.concat(values, { axis });
}

/** Sizes are an attribute up to opset 12, and an operand since; else parts of one size, the last smaller. */
function split(node: NodeContext): readonly Value[] {
  const x = node.value(0);
  const axis = node.axis('axis', 0, x.shape.length);
  const dim = x.shape[axis] ?? 1;
  const given = node.ints('split') ?? (node.has(1) ? node.dims(1, 'split') : undefined);
  const count = given?.length ?? node.int('num_outputs', node.outputs.length);
  if (count !== node.outputs.length) {
    return node.unsupported(`it has ${node.outputs.length} outputs for ${count} parts`);
  }
  const sizes = given ?? equalParts(node, dim, count);
  let start: Dim = 0;
  return sizes.map((size) => {
    const end = add(start, size);
    const part = partOf(node, x, axis, start, end);
    start = end;
    return part;
  });
}

function equalParts(node: NodeContext, dim: Dim, count: number): readonly Dim[] {
  const exact = divideExactly(dim, count);
  if (exact !== null) return Array.from({ length: count }, () => exact);
  if (typeof dim === 'string') {
    return node.unsupported(`${dim} elements are not ${count} equal parts for every size`);
  }
  const whole = Math.ceil(dim / count);
  return Array.from({ length: count }, (_, i) => Math.max(0, Math.min(whole, dim - i * whole)));
}

function partOf({ g }: NodeContext, x: Value, axis: number, start: Dim, end: Dim): Value {
  const starts = x.shape.map((_, other) => (other === axis ? start : 0));
  const ends = x.shape.map((dim, other) => (other === axis ? end : dim));
  return g.slice(x, { starts, ends });
}

/** Attributes up to opset 9, operands since. */
function slice(node: NodeContext): Value {
  const x = node.value(0);
  const starts = node.has(1) ? node.dims(1, 'starts') : (node.ints('starts') ?? []);
  const ends = node.has(2) ? node.dims(2, 'ends') : (node.ints('ends') ?? []);
  const all = starts.map((_, i) => i);
  const axes = (node.has(3) ? node.integers(3, 'axes') : node.ints('axes')) ?? all;
  const steps = node.has(4) ? node.integers(4, 'steps') : all.map(() => 1);
  const ranges = x.shape.map((dim) => ({ start: 0 as Dim, end: dim, step: 1 }));
  axes.forEach((named, i) => {
    const axis = node.resolve(named, x.shape.length);
    const [dim, step] = [x.shape[axis] ?? 1, steps[i] ?? 1];
    const [start, end] = rangeOf(starts[i] ?? 0, ends[i] ?? dim, step, dim);
    ranges[axis] = { start, end, step };
  });
  const attributes = {
    starts: ranges.map(({ start }) => start),
    ends: ranges.map(({ end }) => end),
    steps: ranges.map(({ step }) => step),
  };
  return node.g.slice(x, attributes);
}

/**
 * Where a slice begins and ends, counted from the start and inside the axis. Of a symbolic size it is
 * known only that it is at least 1: a start, and an end that is symbolic itself, are taken to lie
 * inside, which the op checks when it runs.
 */
function rangeOf(start: Dim, end: Dim, step: number, dim: Dim): readonly [Dim, Dim] {
  const [from, to] = [fromStart(start, dim), fromStart(end, dim)];
  if (step < 0) {
    const last = subtract(dim, 1);
    return [isAtLeast(from, last) ? last : from, isAtLeast(-1, to) ? -1 : notAbove(to, dim)];
  }
  const first = isAtLeast(0, from) ? 0 : isAtLeast(from, dim) ? dim : from;
  const behind = isAtLeast(0, to) ? 0 : notAbove(to, dim);
  return [first, isAtLeast(first, behind) ? first : behind];
}

/** An end that may lie behind the axis; 1 never does. */
function notAbove(end: Dim, dim: Dim): Dim {
  if (isAtLeast(end, dim) || isFarBehind(end)) return dim;
  if (typeof end === 'string' || end <= 1) return end;
  return minimum(end, dim);
}

function fromStart(at: Dim, dim: Dim): Dim {
  return isAtLeast(-1, at) && !isFarBefore(at) ? add(at, dim) : at;
}

/** The least int64 or int32, which stands for "before the first". */
function isFarBefore(at: Dim): boolean {
  return typeof at === 'number' && at < -(2 ** 30);
}

/** The greatest int64 or int32, or TensorFlow's 10^9, which stand for "to the last". */
function isFarBehind(at: Dim): boolean {
  return typeof at === 'number' && at >= 1e9;
}

function tile(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const repeats = node.dims(1, 'repeats');
  const apart = x.shape.flatMap((dim) => [1, dim]);
  const copied = x.shape.flatMap((dim, axis) => [repeats[axis] ?? 1, dim]);
  const copies = g.broadcast(g.reshape(x, { shape: apart }), { shape: copied });
  return g.reshape(copies, {
    shape: x.shape.map((dim, axis) => multiply(dim, repeats[axis] ?? 1)),
  });
}

function blocks(node: NodeContext, dim: Dim, by: number): Dim {
  const size = divideExactly(dim, by);
  const always = typeof dim === 'number' ? '' : ' at every size';
  return size ?? node.unsupported(`${dim} elements are no whole blocks of ${by}${always}`);
}

function blockSize(node: NodeContext): number {
  const { length } = node.type(0).shape;
  if (length !== 4)
    node.unsupported(`its operand has ${length} dims, where [n, c, h, w] was expected`);
  const by = node.int('blocksize', 1);
  return by >= 1
    ? by
    : node.unsupported(`its blocksize is ${by}, and blocks have at least one place`);
}

function spaceToDepth(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const by = blockSize(node);
  const [n = 1, c = 1, h = 1, w = 1] = x.shape;
  const [rows, columns] = [blocks(node, h, by), blocks(node, w, by)];
  const apart = g.reshape(x, { shape: [n, c, rows, by, columns, by] });
  const isColumnFirst = node.text('mode', 'DCR') === 'CRD';
  const permutation = isColumnFirst ? [0, 1, 3, 5, 2, 4] : [0, 3, 5, 1, 2, 4];
  const moved = g.transpose(apart, { permutation });
  return g.reshape(moved, { shape: [n, multiply(c, by * by), rows, columns] });
}

function depthToSpace(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const by = blockSize(node);
  const [n = 1, c = 1, h = 1, w = 1] = x.shape;
  const depth = blocks(node, c, by * by);
  const isColumnFirst = node.text('mode', 'DCR') === 'CRD';
  const apart = isColumnFirst ? [n, depth, by, by, h, w] : [n, by, by, depth, h, w];
  const permutation = isColumnFirst ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2];
  const moved = g.transpose(g.reshape(x, { shape: apart }), { permutation });
  return g.reshape(moved, { shape: [n, depth, multiply(h, by), multiply(w, by)] });
}

/** The middle of each axis, or what is there in the middle of zeros; the odd element is at the end. */
function centerCropPad(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const wanted = node.integers(1, 'shape');
  const axes = node.ints('axes') ?? [...x.shape.keys()];
  const sizes = x.shape.map((dim, axis) => {
    const at = axes.findIndex((named) => node.resolve(named, x.shape.length) === axis);
    const size = at < 0 ? dim : (wanted[at] ?? dim);
    if (typeof dim === 'number' && typeof size === 'number') return { dim, size };
    return size === dim
      ? { dim: 0, size: 0 }
      : node.unsupported(`it cuts ${dim} elements to ${size}`);
  });
  const cut = sizes.map(({ dim, size }) => Math.floor(Math.max(dim - size, 0) / 2));
  const cropped = g.slice(x, {
    starts: cut,
    ends: x.shape.map((dim, axis) => {
      const { dim: given = 0, size = 0 } = sizes[axis] ?? {};
      return given > size ? (cut[axis] ?? 0) + size : dim;
    }),
  });
  const missing = sizes.map(({ dim, size }) => Math.max(size - dim, 0));
  const before = missing.map((count) => Math.floor(count / 2));
  const after = missing.map((count, axis) => count - (before[axis] ?? 0));
  return g.pad(cropped, { before, after });
}

/** The first elements of each sequence in reversed order, as many as its length says. */
function reverseSequence(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const [time, batch] = [node.int('time_axis', 0), node.int('batch_axis', 1)];
  const along = (axis: number) => x.shape.map((dim, other) => (other === axis ? dim : 1));
  const lengths = g.reshape(g.cast(node.value(1), { dtype: 'i32' }), { shape: along(batch) });
  const places = g.iota({ shape: along(time), axis: time });
  const turned = g.select(g.less(places, lengths), g.sub(g.sub(lengths, 1), places), places);
  return g.gather_elements(x, g.broadcast(turned, { shape: x.shape }), { axis: time });
}

/** Of a model that is not trained: the operand, and a mask that hides nothing. */
function dropout(node: NodeContext): readonly Result[] {
  const isTraining = node.has(2) && node.number(2, 'training_mode') !== 0;
  const isRandom = isTraining && (!node.has(1) || node.number(1, 'ratio') !== 0);
  if (isRandom)
    return node.unsupported('it drops at random', 'Export the model in inference mode.');
  if (!node.wants(1)) return [node.operand(0)];
  const { shape } = node.type(0);
  return [node.operand(0), node.g.constant({ value: [1], dtype: 'bool', shape })];
}

export const movement: HandlerTable = {
  CenterCropPad: centerCropPad,
  ReverseSequence: reverseSequence,
  Concat: concat,
  DepthToSpace: depthToSpace,
  Dropout: dropout,
  Expand: expand,
  Flatten: flatten,
  Pad: pad,
  Reshape: reshape,
  Slice: slice,
  SpaceToDepth: spaceToDepth,
  Split: split,
  Squeeze: squeeze,
  Tile: tile,
  Transpose: transpose,
  Unsqueeze: unsqueeze,
};
