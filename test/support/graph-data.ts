/** Graphs as plain data that is equal for equal graphs, whatever their ids: for `toEqual`. */
import { type Graph, type ValueId, valueOf } from '../../src/ir/graph.ts';

export function graphData(graph: Graph): unknown {
  const nameOf = (id: ValueId) => valueOf(graph, id).name;
  const declared = (id: ValueId) => {
    const { name, dtype, shape } = valueOf(graph, id);
    return { name, dtype, shape };
  };
  return {
    name: graph.name,
    inputs: graph.inputs.map(declared),
    parameters: graph.parameters.map(({ value }) => declared(value)),
    nodes: graph.nodes.map((node) => ({
      op: node.op,
      operands: node.operands.map((id) => (id === null ? null : nameOf(id))),
      attributes: node.attributes,
      results: node.results.map(declared),
      body: node.body === null ? null : graphData(node.body),
    })),
    outputs: graph.outputs.map(({ name, value }) => ({ name, value: nameOf(value) })),
    values: graph.values.size,
  };
}
