/**
 * fuse-elementwise: y = f(g(x), ..)  ->  one kernel
 *
 * Everything that no matmul took: elementwise ops, views, gathers, and reductions along rows with
 * what is in front of and behind them (softmax, norms, x / |x|), as long as one kernel can compute
 * it (`region-form.ts`) without storing what lies between and without doing dear work again.
 * Requires: nothing.
 * Guarantees: every node of the graph that is not a reshape is one kernel. Constants and iotas are
 * inside the kernels that use them, unless they are outputs.
 */
import { searchRegions } from './regions/search.ts';
import { rewritingPass } from './rewrite.ts';

export const fuseElementwise = rewritingPass(
  {
    name: 'fuse-elementwise',
    summary: 'joins what is left between matmuls: elementwise ops, views, norms, softmax',
    reason: 'last, so that it takes only what no pattern had a better place for',
  },
  (index) =>
    searchRegions(index, 'region', { mayRepeat: false, isRoot: () => true, accepts: () => true }),
);
