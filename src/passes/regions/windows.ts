/** What overlapping windows do to the makers of what they are taken of. */
import type { Dim } from '../../ir/dims.ts';
import { type Node, presentOperands, type ValueId } from '../../ir/graph.ts';
import { isCompact, type Sliding, slidingOf } from '../../ir/sliding.ts';
import { sameShape } from '../../ir/types.ts';
import type { GraphIndex } from '../graph-index.ts';
import { firstResult, resultShape } from '../node-reading.ts';
import { inOrder, type Region } from './region.ts';
import { traitsOf } from './traits.ts';

/** Whether overlapping windows between a node and the results read its elements. */
export function isInWindows(node: Node, { nodes }: Region, index: GraphIndex): boolean {
  const reread = new Set<ValueId>();
  for (const user of [...inOrder(nodes, index)].reverse()) {
    const isBehind = user.results.some((id) => reread.has(id));
    if (!isBehind && !traitsOf(index.graph, user).isRereading) continue;
    for (const id of presentOperands(user)) reread.add(id);
  }
  return node.results.some((id) => reread.has(id));
}

/**
 * Whether a node pads what a region reduces by windows, which its kernel copies together with the
 * padding before it takes windows of it (`loops/schedule/sliding.ts`).
 */
export function isPaddingOfWindows(node: Node, { nodes }: Region, index: GraphIndex): boolean {
  if (node.op !== 'pad') return false;
  const users = index.usersOf(firstResult(node));
  const [windows] = users;
  if (users.length !== 1 || windows?.op !== 'windows' || !nodes.has(windows)) return false;
  const sliding = slidingOf(windows.attributes as unknown as Sliding);
  const { before, after } = node.attributes as unknown as Padded;
  const leading = before.length - sliding.sizes.length;
  const isOfThem = [before, after].every((dims) => dims.slice(0, leading).every((d) => d === 0));
  const reducing = [...nodes].filter((n) => traitsOf(index.graph, n).reductions.length > 0);
  const domains = reducing.flatMap((n) => traitsOf(index.graph, n).reductions);
  const [first, second] = domains;
  const isReduced =
    first !== undefined &&
    second === undefined &&
    sameShape(first.domain, resultShape(windows, index)) &&
    first.axes.length === sliding.sizes.length &&
    first.axes.every((axis) => axis >= first.domain.length - sliding.sizes.length);
  return isOfThem && isReduced && isCompact(sliding);
}

interface Padded {
  readonly before: readonly Dim[];
  readonly after: readonly Dim[];
}
