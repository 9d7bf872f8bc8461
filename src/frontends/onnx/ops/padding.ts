/** Pad, in its four modes. The pads are an attribute up to opset 10, and an operand since. */
import { add, type Dim, isAtLeast, subtract } from '../../../ir/dims.ts';
import type { Value } from '../../../ir/graph.ts';
import type { NodeContext } from '../context.ts';

interface Pads {
  readonly before: readonly Dim[];
  readonly after: readonly Dim[];
}

export function pad(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const pads = padsOf(node, x.shape.length);
  const cropped = crop(node, x, pads);
  const before = pads.before.map(notNegative);
  const after = pads.after.map(notNegative);
  const mode = node.text('mode', 'constant');
  if (mode === 'constant') {
    const isOperand = node.opset >= 11 && node.has(2);
    const value = isOperand ? node.number(2, 'constant_value') : node.float('value', 0);
    return g.pad(cropped, { before, after, value });
  }
  return before.reduce<Value>((y, low, axis) => {
    const high = after[axis] ?? 0;
    if (low === 0 && high === 0) return y;
    const dim = y.shape[axis] ?? 1;
    const count = add(add(low, dim), high);
    // A gather clamps its indices: beyond the edge it finds the edge.
    const places = g.iota({ shape: [count], axis: 0, start: subtract(0, low) });
    return g.gather(y, placesIn(node, places, dim, mode), { axis });
  }, cropped);
}

function padsOf(node: NodeContext, rank: number): Pads {
  const isOperand = node.opset >= 11;
  const pads = isOperand
    ? node.dims(1, 'pads')
    : (node.ints('pads') ?? node.ints('paddings') ?? []);
  const named = node.has(3) ? node.integers(3, 'axes') : [...Array(rank).keys()];
  const axes = named.map((axis) => node.resolve(axis, rank));
  const before: Dim[] = Array.from({ length: rank }, () => 0);
  const after = [...before];
  axes.forEach((axis, i) => {
    before[axis] = pads[i] ?? 0;
    after[axis] = pads[i + axes.length] ?? 0;
  });
  return { before, after };
}

/** A negative pad takes elements away. */
function crop(node: NodeContext, x: Value, { before, after }: Pads): Value {
  const isCut = [...before, ...after].some((dim) => isAtLeast(-1, dim));
  if (!isCut) return x;
  const starts = before.map((dim) => subtract(0, notPositive(dim)));
  const ends = x.shape.map((dim, axis) => add(dim, notPositive(after[axis] ?? 0)));
  return node.g.slice(x, { starts, ends });
}

const notPositive = (dim: Dim): Dim => (isAtLeast(-1, dim) ? dim : 0);
const notNegative = (dim: Dim): Dim => (isAtLeast(-1, dim) ? 0 : dim);

/** The place in an axis of `dim` elements that stands at a place outside of it. */
function placesIn(node: NodeContext, places: Value, dim: Dim, mode: string): Value {
  const { g } = node;
  const size = (start: Dim) => g.iota({ shape: [1], axis: 0, start });
  if (mode === 'edge') return places;
  if (mode === 'reflect') {
    const last = size(subtract(dim, 1));
    return g.sub(last, g.abs(g.sub(last, g.abs(places))));
  }
  if (mode === 'wrap') {
    const count = size(dim);
    return g.rem(g.add(g.rem(places, count), count), count);
  }
  return node.unsupported(
    `its mode is '${mode}'`,
    'Modes that are taken: constant, edge, reflect, wrap.',
  );
}
