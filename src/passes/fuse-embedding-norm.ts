/**
 * fuse-embedding-norm: y = norm(table[ids] + positions + ..)  ->  one kernel
 *
 * Rows looked up in tables, what is added to them or scales them (tables of positions and of token
 * types, sines and cosines of positions), and the norm behind; also without a norm. A sum that is
 * used further, as in pre-norm encoders, is one more result.
 * Requires: no matmul lies in between.
 * Guarantees: as fuse-elementwise, whose rules it shares.
 */
import { type Node, presentOperands, type ValueId } from '../ir/graph.ts';
import { isFloat } from '../ir/types.ts';
import type { GraphIndex } from './graph-index.ts';
import { firstResult } from './node-reading.ts';
import { searchRegions } from './regions/search.ts';
import { traitsOf } from './regions/traits.ts';
import { rewritingPass } from './rewrite.ts';

export const fuseEmbeddingNorm = rewritingPass(
  {
    name: 'fuse-embedding-norm',
    summary: 'looks up embeddings, adds them up and normalises them in one kernel',
    reason:
      'before fuse-add-norm, which would take the last of the sums and leave the lookups alone',
  },
  (index) => {
    const behind = behindLookups(index);
    return searchRegions(index, 'embedding', {
      mayRepeat: true,
      isRoot: (node) => behind.has(node),
      accepts: ({ nodes }) => [...nodes].some((node) => isLookup(node, index)),
    });
  },
);

function isLookup(node: Node, index: GraphIndex): boolean {
  const { kind } = traitsOf(index.graph, node);
  return kind === 'gather' && isFloat(index.value(firstResult(node)).dtype);
}

/** The lookups, and what follows them without a matmul in between. */
function behindLookups(index: GraphIndex): ReadonlySet<Node> {
  const values = new Set<ValueId>();
  const behind = new Set<Node>();
  for (const node of index.graph.nodes) {
    const { kind } = traitsOf(index.graph, node);
    const follows = presentOperands(node).some((id) => values.has(id)) && FOLLOWING.has(kind);
    if (!follows && !isLookup(node, index)) continue;
    behind.add(node);
    for (const id of node.results) values.add(id);
  }
  return behind;
}

const FOLLOWING: ReadonlySet<string> = new Set(['elementwise', 'view', 'gather', 'reduction']);
