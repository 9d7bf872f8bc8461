/**
 * Recognises causal masks, for fuse-attention: comparisons of the positions of queries and keys,
 * which `iota` counts.
 */
import { add, type Dim, subtract } from '../../ir/dims.ts';
import type { Node, ValueId } from '../../ir/graph.ts';
import { isInteger, sameShape } from '../../ir/types.ts';
import type { GraphIndex } from '../graph-index.ts';
import { axisOf, firstResult, operandOf, resultShape } from '../node-reading.ts';
import type { MaskTerm } from './mask.ts';

/** Whether a mask is j <= i + (keys - queries) for query i and key j: what `causal` means. */
export function isCausal(
  { source: mask, isNegated, views }: MaskTerm,
  queries: Dim,
  keys: Dim,
  index: GraphIndex,
): boolean {
  const source = beforeLeadingOnes(mask, index);
  const matrix = index.shapeOf(source).slice(-2);
  if (!views.every((node) => sameShape(resultShape(node, index).slice(-2), matrix))) return false;
  const isMatrix = index
    .shapeOf(source)
    .slice(0, -2)
    .every((dim) => dim === 1);
  const positive = comparisonOf(index.producerOf(source), index);
  const comparison = isNegated ? negated(positive) : positive;
  if (comparison === null || !isMatrix) return false;
  const { low, high, isStrict } = comparison;
  const isKeyFirst = low.axis === -1 && low.size === keys;
  if (!isKeyFirst || high.axis !== -2 || high.size !== queries) return false;
  const reach = subtract(subtract(high.start, low.start), isStrict ? 1 : 0);
  return reach === subtract(keys, queries);
}

/** A value without the broadcasts and reshapes that leave its last two dims as they are. */
function beforeLeadingOnes(id: ValueId, index: GraphIndex): ValueId {
  const node = index.madeBy(id, 'reshape') ?? index.madeBy(id, 'broadcast');
  const from = node?.operands[0];
  if (from == null) return id;
  const isMatrix = sameShape(index.shapeOf(from).slice(-2), index.shapeOf(id).slice(-2));
  return isMatrix ? beforeLeadingOnes(from, index) : id;
}

/** low < high, or low <= high. */
interface Comparison {
  readonly low: Position;
  readonly high: Position;
  readonly isStrict: boolean;
}

/** Every comparison in terms of a < b. */
const COMPARISONS: {
  readonly [op: string]: { readonly isSwapped: boolean; readonly isStrict: boolean } | undefined;
} = {
  less: { isSwapped: false, isStrict: true },
  less_equal: { isSwapped: false, isStrict: false },
  greater: { isSwapped: true, isStrict: true },
  greater_equal: { isSwapped: true, isStrict: false },
};

function comparisonOf(node: Node | null, index: GraphIndex): Comparison | null {
  if (node?.op === 'not') {
    return negated(comparisonOf(index.producerOf(operandOf(node, 0)), index));
  }
  const form = node === null ? undefined : COMPARISONS[node.op];
  const [a, b] = node?.operands.map((id) => positionOf(id, index)) ?? [];
  if (form === undefined || a == null || b == null) return null;
  const [low, high] = form.isSwapped ? [b, a] : [a, b];
  return { low, high, isStrict: form.isStrict };
}

/** not (a < b) is b <= a, and not (a <= b) is b < a. */
function negated(comparison: Comparison | null): Comparison | null {
  if (comparison === null) return null;
  const { low, high, isStrict } = comparison;
  return { low: high, high: low, isStrict: !isStrict };
}

/** A value that is start + its index along an axis. */
interface Position {
  /** Counted from the end: -1 for the last. */
  readonly axis: number;
  /** Of that axis, before any broadcast. */
  readonly size: Dim;
  readonly start: Dim;
}

type Reading = (node: Node, index: GraphIndex) => Position | null;

const READINGS: { readonly [op: string]: Reading | undefined } = {
  iota: (node, index) => {
    const shape = resultShape(node, index);
    const axis = axisOf(node, shape.length);
    const { start } = node.attributes;
    if (axis === null || (typeof start !== 'number' && typeof start !== 'string')) return null;
    return { axis: axis - shape.length, size: shape[axis] ?? 1, start };
  },
  broadcast: (node, index) => positionOf(node.operands[0], index),
  cast: (node, index) => positionOf(node.operands[0], index),
  reshape: reshaped,
  add: (node, index) => moved(node, index, 1) ?? moved(node, index, 1, true),
  sub: (node, index) => moved(node, index, -1),
};

function positionOf(id: ValueId | null | undefined, index: GraphIndex): Position | null {
  const node = id == null ? null : index.producerOf(id);
  return node === null ? null : (READINGS[node.op]?.(node, index) ?? null);
}

/** Of a vector of positions among dims of 1, wherever it stands after the reshape. */
function reshaped(node: Node, index: GraphIndex): Position | null {
  const [from] = node.operands;
  const before = positionOf(from, index);
  if (from == null || before === null) return null;
  const [old, now] = [index.shapeOf(from), resultShape(node, index)];
  const size = old.at(before.axis);
  const isVector = old.every((dim, axis) => dim === 1 || axis === old.length + before.axis);
  const axis = now.findIndex((dim) => dim !== 1);
  if (!isVector || size === 1 || now[axis] !== size) return null;
  return { ...before, axis: axis - now.length };
}

function moved(node: Node, index: GraphIndex, sign: 1 | -1, isSwapped = false): Position | null {
  const [a, b] = isSwapped ? [...node.operands].reverse() : node.operands;
  const [position, by] = [positionOf(a, index), index.scalarOf(b)];
  const isWhole = isInteger(index.value(firstResult(node)).dtype);
  if (position === null || by === null || !isWhole) return null;
  return { ...position, start: add(position.start, sign * by) };
}
