/**
 * exp(x - max(x)) / sum(exp(x - max(x)))  ->  softmax(x) {axis}
 * softmax(c (x - max(x)))  ->  softmax(c x): CogView's, of LayoutLMv3, whose half precision asks for it
 *
 * Requires: the sum is over one axis, which it keeps. A shift other than by the maximum over that axis
 * stays with x, which changes nothing: softmax(x - c) = softmax(x).
 * Guarantees: a row of nothing but minus infinity is zeros and not NaN, as of the op wherever it comes
 * from; rows that overflowed without the shift are right.
 */
import type { ValueId } from '../../ir/graph.ts';
import { sameShape } from '../../ir/types.ts';
import type { GraphIndex } from '../graph-index.ts';
import type { GraphWriter } from '../graph-writer.ts';
import { axisOf, bothOrders, firstResult, operandOf } from '../node-reading.ts';
import { refuse } from '../rewrite.ts';
import { isNear } from './constants.ts';
import { type RaisePattern, raised } from './pattern.ts';
import { type Piece, reduced } from './reading.ts';

export const softmax: RaisePattern = {
  name: 'softmax',
  ops: ['div', 'mul'],
  match: (node, index) => {
    for (const [e, divisor] of node.op === 'div'
      ? bothOrders(node).slice(0, 1)
      : bothOrders(node)) {
      const inverse = index.madeBy(divisor, 'reciprocal');
      if (node.op === 'mul' && inverse === null) continue;
      const sum = reduced(inverse === null ? divisor : operandOf(inverse, 0), index);
      const exp = index.madeBy(e, 'exp');
      if (exp === null || sum?.op !== 'reduce_sum' || sum.x !== e) continue;
      const [axis, more] = sum.axes;
      if (axis === undefined || more !== undefined) {
        return refuse(divisor, `the sum is over the axes ${sum.axes.join(', ')}, not over one`);
      }
      const { x, inside } = unshifted(operandOf(exp, 0), sum.axes, index);
      const whole = [exp, ...sum.inside, ...inside, ...(inverse === null ? [] : [inverse])];
      const at = lastAsNegative(axis, x, index);
      const write = (into: GraphWriter) => [into.node('softmax', [into.get(x)], { axis: at })];
      if (!sameShape(index.shapeOf(x), index.shapeOf(firstResult(node)))) return null;
      return raised(node, whole, index, `softmax of ${index.nameOf(x)} along axis ${axis}`, write);
    }
    return null;
  },
};

export const shiftedSoftmax: RaisePattern = {
  name: 'shifted softmax',
  ops: ['softmax'],
  match: (node, index) => {
    const [given, mask] = node.operands;
    if (given == null) return null;
    const axes = [axisOf(node, index.shapeOf(given).length) ?? 0];
    const outer = unscaled(given, index);
    const { x, inside } = unshifted(outer.x, axes, index);
    if (x === outer.x) return null;
    const inner = unscaled(x, index);
    const isAlone = index.otherUseOf(x, inside) === null;
    const factor = outer.factor * (isAlone ? inner.factor : 1);
    const from = isAlone ? inner.x : x;
    const write = (into: GraphWriter) => {
      const plain = into.get(from);
      const by = () => into.scalar(factor, plain.dtype);
      const scaled = isNear(factor, 1) ? plain : into.node('mul', [plain, by()]);
      const operands = mask == null ? [scaled] : [scaled, into.get(mask)];
      return [into.node('softmax', operands, node.attributes)];
    };
    const whole = [...outer.inside, ...inside];
    return raised(
      node,
      whole,
      index,
      `softmax of ${index.nameOf(x)}, which shifts it itself`,
      write,
    );
  },
};

interface Scaled extends Piece {
  readonly factor: number;
}

/** x and c of c x, c a number. */
function unscaled(id: ValueId, index: GraphIndex): Scaled {
  const node = index.madeBy(id, 'mul') ?? index.madeBy(id, 'div');
  const orders = node === null ? [] : bothOrders(node).slice(0, node.op === 'mul' ? 2 : 1);
  for (const [x, by] of orders) {
    const c = index.scalarOf(by);
    if (node === null || c === null || !sameShape(index.shapeOf(x), index.shapeOf(id))) continue;
    return { x, factor: node.op === 'mul' ? c : 1 / c, inside: [node] };
  }
  return { x: id, factor: 1, inside: [] };
}

/** x of x - max(x), over these axes; of other values the value itself. */
export function unshifted(id: ValueId, axes: readonly number[], index: GraphIndex): Piece {
  const node = index.madeBy(id, 'sub');
  const largest = reduced(node?.operands[1], index);
  const x = node?.operands[0];
  const isShift =
    largest?.op === 'reduce_max' && largest.x === x && largest.axes.join() === axes.join();
  if (node === null || x == null || !isShift) return { x: id, inside: [] };
  return { x, inside: [node, ...largest.inside] };
}

/** The last axis is -1, as declarations have it. */
export function lastAsNegative(axis: number, x: ValueId, index: GraphIndex): number {
  return axis === index.shapeOf(x).length - 1 ? -1 : axis;
}
