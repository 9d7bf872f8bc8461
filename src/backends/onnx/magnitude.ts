/**
 * Which values hold no score that softmax counts as invisible: minus infinity, or a number near the
 * lowest float32. Inputs may hold one, as masks do that are added to scores, and so may weights, which
 * can be looked at. Sums of products of ordinary numbers may not, nor what is computed from them and
 * moderate constants.
 */
import type { Node } from '../../ir/graph.ts';
import { opDefinition } from '../../ir/ops/index.ts';
import type { TensorData } from '../../ir/types.ts';

const MODERATE = 1e30;

/** Beside views, what is moderate where all its operands are. */
const KEEPING: ReadonlySet<string> = new Set(['add', 'sub', 'mul', 'neg']);

export function isModerate(node: Node, areOperandsModerate: boolean): boolean {
  const { kind } = opDefinition(node.op).meaning;
  if (kind === 'contraction') return true;
  if (kind !== 'source' && kind !== 'view' && !KEEPING.has(node.op)) return false;
  // The numbers of a constant, or the one that pad adds.
  const { value = 0 } = node.attributes;
  const isSmall = [value].flat().every((number) => Math.abs(Number(number)) < MODERATE);
  return areOperandsModerate && isSmall;
}

export function hasModerateNumbers({ data }: TensorData): boolean {
  for (const number of data) if (!(Math.abs(Number(number)) < MODERATE)) return false;
  return true;
}
