/** Recurrent layers and scans of random steps for random graphs. */
import type { UntypedBuilder } from '../../src/ir/builder.ts';
import type { Value } from '../../src/ir/graph.ts';
import { type Maker, type Making, WIDTH } from './random-pool.ts';

/** A layer over [batch, seq, WIDTH], whose outputs lie in -1 to 1. */
const layer: Maker = (m) => {
  const { g, pool } = m;
  const x = m.calmState();
  const kind = m.pick(['rnn', 'lstm', 'gru'] as const);
  const gates = { rnn: 1, lstm: 4, gru: 3 }[kind] * WIDTH;
  const weights = [pool.matrix(WIDTH, gates), pool.matrix(WIDTH, gates)];
  const bias = m.chance(0.6) ? pool.weight([gates]) : null;
  const state = m.chance(0.4) ? rowOf(m, m.calmState()) : null;
  const lengths = m.chance(0.3) ? g.reduce_sum(pool.named('visible'), { axes: [1] }) : null;
  const reverse = m.chance(0.4);
  const made = {
    rnn: () => g.rnn(x, ...weights, bias, state, lengths, { reverse }),
    lstm: () => {
      const peephole = m.chance(0.2) ? pool.weight([3 * WIDTH]) : null;
      return g.lstm(x, ...weights, bias, state, state, peephole, lengths, { reverse });
    },
    gru: () => {
      const reset = m.pick(['after', 'before'] as const);
      return g.gru(x, ...weights, bias, null, state, lengths, { reverse, reset });
    },
  }[kind]();
  const [outputs, last] = made;
  if (outputs === undefined || last === undefined) return null;
  pool.keep(outputs, 'calm');
  return m.chance(0.4) ? [outputs, last] : outputs;
};

/** [batch, seq, WIDTH] -> [batch, WIDTH]. */
function rowOf({ g }: Making, x: Value): Value {
  return g.reduce_max(x, { axes: [1] });
}

/** A scan of a step of a few ops on rows [batch, WIDTH], which tanh keeps small from step to step. */
const scanned: Maker = (m) => {
  const { g, pool } = m;
  const sequences = [m.calmState(), ...(m.chance(0.4) ? [m.state()] : [])];
  const zero = () => g.constant({ value: [0], dtype: 'f32', shape: [pool.batch, WIDTH] });
  const states = [
    m.chance(0.5) ? zero() : g.tanh(rowOf(m, m.calmState())),
    ...(m.chance(0.4) ? [zero()] : []),
  ];
  const captures = [pool.matrix(WIDTH, WIDTH), pool.weight([WIDTH]), rowOf(m, m.calmState())];
  const over = { states, sequences, axis: 1, reverse: m.chance(0.4) };
  const made = g.scan(over, (g, before, elements) => {
    const rows = [...before, ...elements, captures[2] ?? zero()];
    const start = rows.length;
    for (let count = m.pick([1, 2, 4]); count > 0; count--) rows.push(row(m, g, rows, captures));
    const newest = rows.slice(start).toReversed();
    const next = before.map((state, i) => {
      if (m.chance(0.15)) return before[(i + 1) % before.length] ?? state;
      return g.tanh(g.add(g.mul(state, 0.5), newest[i % newest.length] ?? state));
    });
    const outputs = [m.chance(0.5) ? (next[0] ?? before[0]) : newest[0], m.pick(rows)];
    return { states: next, outputs: outputs.filter((value) => value !== undefined) };
  });
  for (const state of made.states) pool.keep(state, 'calm');
  const [first] = made.outputs;
  if (first === undefined) return null;
  return m.pick([
    () => [first],
    () => made.outputs,
    () => made.states,
    () => [...made.outputs, ...made.states],
  ])();
};

/** One more row of the step, from those so far. */
function row(
  m: Making,
  g: UntypedBuilder,
  rows: readonly Value[],
  [matrix, vector]: readonly Value[],
): Value {
  const [a, b] = [m.pick(rows), m.pick(rows)];
  if (matrix === undefined || vector === undefined) return a;
  return m.pick([
    () => g.tanh(g.matmul(g.tanh(a), matrix)),
    () => g.matmul(g.tanh(a), matrix),
    () => g.sigmoid(g.add(a, b)),
    () => g.mul(g.tanh(a), g.sigmoid(b)),
    () => g.add(g.tanh(a), vector),
    () => g.softmax(g.tanh(a), null, { axis: -1 }),
    // a small eps lets a row of nearly equal numbers grow tenfold at each step, rounding errors included
    () => g.layer_norm(a, vector, null, { eps: 1 }),
    () => g.maximum(a, b),
    () => g.mul(g.tanh(a), g.reduce_mean(g.tanh(b), { axes: [-1], keep: true })),
    () => g.concat([half(g, a, 0), half(g, b, 1)], { axis: -1 }),
    () => g.add(a, g.tanh(g.mul(vector, vector))),
  ])();
}

function half(g: UntypedBuilder, x: Value, which: number): Value {
  const [batch = 1] = x.shape;
  const [from, to] = [(which * WIDTH) / 2, ((which + 1) * WIDTH) / 2];
  return g.slice(x, { starts: [0, from], ends: [batch, to] });
}

export const recurrenceMakers: readonly Maker[] = [layer, scanned, scanned];
