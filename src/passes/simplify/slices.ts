/**
 * Rules of simplify for parts of values: of a projection that holds query, key and value, and of
 * tables of positions.
 */

import { resolveAxis } from '../../ir/broadcasting.ts';
import {
  add,
  type Dim,
  divideExactly,
  isAtLeast,
  multiply,
  sizeOf,
  subtract,
} from '../../ir/dims.ts';
import { type Node, presentOperands, type ValueId } from '../../ir/graph.ts';
import { isInteger, type Shape, sameShape } from '../../ir/types.ts';
import type { GraphIndex } from '../graph-index.ts';
import { numbersOf, operandOf, permutationOf, resultShape } from '../node-reading.ts';
import type { Rewrite } from '../rewrite.ts';
import type { Rule } from '../simplify.ts';

type Write = Rewrite['write'];

export const sliceRules: readonly Rule[] = [
  { equation: 'gather(x, i) at one place i = slice(x)', apply: gatheredPlace },
  { equation: 'gather(x, slice(0, 1, 2, ..)) = slice(x)', apply: gatheredRange },
  { equation: 'gather(c, i) of a constant c = c', apply: gatheredConstant },
  { equation: 'slice(transpose(x)) = transpose(slice(x))', apply: slicedTranspose },
  { equation: 'slice(reshape(x)) = reshape(slice(x))', apply: slicedSplit },
  { equation: 'slice(concat(x, y)) = slice(x)', apply: slicedConcat },
  { equation: 'transpose(x) without dims of 1 = transpose(x without them)', apply: droppedOnes },
  { equation: 'reduce(x) with its axes put back = reduce(x) {keep}', apply: keptReduction },
];

interface Range {
  readonly start: Dim;
  readonly end: Dim;
}

/** The ranges of a slice by steps of 1. */
function rangesOf(node: Node, index: GraphIndex): readonly Range[] | null {
  const [starts, ends] = [node.attributes.starts, node.attributes.ends];
  if (node.op !== 'slice' || !Array.isArray(starts) || !Array.isArray(ends)) return null;
  if (numbersOf(node.attributes.steps).some((step) => step !== 1)) return null;
  const isDim = (x: unknown): x is Dim => typeof x === 'number' || typeof x === 'string';
  return index.shapeOf(operandOf(node, 0)).map((dim, axis) => {
    const [start, end]: readonly unknown[] = [starts[axis], ends[axis]];
    return { start: isDim(start) ? start : 0, end: isDim(end) ? end : dim };
  });
}

const sliceOf = (ranges: readonly Range[]) => ({
  starts: ranges.map(({ start }) => start),
  ends: ranges.map(({ end }) => end),
});

/** All of x but for one axis. */
function rangesAt(shape: Shape, axis: number, range: Range): readonly Range[] {
  return shape.map((dim, i) => (i === axis ? range : { start: 0, end: dim }));
}

function gatheredPlace(node: Node, index: GraphIndex): Write | null {
  if (node.op !== 'gather') return null;
  const [x, places] = [operandOf(node, 0), operandOf(node, 1)];
  const place = index.scalarOf(places);
  const shape = index.shapeOf(x);
  const axis = resolveAxis(Number(node.attributes.axis ?? 0), shape.length);
  if (axis === null || place === null || place < 0) return null;
  // of an axis without elements there is no first one to look up either
  if (place > 0 && !isAtLeast(shape[axis] ?? 1, place + 1)) return null;
  const result = resultShape(node, index);
  const ones = index.shapeOf(places).map(() => 1);
  const row = [...shape.slice(0, axis), ...ones, ...shape.slice(axis + 1)];
  return (into) => {
    const ranges = rangesAt(shape, axis, { start: place, end: place + 1 });
    const part = into.node('slice', [into.get(x)], sliceOf(ranges));
    const flat = into.node('reshape', [part], { shape: row });
    return [sameShape(row, result) ? flat : into.node('broadcast', [flat], { shape: result })];
  };
}

/** Rows that a slice of consecutive numbers names: it says how many there are at most. */
function gatheredRange(node: Node, index: GraphIndex): Write | null {
  if (node.op !== 'gather') return null;
  const [x, places] = [operandOf(node, 0), operandOf(node, 1)];
  const shape = index.shapeOf(x);
  const axis = resolveAxis(Number(node.attributes.axis ?? 0), shape.length);
  const counted = countedBy(places, index);
  if (axis === null || counted === null) return null;
  const { first, last, range } = counted;
  if (first < 0 || !isAtLeast(shape[axis] ?? 1, last + 1)) return null;
  const moved = { start: add(range.start, first), end: add(range.end, first) };
  return (into) => {
    const part = into.node('slice', [into.get(x)], sliceOf(rangesAt(shape, axis, moved)));
    const result = resultShape(node, index);
    return [sameShape(part.shape, result) ? part : into.node('reshape', [part], { shape: result })];
  };
}

interface Counted {
  readonly first: number;
  readonly last: number;
  readonly range: Range;
}

/** A slice, between reshapes, of a weight that counts first, first + 1, .. last. */
function countedBy(id: ValueId, index: GraphIndex): Counted | null {
  const node = index.producerOf(id);
  if (node === null) return null;
  const inner = operandOrNull(node);
  if (inner === null) return null;
  if (node.op === 'reshape') return ones(id, inner, index) ? countedBy(inner, index) : null;
  const ranges = rangesOf(node, index);
  const numbers = index.parameterOf(inner)?.data?.data;
  if (ranges === null || numbers === undefined || !isInteger(index.value(inner).dtype)) return null;
  const [range, more] = ranges.filter((_, axis) => index.shapeOf(inner)[axis] !== 1);
  const first = Number(numbers[0] ?? 0);
  const isCounting = Array.from(numbers, Number).every((x, i) => x === first + i);
  if (range === undefined || more !== undefined || !isCounting) return null;
  return { first, last: first + numbers.length - 1, range };
}

function operandOrNull(node: Node): ValueId | null {
  return node.operands.length === 1 ? (node.operands[0] ?? null) : null;
}

function ones(a: ValueId, b: ValueId, index: GraphIndex): boolean {
  const real = (id: ValueId) => index.shapeOf(id).filter((dim) => dim !== 1);
  return sameShape(real(a), real(b));
}

function gatheredConstant(node: Node, index: GraphIndex): Write | null {
  if (node.op !== 'gather' && node.op !== 'gather_elements') return null;
  const table = operandOf(node, 0);
  const number = index.scalarOf(table);
  if (number === null) return null;
  const shape = resultShape(node, index);
  return (into) => [into.scalar(number, index.value(table).dtype, shape)];
}

function slicedTranspose(node: Node, index: GraphIndex): Write | null {
  const inner = index.madeBy(node.operands[0], 'transpose');
  const ranges = inner === null ? null : rangesOf(node, index);
  if (inner === null || ranges === null) return null;
  const x = operandOf(inner, 0);
  const permutation = permutationOf(inner);
  const before = index.shapeOf(x).map((dim, axis): Range => {
    return ranges[permutation.indexOf(axis)] ?? { start: 0, end: dim };
  });
  return (into) => {
    const part = into.node('slice', [into.get(x)], sliceOf(before));
    return [into.node('transpose', [part], { permutation })];
  };
}

/** Of a reshape that splits the last dim into several, where a part of the first of them is taken. */
function slicedSplit(node: Node, index: GraphIndex): Write | null {
  const inner = index.madeBy(node.operands[0], 'reshape');
  const ranges = inner === null ? null : rangesOf(node, index);
  if (inner === null || ranges === null) return null;
  const x = operandOf(inner, 0);
  const [from, to] = [index.shapeOf(x), resultShape(inner, index)];
  const axis = from.length - 1;
  const within = sizeOf(to.slice(axis + 1));
  const isSplit = to.length > from.length && sameShape(from.slice(0, axis), to.slice(0, axis));
  const range = ranges[axis];
  if (axis < 0 || !isSplit || range === undefined) return null;
  if (divideExactly(from[axis] ?? 1, within) !== to[axis]) return null;
  const isWhole = ({ start, end }: Range, i: number) => start === 0 && end === to[i];
  if (!ranges.every((other, i) => i <= axis || isWhole(other, i))) return null;
  const scaled = { start: multiply(range.start, within), end: multiply(range.end, within) };
  const shape = resultShape(node, index);
  return (into) => {
    const part = into.node('slice', [into.get(x)], sliceOf([...ranges.slice(0, axis), scaled]));
    return [into.node('reshape', [part], { shape })];
  };
}

/** Of a part that lies inside one of the operands. */
function slicedConcat(node: Node, index: GraphIndex): Write | null {
  const inner = index.madeBy(node.operands[0], 'concat');
  const ranges = inner === null ? null : rangesOf(node, index);
  if (inner === null || ranges === null) return null;
  const axis = resolveAxis(Number(inner.attributes.axis ?? -1), ranges.length);
  const range = axis === null ? undefined : ranges[axis];
  if (axis === null || range === undefined) return null;
  let start: Dim = 0;
  for (const x of presentOperands(inner)) {
    const end = add(start, index.shapeOf(x)[axis] ?? 1);
    if (isAtLeast(range.start, start) && isAtLeast(end, range.end)) {
      const from = start;
      const moved = { start: subtract(range.start, from), end: subtract(range.end, from) };
      const inside = ranges.map((other, i) => (i === axis ? moved : other));
      return (into) => [into.node('slice', [into.get(x)], sliceOf(inside))];
    }
    start = end;
  }
  return null;
}

/** reshape(transpose(x)) that leaves dims of 1 out, and nothing else. */
function droppedOnes(node: Node, index: GraphIndex): Write | null {
  const inner = node.op === 'reshape' ? index.madeBy(node.operands[0], 'transpose') : null;
  if (inner === null) return null;
  const [before, after] = [resultShape(inner, index), resultShape(node, index)];
  const x = operandOf(inner, 0);
  const kept = keptAxes(before, after);
  if (kept === null || kept.length === before.length) return null;
  const permutation = permutationOf(inner);
  const left = kept.map((axis) => permutation[axis] ?? axis);
  const order = [...left].sort((a, b) => a - b);
  const shape = order.map((axis) => index.shapeOf(x)[axis] ?? 1);
  return (into) => {
    const small = into.node('reshape', [into.get(x)], { shape });
    return [into.node('transpose', [small], { permutation: left.map((a) => order.indexOf(a)) })];
  };
}

/** Which axes are left, where the others are 1; null where the shapes differ otherwise. */
function keptAxes(before: Shape, after: Shape): readonly number[] | null {
  const kept: number[] = [];
  for (const [axis, dim] of before.entries()) {
    if (dim === after[kept.length]) kept.push(axis);
    else if (dim !== 1) return null;
  }
  return kept.length === after.length ? kept : null;
}

function keptReduction(node: Node, index: GraphIndex): Write | null {
  const id = node.op === 'reshape' ? node.operands[0] : null;
  const inner = id == null ? null : index.producerOf(id);
  if (inner === null || id == null || inner.attributes.keep !== false) return null;
  const { axes } = inner.attributes;
  if (!Array.isArray(axes) || index.soleUserOf(id) === null) return null;
  const x = operandOf(inner, 0);
  const shape = index.shapeOf(x);
  const reduced = numbersOf(axes).map((axis) => resolveAxis(axis, shape.length));
  const kept = shape.map((dim, axis) => (reduced.includes(axis) ? 1 : dim));
  if (!sameShape(kept, resultShape(node, index))) return null;
  return (into) => [into.node(inner.op, [into.get(x)], { ...inner.attributes, keep: true })];
}
