/**
 * open-depthwise: conv(x, W, b), a channel a group  ->  sum over j of windows(pad(x)) * W[j] + b
 *
 * Such a convolution is no product of matrices: each channel has a few multiplications for a place.
 * Opened, it is a reduction, with its padding in sight, which the kernel takes inside where it copies what
 * its windows meet (`regions/windows.ts`): else a comparison for every multiplication would cost more.
 * Requires: as many groups as channels of x and of the result.
 * Guarantees: every convolution left is a matmul.
 */
import type { Node } from '../ir/graph.ts';
import { expansionOf } from './expand-composites.ts';
import type { GraphIndex } from './graph-index.ts';
import { operandOf, resultShape } from './node-reading.ts';
import { rewritingPass } from './rewrite.ts';

export const openDepthwise = rewritingPass(
  {
    name: 'open-depthwise',
    summary: 'writes convolutions of single channels as the products and sums they stand for',
    reason: 'after fold-batch-norm, which looks for convolutions',
  },
  (index) =>
    index.graph.nodes
      .filter((node) => isDepthwise(node, index))
      .flatMap((node) => expansionOf(index, node)),
);

function isDepthwise(node: Node, index: GraphIndex): boolean {
  if (node.op !== 'conv') return false;
  const channels = index.shapeOf(operandOf(node, 0))[1];
  const { groups } = node.attributes;
  return groups !== 1 && channels === groups && resultShape(node, index)[1] === groups;
}
