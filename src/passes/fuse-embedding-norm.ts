/**
 * fuse-embedding-norm: y = norm(table[ids] + positions + ..)  ->  one kernel
 *
 * Rows looked up in tables, what is added to them or scales them (tables of positions and of token
 * types, sines and cosines of positions), and the norm behind; also without a norm. A sum that is
 * used further, as in pre-norm encoders, is one more result.
 * Requires: no matmul lies in between.
 * Guarantees: as fuse-elementwise, whose rules it shares.
 */
import { isFloat } from '../ir/types.ts';
import { searchRegions } from './fuse-elementwise.ts';
import { firstResult } from './node-reading.ts';
import { rewritingPass } from './rewrite.ts';

export const fuseEmbeddingNorm = rewritingPass(
  {
    name: 'fuse-embedding-norm',
    summary: 'looks up embeddings, adds them up and normalises them in one kernel',
    reason:
      'before fuse-add-norm, which would take the last of the sums and leave the lookups alone',
  },
  (index) =>
    searchRegions(index, 'embedding', { mayRepeat: true }, ({ region }) => {
      return [...region.nodes].some((node) => {
        return node.op === 'gather' && isFloat(index.value(firstResult(node)).dtype);
      });
    }),
);
