/**
 * Integers that say where elements stand: start + sum of index[axis] * strides[axis], as exporters
 * compute them from ranges, to look up in order what a view gives as it is.
 */
import { add, type Dim, multiply, sizeOf } from '../../ir/dims.ts';
import type { Node, ValueId } from '../../ir/graph.ts';
import { isInteger, type Shape, sameShape } from '../../ir/types.ts';
import type { GraphIndex } from '../graph-index.ts';
import { axisOf, bothOrders, operandOf, resultShape } from '../node-reading.ts';
import type { Rewrite } from '../rewrite.ts';
import type { Rule } from '../simplify.ts';

export const placeRules: readonly Rule[] = [
  { equation: 'gather(x, 0, 1, 2, ..) = reshape(x)', apply: gatheredInOrder },
];

export interface Places {
  readonly start: Dim;
  /** One an axis; 0 along dims of 1. */
  readonly strides: readonly Dim[];
}

/** How many ops may stand one behind the other. */
export const MOST_DEPTH = 12;

/** Null where a value is no such sum. No product is taken to leave the integers. */
export function placesOf(id: ValueId, index: GraphIndex, depth = MOST_DEPTH): Places | null {
  const node = isInteger(index.value(id).dtype) ? index.producerOf(id) : null;
  const shape = index.shapeOf(id);
  const constant = index.scalarOf(id);
  if (constant !== null) return { start: constant, strides: shape.map(() => 0) };
  const read = node === null ? undefined : READINGS[node.op];
  if (node === null || read === undefined || depth === 0) return null;
  return read(node, index, (operand) => placesOf(operand, index, depth - 1));
}

type Inner = (id: ValueId) => Places | null;
type Reading = (node: Node, index: GraphIndex, inner: Inner) => Places | null;

const READINGS: { readonly [op: string]: Reading | undefined } = {
  iota: (node, index) => {
    const shape = resultShape(node, index);
    const axis = axisOf(node, shape.length);
    const { start } = node.attributes;
    if (typeof start !== 'number' && typeof start !== 'string') return null;
    return { start, strides: shape.map((dim, i) => (i === axis && dim !== 1 ? 1 : 0)) };
  },
  cast: (node, index, inner) => {
    const x = operandOf(node, 0);
    return isInteger(index.value(x).dtype) ? inner(x) : null;
  },
  broadcast: (node, index, inner) => {
    const x = operandOf(node, 0);
    return stretched(inner(x), index.shapeOf(x), resultShape(node, index));
  },
  reshape: (node, index, inner) => {
    const x = operandOf(node, 0);
    const places = inner(x);
    const [from, to] = [index.shapeOf(x), resultShape(node, index)];
    const real = from.flatMap((dim, axis) => (dim === 1 ? [] : [axis]));
    const kept = real.map((axis) => from[axis] ?? 1);
    if (
      places === null ||
      !sameShape(
        kept,
        to.filter((dim) => dim !== 1),
      )
    )
      return null;
    const strides = real.map((axis) => places.strides[axis] ?? 0);
    return { ...places, strides: to.map((dim) => (dim === 1 ? 0 : (strides.shift() ?? 0))) };
  },
  add: (node, index, inner) => {
    const shape = resultShape(node, index);
    const [a, b] = [0, 1].map((i) => {
      const x = operandOf(node, i);
      return stretched(inner(x), index.shapeOf(x), shape);
    });
    if (a == null || b == null) return null;
    const strides = a.strides.map((stride, axis) => add(stride, b.strides[axis] ?? 0));
    return { start: add(a.start, b.start), strides };
  },
  mul: (node, index, inner) => {
    for (const [x, c] of bothOrders(node)) {
      const factor = inner(c);
      if (factor === null || factor.strides.some((stride) => stride !== 0)) continue;
      const places = stretched(inner(x), index.shapeOf(x), resultShape(node, index));
      if (places === null) return null;
      const by = (dim: Dim) => multiply(dim, factor.start);
      return { start: by(places.start), strides: places.strides.map(by) };
    }
    return null;
  },
};

/** The strides after a broadcast: those of new dims and of dims of 1 are 0. */
function stretched(places: Places | null, from: Shape, to: Shape): Places | null {
  if (places === null) return null;
  const skip = to.length - from.length;
  const strides = to.map((_, axis) => places.strides[axis - skip] ?? 0);
  return { ...places, strides };
}

/** Of a value that moves no element: every row of x in its order. */
function gatheredInOrder(node: Node, index: GraphIndex): Rewrite['write'] | null {
  if (node.op !== 'gather') return null;
  const [x, places] = [operandOf(node, 0), operandOf(node, 1)];
  const axis = axisOf(node, index.shapeOf(x).length);
  const shape = index.shapeOf(places);
  const found = placesOf(places, index);
  if (axis === null || found?.start !== 0 || sizeOf(shape) !== index.shapeOf(x)[axis]) return null;
  const inOrder = shape.every(
    (dim, i) => dim === 1 || found.strides[i] === sizeOf(shape.slice(i + 1)),
  );
  if (!inOrder) return null;
  return (into) => [into.node('reshape', [into.get(x)], { shape: resultShape(node, index) })];
}
