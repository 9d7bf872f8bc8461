/**
 * Logic of two bools after broadcasting; `not` stands with the unary ops.
 *
 * a bool[..p], b bool[..q] -> y bool[..broadcast(p, q)]
 * - c1: the shapes broadcast
 * - c2: both are bool
 */
import { binary, type Expression } from '../../loops/nodes.ts';
import { broadcastIndex, broadcastShapes } from '../broadcasting.ts';
import type { Value } from '../graph.ts';
import { atBroadcast, tabulate } from '../nd-array.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { Broadcast, BroadcastOk, DTypeOk } from '../shape-types.ts';
import type { DType, Shape } from '../types.ts';

export type Logic<Op extends string> = <
  D extends DType,
  A extends Shape,
  E extends DType,
  B extends Shape,
>(
  a: Value<D, A> & DTypeOk<`${Op}_c2`, 'bool', D>,
  b: Value<E, B> & BroadcastOk<`${Op}_c1`, A, B> & DTypeOk<`${Op}_c2`, 'bool', E>,
) => Value<'bool', Broadcast<A, B>>;

function logic<Op extends string>(
  word: string,
  holds: (a: boolean, b: boolean) => boolean,
  lower: (a: Expression, b: Expression) => Expression,
): OpDefinition<Logic<Op>> {
  return defineOp({
    kind: 'elementwise',
    summary: `y[i] = a[i] ${word} b[i]`,
    operands: [{ name: 'a' }, { name: 'b' }],
    attributes: {},
    infer: ({ operand, require }) => {
      const [a, b] = [operand(0), operand(1)];
      const shape = broadcastShapes(a.shape, b.shape);
      require('c1', shape !== null, () => 'the shapes do not broadcast');
      require('c2', a.dtype === 'bool' && b.dtype === 'bool', () => 'both must be bool');
      return [{ dtype: 'bool', shape: shape ?? [] }];
    },
    evaluate: ({ operand, result }) => {
      const [a, b] = [operand(0), operand(1)];
      const f = (index: readonly number[]) =>
        holds(atBroadcast(a, index) !== 0, atBroadcast(b, index) !== 0) ? 1 : 0;
      return [tabulate(result, f)];
    },
    lower: ({ index, types, operand }) => {
      const [a, b] = [types[0]?.shape ?? [], types[1]?.shape ?? []];
      return lower(operand(0, broadcastIndex(index, a)), operand(1, broadcastIndex(index, b)));
    },
  });
}

export const logicOps = {
  and: logic<'and'>(
    'and',
    (a, b) => a && b,
    (a, b) => binary('and', a, b),
  ),
  or: logic<'or'>(
    'or',
    (a, b) => a || b,
    (a, b) => binary('or', a, b),
  ),
  xor: logic<'xor'>(
    'xor',
    (a, b) => a !== b,
    (a, b) => binary('ne', a, b),
  ),
} as const;
