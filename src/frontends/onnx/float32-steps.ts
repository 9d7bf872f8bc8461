/**
 * floor(c log(x))  ->  floor(round_float32(c round_float32(log(x))))
 *
 * A whole number that is made of functions, as the bucket of a distance is (T5, DeBERTa, LayoutLMv3), is
 * exact at many places: 8 log(16 / 8) / log(16) is 2. A file says log(16) to the digits of float32, so
 * that one in float64 comes to 1.999999995, whose bucket is 1; in float32, step by step, to 2, as in the
 * framework that trained the model. So every step behind floor, ceil, round and casts to integers
 * is rounded where one of them is such a function. Sums and products of whole numbers are exact in both.
 */
import { type Graph, type Node, type ValueId, valueOf } from '../../ir/graph.ts';
import { copyNode, rebuild } from '../../ir/rebuild.ts';
import { isFloat, isInteger } from '../../ir/types.ts';

const FUNCTIONS: ReadonlySet<string> = new Set(['log', 'exp', 'pow', 'sqrt']);
const STEPS: ReadonlySet<string> = new Set([
  ...FUNCTIONS,
  'add',
  'sub',
  'mul',
  'div',
  'reciprocal',
]);
/** Ops whose results are numbers of an operand, or these without their sign. */
const EXACT: ReadonlySet<string> = new Set([
  ...['abs', 'neg', 'minimum', 'maximum', 'select'],
  ...['broadcast', 'reshape', 'slice', 'transpose'],
]);

export function withFloat32Steps(graph: Graph): Graph {
  const steps = stepsOf(graph);
  if (steps.size === 0) return graph;
  return rebuild(graph, (node, operands, into) => {
    if (!steps.has(node)) return null;
    const results = copyNode(graph, node, operands, into);
    const { origin } = node;
    return results.flatMap((value) => {
      const names = [`${value.name}.float32`];
      return into.addNode('round_float32', [value], {}, { names, origin });
    });
  });
}

/** The steps to round: back from what makes whole numbers, where a function stands among them. */
function stepsOf(graph: Graph): ReadonlySet<Node> {
  const producers = new Map<ValueId, Node>();
  const withFunction = new Set<Node>();
  const open: Node[] = [];
  const behind = (node: Node): readonly Node[] =>
    node.operands.flatMap((id) => {
      const producer = id === null ? undefined : producers.get(id);
      return producer === undefined ? [] : [producer];
    });
  for (const node of graph.nodes) {
    if (makesWhole(graph, node))
      open.push(...behind(node).filter((step) => withFunction.has(step)));
    if (!isOnTheWay(graph, node)) continue;
    for (const id of node.results) producers.set(id, node);
    const hasFunction =
      FUNCTIONS.has(node.op) || behind(node).some((step) => withFunction.has(step));
    if (hasFunction) withFunction.add(node);
  }
  const passed = new Set<Node>();
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (passed.has(node)) continue;
    passed.add(node);
    open.push(...behind(node));
  }
  return new Set([...passed].filter(({ op }) => STEPS.has(op)));
}

function isOnTheWay(graph: Graph, { op, results: [y] }: Node): boolean {
  const isFloating = y !== undefined && isFloat(valueOf(graph, y).dtype);
  return isFloating && (STEPS.has(op) || EXACT.has(op));
}

function makesWhole(graph: Graph, { op, operands: [x], results: [y] }: Node): boolean {
  if (x == null || y === undefined || !isFloat(valueOf(graph, x).dtype)) return false;
  if (op === 'cast') return isInteger(valueOf(graph, y).dtype);
  return op === 'floor' || op === 'ceil' || op === 'round';
}
