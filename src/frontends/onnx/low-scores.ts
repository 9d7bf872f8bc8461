/**
 * softmax(select(visible, x, lowest))  ->  softmax(select(visible, x, FLOOR))
 *
 * Of a row that is hidden whole a file with the lowest float32 for invisible scores has a softmax, in which
 * all keys are alike, and the op here zeros: it takes that number for minus infinity (`ir/ops/softmax.ts`).
 * FLOOR is as low and counts as finite. Done where a mask differs from query to query, as DeBERTa's does,
 * which hides all keys from padding; a mask of keys hides all of them only where there is no token. Not
 * where the file hides the weights by the mask once more, so that the row is zeros.
 */
import { resolveAxis } from '../../ir/broadcasting.ts';
import { type Graph, type Node, type ValueId, valueOf } from '../../ir/graph.ts';
import { FLOOR, LOWEST } from '../../ir/ops/softmax.ts';

export function withFiniteLows(graph: Graph): Graph {
  const outputs = new Set(graph.outputs.map(({ value }) => value));
  const users = new Map<ValueId, Node[]>();
  for (const node of usedNodes(graph)) {
    for (const id of node.operands) {
      if (id !== null) users.set(id, [...(users.get(id) ?? []), node]);
    }
  }
  const hides = (node: Node, low: ValueId) => {
    const [condition, then, otherwise] = node.operands;
    const [scores] = node.results;
    if (node.op !== 'select' || condition == null || scores === undefined) return false;
    const differs = (valueOf(graph, condition).shape.at(-2) ?? 1) !== 1;
    const isBranch = condition !== low && (then === low) !== (otherwise === low);
    const [softmax, other] = users.get(scores) ?? [];
    if (softmax === undefined || other !== undefined || !isOverKeys(graph, softmax)) return false;
    const [weights] = softmax.results;
    const after = weights === undefined ? [] : (users.get(weights) ?? []);
    const isOnceMore = after.some(
      ({ op, operands }) => op === 'select' && operands[0] === condition,
    );
    return differs && isBranch && !isOnceMore && !outputs.has(scores);
  };
  const nodes = graph.nodes.map((node) => {
    const [low] = node.results;
    if (low === undefined || !isLowest(node) || outputs.has(low)) return node;
    const isScore = users.get(low)?.every((user) => hides(user, low)) ?? false;
    return isScore ? { ...node, attributes: { ...node.attributes, value: [FLOOR] } } : node;
  });
  return { ...graph, nodes };
}

/** What a choice was written with may be left without a use (`counted-choices.ts`). */
function usedNodes({ nodes, outputs }: Graph): readonly Node[] {
  const needed = new Set<ValueId | null>(outputs.map(({ value }) => value));
  return nodes
    .toReversed()
    .filter(({ results, operands }) => {
      const isUsed = results.some((id) => needed.has(id));
      if (isUsed) for (const id of operands) needed.add(id);
      return isUsed;
    })
    .toReversed();
}

function isOverKeys(graph: Graph, { op, operands, attributes }: Node): boolean {
  const [x, mask] = operands;
  if (op !== 'softmax' || x == null || mask != null) return false;
  const rank = valueOf(graph, x).shape.length;
  return rank > 1 && resolveAxis(Number(attributes.axis ?? -1), rank) === rank - 1;
}

function isLowest({ op, attributes: { value } }: Node): boolean {
  if (op !== 'constant' || !Array.isArray(value) || value.length !== 1) return false;
  const number = Number(value[0]);
  return number >= LOWEST && number < FLOOR;
}
