/** Order and cycles of nodes; the only file that knows the graph library. */
import { alg, Graph as Digraph } from '@dagrejs/graphlib';
import { EncompileError } from '../errors.ts';
import { type Node, presentOperands, type ValueId } from './graph.ts';

/**
 * The nodes with every node after those whose results it uses; nodes that could stand in either
 * order keep the given one. Throws on a cycle, naming the ops on it.
 */
export function sortNodes(nodes: readonly Node[]): readonly Node[] {
  if (isSorted(nodes)) return nodes;
  const graph = dependencies(nodes);
  const cycle = alg.findCycles(graph)[0];
  if (cycle !== undefined) {
    const names = cycle.map((key) => nodes[Number(key)]?.op ?? key);
    throw new EncompileError(`The nodes ${names.join(' -> ')} form a cycle.`);
  }
  const rank = new Map<string, number>();
  for (const key of alg.topsort(graph)) {
    const before = (graph.predecessors(key) ?? []).map((p) => rank.get(p) ?? 0);
    rank.set(key, Math.max(Number(key), ...before));
  }
  const ranked = nodes.map((node, i) => ({ node, i, rank: rank.get(`${i}`) ?? 0 }));
  return ranked.sort((a, b) => a.rank - b.rank || a.i - b.i).map(({ node }) => node);
}

/** Whether every node stands after the nodes whose results it uses. */
export function isSorted(nodes: readonly Node[]): boolean {
  const open = new Set<ValueId>(nodes.flatMap((node) => node.results));
  for (const node of nodes) {
    if (presentOperands(node).some((id) => open.has(id))) return false;
    for (const id of node.results) open.delete(id);
  }
  return true;
}

function dependencies(nodes: readonly Node[]): Digraph {
  const graph = new Digraph({ directed: true });
  const producer = new Map<ValueId, number>();
  nodes.forEach((node, i) => {
    graph.setNode(`${i}`);
    for (const id of node.results) producer.set(id, i);
  });
  nodes.forEach((node, i) => {
    for (const id of presentOperands(node)) {
      const from = producer.get(id);
      if (from !== undefined) graph.setEdge(`${from}`, `${i}`);
    }
  });
  return graph;
}
