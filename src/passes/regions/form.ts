/**
 * Which sets of nodes one kernel without a matmul can compute:
 * - map: no reduction; every element of the result on its own
 * - rows: all reductions along the last axis of values of one shape, the domain. What depends on
 *   them has the shape of the domain, or is there once a row; so are the results.
 * - columns: reductions of one node along other axes. What depends on them is elementwise and has
 *   the shape of their result; so are the results.
 * Results of one region have one shape.
 */
import { type Node, presentOperands, type ValueId } from '../../ir/graph.ts';
import { type Shape, sameShape } from '../../ir/types.ts';
import type { GraphIndex } from '../graph-index.ts';
import { firstResult, resultShape } from '../node-reading.ts';
import { inOrder, type Region } from './region.ts';
import { isAlongRows, traitsOf } from './traits.ts';

export type Form =
  | { readonly kind: 'map' }
  | { readonly kind: 'rows'; readonly domain: Shape }
  | { readonly kind: 'columns' }
  /** Not one kernel, and why. */
  | { readonly kind: 'none'; readonly reason: string; readonly stopper: ValueId };

export function formOf(region: Region, index: GraphIndex): Form {
  const [result] = region.results;
  if (result === undefined) throw new Error('a region without a result');
  const uneven = region.results.find((id) => !sameShape(index.shapeOf(id), index.shapeOf(result)));
  if (uneven !== undefined) {
    const names = `${index.nameOf(uneven)} and ${index.nameOf(result)}`;
    return { kind: 'none', reason: `${names} differ in shape`, stopper: uneven };
  }
  const nodes = inOrder(region.nodes, index);
  const reducing = nodes.filter((node) => traitsOf(index.graph, node).reductions.length > 0);
  const [first] = reducing;
  if (first === undefined) return { kind: 'map' };
  const reductions = reducing.flatMap((node) => traitsOf(index.graph, node).reductions);
  const domain = reductions[0]?.domain ?? [];
  const behind = whatIsBehind(nodes, reducing);
  if (reductions.every((r) => isAlongRows(r) && sameShape(r.domain, domain))) {
    return rowsForm(domain, behind, region, index);
  }
  if (reducing.length > 1) {
    const other = firstResult(reducing.at(-1) ?? first);
    const names = `${index.nameOf(firstResult(first))} and ${index.nameOf(other)}`;
    return { kind: 'none', reason: `${names} reduce over different axes`, stopper: other };
  }
  return columnsForm(first, behind, region, index);
}

/** What depends on a reduction: the values, and the nodes that are none themselves. */
interface Behind {
  readonly values: ReadonlySet<ValueId>;
  readonly nodes: readonly Node[];
}

function whatIsBehind(nodes: readonly Node[], reducing: readonly Node[]): Behind {
  const values = new Set<ValueId>();
  const behind: Node[] = [];
  for (const node of nodes) {
    const isReducing = reducing.includes(node);
    if (!isReducing && !presentOperands(node).some((id) => values.has(id))) continue;
    for (const id of node.results) values.add(id);
    if (!isReducing) behind.push(node);
  }
  return { values, nodes: behind };
}

function rowsForm(domain: Shape, behind: Behind, region: Region, index: GraphIndex): Form {
  const fits = (shape: Shape) => sameShape(shape, domain) || isOnceARow(shape, domain);
  for (const node of behind.nodes) {
    const id = firstResult(node);
    const moves = !isAlignedInRows(node, domain, behind.values, index);
    if (fits(index.shapeOf(id)) && !moves) continue;
    const reason = `${index.nameOf(id)} is not a row of [${domain.join(', ')}], over which the kernel reduces`;
    return { kind: 'none', reason, stopper: id };
  }
  const odd = region.results.find((id) => !fits(index.shapeOf(id)));
  if (odd === undefined) return { kind: 'rows', domain };
  const reason = `${index.nameOf(odd)} is not made of rows of [${domain.join(', ')}]`;
  return { kind: 'none', reason, stopper: odd };
}

/** Whether a node behind a reduction leaves every row where it is. */
function isAlignedInRows(
  node: Node,
  domain: Shape,
  behind: ReadonlySet<ValueId>,
  index: GraphIndex,
): boolean {
  const { kind } = traitsOf(index.graph, node);
  const shape = resultShape(node, index);
  if (kind === 'elementwise') {
    // aligned at the right, a value once a row without its last dim would meet the wrong axis
    return presentOperands(node).every((id) => {
      const operand = index.shapeOf(id);
      return !behind.has(id) || !isRowsAlone(operand, domain) || sameShape(operand, shape);
    });
  }
  const from = presentOperands(node)[0];
  if (from === undefined || !['reshape', 'broadcast'].includes(node.op)) return false;
  const before = index.shapeOf(from);
  if (node.op === 'reshape') return isOnceARow(before, domain) && isOnceARow(shape, domain);
  return sameShape(before, [...domain.slice(0, -1), 1]);
}

/** Shapes of what a row has once: with the last dim kept as 1, or without it. */
export function isOnceARow(shape: Shape, domain: Shape): boolean {
  return sameShape(shape, [...domain.slice(0, -1), 1]) || isRowsAlone(shape, domain);
}

function isRowsAlone(shape: Shape, domain: Shape): boolean {
  return domain.length > 1 && sameShape(shape, domain.slice(0, -1));
}

function columnsForm(reducing: Node, behind: Behind, region: Region, index: GraphIndex): Form {
  const shape = resultShape(reducing, index);
  const odd = behind.nodes.find((node) => {
    const { kind } = traitsOf(index.graph, node);
    return kind !== 'elementwise' || !sameShape(resultShape(node, index), shape);
  });
  const stopper = odd === undefined ? undefined : firstResult(odd);
  const uneven = region.results.find((id) => !sameShape(index.shapeOf(id), shape));
  const wrong = stopper ?? uneven;
  if (wrong === undefined) return { kind: 'columns' };
  const reduced = index.nameOf(firstResult(reducing));
  const reason = `${index.nameOf(wrong)} is not elementwise in the shape of ${reduced}, which is reduced`;
  return { kind: 'none', reason, stopper: wrong };
}
