/**
 * What numbers stand where a mask hides, and where it shows, for remove-padding. The mask is an input of
 * integers or bools, and hides where it is 0. Elementwise nodes are computed on one number of each kind
 * of place, so that no op needs a rule of its own but those that do not read all of their operands.
 */
import { interpret } from '../../interpreter/interpreter.ts';
import { GraphConstruction } from '../../ir/builder.ts';
import type { Node, ValueId } from '../../ir/graph.ts';
import type { DType } from '../../ir/types.ts';
import { isView } from '../attention/mask.ts';
import type { GraphIndex } from '../graph-index.ts';
import { traitsOf } from '../regions/traits.ts';

/** The number that a value has at all places of a kind, bools as 0 and 1; null where none is known. */
export interface Numbers {
  readonly hidden: number | null;
  /** An integer mask may be any number where it shows but 0. */
  readonly shown: number | 'not 0' | null;
}

export const UNKNOWN: Numbers = { hidden: null, shown: null };

export function numbersOfInput(id: ValueId, mask: ValueId, index: GraphIndex): Numbers {
  if (id !== mask) return UNKNOWN;
  return { hidden: 0, shown: index.value(id).dtype === 'bool' ? 1 : 'not 0' };
}

/**
 * Of a node's result, from its operands in the same rows; UNKNOWN stands for an operand in others. Where
 * hidden values are not finite, so may be their products with 0.
 */
export function numbersOfResult(
  node: Node,
  operands: readonly Numbers[],
  index: GraphIndex,
): Numbers {
  if (isView(node.op)) return operands[0] ?? UNKNOWN;
  // a row of which nothing is visible gives zeros at all places, too
  if (node.op === 'softmax') return { hidden: operands[1]?.hidden === 0 ? 0 : null, shown: null };
  if (traitsOf(index.graph, node).kind !== 'elementwise') return UNKNOWN;
  const known = operands.map((numbers, i) => {
    const scalar = index.scalarOf(node.operands[i]);
    return scalar === null ? numbers : { hidden: scalar, shown: scalar };
  });
  const hidden = numberOf(
    node,
    known.map((numbers) => numbers.hidden),
    index,
  );
  return { hidden, shown: shownOf(node, known, index) };
}

function shownOf(node: Node, operands: readonly Numbers[], index: GraphIndex): number | null {
  const numbers = operands.map(({ shown }) => (shown === 'not 0' ? null : shown));
  if (operands.some(({ shown }) => shown === 'not 0')) {
    if (node.op === 'cast' && node.attributes.dtype === 'bool') return 1;
    if (node.op === 'equal' && numbers.includes(0)) return 0;
    if (node.op === 'not_equal' && numbers.includes(0)) return 1;
  }
  return numberOf(node, numbers, index);
}

/** An elementwise node on one number an operand, where those that are known decide the result. */
function numberOf(
  node: Node,
  numbers: readonly (number | null)[],
  index: GraphIndex,
): number | null {
  if (node.op === 'select') {
    const [condition, then, otherwise] = numbers;
    if (condition == null) return then === otherwise ? (then ?? null) : null;
    return (condition === 0 ? otherwise : then) ?? null;
  }
  const decisive = DECISIVE[node.op];
  if (decisive !== undefined && numbers.includes(decisive)) return decisive;
  const operands = numbers.flatMap((number, i) => {
    const id = node.operands[i];
    return number === null || id == null ? [] : [{ number, dtype: index.value(id).dtype }];
  });
  return operands.length < node.operands.length ? null : computed(node, operands);
}

/** Operands that decide a result, whatever finite number the other operand is. */
const DECISIVE: { readonly [op: string]: number } = { mul: 0, and: 0, or: 1 };

interface Operand {
  readonly number: number;
  readonly dtype: DType;
}

function computed(node: Node, operands: readonly Operand[]): number | null {
  const g = new GraphConstruction();
  const values = operands.map(({ dtype }, i) => g.addInput(`x${i}`, { dtype, shape: [] }));
  const [value] = g.addNode(node.op, values, node.attributes);
  if (value === undefined) return null;
  const graph = g.finish('one', [{ name: 'y', value: value.id }]);
  const inputs = operands.map(({ number, dtype }, i) => {
    return [`x${i}`, { dtype, shape: [], data: Float64Array.of(number) }] as const;
  });
  return interpret(graph, new Map(inputs)).outputs.get('y')?.data[0] ?? null;
}

/** The input that a mask of attention is computed from, element by element. */
export function maskInput(id: ValueId, index: GraphIndex): ValueId | null {
  const seen = new Set<ValueId>();
  const find = (at: ValueId): ValueId | null => {
    if (seen.has(at)) return null;
    seen.add(at);
    const node = index.producerOf(at);
    if (node === null) {
      const { dtype } = index.value(at);
      const isFit = index.graph.inputs.includes(at) && dtype !== 'f32' && dtype !== 'f16';
      return isFit ? at : null;
    }
    const leads = isView(node.op) || traitsOf(index.graph, node).kind === 'elementwise';
    const operands = leads ? node.operands : [];
    const found = operands.map((from) => (from === null ? null : find(from)));
    return found.find((input) => input !== null) ?? null;
  };
  return find(id);
}
