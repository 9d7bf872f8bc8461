/**
 * iota: y[i] = start + i[axis]
 *
 * y dtype[..shape]. `start` may be symbolic, which is how a size enters a computation.
 * - c1: the dtype is a number
 * - c2: the axis exists
 */
import { cast, index as indexOf } from '../../loops/nodes.ts';
import { dim, dimList, dtype, integer } from '../attributes.ts';
import { resolveAxis } from '../broadcasting.ts';
import { add } from '../dims.ts';
import type { Value } from '../graph.ts';
import { WRAP, wrapExpression } from '../integers.ts';
import { tabulate } from '../nd-array.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import { scalarOf } from '../scalars.ts';
import type { AxisOk, BroadcastTo } from '../shape-types.ts';
import type { Dim, NumericType, Shape } from '../types.ts';

export type Iota = <
  const S extends Shape,
  D extends NumericType = 'i32',
  Axis extends number = -1,
>(attributes: {
  readonly shape: S;
  readonly axis?: Axis & AxisOk<'iota_c2', S, Axis>;
  readonly start?: Dim;
  readonly dtype?: D;
}) => Value<D, BroadcastTo<S>>;

export const iota: OpDefinition<Iota> = defineOp({
  kind: 'source',
  summary: 'y[i] = start + i[axis]',
  operands: [],
  attributes: { shape: dimList(), axis: integer(-1), start: dim(0), dtype: dtype('i32') },
  infer: ({ attributes, require }) => {
    const { shape } = attributes;
    require('c1', attributes.dtype !== 'bool', () => 'defined on numbers, not on bool');
    require('c2', resolveAxis(attributes.axis, shape.length) !== null, () => {
      return `axis ${attributes.axis} is not an axis of [${shape.join(', ')}]`;
    });
    return [{ dtype: attributes.dtype, shape }];
  },
  evaluate: ({ attributes, result, size }) => {
    const axis = resolveAxis(attributes.axis, result.shape.length) ?? 0;
    const start = size(attributes.start);
    return [tabulate(result, (index) => WRAP[result.dtype](start + (index[axis] ?? 0)))];
  },
  lower: ({ index, type, attributes }) => {
    const axis = resolveAxis(attributes.axis, type.shape.length) ?? 0;
    const value = indexOf(add(attributes.start, index[axis] ?? 0));
    return wrapExpression(type.dtype, cast(scalarOf(type.dtype), value));
  },
});
