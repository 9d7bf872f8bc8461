/** Rules of simplify for arithmetic with constants, and for select. */
import type { Node, ValueId } from '../../ir/graph.ts';
import { isFloat, sameType } from '../../ir/types.ts';
import type { GraphIndex } from '../graph-index.ts';
import { bothOrders, firstResult } from '../node-reading.ts';
import type { Rewrite } from '../rewrite.ts';
import type { Rule } from '../simplify.ts';

type Write = Rewrite['write'];

export const arithmeticRules: readonly Rule[] = [
  { equation: 'x + 0 = x', apply: (node, index) => neutral(node, index, 'add', 0) },
  { equation: 'x * 1 = x', apply: (node, index) => neutral(node, index, 'mul', 1) },
  { equation: 'x - 0 = x', apply: (node, index) => neutralSecond(node, index, 'sub', 0) },
  { equation: 'x / 1 = x', apply: (node, index) => neutralSecond(node, index, 'div', 1) },
  { equation: '-(-x) = x', apply: (node, index) => undone(node, index, 'neg') },
  { equation: 'not (not x) = x', apply: (node, index) => undone(node, index, 'not') },
  { equation: '(x * a) * b = x * (a b)', apply: productOfConstants },
  { equation: 'x / 2^n = x * 2^-n', apply: reciprocalOfPower },
  { equation: 'select(true, x, y) = x', apply: decidedSelect },
  {
    equation: 'select(c, x, x) = x',
    apply: (node, index) => {
      const [, then, otherwise] = node.operands;
      if (node.op !== 'select' || then == null || then !== otherwise) return null;
      return same(node, index, then);
    },
  },
];

/** The value in the shape of the node's result, where it has its dtype. */
function spread(node: Node, index: GraphIndex, id: ValueId): Write | null {
  const { dtype, shape } = index.value(firstResult(node));
  if (index.value(id).dtype !== dtype) return null;
  return same(node, index, id) ?? ((into) => [into.node('broadcast', [into.get(id)], { shape })]);
}

/** The value itself, where it has the type of the node's result. */
function same(node: Node, index: GraphIndex, id: ValueId): Write | null {
  const fits = sameType(index.value(id), index.value(firstResult(node)));
  return fits ? (into) => [into.get(id)] : null;
}

function neutral(node: Node, index: GraphIndex, op: string, constant: number): Write | null {
  if (node.op !== op) return null;
  for (const [x, c] of bothOrders(node)) {
    if (index.scalarOf(c) === constant) return spread(node, index, x);
  }
  return null;
}

function neutralSecond(node: Node, index: GraphIndex, op: string, constant: number): Write | null {
  const [x, c] = node.operands;
  if (node.op !== op || x == null || index.scalarOf(c) !== constant) return null;
  return same(node, index, x);
}

function undone(node: Node, index: GraphIndex, op: string): Write | null {
  const inner = node.op === op ? index.madeBy(node.operands[0], op) : null;
  const x = inner?.operands[0];
  return x == null ? null : same(node, index, x);
}

/** x and c of x * c; null for other nodes. */
export function scaling(
  node: Node | null,
  index: GraphIndex,
): { readonly x: ValueId; readonly by: number } | null {
  if (node?.op !== 'mul') return null;
  for (const [x, c] of bothOrders(node)) {
    const by = index.scalarOf(c);
    if (by !== null && index.scalarOf(x) === null) return { x, by };
  }
  return null;
}

/** Not for integers, which wrap around, and only while the product is an ordinary float32. */
function productOfConstants(node: Node, index: GraphIndex): Write | null {
  const outer = scaling(node, index);
  const inner = outer === null ? null : scaling(index.producerOf(outer.x), index);
  if (outer === null || inner === null) return null;
  const { dtype } = index.value(inner.x);
  const by = outer.by * inner.by;
  const isOrdinary = Math.abs(by) > 1e-30 && Math.abs(by) < 1e30;
  if (!isFloat(dtype) || !isOrdinary || same(node, index, inner.x) === null) return null;
  return (into) => [into.node('mul', [into.get(inner.x), into.scalar(by, dtype)])];
}

function reciprocalOfPower(node: Node, index: GraphIndex): Write | null {
  const [x, c] = node.operands;
  const by = node.op === 'div' ? index.scalarOf(c) : null;
  if (x == null || by === null || !isFloat(index.value(x).dtype)) return null;
  const exponent = Math.log2(Math.abs(by));
  if (!Number.isInteger(exponent) || Math.abs(exponent) > 60) return null;
  if (same(node, index, x) === null) return null;
  return (into) => [into.node('mul', [into.get(x), into.scalar(1 / by, index.value(x).dtype)])];
}

function decidedSelect(node: Node, index: GraphIndex): Write | null {
  const [condition, then, otherwise] = node.operands;
  const decided = node.op === 'select' ? index.scalarOf(condition) : null;
  const chosen = decided === 1 ? then : otherwise;
  return decided === null || chosen == null ? null : spread(node, index, chosen);
}
