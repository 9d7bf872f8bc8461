/**
 * add_norm: sum = x + residual, out = layer_norm(sum, gamma, beta)
 *
 * x [.., n], residual as x, gamma [n], beta [n] -> out, sum as x. Post-norm blocks use `out` alone,
 * pre-norm blocks both.
 * - c1: x is floating point
 * - c2: the axis is the last
 * - c3: gamma and beta are vectors of the last dim, of the dtype of x
 * - c4: the residual has the type of x
 */
import { integer, real } from '../attributes.ts';
import type { Value } from '../graph.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { DTypeOk, LastDimOk, SameDTypeOk, SameShapeOk } from '../shape-types.ts';
import { type DType, type FloatType, type Shape, sameType } from '../types.ts';
import { requireNorm, requireVectors } from './layer_norm.ts';

/** `const [out, sum] = g.add_norm(x, residual, gamma, beta)`. */
export type AddNorm = <
  D extends DType,
  S extends Shape,
  C extends DType,
  R extends Shape,
  E extends DType,
  G extends Shape,
  F extends DType,
  B extends Shape,
>(
  x: Value<D, S> & DTypeOk<'add_norm_c1', FloatType, D>,
  residual: Value<C, R> & SameShapeOk<'add_norm_c4', S, R> & SameDTypeOk<'add_norm_c4', D, C>,
  gamma: Value<E, G> & LastDimOk<'add_norm_c3', S, G> & SameDTypeOk<'add_norm_c3', D, E>,
  beta: Value<F, B> & LastDimOk<'add_norm_c3', S, B> & SameDTypeOk<'add_norm_c3', D, F>,
  attributes?: { readonly axis?: number; readonly eps?: number },
) => readonly [out: Value<D, S>, sum: Value<D, S>];

export const add_norm: OpDefinition<AddNorm> = defineOp({
  kind: 'composite',
  keep: true,
  summary: 'sum = x + residual, out = layer_norm(sum, gamma, beta)',
  operands: [{ name: 'x' }, { name: 'residual' }, { name: 'gamma' }, { name: 'beta' }],
  attributes: { axis: integer(-1), eps: real(1e-5) },
  tolerance: { absolute: 1e-5, relative: 1e-4 },
  infer: (args) => {
    const [x, residual] = [args.operand(0), args.operand(1)];
    requireNorm(args, x);
    requireVectors(args, x, [args.operand(2), args.operand(3)]);
    args.require('c4', sameType(x, residual), () => 'x and the residual must have one type');
    return [x, x];
  },
  expand: ({ g, operand, attributes }) => {
    const sum = g.add(operand(0), operand(1));
    return [g.layer_norm(sum, operand(2), operand(3), attributes), sum];
  },
});
