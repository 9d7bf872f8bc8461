/**
 * merge-duplicates: a = op(x, ..), b = op(x, ..)  ->  b = a
 *
 * For nodes of equal op, operands and attributes, constants among them.
 * Requires: nothing.
 * Guarantees: no two such nodes are left, but where both results are outputs of the model, which
 * are buffers of their own.
 */
import type { Node, ValueId } from '../ir/graph.ts';
import { structuralKey } from '../structural-key.ts';
import type { GraphIndex } from './graph-index.ts';
import type { GraphWriter } from './graph-writer.ts';
import { type Finding, rewritingPass } from './rewrite.ts';

export const mergeDuplicates = rewritingPass(
  {
    name: 'merge-duplicates',
    summary: 'computes equal expressions once (common subexpression elimination)',
    reason:
      'after simplify, which makes equal what was merely equivalent; before fusion, which hides what is inside a kernel',
  },
  search,
);

function search(index: GraphIndex): readonly Finding[] {
  const first = new Map<string, Node>();
  const same = new Map<ValueId, ValueId>();
  const findings: Finding[] = [];
  for (const node of index.graph.nodes) {
    if (node.body !== null) continue;
    const key = keyOf(node, same);
    const known = first.get(key);
    if (known === undefined) first.set(key, node);
    if (known === undefined || areBothOutputs(index, known, node)) continue;
    node.results.forEach((id, i) => {
      const twin = known.results[i];
      if (twin !== undefined) same.set(id, twin);
    });
    findings.push(...merged(index, node, known));
  }
  return findings;
}

function merged(index: GraphIndex, node: Node, known: Node): readonly Finding[] {
  const [at, twin] = [node.results[0], known.results[0]];
  if (at === undefined || twin === undefined) return [];
  const rewrite = {
    replaces: node.results,
    write: (into: GraphWriter) => known.results.map((id) => into.get(id)),
  };
  const detail = `the same as ${index.nameOf(twin)}`;
  return [{ pattern: 'duplicate', at, outcome: { rewrite, detail } }];
}

function areBothOutputs(index: GraphIndex, a: Node, b: Node): boolean {
  return a.results.some((id, i) => {
    const twin = b.results[i];
    return twin !== undefined && index.isOutput(id) && index.isOutput(twin);
  });
}

function keyOf(node: Node, same: ReadonlyMap<ValueId, ValueId>): string {
  const operands = node.operands.map((id) => (id === null ? null : (same.get(id) ?? id)));
  return structuralKey([node.op, operands, node.attributes]);
}
