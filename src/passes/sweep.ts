/** Drops what has no use. */
import {
  type Graph,
  type Node,
  type NodeId,
  presentOperands,
  type Value,
  type ValueId,
} from '../ir/graph.ts';

/**
 * Drops nodes and parameters that have no use, and then what they alone used, beginning with the
 * makers of `candidates`. Inputs stay.
 */
export function sweep(graph: Graph, candidates: Iterable<ValueId>): Graph {
  const counts = new Map<ValueId, number>();
  const count = (id: ValueId, by: number) => counts.set(id, (counts.get(id) ?? 0) + by);
  const producers = new Map<ValueId, Node>();
  for (const node of graph.nodes) {
    for (const id of presentOperands(node)) count(id, 1);
    for (const id of node.results) producers.set(id, node);
  }
  for (const { value } of graph.outputs) count(value, 1);
  const dead = new Set<ValueId>();
  const parameters = new Set(graph.parameters.map(({ value }) => value));
  const open = [...candidates];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (dead.has(id) || (counts.get(id) ?? 0) > 0) continue;
    if (parameters.has(id)) dead.add(id);
    const node = producers.get(id);
    if (node?.results.every((result) => (counts.get(result) ?? 0) === 0) !== true) continue;
    for (const result of node.results) dead.add(result);
    for (const operand of presentOperands(node)) {
      count(operand, -1);
      open.push(operand);
    }
  }
  return keepLive(graph, dead);
}

function keepLive(graph: Graph, dead: ReadonlySet<ValueId>): Graph {
  const nodes = graph.nodes
    .filter((node) => !node.results.every((id) => dead.has(id)))
    .map((node, i) => (node.id === i ? node : { ...node, id: i as NodeId }));
  const parameters = graph.parameters.filter(({ value }) => !dead.has(value));
  const live = [
    ...graph.inputs,
    ...parameters.map(({ value }) => value),
    ...nodes.flatMap((node) => node.results),
  ];
  const values = new Map<ValueId, Value>();
  for (const id of live) {
    const value = graph.values.get(id);
    if (value !== undefined) values.set(id, value);
  }
  return { ...graph, nodes, parameters, values };
}
