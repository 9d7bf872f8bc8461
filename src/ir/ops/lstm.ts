/**
 * lstm: a recurrent layer with a cell (Hochreiter and Schmidhuber 1997; with the forget gate and the
 * peepholes of Gers, Schraudolph and Schmidhuber 2002)
 *
 *     [i f g o] = x_t W + b + h_(t-1) R, and with peepholes i += c_(t-1) p_i, f += c_(t-1) p_f
 *     c_t = sigmoid(f) c_(t-1) + sigmoid(i) tanh(g), and with peepholes o += c_t p_o
 *     h_t = sigmoid(o) tanh(c_t)
 *
 * x [batch, n, k], weight [k, 4h], recurrent [h, 4h], bias [4h], state and cell [batch, h], peephole
 * [3h] (of i, f and o), lengths [batch] -> outputs [batch, n, h], last h and c [batch, h]. Time lies
 * along `axis`.
 * Constraints c1 to c6: `recurrent.ts`.
 */
import type { UntypedBuilder } from '../builder.ts';
import type { Value } from '../graph.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { DTypeOk, SameDTypeOk } from '../shape-types.ts';
import type { DType, FloatType, IntegerType, Shape } from '../types.ts';
import {
  expandLayer,
  gateOf,
  inferLayer,
  type Optional,
  optional,
  RECURRENT_ATTRIBUTES,
  type RecurrentAttributes,
  type RecurrentShape,
  type StateShape,
} from './recurrent.ts';

/** `const [outputs, h, c] = g.lstm(x, weight, recurrent, bias, h0, c0, peephole, lengths)`. */
export type Lstm = <
  D extends DType,
  X extends Shape,
  E extends DType,
  F extends DType,
  R extends Shape,
  A extends 0 | 1 = 1,
>(
  x: Value<D, X> & DTypeOk<'lstm_c6', FloatType, D>,
  weight: Value<E> & SameDTypeOk<'lstm_c6', D, E>,
  recurrent: Value<F, R> & SameDTypeOk<'lstm_c6', D, F>,
  bias: Optional<Value<D>>,
  state: Optional<Value<D>>,
  cell: Optional<Value<D>>,
  peephole: Optional<Value<D>>,
  lengths: Optional<Value<IntegerType>>,
  attributes?: RecurrentAttributes<A>,
) => readonly [
  outputs: Value<D, RecurrentShape<X, R>>,
  h: Value<D, StateShape<X, R, A>>,
  c: Value<D, StateShape<X, R, A>>,
];

export const lstm: OpDefinition<Lstm> = defineOp({
  kind: 'composite',
  keep: false,
  summary: 'c_t = sigmoid(f) c_(t-1) + sigmoid(i) tanh(g), h_t = sigmoid(o) tanh(c_t)',
  operands: [
    { name: 'x' },
    { name: 'weight' },
    { name: 'recurrent' },
    optional('bias'),
    optional('state'),
    optional('cell'),
    optional('peephole'),
    optional('lengths'),
  ],
  attributes: RECURRENT_ATTRIBUTES,
  tolerance: { absolute: 1e-5, relative: 1e-4 },
  infer: (args) => {
    const [, , , bias, state, cell, peephole, lengths] = args.operands;
    const { outputs, state: last } = inferLayer(args, args.attributes.axis, {
      gates: 4,
      vectors: [
        [bias, 4],
        [peephole, 3],
      ],
      states: [state, cell],
      lengths,
    });
    return [outputs, last, last];
  },
  expand: ({ g, operand, operands, attributes }) => {
    const [, , , bias, state, cell, peephole, lengths] = operands;
    const [x, weight, recurrent] = [operand(0), operand(1), operand(2)];
    const [width = 1] = recurrent.shape;
    const peepholes = [0, 1, 2].map((which) => {
      return peephole === undefined ? null : gateOf(g, peephole, which, width);
    });
    return expandLayer(g, {
      ...{ x, weight, recurrent, bias, lengths, ...attributes, states: [state, cell] },
      step: (g, projected, [h = projected, c = projected]) => {
        const gates = g.add(projected, g.matmul(h, recurrent));
        const gate = (which: number, from: Value, peephole: Value | null | undefined) =>
          g.sigmoid(seen(g, gateOf(g, gates, which, width), from, peephole));
        const [input, forget] = [gate(0, c, peepholes[0]), gate(1, c, peepholes[1])];
        const candidate = g.tanh(gateOf(g, gates, 2, width));
        const next = g.add(g.mul(forget, c), g.mul(input, candidate));
        return [g.mul(gate(3, next, peepholes[2]), g.tanh(next)), next];
      },
    });
  },
});

/** A gate that sees the cell through its peephole. */
function seen(
  g: UntypedBuilder,
  gate: Value,
  cell: Value,
  peephole: Value | null | undefined,
): Value {
  return peephole == null ? gate : g.add(gate, g.mul(cell, peephole));
}
