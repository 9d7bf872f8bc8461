/** Some of a model's outputs, before any pass: what the others alone needed is not computed, stored or shipped. */
import { EncompileError } from './errors.ts';
import type { Graph } from './ir/graph.ts';
import { sweep } from './passes/sweep.ts';

/**
 * A graph with the outputs `wanted`, in the graph's order, and without the nodes and weights that they do not
 * need. Inputs stay.
 *
 * @throws EncompileError where there is no such output, or none is wanted
 */
export function withOnlyOutputs(graph: Graph, wanted: readonly string[]): Graph {
  const names = graph.outputs.map(({ name }) => name);
  const unknown = wanted.find((name) => !names.includes(name));
  if (unknown !== undefined || wanted.length === 0) {
    throw new EncompileError(
      `The model '${graph.name}' has ${unknown === undefined ? 'outputs' : `no output '${unknown}'; it has`} ` +
        `${names.join(', ')}. Name at least one of them.`,
      2,
    );
  }
  const outputs = graph.outputs.filter(({ name }) => wanted.includes(name));
  const left = graph.outputs.flatMap(({ name, value }) => (wanted.includes(name) ? [] : [value]));
  return sweep({ ...graph, outputs }, left);
}
