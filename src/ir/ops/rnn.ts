/**
 * rnn: h_t = f(x_t W + b + h_(t-1) R) (Elman 1990)
 *
 * x [batch, n, k], weight [k, h], recurrent [h, h], bias [h], state [batch, h], lengths [batch] ->
 * outputs [batch, n, h], last state [batch, h]. Time lies along `axis`; f is the activation.
 * Constraints c1 to c6: `recurrent.ts`.
 */
import { oneOf } from '../attributes.ts';
import type { Value } from '../graph.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { DTypeOk, SameDTypeOk } from '../shape-types.ts';
import type { DType, FloatType, IntegerType, Shape } from '../types.ts';
import {
  expandLayer,
  inferLayer,
  type Optional,
  optional,
  RECURRENT_ATTRIBUTES,
  type RecurrentAttributes,
  type RecurrentShape,
  type StateShape,
} from './recurrent.ts';

const ACTIVATIONS = ['tanh', 'relu', 'sigmoid'] as const;

/** `const [outputs, last] = g.rnn(x, weight, recurrent, bias, state, lengths, { axis: 1 })`. */
export type Rnn = <
  D extends DType,
  X extends Shape,
  E extends DType,
  F extends DType,
  R extends Shape,
  A extends 0 | 1 = 1,
>(
  x: Value<D, X> & DTypeOk<'rnn_c6', FloatType, D>,
  weight: Value<E> & SameDTypeOk<'rnn_c6', D, E>,
  recurrent: Value<F, R> & SameDTypeOk<'rnn_c6', D, F>,
  bias: Optional<Value<D>>,
  state: Optional<Value<D>>,
  lengths: Optional<Value<IntegerType>>,
  attributes?: RecurrentAttributes<A> & { readonly activation?: (typeof ACTIVATIONS)[number] },
) => readonly [outputs: Value<D, RecurrentShape<X, R>>, last: Value<D, StateShape<X, R, A>>];

export const rnn: OpDefinition<Rnn> = defineOp({
  kind: 'composite',
  keep: false,
  summary: 'h_t = f(x_t W + b + h_(t-1) R)',
  operands: [
    { name: 'x' },
    { name: 'weight' },
    { name: 'recurrent' },
    optional('bias'),
    optional('state'),
    optional('lengths'),
  ],
  attributes: { ...RECURRENT_ATTRIBUTES, activation: oneOf(ACTIVATIONS, 'tanh') },
  tolerance: { absolute: 1e-5, relative: 1e-4 },
  infer: (args) => {
    const [, , , bias, state, lengths] = args.operands;
    const { outputs, state: last } = inferLayer(args, args.attributes.axis, {
      gates: 1,
      vectors: [[bias, 1]],
      states: [state],
      lengths,
    });
    return [outputs, last];
  },
  expand: ({ g, operand, operands: [, , , bias, state, lengths], attributes }) => {
    const { axis, reverse, activation } = attributes;
    const [x, weight, recurrent] = [operand(0), operand(1), operand(2)];
    return expandLayer(g, {
      ...{ x, weight, recurrent, bias, lengths, axis, reverse, states: [state] },
      step: (g, projected, [h = projected]) => [
        g[activation](g.add(projected, g.matmul(h, recurrent))),
      ],
    });
  },
});
