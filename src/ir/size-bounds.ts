/**
 * What the sizes of a run must fulfil besides fitting the shapes: 513 tokens do not fit a table of
 * 512 positions.
 */
import { isAtLeast } from './dims.ts';
import { expandNode } from './expand.ts';
import { type Graph, valueOf } from './graph.ts';
import type { Bound } from './op-arguments.ts';
import { opDefinition } from './ops/index.ts';

/** The bounds that some sizes break, each once. */
export function sizeBounds(graph: Graph): readonly Bound[] {
  const found = new Map<string, Bound>();
  collect(graph, found);
  return [...found.values()];
}

function collect(graph: Graph, found: Map<string, Bound>): void {
  for (const node of graph.nodes) {
    const { op, operands, attributes, body } = node;
    if (body !== null) collect(body, found);
    const { meaning } = opDefinition(op);
    if (meaning.kind === 'composite') collect(expandNode(graph, node), found);
    if (!('bounds' in meaning) || meaning.bounds === null) continue;
    const types = operands.map((id) => (id === null ? undefined : valueOf(graph, id)));
    for (const bound of meaning.bounds({ types, attributes })) {
      const [smaller, larger] = bound;
      if (!isAtLeast(larger, smaller)) found.set(bound.join(), bound);
    }
  }
}
