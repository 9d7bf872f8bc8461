/**
 * 1 / (1 + exp(-x))  ->  sigmoid(x)
 *
 * The quotient may be a reciprocal.
 */
import type { Node, ValueId } from '../../ir/graph.ts';
import type { GraphIndex } from '../graph-index.ts';
import type { GraphWriter } from '../graph-writer.ts';
import { bothOrders, operandOf } from '../node-reading.ts';
import { type RaisePattern, raised } from './pattern.ts';

export const sigmoid: RaisePattern = {
  name: 'sigmoid',
  ops: ['div', 'reciprocal'],
  match: (node, index) => {
    if (node.op === 'div' && index.scalarOf(operandOf(node, 0)) !== 1) return null;
    const found = onePlusExp(operandOf(node, node.operands.length - 1), index);
    if (found === null) return null;
    const { x, inside } = found;
    const write = (into: GraphWriter) => [into.node('sigmoid', [into.get(x)])];
    return raised(node, inside, index, `sigmoid of ${index.nameOf(x)}`, write);
  },
};

/** x of 1 + exp(-x) */
export function onePlusExp(
  id: ValueId,
  index: GraphIndex,
): { readonly x: ValueId; readonly inside: readonly Node[] } | null {
  const sum = index.madeBy(id, 'add');
  for (const [a, one] of sum === null ? [] : bothOrders(sum)) {
    const exp = index.madeBy(a, 'exp');
    const negated = negation(exp?.operands[0], index);
    if (sum === null || exp === null || negated === null || index.scalarOf(one) !== 1) continue;
    return { x: negated.x, inside: [sum, exp, negated.node] };
  }
  return null;
}

/** -x, or x * -1. */
function negation(id: ValueId | null | undefined, index: GraphIndex) {
  const node = id == null ? null : index.producerOf(id);
  if (node?.op === 'neg') return { x: operandOf(node, 0), node };
  const product = node?.op === 'mul' ? node : null;
  for (const [x, c] of product === null ? [] : bothOrders(product)) {
    if (product !== null && index.scalarOf(c) === -1) return { x, node: product };
  }
  return null;
}
