/**
 * x * sigmoid(x)  ->  silu(x)
 * x / (1 + exp(-x))  ->  silu(x)
 */
import type { Node } from '../../ir/graph.ts';
import type { GraphIndex } from '../graph-index.ts';
import type { GraphWriter } from '../graph-writer.ts';
import { bothOrders, operandOf } from '../node-reading.ts';
import { type RaisePattern, raised } from './pattern.ts';
import { onePlusExp } from './sigmoid.ts';

export const silu: RaisePattern = {
  name: 'silu',
  ops: ['mul', 'div'],
  match: (node, index) => {
    if (node.op === 'div') {
      const x = operandOf(node, 0);
      const found = onePlusExp(operandOf(node, 1), index);
      return found?.x === x ? whole(node, x, found.inside, index) : null;
    }
    for (const [x, other] of bothOrders(node)) {
      const inner = index.madeBy(other, 'sigmoid');
      if (inner?.operands[0] === x) return whole(node, x, [inner], index);
    }
    return null;
  },
};

function whole(
  root: Node,
  x: Parameters<GraphIndex['nameOf']>[0],
  inside: readonly Node[],
  index: GraphIndex,
) {
  const write = (into: GraphWriter) => [into.node('silu', [into.get(x)])];
  return raised(root, inside, index, `silu of ${index.nameOf(x)}`, write);
}
