/**
 * Attention weights as further outputs of a graph, before any pass. A fused attention never has its weights
 * in memory: fuse-attention leaves those alone that are outputs, and says so in the ledger.
 */
import { EncompileError } from './errors.ts';
import { GraphConstruction } from './ir/builder.ts';
import { type Graph, type Value, valueOf } from './ir/graph.ts';

/** The attentions of a graph by name, with the value [.., queries, keys] that holds their weights. */
export function attentionsOf(graph: Graph): ReadonlyMap<string, Value> {
  const found = graph.nodes.flatMap(({ op, results: [result] }) => {
    if (op !== 'softmax' || result === undefined) return [];
    const value = valueOf(graph, result);
    return value.shape.length < 2 ? [] : [[value.name.replace(/\.probs$/, ''), value] as const];
  });
  return new Map(found);
}

/**
 * A graph with attention weights as outputs `<attention>.weights` [.., heads, queries, keys], or
 * `<attention>.weights.<head>` [.., queries, keys].
 *
 * @param wanted names of attentions as the declaration has them, such as `layer.0.attention`, each maybe
 * with a head, counted from 0: `layer.0.attention:3`; `all` stands for all attentions
 * @throws EncompileError where there is no such attention or head
 */
export function withAttentionWeights(graph: Graph, wanted: readonly string[]): Graph {
  const attentions = attentionsOf(graph);
  const names = wanted.flatMap((name) => (name === 'all' ? [...attentions.keys()] : [name]));
  const into = GraphConstruction.continuing(graph);
  into.nodes.push(...graph.nodes);
  const outputs = names.map((name) => {
    const [, attention = name, head = null] = /^(.*?)(?::(\d+))?$/.exec(name) ?? [];
    const weights = attentions.get(attention);
    if (weights === undefined) {
      const known = [...attentions.keys()].join(', ') || 'none';
      throw new EncompileError(
        `The model '${graph.name}' has no attention '${attention}'; it has ${known}. Name one of them, ` +
          "or 'all'.",
        2,
      );
    }
    if (head === null) return { name: `${attention}.weights`, value: weights.id };
    const value = headOf(into, weights, Number(head), attention);
    return { name: `${attention}.weights.${head}`, value: value.id };
  });
  return into.finish(graph.name, [...graph.outputs, ...outputs]);
}

/** [.., heads, queries, keys] -> [.., queries, keys]. */
function headOf(into: GraphConstruction, weights: Value, head: number, attention: string): Value {
  const heads = weights.shape.at(-3);
  if (typeof heads !== 'number' || head >= heads) {
    throw new EncompileError(
      `The attention '${attention}' has ${heads ?? 'no'} heads, counted from 0, and no head ${head}.`,
      2,
    );
  }
  const g = into.untypedBuilder();
  const axis = weights.shape.length - 3;
  const starts = weights.shape.map((_, a) => (a === axis ? head : 0));
  const ends = weights.shape.map((dim, a) => (a === axis ? head + 1 : dim));
  const one = g.slice(weights, { starts, ends });
  return g.reshape(one, { shape: weights.shape.filter((_, a) => a !== axis) });
}
