/**
 * expand-composites: y = op(x, ..)  ->  y = what op expands to
 *
 * For composites of which no kernel is made as a whole: linear, embedding, recurrent layers.
 * Requires: nothing.
 * Guarantees: every composite left is one that later passes know.
 */
import { expandNode } from '../ir/expand.ts';
import { type Graph, type Node, presentOperands } from '../ir/graph.ts';
import { opDefinition } from '../ir/ops/index.ts';
import type { GraphIndex } from './graph-index.ts';
import type { GraphWriter } from './graph-writer.ts';
import type { Pass } from './pass.ts';
import { type Finding, rewritingPass } from './rewrite.ts';

export const expandComposites = expandAllBut(new Set());

/** The pass that leaves some of the composites that it otherwise expands. */
export function expandAllBut(left: ReadonlySet<string>): Pass {
  return rewritingPass(
    {
      name: 'expand-composites',
      summary: 'replaces linear, embedding, rnn, lstm and gru by the smaller ops they stand for',
      reason: 'first, so that patterns see one form of each computation however it was declared',
    },
    (index) =>
      index.graph.nodes
        .filter((node) => isOpen(node) && !left.has(node.op))
        .flatMap((node) => expansionOf(index, node)),
  );
}

function isOpen(node: Node): boolean {
  const { meaning } = opDefinition(node.op);
  return meaning.kind === 'composite' && !meaning.keep;
}

/** A node replaced by what its op expands to. */
export function expansionOf(index: GraphIndex, node: Node): readonly Finding[] {
  const [at] = node.results;
  if (at === undefined) return [];
  const write = (into: GraphWriter) => {
    const body = named(expandNode(index.graph, node), index.value(at).name);
    return into.inline(
      body,
      presentOperands(node).map((id) => into.get(id)),
    );
  };
  const outcome = { rewrite: { replaces: node.results, write }, detail: `expanded ${node.op}` };
  return [{ pattern: 'expand', at, outcome }];
}

/** The graph with the names of its values behind a prefix: `query.matmul`. */
function named(body: Graph, prefix: string): Graph {
  const values = [...body.values].map(([id, value]) => {
    return [id, { ...value, name: `${prefix}.${value.name}` }] as const;
  });
  return { ...body, values: new Map(values) };
}
