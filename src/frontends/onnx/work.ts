/** About how many steps the interpreter takes for a graph of static shapes, bodies and expansions included. */
import { expandNode } from '../../ir/expand.ts';
import { type Graph, type Node, type ValueId, valueOf } from '../../ir/graph.ts';
import { opDefinition } from '../../ir/ops/index.ts';

/** What running a node takes beside its elements. */
const NODE = 16;

export function workOf(graph: Graph): number {
  return graph.nodes.reduce((work, node) => work + nodeWork(graph, node), 0);
}

function nodeWork(graph: Graph, node: Node): number {
  const { meaning } = opDefinition(node.op);
  const operands = node.operands.filter((id) => id !== null);
  const shapes = [...operands, ...node.results].map((id) => shapeOf(graph, id));
  const moved = shapes.reduce((work, shape) => work + count(shape), NODE);
  if (meaning.kind === 'composite') return moved + workOf(expandNode(graph, node));
  const longest = Math.max(1, ...shapes.flat());
  // a body runs once a step, of which there are no more than a sequence has elements
  if (meaning.kind === 'region') {
    return moved + (node.body === null ? 0 : longest * workOf(node.body));
  }
  const results = node.results.reduce((work, id) => work + count(shapeOf(graph, id)), 0);
  if (meaning.kind === 'contraction') return moved + results * (shapes[0]?.at(-1) ?? 1);
  return meaning.kind === 'ordered' ? moved + results * longest : moved;
}

/** A size that is not known may be any. */
function shapeOf(graph: Graph, id: ValueId): readonly number[] {
  return valueOf(graph, id).shape.map((dim) => (typeof dim === 'number' ? dim : Infinity));
}

function count(shape: readonly number[]): number {
  return shape.includes(0) ? 0 : shape.reduce((product, dim) => product * dim, 1);
}
