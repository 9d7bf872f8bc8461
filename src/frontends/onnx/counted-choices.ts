/**
 * cast(b) * x + cast(not b) * y  ->  select(b, x, y)
 *
 * tf2onnx writes a choice as two products. Equal for every finite x and y; where the one that is not chosen
 * is infinite, the products are NaN and the choice is what the model meant. Requires: of two bools one is the
 * `not` of the other; x and y may be any values of the sum's dtype. The products stay for other uses.
 */
import { type Graph, type Node, type ValueId, valueOf } from '../../ir/graph.ts';

export function withChoices(graph: Graph): Graph {
  const makers = new Map<ValueId, Node>();
  for (const node of graph.nodes) for (const id of node.results) makers.set(id, node);
  const nodes = graph.nodes.map((node): Node => {
    if (node.body !== null) return { ...node, body: withChoices(node.body) };
    const choice = node.op === 'add' ? choiceOf(node, graph, makers) : null;
    return choice === null ? node : { ...node, op: 'select', operands: choice, attributes: {} };
  });
  return { ...graph, nodes };
}

type Makers = ReadonlyMap<ValueId, Node>;

/** The operands of the select. */
function choiceOf(node: Node, graph: Graph, makers: Makers): readonly ValueId[] | null {
  const [left, right] = node.operands;
  const [a, b] = [factorsOf(left, graph, makers), factorsOf(right, graph, makers)];
  for (const one of a) {
    for (const other of b) {
      if (isNot(other.bool, one.bool, makers)) return [one.bool, one.x, other.x];
      if (isNot(one.bool, other.bool, makers)) return [other.bool, other.x, one.x];
    }
  }
  return null;
}

/** x and b, where a value is x * cast(b), in every way to read it. */
function factorsOf(id: ValueId | null | undefined, graph: Graph, makers: Makers) {
  const product = id == null ? undefined : makers.get(id);
  const [a, b] = product?.op === 'mul' ? product.operands : [];
  if (a == null || b == null) return [];
  const orders = [
    [a, b],
    [b, a],
  ] as const;
  return orders.flatMap(([x, factor]) => {
    const cast = makers.get(factor);
    const [bool] = cast?.op === 'cast' ? cast.operands : [];
    const isBool = bool != null && valueOf(graph, bool).dtype === 'bool';
    return isBool ? [{ x, bool }] : [];
  });
}

function isNot(id: ValueId, of: ValueId, makers: Makers): boolean {
  const maker = makers.get(id);
  return maker?.op === 'not' && maker.operands[0] === of;
}
