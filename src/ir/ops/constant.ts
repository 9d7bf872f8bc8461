/**
 * constant: y = value, row-major
 *
 * y dtype[..shape]. One number fills the shape; else there is one an element. Large tables belong
 * into weights, which are not printed.
 * - c1: one number, or one for each element
 * - c2: the numbers are values of the dtype
 */
import {
  binary,
  constant as constantOf,
  type Expression,
  index as indexOf,
  select,
} from '../../loops/nodes.ts';
import { dimList, dtype, numbers } from '../attributes.ts';
import { add, multiply, sizeOf } from '../dims.ts';
import type { Value } from '../graph.ts';
import { elementCount } from '../nd-array.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import { isValueOf, scalarOf } from '../scalars.ts';
import type { BroadcastTo } from '../shape-types.ts';
import type { Dim, DType, Shape } from '../types.ts';

export type Constant = <const D extends DType, const S extends Shape = readonly []>(attributes: {
  readonly value: readonly number[];
  readonly dtype: D;
  readonly shape?: S;
}) => Value<D, BroadcastTo<S>>;

export const constant: OpDefinition<Constant> = defineOp({
  kind: 'source',
  summary: 'the numbers given, row-major; one number fills the shape',
  operands: [],
  attributes: { value: numbers(), dtype: dtype(), shape: dimList([]) },
  infer: ({ attributes, require }) => {
    const { value, shape } = attributes;
    require('c1', value.length === 1 || value.length === sizeOf(shape), () => {
      return `${value.length} numbers do not fill [${shape.join(', ')}]`;
    });
    const wrong = value.find((number) => !isValueOf(attributes.dtype, number));
    require('c2', wrong === undefined, () => `${wrong} is not a value of ${attributes.dtype}`);
    return [{ dtype: attributes.dtype, shape }];
  },
  evaluate: ({ attributes: { value }, result }) => {
    const count = elementCount(result.shape);
    return [
      {
        ...result,
        data: Float64Array.from({ length: count }, (_, i) => value[i] ?? value[0] ?? 0),
      },
    ];
  },
  lower: ({ index, type, attributes: { value } }) => {
    // of a value without elements no place is read
    if (value.length === 0) return constantOf(0, scalarOf(type.dtype));
    const place = index.reduce<Dim>((o, i, axis) => add(multiply(o, type.shape[axis] ?? 1), i), 0);
    const choose = (from: number, to: number): Expression => {
      if (to - from === 1) return constantOf(value[from] ?? 0, scalarOf(type.dtype));
      const middle = (from + to) >> 1;
      const isBefore = binary('lt', indexOf(place), indexOf(middle));
      return select(isBefore, choose(from, middle), choose(middle, to));
    };
    return choose(0, value.length);
  },
});
