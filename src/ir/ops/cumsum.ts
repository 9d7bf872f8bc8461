/**
 * cumsum: y[i] = sum of x[k] over k <= i along the axis
 *
 * x [..s] -> y [..s]. `exclusive` sums over k < i; `reverse` begins at the other end, with k >= i, or
 * k > i where both are set. As in ONNX (CumSum). Terms are added in that order, the end first.
 * - c1: x is a number
 * - c2: the axis exists
 */
import { flag, integer } from '../attributes.ts';
import { resolveAxis } from '../broadcasting.ts';
import { add, type Dim, subtract } from '../dims.ts';
import type { Value } from '../graph.ts';
import { WRAP, wrapExpression } from '../integers.ts';
import { at, tabulate } from '../nd-array.ts';
import { defineOp, type OpDefinition, present } from '../op.ts';
import type { AxisOk, DTypeOk } from '../shape-types.ts';
import type { DType, NumericType, Shape } from '../types.ts';

export type Cumsum = <D extends DType, S extends Shape, Axis extends number = -1>(
  x: Value<D, S> & DTypeOk<'cumsum_c1', NumericType, D>,
  attributes?: {
    readonly axis?: Axis & AxisOk<'cumsum_c2', S, Axis>;
    readonly exclusive?: boolean;
    readonly reverse?: boolean;
  },
) => Value<D, S>;

export const cumsum: OpDefinition<Cumsum> = defineOp({
  kind: 'ordered',
  summary: 'y[i] = sum of x[k] over k <= i along the axis',
  operands: [{ name: 'x' }],
  attributes: { axis: integer(-1), exclusive: flag(false), reverse: flag(false) },
  tolerance: { absolute: 1e-5, relative: 1e-4 },
  infer: ({ operand, attributes, require }) => {
    const x = operand(0);
    require('c1', x.dtype !== 'bool', () => 'defined on numbers, not on bool');
    require('c2', resolveAxis(attributes.axis, x.shape.length) !== null, () => {
      return `axis ${attributes.axis} is not an axis of a value with ${x.shape.length} dims`;
    });
    return [x];
  },
  evaluate: ({ operand, attributes: { axis: given, exclusive, reverse }, result }) => {
    const x = operand(0);
    const axis = resolveAxis(given, x.shape.length) ?? 0;
    const length = x.shape[axis] ?? 0;
    const y = tabulate(result, (index) => {
      const i = index[axis] ?? 0;
      let total = 0;
      for (let steps = 0; steps < length; steps++) {
        const k = reverse ? length - 1 - steps : steps;
        if (k === i && exclusive) break;
        total += at(x, [...index.slice(0, axis), k, ...index.slice(axis + 1)]);
        if (k === i) break;
      }
      return WRAP[x.dtype](total);
    });
    return [y];
  },
  lower: ({
    index,
    types,
    type,
    attributes: { axis: given, exclusive, reverse },
    operand,
    emit,
  }) => {
    const { shape } = present(types, 0);
    const axis = resolveAxis(given, shape.length) ?? 0;
    const place = index[axis] ?? 0;
    const last = subtract(shape[axis] ?? 1, 1);
    const before = reverse ? subtract(last, place) : place;
    const total = emit.reduce('add', exclusive ? before : add(before, 1), (k: Dim) => {
      const at = reverse ? subtract(last, k) : k;
      return operand(0, [...index.slice(0, axis), at, ...index.slice(axis + 1)]);
    });
    return wrapExpression(type.dtype, total);
  },
});
