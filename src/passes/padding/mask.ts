/**
 * What values are at the places that a mask hides, for remove-padding. The mask is an input of integers
 * or bools; it hides where it is 0.
 */
import { type Node, presentOperands, type ValueId } from '../../ir/graph.ts';
import type { GraphIndex } from '../graph-index.ts';

/** What holds of a value at every place that is hidden, and in part at the others. */
export interface Hidden {
  /** The mask itself: a number, or a bool that is true where it is not 0. */
  readonly isMask?: boolean;
  /** A bool that is true where the mask is 0, and nowhere else. */
  readonly isInverse?: boolean;
  /** 0, or false, wherever the mask is; as long as what it is computed from is finite. */
  readonly isZero?: boolean;
  /** True wherever the mask is 0. */
  readonly isTrue?: boolean;
}

const UNKNOWN: Hidden = {};
const MASK: Hidden = { isMask: true, isZero: true };
const INVERSE: Hidden = { isInverse: true, isTrue: true };

export function hiddenOfInput(id: ValueId, mask: ValueId): Hidden {
  return id === mask ? MASK : UNKNOWN;
}

/** Of a node's result, from its operands in the same rows; UNKNOWN stands for an operand in others. */
export function hiddenOfResult(node: Node, operands: readonly Hidden[], index: GraphIndex): Hidden {
  const [a = UNKNOWN, b = UNKNOWN] = operands;
  const isZeroNumber = (which: number) => index.scalarOf(node.operands[which]) === 0;
  const [isAnyZero, isAnyTrue] = [a.isZero === true || b.isZero === true, a.isTrue || b.isTrue];
  switch (node.op) {
    case 'reshape':
    case 'transpose':
    case 'broadcast':
    case 'slice':
      return a;
    case 'cast':
      return afterCast(node, a, index);
    case 'not':
      return negated(a);
    case 'not_equal':
    case 'equal': {
      const compared = (a.isMask && isZeroNumber(1)) || (b.isMask && isZeroNumber(0));
      return compared === true ? (node.op === 'equal' ? INVERSE : MASK) : UNKNOWN;
    }
    case 'and':
      return { isZero: isAnyZero, isTrue: a.isTrue === true && b.isTrue === true };
    case 'or':
      return { isZero: a.isZero === true && b.isZero === true, isTrue: isAnyTrue === true };
    case 'mul':
      return { isZero: isAnyZero };
    case 'softmax':
      return { isZero: b.isZero === true };
    case 'select': {
      const whenSeen = a.isZero === true && isZeroNumber(2);
      return { isZero: whenSeen || (a.isTrue === true && isZeroNumber(1)) };
    }
    default:
      return UNKNOWN;
  }
}

function negated({ isMask, isInverse, isZero, isTrue }: Hidden): Hidden {
  if (isMask) return INVERSE;
  return isInverse ? MASK : { isZero: isTrue === true, isTrue: isZero === true };
}

/** A narrower integer may wrap around to 0 where the number is none. */
function afterCast(node: Node, from: Hidden, index: GraphIndex): Hidden {
  const [x] = presentOperands(node);
  const isOfBool = x !== undefined && index.value(x).dtype === 'bool';
  if (node.attributes.dtype === 'bool' || isOfBool) return from;
  return { isZero: from.isZero === true };
}

/** The input that a mask of attention is computed from by views, casts and comparisons with 0. */
export function maskInput(id: ValueId, index: GraphIndex): ValueId | null {
  const node = index.producerOf(id);
  if (node === null) {
    const { dtype } = index.value(id);
    const isFit = index.graph.inputs.includes(id) && dtype !== 'f32' && dtype !== 'f16';
    return isFit ? id : null;
  }
  const [x] = presentOperands(node).filter((operand) => index.scalarOf(operand) !== 0);
  return LEADING_TO_MASK.has(node.op) && x !== undefined ? maskInput(x, index) : null;
}

const LEADING_TO_MASK: ReadonlySet<string> = new Set([
  ...['reshape', 'transpose', 'broadcast', 'cast', 'not', 'equal', 'not_equal', 'and', 'slice'],
]);
