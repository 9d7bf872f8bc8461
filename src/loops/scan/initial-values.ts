/** Constants and positions that a scan fills its states with itself. */
import { type Graph, presentOperands, type ValueId } from '../../ir/graph.ts';
import { opDefinition } from '../../ir/ops/index.ts';
import { partsOf } from '../../ir/ops/scan.ts';

/** What is an initial state of scans and nothing else: no kernel makes it beforehand. */
export function initialValues(graph: Graph): ReadonlySet<ValueId> {
  const initial = new Set<ValueId>();
  const others = new Set<ValueId>(graph.outputs.map(({ value }) => value));
  for (const node of graph.nodes) {
    const operands = presentOperands(node);
    const states = node.op === 'scan' ? partsOf(node.attributes, operands).states : [];
    for (const id of states) initial.add(id);
    for (const id of operands.slice(states.length)) others.add(id);
  }
  const sources = graph.nodes.filter((node) => opDefinition(node.op).meaning.kind === 'source');
  return new Set(
    sources.flatMap(({ results }) => results.filter((id) => initial.has(id) && !others.has(id))),
  );
}
