/** Finds regions without a matmul all over a graph, for passes that differ in where they begin. */
import type { Node } from '../../ir/graph.ts';
import type { GraphIndex } from '../graph-index.ts';
import { firstResult } from '../node-reading.ts';
import type { Finding } from '../rewrite.ts';
import { type Growth, type GrowthOptions, growRegion } from './growth.ts';
import { describe, type Region, regionRewrite } from './region.ts';
import { traitsOf } from './traits.ts';

export interface RegionSearch extends GrowthOptions {
  /** Where a region may end. */
  readonly isRoot: (node: Node) => boolean;
  readonly accepts: (region: Region) => boolean;
}

/** Regions grown from every root that none of them holds yet, the last first. */
export function searchRegions(
  index: GraphIndex,
  pattern: string,
  search: RegionSearch,
): readonly Finding[] {
  const claimed = new Set<Node>();
  const copied = new Set<Node>();
  const findings: Finding[] = [];
  for (const root of [...index.graph.nodes].reverse()) {
    // what was only copied may be needed by nobody else: the next round knows
    if (claimed.has(root) || copied.has(root)) continue;
    if (!canBeRoot(root, index) || !search.isRoot(root)) continue;
    const growth = growRegion(root, index, search);
    if (!search.accepts(growth.region)) continue;
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
