/**
 * gru: a gated recurrent layer (Cho et al. 2014)
 *
 *     r = sigmoid(x_t W_r + b_r + h_(t-1) R_r + d_r), z likewise
 *     n = tanh(x_t W_n + b_n + r (h_(t-1) R_n + d_n)) with the reset gate after the matmul, or
 *     n = tanh(x_t W_n + b_n + (r h_(t-1)) R_n + d_n) with it before
 *     h_t = (1 - z) n + z h_(t-1)
 *
 * x [batch, n, k], weight [k, 3h], recurrent [h, 3h] (of r, z and n), bias b and recurrent_bias d [3h],
 * state [batch, h], lengths [batch] -> outputs [batch, n, h], last state [batch, h]. Time lies along
 * `axis`. PyTorch and cuDNN have the reset gate after the matmul, the paper before.
 * Constraints c1 to c6: `recurrent.ts`.
 */
import { oneOf } from '../attributes.ts';
import type { Value } from '../graph.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { DTypeOk, SameDTypeOk } from '../shape-types.ts';
import type { DType, FloatType, IntegerType, Shape } from '../types.ts';
import {
  expandLayer,
  gateOf,
  inferLayer,
  type Layer,
  type Optional,
  optional,
  RECURRENT_ATTRIBUTES,
  type RecurrentAttributes,
  type RecurrentShape,
  type StateShape,
} from './recurrent.ts';

/** `const [outputs, last] = g.gru(x, weight, recurrent, bias, recurrentBias, state, lengths)`. */
export type Gru = <
  D extends DType,
  X extends Shape,
  E extends DType,
  F extends DType,
  R extends Shape,
  A extends 0 | 1 = 1,
>(
  x: Value<D, X> & DTypeOk<'gru_c6', FloatType, D>,
  weight: Value<E> & SameDTypeOk<'gru_c6', D, E>,
  recurrent: Value<F, R> & SameDTypeOk<'gru_c6', D, F>,
  bias: Optional<Value<D>>,
  recurrentBias: Optional<Value<D>>,
  state: Optional<Value<D>>,
  lengths: Optional<Value<IntegerType>>,
  attributes?: RecurrentAttributes<A> & { readonly reset?: 'after' | 'before' },
) => readonly [outputs: Value<D, RecurrentShape<X, R>>, last: Value<D, StateShape<X, R, A>>];

export const gru: OpDefinition<Gru> = defineOp({
  kind: 'composite',
  keep: false,
  summary: 'h_t = (1 - z) n + z h_(t-1), where n sees h_(t-1) through the reset gate r',
  operands: [
    { name: 'x' },
    { name: 'weight' },
    { name: 'recurrent' },
    optional('bias'),
    optional('recurrent_bias'),
    optional('state'),
    optional('lengths'),
  ],
  attributes: { ...RECURRENT_ATTRIBUTES, reset: oneOf(['after', 'before'], 'after') },
  tolerance: { absolute: 1e-5, relative: 1e-4 },
  infer: (args) => {
    const [, , , bias, recurrentBias, state, lengths] = args.operands;
    const { outputs, state: last } = inferLayer(args, args.attributes.axis, {
      gates: 3,
      vectors: [
        [bias, 3],
        [recurrentBias, 3],
      ],
      states: [state],
      lengths,
    });
    return [outputs, last];
  },
  expand: ({ g, operand, operands, attributes: { axis, reverse, reset } }) => {
    const [, , , bias, recurrentBias, state, lengths] = operands;
    const [x, weight, recurrent] = [operand(0), operand(1), operand(2)];
    const [width = 1] = recurrent.shape;
    const layer = { x, weight, recurrent, bias, lengths, axis, reverse, states: [state] };
    if (reset === 'before') {
      const [gates, candidate] = [
        gateOf(g, recurrent, 0, width, 2),
        gateOf(g, recurrent, 2, width),
      ];
      // both biases meet in the same sums
      const both = bias && recurrentBias ? g.add(bias, recurrentBias) : (bias ?? recurrentBias);
      const step: Layer['step'] = (g, projected, [h = projected]) => {
        const rz = g.add(gateOf(g, projected, 0, width, 2), g.matmul(h, gates));
        const [r, z] = [g.sigmoid(gateOf(g, rz, 0, width)), g.sigmoid(gateOf(g, rz, 1, width))];
        const seen = g.matmul(g.mul(r, h), candidate);
        return [mixed(g, g.tanh(g.add(gateOf(g, projected, 2, width), seen)), z, h)];
      };
      return expandLayer(g, { ...layer, bias: both, step });
    }
    const step: Layer['step'] = (g, projected, [h = projected]) => {
      const product = g.matmul(h, recurrent);
      const seen = recurrentBias === undefined ? product : g.add(product, recurrentBias);
      const gate = (which: number) =>
        g.sigmoid(g.add(gateOf(g, projected, which, width), gateOf(g, seen, which, width)));
      const [r, z] = [gate(0), gate(1)];
      const candidate = g.add(gateOf(g, projected, 2, width), g.mul(r, gateOf(g, seen, 2, width)));
      return [mixed(g, g.tanh(candidate), z, h)];
    };
    return expandLayer(g, { ...layer, step });
  },
});

/** (1 - z) n + z h. */
function mixed(g: Parameters<Layer['step']>[0], n: Value, z: Value, h: Value): Value {
  return g.add(g.mul(g.sub(1, z), n), g.mul(z, h));
}
