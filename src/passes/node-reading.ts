/** Reads operands and attributes of nodes as patterns need them. */
import type { AttributeValue } from '../ir/attributes.ts';
import { resolveAxis } from '../ir/broadcasting.ts';
import type { Node, ValueId } from '../ir/graph.ts';
import type { Shape } from '../ir/types.ts';
import type { GraphIndex } from './graph-index.ts';

/** The result of a node; of several the first. */
export function firstResult(node: Node): ValueId {
  const [result] = node.results;
  if (result === undefined) throw new Error(`${node.op} has no result`);
  return result;
}

/** An operand that must be there. */
export function operandOf(node: Node, which: number): ValueId {
  const id = node.operands[which];
  if (id == null) throw new Error(`${node.op} has no operand ${which}`);
  return id;
}

export function resultShape(node: Node, index: GraphIndex): Shape {
  return index.shapeOf(firstResult(node));
}

export function numbersOf(list: AttributeValue | undefined): readonly number[] {
  return Array.isArray(list) ? list.map(Number) : [];
}

export function permutationOf(node: Node): readonly number[] {
  return numbersOf(node.attributes.permutation);
}

/** The attribute `axis`, counted from the start. */
export function axisOf(node: Node, rank: number): number | null {
  return resolveAxis(Number(node.attributes.axis), rank);
}

/** The permutation that swaps the last two of `rank` axes. */
export function swapLast(rank: number): readonly number[] {
  return [...Array(rank - 2).keys(), rank - 1, rank - 2];
}

/** The two operands of a node in both orders, for ops that do not mind it. */
export function bothOrders(node: Node): readonly (readonly [ValueId, ValueId])[] {
  const [a, b] = node.operands;
  if (a == null || b == null) return [];
  return [
    [a, b],
    [b, a],
  ];
}
