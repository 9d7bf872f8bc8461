/**
 * Reads the divisor of norms, sqrt(v + eps), for layer_norm and rms_norm: what is divided by it or
 * multiplied by its inverse.
 *
 * - sqrt(t), pow(t, 0.5); inverse rsqrt(t), 1 / sqrt(t), reciprocal(sqrt(t)), pow(t, -0.5)
 * - t = v + eps, or v itself for eps = 0
 */
import type { Node, ValueId } from '../../ir/graph.ts';
import type { GraphIndex } from '../graph-index.ts';
import { bothOrders, operandOf } from '../node-reading.ts';
import { madeByOneOf } from './pattern.ts';

export interface Deviation {
  /** What the root is taken of, without eps. */
  readonly variance: ValueId;
  readonly eps: number;
  readonly inside: readonly Node[];
}

/** A quotient by a deviation, however it is written. */
export interface Normalised {
  /** What is divided. */
  readonly x: ValueId;
  readonly by: Deviation;
}

/** x / sqrt(v + eps), or x * (1 / sqrt(v + eps)); first the readings that are most likely. */
export function quotients(node: Node, index: GraphIndex): readonly Normalised[] {
  if (node.op === 'div') {
    const [x, divisor] = [operandOf(node, 0), operandOf(node, 1)];
    const by = deviation(divisor, index);
    return by === null ? [] : [{ x, by }];
  }
  if (node.op !== 'mul') return [];
  return bothOrders(node).flatMap(([x, factor]) => {
    const by = inverseDeviation(factor, index);
    return by === null ? [] : [{ x, by }];
  });
}

/** sqrt(v + eps) */
function deviation(id: ValueId, index: GraphIndex): Deviation | null {
  return rootOf(id, 'sqrt', 0.5, index);
}

/** 1 / sqrt(v + eps) */
export function inverseDeviation(id: ValueId, index: GraphIndex): Deviation | null {
  const direct = rootOf(id, 'rsqrt', -0.5, index);
  if (direct !== null) return direct;
  const node = madeByOneOf(id, ['reciprocal', 'div'], index);
  if (node === null) return null;
  const isInverse = node.op === 'reciprocal' || index.scalarOf(operandOf(node, 0)) === 1;
  const found = isInverse ? deviation(operandOf(node, node.operands.length - 1), index) : null;
  return found && { ...found, inside: [...found.inside, node] };
}

function rootOf(id: ValueId, op: string, exponent: number, index: GraphIndex): Deviation | null {
  const node = madeByOneOf(id, [op, 'pow'], index);
  if (node === null) return null;
  if (node.op === 'pow' && index.scalarOf(operandOf(node, 1)) !== exponent) return null;
  const t = operandOf(node, 0);
  const sum = index.madeBy(t, 'add');
  for (const [variance, c] of sum === null ? [] : bothOrders(sum)) {
    const eps = index.scalarOf(c);
    if (sum !== null && eps !== null) return { variance, eps, inside: [sum, node] };
  }
  return { variance: t, eps: 0, inside: [node] };
}

/** The deviation in sqrt(v) + eps, which is another one: eps stands on the wrong side of the root. */
export function epsBehindRoot(divisor: ValueId, index: GraphIndex): Deviation | null {
  const sum = index.madeBy(divisor, 'add');
  for (const [root, c] of sum === null ? [] : bothOrders(sum)) {
    if (index.scalarOf(c) !== null) return deviation(root, index);
  }
  return null;
}
