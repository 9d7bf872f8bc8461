/** Ops that take parts of a tensor: ranges, equal parts, the middle. */
import { add, type Dim, divideExactly, isAtLeast, minimum, subtract } from '../../../ir/dims.ts';
import type { Value } from '../../../ir/graph.ts';
import type { HandlerTable, NodeContext } from '../context.ts';

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

export const parts: HandlerTable = {
  CenterCropPad: centerCropPad,
  Slice: slice,
  Split: split,
};
