/**
 * Comparisons: y[i] = a[i] ? b[i] after broadcasting, as bool.
 *
 * a [..p], b [..q] -> y bool[..broadcast(p, q)]. A plain number may stand for either operand.
 * - c1: the shapes broadcast
 * - c2: both have the same dtype; order is defined on numbers, equality on bool too
 */
import { binary, type Expression } from '../../loops/nodes.ts';
import { broadcastIndex, broadcastShapes } from '../broadcasting.ts';
import type { Value } from '../graph.ts';
import { atBroadcast, tabulate } from '../nd-array.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { Broadcast, BroadcastOk, DTypeOk, SameDTypeOk } from '../shape-types.ts';
import type { DType, NumericType, Shape } from '../types.ts';

/** A plain number has the shape [] and the other operand's dtype. */
export type Comparison<Op extends string, Defined extends DType> = <
  F extends DType,
  B extends Shape = [],
  E extends DType = F,
  A extends Shape = [],
>(
  a: (Value<E, A> & DTypeOk<`${Op}_c2`, Defined, E>) | number,
  b: (Value<F, B> | number) & BroadcastOk<`${Op}_c1`, A, B> & SameDTypeOk<`${Op}_c2`, E, F>,
) => Value<'bool', Broadcast<A, B>>;

function comparison<Op extends string, D extends DType>(
  formula: string,
  holds: (a: number, b: number) => boolean,
  lower: (a: Expression, b: Expression) => Expression,
  accepts: (dtype: DType) => boolean,
): OpDefinition<Comparison<Op, D>> {
  return defineOp({
    kind: 'elementwise',
    summary: `y[i] = ${formula}`,
    operands: [
      { name: 'a', number: true },
      { name: 'b', number: true },
    ],
    attributes: {},
    infer: ({ operand, require }) => {
      const [a, b] = [operand(0), operand(1)];
      const shape = broadcastShapes(a.shape, b.shape);
      require('c1', shape !== null, () => 'the shapes do not broadcast');
      require('c2', a.dtype === b.dtype && accepts(a.dtype), () => {
        return `both must have one dtype that it compares; they have ${a.dtype} and ${b.dtype}`;
      });
      return [{ dtype: 'bool', shape: shape ?? [] }];
    },
    evaluate: ({ operand, result }) => {
      const [a, b] = [operand(0), operand(1)];
      const f = (index: readonly number[]) =>
        holds(atBroadcast(a, index), atBroadcast(b, index)) ? 1 : 0;
      return [tabulate(result, f)];
    },
    lower: ({ index, types, operand }) => {
      const [a, b] = [types[0]?.shape ?? [], types[1]?.shape ?? []];
      return lower(operand(0, broadcastIndex(index, a)), operand(1, broadcastIndex(index, b)));
    },
  });
}

const isNumber = (dtype: DType) => dtype !== 'bool';
const isAny = () => true;

export const comparisonOps = {
  equal: comparison<'equal', DType>(
    'a[i] = b[i]',
    (a, b) => a === b,
    (a, b) => binary('eq', a, b),
    isAny,
  ),
  not_equal: comparison<'not_equal', DType>(
    'a[i] != b[i]',
    (a, b) => a !== b,
    (a, b) => binary('ne', a, b),
    isAny,
  ),
  less: comparison<'less', NumericType>(
    'a[i] < b[i]',
    (a, b) => a < b,
    (a, b) => binary('lt', a, b),
    isNumber,
  ),
  less_equal: comparison<'less_equal', NumericType>(
    'a[i] <= b[i]',
    (a, b) => a <= b,
    (a, b) => binary('le', a, b),
    isNumber,
  ),
  greater: comparison<'greater', NumericType>(
    'a[i] > b[i]',
    (a, b) => a > b,
    (a, b) => binary('lt', b, a),
    isNumber,
  ),
  greater_equal: comparison<'greater_equal', NumericType>(
    'a[i] >= b[i]',
    (a, b) => a >= b,
    (a, b) => binary('le', b, a),
    isNumber,
  ),
} as const;
