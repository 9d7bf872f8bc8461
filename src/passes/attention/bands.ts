/**
 * Recognises bands of visible keys, for fuse-attention: comparisons of the positions of queries and
 * keys, which `iota` counts, and of their distance.
 */
import { add, type Dim, subtract } from '../../ir/dims.ts';
import type { Node, ValueId } from '../../ir/graph.ts';
import { type DType, isInteger, sameShape } from '../../ir/types.ts';
import type { GraphIndex } from '../graph-index.ts';
import { axisOf, firstResult, operandOf, resultShape } from '../node-reading.ts';
import type { MaskTerm } from './mask.ts';

/**
 * What a mask that compares positions leaves visible: the keys j at which the distance j - i', with
 * i' = i + (keys - queries) the place of query i, is at least `least` and at most `most`.
 */
export interface Band {
  readonly least: number;
  readonly most: number;
}

/** The band that a mask is; null where it is none. */
export function bandOf(
  { source: mask, isNegated, views }: MaskTerm,
  queries: Dim,
  keys: Dim,
  index: GraphIndex,
): Band | null {
  const source = beforeLeadingOnes(mask, index);
  const matrix = index.shapeOf(source).slice(-2);
  const leading = index.shapeOf(source).slice(0, -2);
  if (!views.every((node) => sameShape(resultShape(node, index).slice(-2), matrix))) return null;
  if (!sameShape(matrix, [queries, keys]) || !leading.every((dim) => dim === 1)) return null;
  const positive = comparisonOf(index.producerOf(source), index);
  const comparison = isNegated ? negated(positive) : positive;
  if (comparison === null) return null;
  return oneSided(comparison, queries, keys, index) ?? twoSided(comparison, queries, keys, index);
}

/** key <= query + c, and query <= key + c. */
function oneSided(
  { low, high, isStrict }: Comparison,
  queries: Dim,
  keys: Dim,
  index: GraphIndex,
): Band | null {
  const [a, b] = [positionOf(low, index), positionOf(high, index)];
  const by = offsetBetween(a, b, queries, keys);
  if (by === null) return null;
  // low is at most high, or less: (low - high) is at most `most`
  const most = (isStrict ? -1 : 0) - by.offset;
  return by.isKeyFirst ? { least: -Infinity, most } : { least: -most, most: Infinity };
}

/** abs(query - key + c) <= w, either way around. */
function twoSided(
  { low, high, isStrict }: Comparison,
  queries: Dim,
  keys: Dim,
  index: GraphIndex,
): Band | null {
  const limit = index.scalarOf(high);
  const distance = index.madeBy(withoutCast(low, index), 'abs')?.operands[0];
  if (limit === null || distance == null) return null;
  const difference = index.madeBy(withoutCast(distance, index), 'sub');
  const [a, b] = difference?.operands.map((id) => positionOf(id, index)) ?? [];
  const by = offsetBetween(a ?? null, b ?? null, queries, keys);
  if (by === null) return null;
  const reach = isStrict ? Math.ceil(limit) - 1 : Math.floor(limit);
  const centre = by.isKeyFirst ? -by.offset : by.offset;
  return { least: centre - reach, most: centre + reach };
}

/** Casts of positions keep them where the type has room. */
function withoutCast(id: ValueId, index: GraphIndex): ValueId {
  const from = index.madeBy(id, 'cast')?.operands[0];
  return from != null && isWide(index.value(id).dtype) ? withoutCast(from, index) : id;
}

const isWide = (dtype: DType) => dtype === 'f32' || dtype === 'i32' || dtype === 'i64';

/**
 * The constant c of a - b = (j - i') + c, or of (i' - j) + c, where one is the position of keys j and the
 * other of queries i.
 */
function offsetBetween(
  a: Position | null,
  b: Position | null,
  queries: Dim,
  keys: Dim,
): { readonly isKeyFirst: boolean; readonly offset: number } | null {
  if (a === null || b === null) return null;
  const isKeyFirst = a.axis === -1;
  const [key, query] = isKeyFirst ? [a, b] : [b, a];
  if (key.axis !== -1 || key.size !== keys || query.axis !== -2 || query.size !== queries)
    return null;
  const shift = subtract(keys, queries);
  const apart = add(subtract(key.start, query.start), shift);
  const offset = isKeyFirst ? apart : subtract(0, apart);
  return typeof offset === 'number' ? { isKeyFirst, offset } : null;
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
  readonly low: ValueId;
  readonly high: ValueId;
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
  const [a, b] = node?.operands ?? [];
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
  cast: (node, index) => {
    const isWhole = isWide(index.value(firstResult(node)).dtype);
    return isWhole ? positionOf(node.operands[0], index) : null;
  },
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
