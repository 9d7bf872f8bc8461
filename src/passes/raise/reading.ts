/** Reads the pieces that several patterns of raise are made of. */

import { resolveAxis } from '../../ir/broadcasting.ts';
import { sizeOf } from '../../ir/dims.ts';
import type { Node, Value, ValueId } from '../../ir/graph.ts';
import { type Shape, sameShape } from '../../ir/types.ts';
import type { GraphIndex } from '../graph-index.ts';
import type { GraphWriter } from '../graph-writer.ts';
import { bothOrders, firstResult, numbersOf, operandOf } from '../node-reading.ts';
import { sameButOnes } from '../simplify/sinking.ts';
import { isNear } from './constants.ts';
import { madeByOneOf } from './pattern.ts';

/** What a piece is of, and its nodes. */
export interface Piece {
  readonly x: ValueId;
  readonly inside: readonly Node[];
}

/** A reduction whose axes stay as dims of 1. */
export interface Reduced extends Piece {
  readonly op: string;
  /** Counted from the start, in order. */
  readonly axes: readonly number[];
}

/** A value without the dims of 1 that a reshape gave it or took from it. */
export function withoutOnes(id: ValueId, index: GraphIndex): Piece {
  const inside: Node[] = [];
  let x = id;
  for (;;) {
    const view = index.madeBy(x, 'reshape');
    const [from] = view?.operands ?? [];
    if (view === null || from == null) break;
    if (!sameButOnes(index.shapeOf(from), index.shapeOf(x))) break;
    inside.push(view);
    x = from;
  }
  return { x, inside };
}

/** The shape of x with its axes left as dims of 1: what broadcasts to x at the right places. */
export function keptShape({ x, axes }: Reduced, index: GraphIndex): Shape {
  return index.shapeOf(x).map((dim, axis) => (axes.includes(axis) ? 1 : dim));
}

/** reduce(x), whether it keeps its axes or they are put back. */
export function reduced(id: ValueId | null | undefined, index: GraphIndex): Reduced | null {
  return id == null ? null : placed(id, reducedInside(id, index), index);
}

/** mean(x), or sum(x) / n, or sum(x) * (1 / n), its axes there as dims of 1. */
export function mean(id: ValueId | null | undefined, index: GraphIndex): Reduced | null {
  return id == null ? null : placed(id, meanInside(id, index), index);
}

function placed(id: ValueId, found: Reduced | null, index: GraphIndex): Reduced | null {
  return found && sameShape(index.shapeOf(id), keptShape(found, index)) ? found : null;
}

const REDUCTIONS = ['reduce_mean', 'reduce_sum', 'reduce_max'];

/** Inside a chain, at the end of which the axes may be put back. */
export function reducedInside(id: ValueId, index: GraphIndex): Reduced | null {
  const { x: bare, inside } = withoutOnes(id, index);
  const node = madeByOneOf(bare, REDUCTIONS, index);
  if (node === null) return null;
  const x = operandOf(node, 0);
  const rank = index.shapeOf(x).length;
  const axes = numbersOf(node.attributes.axes).map((axis) => resolveAxis(axis, rank) ?? -1);
  return { x, op: node.op, axes: axes.sort((a, b) => a - b), inside: [node, ...inside] };
}

export function meanInside(id: ValueId, index: GraphIndex): Reduced | null {
  const direct = reducedInside(id, index);
  if (direct !== null) return direct.op === 'reduce_mean' ? direct : null;
  const { x: bare, inside } = withoutOnes(id, index);
  const node = madeByOneOf(bare, ['mul', 'div'], index);
  for (const [sum, by] of node === null ? [] : factors(node, index)) {
    const found = reducedInside(sum, index);
    if (node === null || found?.op !== 'reduce_sum') continue;
    const shape = index.shapeOf(found.x);
    const count = sizeOf(found.axes.map((axis) => shape[axis] ?? 1));
    if (typeof count !== 'number' || !isNear(by * count, 1)) continue;
    return { ...found, op: 'reduce_mean', inside: [...found.inside, node, ...inside] };
  }
  return null;
}

/** x and c where a node is x * c, or x / (1 / c). */
export function factors(node: Node, index: GraphIndex): readonly (readonly [ValueId, number])[] {
  if (node.op === 'mul') {
    return bothOrders(node).flatMap(([x, c]) => {
      const by = index.scalarOf(c);
      return by === null ? [] : [[x, by] as const];
    });
  }
  const [x, c] = node.operands;
  const by = node.op === 'div' ? index.scalarOf(c) : null;
  return x == null || by === null ? [] : [[x, 1 / by] as const];
}

/** x of x * x, or of pow(x, 2). */
export function square(id: ValueId | null | undefined, index: GraphIndex): Piece | null {
  const node = madeByOneOf(id, ['mul', 'pow'], index);
  if (node === null) return null;
  const [x, y] = node.operands;
  if (x == null) return null;
  const isSquare = node.op === 'mul' ? x === y : index.scalarOf(y) === 2;
  return isSquare && sameShape(index.shapeOf(x), index.shapeOf(firstResult(node)))
    ? { x, inside: [node] }
    : null;
}

/** The last axes of a shape, none left out: how many they are; null where the axes are others. */
export function trailing(axes: readonly number[], shape: Shape): number | null {
  const first = shape.length - axes.length;
  return axes.length > 0 && axes.every((axis, i) => axis === first + i) ? axes.length : null;
}

/** Whether a value has one number for each place of the last dims, whatever stands before them. */
export function isVectorOf(id: ValueId, dims: Shape, index: GraphIndex): boolean {
  const shape = index.shapeOf(id);
  const leading = shape.slice(0, Math.max(0, shape.length - dims.length));
  return sameShape(shape.slice(-dims.length), dims) && leading.every((dim) => dim === 1);
}

/** The value as a vector [n]; a weight of its own keeps its numbers and gets the shape. */
export function writeVector(id: ValueId, n: Shape[number], into: GraphWriter): Value {
  const { name, dtype, shape } = into.index.value(id);
  if (sameShape(shape, [n])) return into.get(id);
  const data = into.index.parameterOf(id)?.data;
  if (data != null && typeof n === 'number') {
    return into.parameter(name, { dtype, shape: [n] }, { ...data, shape: [n] });
  }
  return into.node('reshape', [into.get(id)], { shape: [n] }, { name: `${name}.vector` });
}
