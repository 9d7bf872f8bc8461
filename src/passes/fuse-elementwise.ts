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
import type { Node } from '../ir/graph.ts';
import type { GraphIndex } from './graph-index.ts';
import { firstResult } from './node-reading.ts';
import { type Growth, type GrowthOptions, growRegion } from './regions/growth.ts';
import { describe, regionRewrite } from './regions/region.ts';
import { traitsOf } from './regions/traits.ts';
import { type Finding, rewritingPass } from './rewrite.ts';

export const fuseElementwise = rewritingPass(
  {
    name: 'fuse-elementwise',
    summary: 'joins what is left between matmuls: elementwise ops, views, norms, softmax',
    reason: 'last, so that it takes only what no pattern had a better place for',
  },
  (index) => searchRegions(index, 'region', { mayRepeat: false }, () => true),
);

/** Regions grown from every node that none of them holds yet, the last node first. */
export function searchRegions(
  index: GraphIndex,
  pattern: string,
  options: GrowthOptions,
  accepts: (growth: Growth) => boolean,
): readonly Finding[] {
  const claimed = new Set<Node>();
  const copied = new Set<Node>();
  const findings: Finding[] = [];
  for (const root of [...index.graph.nodes].reverse()) {
    // what was only copied may be needed by nobody else: the next round knows
    if (claimed.has(root) || copied.has(root) || !canBeRoot(root, index)) continue;
    const growth = growRegion(root, index, options);
    if (!accepts(growth)) continue;
    const at = firstResult(root);
    for (const outcome of growth.refusals) findings.push({ pattern, at, outcome });
    if (!isWorthIt(growth, root, index)) continue;
    const { region, owned } = growth;
    for (const node of region.nodes) (owned.has(node) ? claimed : copied).add(node);
    const outcome = {
      rewrite: regionRewrite(region, index),
      detail: describe(region.nodes, index),
    };
    findings.push({ pattern, at, outcome });
  }
  return findings.reverse();
}

const ROOTS: ReadonlySet<string> = new Set(['elementwise', 'view', 'gather', 'reduction']);

function canBeRoot(node: Node, index: GraphIndex): boolean {
  const isUsed = node.results.some((id) => index.isOutput(id) || index.usersOf(id).length > 0);
  return isUsed && ROOTS.has(traitsOf(index.graph, node).kind);
}

/** A reshape of what is in memory costs nothing as it is. */
function isWorthIt({ region }: Growth, root: Node, index: GraphIndex): boolean {
  const others = [...region.nodes].filter((node) => node !== root);
  if (root.op !== 'reshape') return others.length > 0;
  return others.some((node) => traitsOf(index.graph, node).kind !== 'view');
}
