/**
 * Reads the divisor of norms, sqrt(v + eps), for layer_norm and rms_norm: what is divided by it or
 * multiplied by its inverse.
 *
 * - sqrt(t), pow(t, 0.5); inverse rsqrt(t), 1 / sqrt(t), reciprocal(sqrt(t)), pow(t, -0.5)
 * - t = v + eps, or v itself for eps = 0
 * A mean without its axes may get them back anywhere on the way.
 */
import type { Node, ValueId } from '../../ir/graph.ts';
import type { Shape } from '../../ir/types.ts';
import type { GraphIndex } from '../graph-index.ts';
import { bothOrders, operandOf } from '../node-reading.ts';
import { madeByOneOf } from './pattern.ts';
import { withoutOnes } from './reading.ts';

export interface Deviation {
  /** What the root is taken of, without eps. */
  readonly variance: ValueId;
  readonly eps: number;
  /** Of what divides. */
  readonly shape: Shape;
  readonly inside: readonly Node[];
}

/** A quotient by a deviation, however it is written. */
export interface Normalised {
  /** What is divided. */
  readonly x: ValueId;
  readonly by: Deviation;
  /** What the inverse is multiplied with before x is. */
  readonly gamma: ValueId | undefined;
}

/** x / sqrt(v + eps), or x * (1 / sqrt(v + eps)); first the readings that are most likely. */
export function quotients(node: Node, index: GraphIndex): readonly Normalised[] {
  if (node.op === 'div') {
    const [x, divisor] = [operandOf(node, 0), operandOf(node, 1)];
    const by = deviation(divisor, index);
    return by === null ? [] : [{ x, by, gamma: undefined }];
  }
  if (node.op !== 'mul') return [];
  return bothOrders(node).flatMap(([x, factor]) => {
    const found = scaleBy(factor, index);
    if (found === null) return [];
    const { by, gamma, inside } = found;
    return [{ x, by: { ...by, inside }, gamma: gamma ?? undefined }];
  });
}

/** s = gamma / sqrt(v + eps), or without gamma. */
export function scaleBy(s: ValueId, index: GraphIndex) {
  const plain = inverseDeviation(s, index);
  if (plain !== null) return { by: plain, gamma: null, inside: plain.inside };
  const node = madeByOneOf(s, ['mul'], index);
  for (const [inverse, gamma] of node === null ? [] : bothOrders(node)) {
    const by = inverseDeviation(inverse, index);
    if (node !== null && by !== null) return { by, gamma, inside: [...by.inside, node] };
  }
  return null;
}

/** sqrt(v + eps) */
function deviation(id: ValueId, index: GraphIndex): Deviation | null {
  return rootOf(id, 'sqrt', 0.5, index);
}

/** 1 / sqrt(v + eps) */
function inverseDeviation(id: ValueId, index: GraphIndex): Deviation | null {
  const direct = rootOf(id, 'rsqrt', -0.5, index);
  if (direct !== null) return direct;
  const { x: bare, inside } = withoutOnes(id, index);
  const node = madeByOneOf(bare, ['reciprocal', 'div'], index);
  if (node === null) return null;
  const isInverse = node.op === 'reciprocal' || index.scalarOf(operandOf(node, 0)) === 1;
  const found = isInverse ? deviation(operandOf(node, node.operands.length - 1), index) : null;
  if (found === null) return null;
  return { ...found, shape: index.shapeOf(id), inside: [...found.inside, node, ...inside] };
}

function rootOf(id: ValueId, op: string, exponent: number, index: GraphIndex): Deviation | null {
  const { x: bare, inside } = withoutOnes(id, index);
  const node = madeByOneOf(bare, [op, 'pow'], index);
  if (node === null) return null;
  if (node.op === 'pow' && index.scalarOf(operandOf(node, 1)) !== exponent) return null;
  const shape = index.shapeOf(id);
  const t = withoutOnes(operandOf(node, 0), index);
  const sum = index.madeBy(t.x, 'add');
  for (const [variance, c] of sum === null ? [] : bothOrders(sum)) {
    const eps = index.scalarOf(c);
    if (sum === null || eps === null) continue;
    return { variance, eps, shape, inside: [sum, ...t.inside, node, ...inside] };
  }
  return { variance: t.x, eps: 0, shape, inside: [...t.inside, node, ...inside] };
}

/** The deviation in sqrt(v) + eps, which is another one: eps stands on the wrong side of the root. */
export function epsBehindRoot(divisor: ValueId, index: GraphIndex): Deviation | null {
  const sum = index.madeBy(withoutOnes(divisor, index).x, 'add');
  for (const [root, c] of sum === null ? [] : bothOrders(sum)) {
    const found = index.scalarOf(c) === null ? null : deviation(root, index);
    if (found !== null) return { ...found, shape: index.shapeOf(divisor) };
  }
  return null;
}
