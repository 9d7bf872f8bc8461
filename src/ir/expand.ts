/**
 * The expansion of a composite as a small graph of its own: one input for each present operand, in
 * their order (an operand that is given twice has two), one output a result. Interpreter, passes and
 * lowering share it, so that all agree on what a composite means.
 */
import { EncompileError } from '../errors.ts';
import { GraphConstruction } from './builder.ts';
import { type Graph, type Node, valueOf } from './graph.ts';
import { opDefinition } from './ops/index.ts';

export function expandNode(graph: Graph, node: Node): Graph {
  const { meaning, operands: specs } = opDefinition(node.op);
  if (meaning.kind !== 'composite') {
    throw new EncompileError(`${node.op} is not a composite: it has no expansion.`);
  }
  const into = new GraphConstruction(() => node.origin);
  const operands = node.operands.map((id, i) => {
    if (id === null) return undefined;
    return into.addInput(specs[Math.min(i, specs.length - 1)]?.name ?? 'x', valueOf(graph, id));
  });
  const results = expanded(graph, node, () =>
    meaning.expand(into.untypedBuilder(), operands, node.attributes),
  );
  const outputs = results.map((value, i) => {
    const id = node.results[i];
    return { name: id === undefined ? `${i}` : valueOf(graph, id).name, value: value.id };
  });
  return into.finish(node.op, outputs);
}

/** What the expansion cannot be built of is said of the node. */
function expanded<T>(graph: Graph, { op, results }: Node, expand: () => T): T {
  try {
    return expand();
  } catch (error) {
    if (!(error instanceof EncompileError)) throw error;
    const name = results.map((id) => valueOf(graph, id).name).join(', ');
    throw new EncompileError(
      `The ${op} that computes '${name}' cannot be expanded: ${error.message.replace(/\.$/, '')}. Give it ` +
        'smaller windows or shapes.',
    );
  }
}
