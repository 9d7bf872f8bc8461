/**
 * log_softmax: y[i] = x[i] - m - log(sum over the axis of exp(x - m)), m = max over the axis of x
 *
 * x [.., n, ..] -> y as x
 * - c1: x is floating point
 * - c2: the axis exists
 */
import { integer } from '../attributes.ts';
import { resolveAxis } from '../broadcasting.ts';
import type { Value } from '../graph.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { AxisOk, DTypeOk } from '../shape-types.ts';
import { type DType, type FloatType, isFloat, type Shape } from '../types.ts';

export type LogSoftmax = <D extends DType, S extends Shape, Axis extends number = -1>(
  x: Value<D, S> & DTypeOk<'log_softmax_c1', FloatType, D>,
  attributes?: { readonly axis?: Axis & AxisOk<'log_softmax_c2', S, Axis> },
) => Value<D, S>;

export const log_softmax: OpDefinition<LogSoftmax> = defineOp({
  kind: 'composite',
  keep: true,
  summary: 'y[i] = x[i] - log(sum of exp(x) along the axis)',
  operands: [{ name: 'x' }],
  attributes: { axis: integer(-1) },
  tolerance: { absolute: 1e-5, relative: 1e-4 },
  infer: ({ operand, attributes, require }) => {
    const x = operand(0);
    require('c1', isFloat(x.dtype), () => `defined on f32 and f16, not on ${x.dtype}`);
    require('c2', resolveAxis(attributes.axis, x.shape.length) !== null, () => {
      return `axis ${attributes.axis} is not an axis of a value with ${x.shape.length} dims`;
    });
    return [x];
  },
  expand: ({ g, operand, attributes: { axis } }) => {
    const over = { axes: [axis], keep: true };
    const shifted = g.sub(operand(0), g.reduce_max(operand(0), over));
    return [g.sub(shifted, g.log(g.reduce_sum(g.exp(shifted), over)))];
  },
});
