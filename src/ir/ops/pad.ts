/**
 * pad: y[i] = x[i - before] where that is an element of x, else the value
 *
 * x [..s] -> y of which a dim is before + dim + after. `before` and `after` have one entry an axis.
 * - c1: one entry an axis
 * - c2: no entry is negative
 * - c3: the value is one of the dtype
 */
import { binary, constant, index as indexOf } from '../../loops/nodes.ts';
import { dimList, real } from '../attributes.ts';
import { add, type Dim, isAtLeast, subtract } from '../dims.ts';
import type { Value } from '../graph.ts';
import { at, tabulate } from '../nd-array.ts';
import { defineOp, type OpDefinition, present } from '../op.ts';
import { isValueOf, scalarOf } from '../scalars.ts';
import type { EntriesOk, PadShape } from '../shape-types.ts';
import type { DType, Shape } from '../types.ts';

export type Pad = <
  D extends DType,
  S extends Shape,
  const Before extends Shape,
  const After extends Shape,
>(
  x: Value<D, S>,
  attributes: {
    readonly before: Before & EntriesOk<'pad_c1', S, Before>;
    readonly after: After & EntriesOk<'pad_c1', S, After>;
    readonly value?: number;
  },
) => Value<D, PadShape<S, Before, After>>;

export const pad: OpDefinition<Pad> = defineOp({
  kind: 'view',
  summary: 'x with `before` and `after` elements of a value around it along every axis',
  operands: [{ name: 'x' }],
  // each element takes a comparison an edge, and a branch
  isCostly: true,
  attributes: { before: dimList(), after: dimList(), value: real(0) },
  infer: ({ operand, attributes: { before, after, value }, require }) => {
    const { dtype, shape } = operand(0);
    const complete = before.length === shape.length && after.length === shape.length;
    require('c1', complete, () => `${shape.length} entries are needed, one an axis`);
    const negative = [...before, ...after].find((dim) => isAtLeast(-1, dim));
    require('c2', negative === undefined, () => `${negative} is negative`);
    require('c3', isValueOf(dtype, value), () => `${value} is not a value of ${dtype}`);
    const sizes = shape.map((dim, axis) => add(add(before[axis] ?? 0, dim), after[axis] ?? 0));
    return [{ dtype, shape: sizes }];
  },
  evaluate: ({ operand, attributes: { before, value }, result, size }) => {
    const x = operand(0);
    const y = tabulate(result, (index) => {
      const place = index.map((i, axis) => i - size(before[axis] ?? 0));
      const inside = place.every((i, axis) => i >= 0 && i < (x.shape[axis] ?? 0));
      return inside ? at(x, place) : value;
    });
    return [y];
  },
  lower: ({ index, types, type, attributes: { before, after, value }, operand, emit }) => {
    const { shape } = present(types, 0);
    const conditions = index.flatMap((i, axis) => {
      const low: Dim = before[axis] ?? 0;
      const end = add(low, shape[axis] ?? 1);
      return [
        ...(low === 0 ? [] : [binary('le', indexOf(low), indexOf(i))]),
        ...(after[axis] === 0 ? [] : [binary('lt', indexOf(i), indexOf(end))]),
      ];
    });
    const place = index.map((i, axis) => subtract(i, before[axis] ?? 0));
    const [first, ...others] = conditions;
    if (first === undefined) return operand(0, place);
    const inside = others.reduce((a, b) => binary('and', a, b), first);
    return emit.guard(inside, () => operand(0, place), constant(value, scalarOf(type.dtype)));
  },
});
