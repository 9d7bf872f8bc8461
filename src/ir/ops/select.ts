/**
 * select: y[i] = then[i] where condition[i], else otherwise[i], after broadcasting
 *
 * condition bool[..p], then [..q], otherwise [..r] -> y [..broadcast(p, q, r)]. A plain number may
 * stand for either choice.
 * - c1: the shapes broadcast
 * - c2: the condition is bool
 * - c3: both choices have the same dtype
 */
import { select as selectOf } from '../../loops/nodes.ts';
import { broadcastIndex, broadcastShapes } from '../broadcasting.ts';
import type { Value } from '../graph.ts';
import { atBroadcast, tabulate } from '../nd-array.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { Broadcast, BroadcastOk, SameDTypeOk } from '../shape-types.ts';
import type { DType, Shape } from '../types.ts';

export type Select = <
  C extends Shape,
  F extends DType,
  B extends Shape = [],
  E extends DType = F,
  A extends Shape = [],
>(
  condition: Value<'bool', C>,
  then: (Value<E, A> | number) & BroadcastOk<'select_c1', C, A>,
  otherwise: (Value<F, B> | number) &
    BroadcastOk<'select_c1', Broadcast<C, A>, B> &
    SameDTypeOk<'select_c3', E, F>,
) => Value<E, Broadcast<Broadcast<C, A>, B>>;

export const select: OpDefinition<Select> = defineOp({
  kind: 'elementwise',
  summary: 'y[i] = then[i] where condition[i], else otherwise[i]',
  operands: [
    { name: 'condition' },
    { name: 'then', number: true },
    { name: 'otherwise', number: true },
  ],
  attributes: {},
  infer: ({ operand, require }) => {
    const [condition, then, otherwise] = [operand(0), operand(1), operand(2)];
    const choices = broadcastShapes(then.shape, otherwise.shape);
    const shape = choices === null ? null : broadcastShapes(condition.shape, choices);
    require('c1', shape !== null, () => 'the shapes do not broadcast');
    require('c2', condition.dtype === 'bool', () => 'the condition must be bool');
    require('c3', then.dtype === otherwise.dtype, () => 'both choices must have one dtype');
    return [{ dtype: then.dtype, shape: shape ?? [] }];
  },
  evaluate: ({ operand, result }) => {
    const [condition, then, otherwise] = [operand(0), operand(1), operand(2)];
    const f = (index: readonly number[]) =>
      atBroadcast(condition, index) !== 0
        ? atBroadcast(then, index)
        : atBroadcast(otherwise, index);
    return [tabulate(result, f)];
  },
  lower: ({ index, types, operand }) => {
    const element = (i: number) => operand(i, broadcastIndex(index, types[i]?.shape ?? []));
    return selectOf(element(0), element(1), element(2));
  },
});
