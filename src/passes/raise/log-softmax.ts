/**
 * (x - max(x)) - log(sum(exp(x - max(x))))  ->  log_softmax(x) {axis}
 *
 * Requires: the sum is over one axis, which it keeps, and of what the logarithm is taken off.
 */
import { sameShape } from '../../ir/types.ts';
import type { GraphWriter } from '../graph-writer.ts';
import { operandOf } from '../node-reading.ts';
import { refuse } from '../rewrite.ts';
import { type RaisePattern, raised } from './pattern.ts';
import { keptShape, reducedInside, withoutOnes } from './reading.ts';
import { lastAsNegative, unshifted } from './softmax.ts';

export const logSoftmax: RaisePattern = {
  name: 'log_softmax',
  ops: ['sub'],
  match: (node, index) => {
    const taken = operandOf(node, 1);
    const { x: bare, inside: views } = withoutOnes(taken, index);
    const log = index.madeBy(bare, 'log');
    const sum = log === null ? null : reducedInside(operandOf(log, 0), index);
    const exp = index.madeBy(sum?.x, 'exp');
    if (log === null || exp === null || sum?.op !== 'reduce_sum') return null;
    if (!sameShape(index.shapeOf(taken), keptShape(sum, index))) return null;
    const [shifted, of] = [operandOf(node, 0), operandOf(exp, 0)];
    const [axis, more] = sum.axes;
    if (shifted !== of) {
      const [a, b] = [index.nameOf(shifted), index.nameOf(of)];
      return refuse(of, `the sum is of exp(${b}), but taken off ${a}`);
    }
    if (axis === undefined || more !== undefined) {
      return refuse(sum.x, `the sum is over the axes ${sum.axes.join(', ')}, not over one`);
    }
    const { x, inside } = unshifted(shifted, sum.axes, index);
    const whole = [log, exp, ...views, ...sum.inside, ...inside];
    const at = lastAsNegative(axis, x, index);
    const write = (into: GraphWriter) => [into.node('log_softmax', [into.get(x)], { axis: at })];
    return raised(
      node,
      whole,
      index,
      `log_softmax of ${index.nameOf(x)} along axis ${axis}`,
      write,
    );
  },
};
