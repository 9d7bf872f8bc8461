/**
 * x / sqrt(mean(x^2) + eps) * gamma  ->  rms_norm(x, gamma) {eps}
 *
 * Requires: the mean is over the last axes; gamma is one number for each of their places. Where x is
 * centred, it is a layer_norm.
 * Guarantees: eps is the decimal that its float32 stands for.
 */
import type { Node } from '../../ir/graph.ts';
import { sameShape } from '../../ir/types.ts';
import type { GraphIndex } from '../graph-index.ts';
import { operandOf } from '../node-reading.ts';
import { type Outcome, refuse } from '../rewrite.ts';
import { epsBehindRoot, quotients } from './deviation.ts';
import { norm } from './norm.ts';
import type { RaisePattern } from './pattern.ts';
import { keptShape, mean, meanInside, square } from './reading.ts';

export const rmsNorm: RaisePattern = {
  name: 'rms_norm',
  ops: ['div', 'mul'],
  match: (node, index) => {
    for (const { x, by, gamma } of quotients(node, index)) {
      if (isCentred(x, index)) return null;
      const average = meanInside(by.variance, index);
      const of = square(average?.x, index);
      if (average === null || of === null) continue;
      if (!sameShape(by.shape, keptShape(average, index))) continue;
      if (of.x !== x) {
        const [found, wanted] = [index.nameOf(of.x), index.nameOf(x)];
        return refuse(of.x, `the mean square is of ${found}, not of ${wanted}`);
      }
      const inside = [...average.inside, ...of.inside, ...by.inside];
      const { axes } = average;
      return norm({ op: 'rms_norm', x, axes, eps: by.eps, inside, normal: node, gamma }, index);
    }
    return node.op === 'div' ? epsOutside(node, index) : null;
  },
};

function isCentred(id: Parameters<GraphIndex['madeBy']>[0], index: GraphIndex): boolean {
  const node = index.madeBy(id, 'sub');
  return node !== null && mean(node.operands[1], index)?.x === node.operands[0];
}

function epsOutside(node: Node, index: GraphIndex): Outcome | null {
  const [x, divisor] = [operandOf(node, 0), operandOf(node, 1)];
  const by = epsBehindRoot(divisor, index);
  const of = by === null ? null : square(meanInside(by.variance, index)?.x, index);
  if (of?.x !== x || isCentred(x, index)) return null;
  return refuse(divisor, 'eps is added to the root of the mean square, not to the mean square');
}
