/**
 * Rules of simplify for bools, in which masks arrive: exporters cast them to numbers and back, count
 * with them, and compare what comes out.
 */
import type { Node, Value, ValueId } from '../../ir/graph.ts';
import { isFloat, sameShape, sameType } from '../../ir/types.ts';
import type { GraphIndex } from '../graph-index.ts';
import type { GraphWriter } from '../graph-writer.ts';
import { bothOrders, firstResult, operandOf, resultShape } from '../node-reading.ts';
import type { Rewrite } from '../rewrite.ts';
import type { Rule } from '../simplify.ts';
import { leastOf } from './bounds.ts';

type Write = Rewrite['write'];

export const logicRules: readonly Rule[] = [
  { equation: 'cast(x) to bool = x != 0', apply: castToBool },
  { equation: 'not (a = b) = a != b', apply: withoutNot },
  { equation: 'cast(b) != 0 = b', apply: (node, index) => comparedBool(node, index) },
  { equation: 'select(b, p, q) = p is b', apply: comparedChoice },
  { equation: 'c - x != d = x != c - d', apply: comparedDifference },
  { equation: 'cast(i) != c = i != c', apply: comparedCast },
  { equation: 'cast(i) < c = i < c', apply: orderedCast },
  { equation: 'select(y != 0, c, y) = select(y != 0, c, 0)', apply: chosenZero },
  { equation: 'i >= c = true where i is never less', apply: decidedComparison },
  { equation: 'b and true = b', apply: decidedLogic },
];

function castToBool(node: Node, index: GraphIndex): Write | null {
  if (node.op !== 'cast' || node.attributes.dtype !== 'bool') return null;
  const x = operandOf(node, 0);
  const { dtype } = index.value(x);
  if (dtype === 'bool') return null;
  return (into) => [into.node('not_equal', [into.get(x), into.scalar(0, dtype)])];
}

/** Of floats only for equality: NaN is neither less than a number nor at least as large. */
const NEGATED: {
  readonly [op: string]: { readonly op: string; readonly ofFloats: boolean } | undefined;
} = {
  equal: { op: 'not_equal', ofFloats: true },
  not_equal: { op: 'equal', ofFloats: true },
  less: { op: 'greater_equal', ofFloats: false },
  less_equal: { op: 'greater', ofFloats: false },
  greater: { op: 'less_equal', ofFloats: false },
  greater_equal: { op: 'less', ofFloats: false },
};

function withoutNot(node: Node, index: GraphIndex): Write | null {
  const inner = node.op === 'not' ? index.producerOf(operandOf(node, 0)) : null;
  const negated = inner === null ? null : negatedComparison(inner, index);
  return negated && ((into) => [negated(into)]);
}

/** Writes the comparison that holds where that of a node does not; null for other nodes. */
export function negatedComparison(
  node: Node,
  index: GraphIndex,
): ((into: GraphWriter) => Value) | null {
  const other = NEGATED[node.op];
  if (other === undefined) return null;
  const [a, b] = [operandOf(node, 0), operandOf(node, 1)];
  if (isFloat(index.value(a).dtype) && !other.ofFloats) return null;
  return (into) => into.node(other.op, [into.get(a), into.get(b)]);
}

/** x and c of an equality with a constant. */
function equality(node: Node, index: GraphIndex) {
  if (node.op !== 'equal' && node.op !== 'not_equal') return null;
  for (const [x, c] of bothOrders(node)) {
    const constant = index.scalarOf(c);
    if (constant === null || !sameShape(index.shapeOf(x), resultShape(node, index))) continue;
    return { x, constant, isEqual: node.op === 'equal' };
  }
  return null;
}

/** b, or not b; null where the bool has another shape than the node. */
function bool(node: Node, b: ValueId, isNegated: boolean, index: GraphIndex): Write | null {
  if (!sameType(index.value(b), index.value(firstResult(node)))) return null;
  return (into) => [isNegated ? into.node('not', [into.get(b)]) : into.get(b)];
}

function comparedBool(node: Node, index: GraphIndex): Write | null {
  const found = equality(node, index);
  if (found === null || (found.constant !== 0 && found.constant !== 1)) return null;
  const b = index.madeBy(found.x, 'cast')?.operands[0] ?? found.x;
  if (index.value(b).dtype !== 'bool') return null;
  return bool(node, b, found.isEqual === (found.constant === 0), index);
}

/** select(b, p, q) = p and select(b, p, q) != q are b, for two numbers p and q. */
function comparedChoice(node: Node, index: GraphIndex): Write | null {
  const found = equality(node, index);
  const choice = found === null ? null : index.madeBy(found.x, 'select');
  if (found === null || choice === null) return null;
  const [b, then, otherwise] = [0, 1, 2].map((i) => operandOf(choice, i));
  const [p, q] = [index.scalarOf(then), index.scalarOf(otherwise)];
  if (b === undefined || p === null || q === null || p === q) return null;
  if (found.constant !== p && found.constant !== q) return null;
  return bool(node, b, (found.constant === p) !== found.isEqual, index);
}

/** A difference of floats is 0 for equal numbers alone; integers wrap around, and back. */
function comparedDifference(node: Node, index: GraphIndex): Write | null {
  const found = equality(node, index);
  const difference = found === null ? null : index.madeBy(found.x, 'sub');
  if (found === null || difference === null) return null;
  const [c, x] = [operandOf(difference, 0), operandOf(difference, 1)];
  const [constant, { dtype }] = [index.scalarOf(c), index.value(x)];
  const isExact = found.constant === 0 && Number.isFinite(constant);
  if (constant === null || !isExact || !sameShape(index.shapeOf(x), index.shapeOf(found.x))) {
    return null;
  }
  return (into) => [into.node(node.op, [into.get(x), into.scalar(constant, dtype)])];
}

/** Whole numbers below 2^24 are one float32 each, and no other integer is rounded to them. */
const EXACT = 1 << 24;

function comparedCast(node: Node, index: GraphIndex): Write | null {
  const found = equality(node, index);
  const i = found === null ? null : beforeExactCast(found.x, found.constant, index);
  if (found === null || i === null) return null;
  const { dtype } = index.value(i);
  return (into) => [into.node(node.op, [into.get(i), into.scalar(found.constant, dtype)])];
}

const ORDERS: ReadonlySet<string> = new Set(['less', 'less_equal', 'greater', 'greater_equal']);

/** Larger integers are rounded, but to none that lies on the other side of c. */
function orderedCast(node: Node, index: GraphIndex): Write | null {
  if (!ORDERS.has(node.op)) return null;
  const operands = [operandOf(node, 0), operandOf(node, 1)];
  const constants = operands.map((id) => index.scalarOf(id));
  const which = constants.indexOf(null);
  const [x, constant] = [operands[which], constants[1 - which]];
  if (x === undefined || constant == null) return null;
  if (!sameShape(index.shapeOf(x), resultShape(node, index))) return null;
  const i = beforeExactCast(x, constant, index);
  if (i === null) return null;
  return (into) => {
    const compared = [into.get(i), into.scalar(constant, index.value(i).dtype)];
    return [into.node(node.op, which === 0 ? compared : compared.toReversed())];
  };
}

/** i, where x is cast(i) to float32 and c is a whole number that float32 tells from all others. */
function beforeExactCast(x: ValueId, c: number, index: GraphIndex): ValueId | null {
  const cast = index.madeBy(x, 'cast');
  if (cast === null || !Number.isInteger(c) || Math.abs(c) >= EXACT) return null;
  const i = operandOf(cast, 0);
  const { dtype } = index.value(i);
  const isWidening = index.value(x).dtype === 'f32' && (dtype === 'i32' || dtype === 'i64');
  return isWidening ? i : null;
}

/** Where y is chosen, it is 0. */
function chosenZero(node: Node, index: GraphIndex): Write | null {
  if (node.op !== 'select') return null;
  const [condition, then, otherwise] = [0, 1, 2].map((i) => operandOf(node, i));
  if (condition === undefined || then === undefined || otherwise === undefined) return null;
  const test = index.producerOf(condition);
  const found = test === null ? null : equality(test, index);
  if (found === null || found.constant !== 0 || index.scalarOf(found.x) !== null) return null;
  const zero = found.isEqual ? then : otherwise;
  if (zero !== found.x) return null;
  return (into) => {
    const scalar = into.scalar(0, index.value(zero).dtype);
    const [a, b] = found.isEqual ? [scalar, into.get(otherwise)] : [into.get(then), scalar];
    const { shape } = index.value(firstResult(node));
    const chosen = into.node('select', [into.get(condition), a, b]);
    return [sameShape(chosen.shape, shape) ? chosen : into.node('broadcast', [chosen], { shape })];
  };
}

function decidedComparison(node: Node, index: GraphIndex): Write | null {
  const [x, c] = node.operands;
  const constant = index.scalarOf(c);
  if ((node.op !== 'less' && node.op !== 'greater_equal') || x == null || constant === null) {
    return null;
  }
  if (leastOf(x, index) < constant) return null;
  const shape = resultShape(node, index);
  return (into) => [into.scalar(node.op === 'less' ? 0 : 1, 'bool', shape)];
}

function decidedLogic(node: Node, index: GraphIndex): Write | null {
  if (node.op !== 'and' && node.op !== 'or') return null;
  const shape = resultShape(node, index);
  for (const [b, c] of bothOrders(node)) {
    const constant = index.scalarOf(c);
    if (constant === null) continue;
    // and has its way with false, or with true
    if ((constant === 1) === (node.op === 'or'))
      return (into) => [into.scalar(constant, 'bool', shape)];
    if (sameShape(index.shapeOf(b), shape)) return (into) => [into.get(b)];
    return (into) => [into.node('broadcast', [into.get(b)], { shape })];
  }
  return null;
}
