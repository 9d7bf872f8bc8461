/**
 * (x - mean(x)) / sqrt(var(x) + eps) * gamma + beta  ->  layer_norm(x, gamma, beta) {eps}
 *
 * - var(x) is mean((x - mean(x))^2), the square by pow or by mul, or mean(x^2) - mean(x)^2
 * - gamma may be multiplied with the inverse first: (x - mean(x)) * (gamma / sqrt(var(x) + eps))
 * - TensorFlow multiplies out: x * s + (beta - mean(x) * s), s = gamma / sqrt(var(x) + eps); Keras adds
 *   -mean(x) * s, and leaves out gamma or beta where there is none
 * Requires: both means over the same last axes; gamma and beta one number for each of their places.
 * Guarantees: the variance is that of centred values, which float32 cancels less than the difference
 * of the squares; eps is the decimal that its float32 stands for.
 */
import type { Node, ValueId } from '../../ir/graph.ts';
import { sameShape } from '../../ir/types.ts';
import type { GraphIndex } from '../graph-index.ts';
import { bothOrders, firstResult, operandOf } from '../node-reading.ts';
import { isRefusal, type Outcome, type Refusal, refuse } from '../rewrite.ts';
import { type Deviation, epsBehindRoot, quotients, scaleBy } from './deviation.ts';
import { norm } from './norm.ts';
import type { RaisePattern } from './pattern.ts';
import {
  isVectorOf,
  keptShape,
  mean,
  meanInside,
  type Reduced,
  square,
  withoutOnes,
} from './reading.ts';

export const layerNorm: RaisePattern = {
  name: 'layer_norm',
  ops: ['div', 'mul', 'add'],
  match: (node, index) => (node.op === 'add' ? multipliedOut(node, index) : quotient(node, index)),
};

/** x - mean(x) */
interface Centred {
  readonly x: ValueId;
  readonly id: ValueId;
  readonly mean: Reduced;
  readonly node: Node;
}

function centred(id: ValueId, index: GraphIndex): Centred | null {
  const node = index.madeBy(id, 'sub');
  const found = mean(node?.operands[1], index);
  const x = node?.operands[0];
  return node !== null && x != null && found?.x === x ? { x, id, mean: found, node } : null;
}

function quotient(node: Node, index: GraphIndex): Outcome | null {
  for (const { x: id, by, gamma } of quotients(node, index)) {
    const of = centred(id, index);
    if (of === null) continue;
    const variance = varianceOf(by, of, index);
    if (variance === null) continue;
    if (isRefusal(variance)) return variance;
    const { x, mean: inner } = of;
    const inside = [...inner.inside, of.node, ...variance, ...by.inside];
    return norm(
      { op: 'layer_norm', x, axes: inner.axes, eps: by.eps, inside, normal: node, gamma },
      index,
    );
  }
  return node.op === 'div' ? epsOutside(node, index) : null;
}

/** The nodes of var(x); null where nothing is squared and averaged. */
function varianceOf(
  { variance, shape }: Deviation,
  { x, id, mean: inner }: Centred,
  index: GraphIndex,
): readonly Node[] | Refusal | null {
  const difference = differenceOfSquares(variance, x, inner, index);
  if (difference !== null && sameShape(shape, keptShape(inner, index))) return difference;
  const average = meanInside(variance, index);
  const of = average === null ? null : square(average.x, index);
  if (average === null || of === null) return null;
  if (of.x !== id) {
    const [found, wanted] = [index.nameOf(of.x), index.nameOf(id)];
    return refuse(of.x, `the variance is the mean square of ${found}, not of ${wanted}`);
  }
  if (average.axes.join() !== inner.axes.join()) {
    const [a, b] = [inner.axes.join(', '), average.axes.join(', ')];
    return refuse(variance, `the mean is over the axes ${a}, the variance over ${b}`);
  }
  const kept = keptShape(average, index);
  if (!sameShape(shape, kept)) {
    const [found, wanted] = [shape.join(', '), kept.join(', ')];
    return refuse(variance, `what divides has the shape [${found}], not [${wanted}]`);
  }
  return [...average.inside, ...of.inside];
}

/** mean(x^2) - mean(x)^2 */
function differenceOfSquares(
  variance: ValueId,
  x: ValueId,
  inner: Reduced,
  index: GraphIndex,
): readonly Node[] | null {
  const node = index.madeBy(withoutOnes(variance, index).x, 'sub');
  const [a, b] = node?.operands ?? [];
  const average = a == null ? null : meanInside(a, index);
  const of = square(average?.x, index);
  const squared = square(b, index);
  const first = squared === null ? null : meanInside(squared.x, index);
  if (node === null || average === null || of?.x !== x || squared === null) return null;
  const axes = inner.axes.join();
  if (first?.x !== x || first.axes.join() !== axes || average.axes.join() !== axes) return null;
  return [node, ...average.inside, ...of.inside, ...squared.inside, ...first.inside];
}

function epsOutside(node: Node, index: GraphIndex): Outcome | null {
  const divisor = operandOf(node, 1);
  const by = epsBehindRoot(divisor, index);
  const of = centred(operandOf(node, 0), index);
  if (by === null || of === null || varianceOf(by, of, index) === null) return null;
  return refuse(divisor, 'eps is added to the root of the variance, not to the variance');
}

/** x * s + (beta - mean(x) * s) */
function multipliedOut(root: Node, index: GraphIndex): Outcome | null {
  for (const [product, difference] of bothOrders(root)) {
    const scaled = index.madeBy(product, 'mul');
    const shift = scaled === null ? null : shiftOf(difference, index);
    if (scaled === null || shift === null) continue;
    const { mean: inner, s, beta } = shift;
    if (!bothOrders(scaled).some(([x, factor]) => x === inner.x && factor === s)) continue;
    const scale = scaleBy(s, index);
    const variance = scale === null ? null : varianceAround(scale.by, inner, index);
    if (scale === null || variance === null) continue;
    if (isRefusal(variance)) return variance;
    const dims = index.shapeOf(inner.x).slice(-inner.axes.length);
    const isShape = sameShape(index.shapeOf(firstResult(root)), index.shapeOf(inner.x));
    if (
      !isShape ||
      ![beta, scale.gamma].every((id) => id === null || isVectorOf(id, dims, index))
    ) {
      const at = beta ?? s;
      return refuse(at, `${index.nameOf(at)} or gamma is no vector over the axes`);
    }
    const inside = [scaled, ...shift.inside, ...inner.inside, ...variance, ...scale.inside];
    const { axes, x } = inner;
    const { gamma } = scale;
    return norm(
      { op: 'layer_norm', x, axes, eps: scale.by.eps, inside, normal: root, gamma, beta },
      index,
    );
  }
  return null;
}

interface Shift {
  readonly mean: Reduced;
  readonly s: ValueId;
  readonly beta: ValueId | null;
  readonly inside: readonly Node[];
}

/** beta - mean(x) * s, beta + -mean(x) * s, -mean(x) * s or -(mean(x) * s) */
function shiftOf(id: ValueId, index: GraphIndex): Shift | null {
  const sub = index.madeBy(id, 'sub');
  if (sub !== null) return meanTimes(operandOf(sub, 1), operandOf(sub, 0), false, [sub], index);
  const sum = index.madeBy(id, 'add');
  for (const [product, beta] of sum === null ? [] : bothOrders(sum)) {
    const found = sum === null ? null : meanTimes(product, beta, true, [sum], index);
    if (found !== null) return found;
  }
  return meanTimes(id, null, true, [], index);
}

/** mean(x) * s, negated as a whole or in its mean where that is asked for. */
function meanTimes(
  id: ValueId,
  beta: ValueId | null,
  isNegated: boolean,
  before: readonly Node[],
  index: GraphIndex,
): Shift | null {
  const outer = isNegated ? index.madeBy(id, 'neg') : null;
  const product = index.madeBy(outer === null ? id : operandOf(outer, 0), 'mul');
  for (const [factor, s] of product === null ? [] : bothOrders(product)) {
    const neg = isNegated && outer === null ? index.madeBy(factor, 'neg') : null;
    if (product === null || (isNegated && outer === null && neg === null)) continue;
    const found = mean(neg === null ? factor : operandOf(neg, 0), index);
    if (found === null) continue;
    const inside = [product, outer, neg].filter((node) => node !== null);
    return { mean: found, s, beta, inside: [...before, ...inside] };
  }
  return null;
}

/** The variance around a mean whose centred values stand nowhere else in the chain. */
function varianceAround(by: Deviation, inner: Reduced, index: GraphIndex) {
  const direct = differenceOfSquares(by.variance, inner.x, inner, index);
  if (direct !== null && sameShape(by.shape, keptShape(inner, index))) return direct;
  const of = square(meanInside(by.variance, index)?.x, index);
  const around = of === null ? null : centred(of.x, index);
  if (around?.x !== inner.x || around.mean.axes.join() !== inner.axes.join()) return null;
  const variance = varianceOf(by, around, index);
  if (variance === null || isRefusal(variance)) return variance;
  return [...variance, around.node, ...around.mean.inside];
}
