/**
 * mod: y[i] = a[i] - b[i] * floor(a[i] / b[i]) after broadcasting, of the sign of b[i], where `rem` has
 * that of a[i]; of integers 0 where b[i] is 0.
 *
 * a [..p], b [..q] -> y [..broadcast(p, q)]. A plain number may stand for either operand.
 * - c1: the shapes broadcast
 * - c2: both have the same dtype, a number
 */
import { broadcastShapes } from '../broadcasting.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { NumericType } from '../types.ts';
import type { Arithmetic } from './arithmetic.ts';

export const mod: OpDefinition<Arithmetic<'mod', NumericType>> = defineOp({
  kind: 'composite',
  keep: false,
  summary: 'y[i] = a[i] - b[i] * floor(a[i] / b[i]), of the sign of b[i]',
  operands: [
    { name: 'a', number: true },
    { name: 'b', number: true },
  ],
  attributes: {},
  infer: ({ operand, require }) => {
    const [a, b] = [operand(0), operand(1)];
    const shape = broadcastShapes(a.shape, b.shape);
    require('c1', shape !== null, () => 'the shapes do not broadcast');
    require('c2', a.dtype === b.dtype && a.dtype !== 'bool', () => {
      return `both must have one dtype, a number; they have ${a.dtype} and ${b.dtype}`;
    });
    return [{ dtype: a.dtype, shape: shape ?? [] }];
  },
  expand: ({ g, operand }) => {
    const [a, b] = [operand(0), operand(1)];
    const rest = g.rem(a, b);
    const differs = g.xor(g.less(rest, 0), g.less(b, 0));
    return [g.select(g.and(g.not_equal(rest, 0), differs), g.add(rest, b), rest)];
  },
});
