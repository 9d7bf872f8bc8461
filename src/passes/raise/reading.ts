/** Reads the pieces that several patterns of raise are made of. */

import { resolveAxis } from '../../ir/broadcasting.ts';
import { sizeOf } from '../../ir/dims.ts';
import type { Node, Value, ValueId } from '../../ir/graph.ts';
import { type Shape, sameShape } from '../../ir/types.ts';
import type { GraphIndex } from '../graph-index.ts';
import type { GraphWriter } from '../graph-writer.ts';
import { bothOrders, firstResult, numbersOf, operandOf } from '../node-reading.ts';
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

/** reduce(x) {keep} */
export function reduced(id: ValueId | null | undefined, index: GraphIndex): Reduced | null {
  const node = madeByOneOf(id, REDUCTIONS, index);
  if (node?.attributes.keep !== true) return null;
  const x = operandOf(node, 0);
  const rank = index.shapeOf(x).length;
  const axes = numbersOf(node.attributes.axes).map((axis) => resolveAxis(axis, rank) ?? -1);
  return { x, op: node.op, axes: axes.sort((a, b) => a - b), inside: [node] };
}

const REDUCTIONS = ['reduce_mean', 'reduce_sum', 'reduce_max'];

/** mean(x), or sum(x) / n, or sum(x) * (1 / n), the axes kept as dims of 1. */
export function mean(id: ValueId | null | undefined, index: GraphIndex): Reduced | null {
  const direct = reduced(id, index);
  if (direct !== null) return direct.op === 'reduce_mean' ? direct : null;
  const node = madeByOneOf(id, ['mul', 'div'], index);
  for (const [sum, by] of node === null ? [] : factors(node, index)) {
    const found = reduced(sum, index);
    if (node === null || found?.op !== 'reduce_sum') continue;
    const shape = index.shapeOf(found.x);
    const count = sizeOf(found.axes.map((axis) => shape[axis] ?? 1));
    if (typeof count !== 'number' || !isNear(by * count, 1)) continue;
    return { ...found, op: 'reduce_mean', inside: [...found.inside, node] };
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

/** The operand of `add` beside the one that `read` accepts, and what it read. */
export function eitherOrder<T>(
  node: Node | null,
  read: (id: ValueId) => T | null,
): { readonly found: T; readonly other: ValueId } | null {
  for (const [a, other] of node === null ? [] : bothOrders(node)) {
    const found = read(a);
    if (found !== null) return { found, other };
  }
  return null;
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
