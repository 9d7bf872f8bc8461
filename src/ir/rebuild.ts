/** Copies graphs node by node, with other nodes in place of some. */
import { GraphConstruction } from './builder.ts';
import { type Graph, type Node, type Origin, type Value, type ValueId, valueOf } from './graph.ts';

/** What stands for a node's results in the copy; null keeps the node. */
export type Replace = (
  node: Node,
  operands: readonly (Value | null)[],
  into: GraphConstruction,
) => readonly Value[] | null;

export function rebuild(graph: Graph, replace: Replace): Graph {
  const into = new GraphConstruction();
  const copies = new Map<ValueId, Value>();
  const get = (id: ValueId): Value => {
    const copy = copies.get(id);
    if (copy === undefined) throw new Error(`${valueOf(graph, id).name} is used before its node`);
    return copy;
  };
  for (const id of graph.inputs) {
    const value = valueOf(graph, id);
    copies.set(id, into.addInput(value.name, value));
  }
  for (const { value: id, data } of graph.parameters) {
    const copy = into.addValue(valueOf(graph, id).name, valueOf(graph, id));
    into.parameters.push({ value: copy.id, data });
    copies.set(id, copy);
  }
  for (const node of graph.nodes) {
    const operands = node.operands.map((id) => (id === null ? null : get(id)));
    const results = replace(node, operands, into) ?? copyNode(graph, node, operands, into);
    node.results.forEach((id, i) => {
      const result = results[i];
      if (result !== undefined) copies.set(id, result);
    });
  }
  return into.finish(
    graph.name,
    graph.outputs.map(({ name, value }) => ({ name, value: get(value).id })),
  );
}

/** Adds a node of `graph` to another graph under the same names. */
export function copyNode(
  graph: Graph,
  node: Node,
  operands: readonly (Value | null)[],
  into: GraphConstruction,
): readonly Value[] {
  return into.addNode(node.op, operands, node.attributes, {
    names: node.results.map((id) => valueOf(graph, id).name),
    body: node.body,
    origin: node.origin,
  });
}

/** Adds the nodes of `body` to another graph with `inputs` for its inputs; gives its outputs. */
export function inline(
  body: Graph,
  inputs: readonly (Value | null)[],
  into: GraphConstruction,
  origin?: Origin,
): readonly Value[] {
  const copies = new Map<ValueId, Value | null>(
    body.inputs.map((id, i) => [id, inputs[i] ?? null]),
  );
  for (const node of body.nodes) {
    const operands = node.operands.map((id) => (id === null ? null : (copies.get(id) ?? null)));
    const results = into.addNode(node.op, operands, node.attributes, {
      names: node.results.map((id) => valueOf(body, id).name),
      body: node.body,
      origin: origin ?? node.origin,
    });
    node.results.forEach((id, i) => {
      copies.set(id, results[i] ?? null);
    });
  }
  return body.outputs.map(({ name, value }) => {
    const copy = copies.get(value);
    if (copy === null || copy === undefined) throw new Error(`output ${name} has no value`);
    return copy;
  });
}
