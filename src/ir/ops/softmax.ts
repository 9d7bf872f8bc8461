/**
 * softmax: y[i] = e[i] / sum over the axis of e, with e[i] = exp(x[i] - max(FLOOR, max over the axis
 * of x)) and FLOOR = half the lowest finite float32
 *
 * x [.., n, ..], mask [broadcasts to x] (true: visible) -> y as x. A masked element is 0, and so is
 * one far below FLOOR: minus infinity, the lowest number that stands for it in WGSL, and either plus
 * a score. A row of such elements alone is zeros, never NaN.
 * - c1: x is floating point
 * - c2: the axis exists
 * - c3: the mask is bool and broadcasts to x
 */
import { integer } from '../attributes.ts';
import { broadcastShapes, resolveAxis } from '../broadcasting.ts';
import type { Value } from '../graph.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { AxisOk, DTypeOk, StretchesToOk } from '../shape-types.ts';
import { type DType, type FloatType, isFloat, type Shape, sameShape } from '../types.ts';

/** `softmax(x, { axis })` or `softmax(x, mask, { axis })`. */
export type Softmax = <
  D extends DType,
  S extends Shape,
  M extends Shape = [],
  Axis extends number = -1,
>(
  x: Value<D, S> & DTypeOk<'softmax_c1', FloatType, D>,
  mask?: (Value<'bool', M> & StretchesToOk<'softmax_c3', M, S>) | SoftmaxAttributes<S, Axis> | null,
  attributes?: SoftmaxAttributes<S, Axis>,
) => Value<D, S>;

interface SoftmaxAttributes<S, Axis extends number> {
  readonly axis?: Axis & AxisOk<'softmax_c2', S, Axis>;
}

/** The lowest finite float32: what stands for an invisible score. */
export const LOWEST = -3.4028234663852886e38;
/** The least that is taken off a score, so that an invisible one has weight exp(LOWEST - FLOOR) = 0. */
export const FLOOR = LOWEST / 2;

export const softmax: OpDefinition<Softmax> = defineOp({
  kind: 'composite',
  keep: true,
  summary: 'y[i] = exp(x[i]) / sum of exp(x) along the axis, over the visible elements',
  operands: [{ name: 'x' }, { name: 'mask', optional: true }],
  attributes: { axis: integer(-1) },
  infer: ({ operand, operands, attributes, require }) => {
    const x = operand(0);
    const mask = operands[1];
    require('c1', isFloat(x.dtype), () => `softmax is defined on f32 and f16, not on ${x.dtype}`);
    require('c2', resolveAxis(attributes.axis, x.shape.length) !== null, () => {
      return `axis ${attributes.axis} is not an axis of a value with ${x.shape.length} dims`;
    });
    if (mask !== undefined) {
      const together = broadcastShapes(x.shape, mask.shape);
      const fits = together !== null && sameShape(together, x.shape);
      require('c3', mask.dtype === 'bool' && fits, () =>
        'the mask must be bool and broadcast to x');
    }
    return [x];
  },
  expand: ({ g, operand, operands, attributes: { axis } }) => {
    const x = operand(0);
    const mask = operands[1];
    const over = { axes: [axis], keep: true };
    const visible = mask === undefined ? x : g.select(mask, x, LOWEST);
    const largest = g.maximum(g.reduce_max(visible, over), FLOOR);
    const weights = g.exp(g.sub(visible, largest));
    // Of a row with no visible element the sum is 0, and the quotient must be; any other is 1 or more.
    return [g.div(weights, g.maximum(g.reduce_sum(weights, over), 1e-30))];
  },
});
