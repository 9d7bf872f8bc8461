/**
 * How many primitive ops a graph comes down to: what would be kernels if each op ran alone. Views
 * (reshape, transpose, slice, ...) and sources (constants, iota) are left out, as they compute nothing.
 */
import { expandNode } from './ir/expand.ts';
import { type Graph, type Node, valueOf } from './ir/graph.ts';
import { opDefinition } from './ir/ops/index.ts';
import { printType } from './ir/types.ts';
import { structuralKey } from './structural-key.ts';

export function countPrimitives(graph: Graph): number {
  return countIn(graph, new Map());
}

/** Expansions are counted once for each op, attributes and operand types: layers share them. */
type Known = Map<string, number>;

function countIn(graph: Graph, known: Known): number {
  return graph.nodes.reduce((count, node) => count + countOf(graph, node, known), 0);
}

function countOf(graph: Graph, node: Node, known: Known): number {
  const { meaning } = opDefinition(node.op);
  switch (meaning.kind) {
    case 'source':
    case 'view':
      return 0;
    case 'region':
      return node.body === null ? 0 : countIn(node.body, known);
    case 'composite': {
      const types = node.operands.map((id) => (id === null ? '_' : printType(valueOf(graph, id))));
      const key = structuralKey([node.op, node.attributes, types]);
      const count = known.get(key) ?? countIn(expandNode(graph, node), known);
      known.set(key, count);
      return count;
    }
    case 'elementwise':
    case 'gather':
    case 'reduction':
    case 'contraction':
    case 'ordered':
      return 1;
    default:
      return meaning satisfies never;
  }
}
