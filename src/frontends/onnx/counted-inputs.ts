/**
 * Sizes that are counted in the numbers of an input: how many of its elements are not 0. Whoever runs
 * the model counts them there, so only what is an input, or 0 just where one is, can be counted.
 */
import type { Node, Value, ValueId } from '../../ir/graph.ts';
import { isFloat } from '../../ir/types.ts';

/** What is known of the graph in the making. */
export interface GraphSoFar {
  readonly inputs: readonly ValueId[];
  readonly values: ReadonlyMap<ValueId, Value>;
  readonly producers: ReadonlyMap<ValueId, Node>;
}

/** The input that is 0 just where the value is, element by element in their order; null where there is none. */
export function countedInput(value: Value, graph: GraphSoFar): Value | null {
  let current: Value | undefined = value;
  while (current !== undefined) {
    const { id, dtype, shape }: Value = current;
    if (graph.inputs.includes(id)) return isFloat(dtype) || shape.length === 0 ? null : current;
    const node = graph.producers.get(id);
    const from = node === undefined ? null : sourceOf(node, graph);
    current = from === null ? undefined : graph.values.get(from);
  }
  return null;
}

/** The operand that is 0 where the result is, if its elements stand in the same order. */
function sourceOf(node: Node, { producers, values }: GraphSoFar): ValueId | null {
  const [x = null, other = null] = node.operands;
  if (x === null) return null;
  const from = values.get(x);
  if (from === undefined || isFloat(from.dtype)) return null;
  if (node.op === 'reshape') return x;
  // a cast to fewer bits makes 0 of 256
  if (node.op === 'cast') return KEEPING_ZERO.has(String(node.attributes.dtype)) ? x : null;
  if (node.op !== 'not_equal' || other === null) return null;
  const { op, attributes: { value } = {} } = producers.get(other) ?? {};
  const isZero = op === 'constant' && [value].flat().every((number) => number === 0);
  return isZero ? x : null;
}

const KEEPING_ZERO: ReadonlySet<string> = new Set(['bool', 'i64', 'i32']);
