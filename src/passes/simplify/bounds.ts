/**
 * Rules of simplify for bounds of integers: places that exporters keep inside an axis in which they lie anyway.
 */
import { add, type Dim, isAtLeast, multiply, subtract } from '../../ir/dims.ts';
import { type Node, presentOperands, type ValueId } from '../../ir/graph.ts';
import { isInteger, sameShape } from '../../ir/types.ts';
import type { GraphIndex } from '../graph-index.ts';
import { bothOrders, numbersOf, resultShape } from '../node-reading.ts';
import type { Rewrite } from '../rewrite.ts';
import type { Rule } from '../simplify.ts';
import { MOST_DEPTH, type Places, placesOf } from './places.ts';

type Write = Rewrite['write'];

export const boundRules: readonly Rule[] = [
  { equation: 'maximum(i, c) = i where i is never less', apply: neverLess },
  { equation: 'minimum(i, c) = i where i is never more', apply: neverMore },
];

function neverLess(node: Node, index: GraphIndex): Write | null {
  if (node.op !== 'maximum') return null;
  for (const [i, c] of bothOrders(node)) {
    const constant = index.scalarOf(c);
    if (constant !== null && leastOf(i, index) >= constant) return kept(node, index, i);
  }
  return null;
}

function neverMore(node: Node, index: GraphIndex): Write | null {
  if (node.op !== 'minimum') return null;
  for (const [i, c] of bothOrders(node)) {
    const bound = placesOf(c, index);
    if (bound === null || bound.strides.some((stride) => stride !== 0)) continue;
    const most = mostOf(i, index);
    if (most !== null && isAtLeast(bound.start, most)) return kept(node, index, i);
  }
  return null;
}

function kept(node: Node, index: GraphIndex, id: ValueId): Write | null {
  return sameShape(index.shapeOf(id), resultShape(node, index)) ? (into) => [into.get(id)] : null;
}

/** A size that no element of a sum of counted places is more than; null where none is known. */
function mostOf(id: ValueId, index: GraphIndex): Dim | null {
  const places = placesOf(id, index);
  if (places === null || !places.strides.every((stride) => isAtLeast(stride, 0))) return null;
  return index.shapeOf(id).reduce((most, dim, axis) => {
    return add(most, multiply(places.strides[axis] ?? 0, subtract(dim, 1)));
  }, places.start);
}

/** A number that no element of an integer value is less than; -Infinity where none is known. */
export function leastOf(id: ValueId, index: GraphIndex, depth = MOST_DEPTH): number {
  if (!isInteger(index.value(id).dtype) || depth === 0) return -Infinity;
  const data = index.parameterOf(id)?.data?.data;
  if (data !== undefined) return leastElement(data);
  const places = placesOf(id, index);
  if (places !== null) return leastPlace(places);
  const node = index.producerOf(id);
  if (node?.op === 'constant') return Math.min(...numbersOf(node.attributes.value));
  if (node === null || !VIEWS.has(node.op)) return -Infinity;
  return Math.min(...presentOperands(node).map((id) => leastOf(id, index, depth - 1)));
}

const VIEWS: ReadonlySet<string> = new Set([
  'reshape',
  'broadcast',
  'slice',
  'transpose',
  'concat',
  'cast',
]);

function leastElement(data: ArrayLike<number | bigint>): number {
  let least = Infinity;
  for (let i = 0; i < data.length; i++) least = Math.min(least, Number(data[i]));
  return least;
}

function leastPlace({ start, strides }: Places): number {
  if (!strides.every((stride) => isAtLeast(stride, 0))) return -Infinity;
  if (typeof start === 'number') return start;
  return isAtLeast(start, 0) ? 0 : -Infinity;
}
