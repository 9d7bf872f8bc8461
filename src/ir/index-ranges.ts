/**
 * Which integer inputs index a table, and how long the table is: a token id must lie below the
 * rows of the embedding that it selects.
 */
import { expandNode } from './expand.ts';
import { type Graph, type Node, presentOperands, type ValueId, valueOf } from './graph.ts';
import { opDefinition } from './ops/index.ts';

/** For each graph input that indexes tables of known length, the shortest of them. */
export function indexRanges(graph: Graph): ReadonlyMap<ValueId, number> {
  const ranges = new Map<ValueId, number>();
  collect(graph, new Map(graph.inputs.map((id) => [id, id])), ranges);
  return ranges;
}

/** `roots` maps values that are an input, or a view or copy of one, to that input. */
function collect(graph: Graph, roots: Map<ValueId, ValueId>, ranges: Map<ValueId, number>): void {
  for (const node of graph.nodes) {
    const [first, second] = node.operands;
    const { meaning } = opDefinition(node.op);
    const body = node.body ?? expansionOf(graph, node, roots);
    if (body !== null) {
      const inner = new Map<ValueId, ValueId>();
      presentOperands(node).forEach((id, i) => {
        const [root, input] = [roots.get(id), body.inputs[i]];
        if (root !== undefined && input !== undefined) inner.set(input, root);
      });
      collect(body, inner, ranges);
    }
    const [result] = node.results;
    const root = first == null ? undefined : roots.get(first);
    if (
      root !== undefined &&
      result !== undefined &&
      (meaning.kind === 'view' || node.op === 'cast')
    ) {
      roots.set(result, root);
    }
    if (meaning.kind !== 'gather' || first == null || second == null) continue;
    const index = roots.get(second);
    const axis = Number(node.attributes.axis ?? 0);
    const extent = valueOf(graph, first).shape.at(axis);
    if (index === undefined || typeof extent !== 'number') continue;
    ranges.set(index, Math.min(extent, ranges.get(index) ?? extent));
  }
}

/** What a composite does with an input that it takes; null where it takes none. */
function expansionOf(graph: Graph, node: Node, roots: ReadonlyMap<ValueId, ValueId>): Graph | null {
  const isComposite = opDefinition(node.op).meaning.kind === 'composite';
  const takesInput = presentOperands(node).some((id) => roots.has(id));
  return isComposite && takesInput ? expandNode(graph, node) : null;
}
