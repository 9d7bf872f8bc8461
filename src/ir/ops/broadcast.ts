/**
 * broadcast: y[.., i] = x[i], with 0 for i along dims of 1
 *
 * x [..s] -> y [..shape], aligned at the right
 * - c1: x broadcasts to the shape
 */
import { dimList } from '../attributes.ts';
import { broadcastIndex, broadcastShapes } from '../broadcasting.ts';
import type { Value } from '../graph.ts';
import { atBroadcast, tabulate } from '../nd-array.ts';
import { defineOp, type OpDefinition, present } from '../op.ts';
import type { BroadcastTo, BroadcastToOk } from '../shape-types.ts';
import { type DType, type Shape, sameShape } from '../types.ts';

export type BroadcastCall = <D extends DType, S extends Shape, const T extends Shape>(
  x: Value<D, S>,
  attributes: { readonly shape: T & BroadcastToOk<'broadcast_c1', S, T> },
) => Value<D, BroadcastTo<T>>;

export const broadcast: OpDefinition<BroadcastCall> = defineOp({
  kind: 'view',
  summary: 'x repeated along new dims and along dims of 1',
  operands: [{ name: 'x' }],
  attributes: { shape: dimList() },
  infer: ({ operand, attributes: { shape }, require }) => {
    const x = operand(0);
    const together = broadcastShapes(x.shape, shape);
    require('c1', together !== null && sameShape(together, shape), () => {
      return `x does not broadcast to [${shape.join(', ')}]`;
    });
    return [{ dtype: x.dtype, shape }];
  },
  evaluate: ({ operand, result }) => {
    const x = operand(0);
    return [tabulate(result, (index) => atBroadcast(x, index))];
  },
  lower: ({ index, types, operand }) => operand(0, broadcastIndex(index, present(types, 0).shape)),
});
