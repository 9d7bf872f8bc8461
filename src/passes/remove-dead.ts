/**
 * remove-dead: a value that no output needs  ->  nothing
 *
 * Requires: nothing.
 * Guarantees: every node and every parameter is needed by an output. Inputs stay: they are the
 * model's interface.
 */
import { type Graph, valueOf } from '../ir/graph.ts';
import type { Ledger } from './ledger.ts';
import type { Pass } from './pass.ts';
import { sweep } from './sweep.ts';

export const removeDead: Pass = {
  name: 'remove-dead',
  summary: 'drops nodes and weights that no output needs',
  reason: 'early, so that no pass works on what is not needed, nor is held back by a use in it',
  run: (graph, ledger) => {
    const values = graph.nodes.flatMap((node) => node.results);
    const live = sweep(graph, [...values, ...graph.parameters.map(({ value }) => value)]);
    const isUnchanged = live.values.size === graph.values.size;
    if (isUnchanged) return graph;
    recordDropped(graph, live, ledger);
    return live;
  },
};

function recordDropped(graph: Graph, live: Graph, ledger: Ledger): void {
  const base = { pass: 'remove-dead', pattern: 'dead value', matched: true as const };
  for (const node of graph.nodes) {
    const [id] = node.results;
    if (id === undefined || live.values.has(id)) continue;
    const { name } = valueOf(graph, id);
    ledger.record({
      ...base,
      at: name,
      location: node.origin.location,
      detail: 'no output needs it',
    });
  }
  for (const { value } of graph.parameters) {
    if (live.values.has(value)) continue;
    const { name } = valueOf(graph, value);
    ledger.record({
      ...base,
      at: name,
      location: () => null,
      detail: 'no output needs this weight',
    });
  }
}
