/** Scans as kernels: every target's in the emulator against the interpreter, with passes and without. */
import { describe, expect, test } from 'vitest';
import { compileGraph } from '../../src/compile.ts';
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import type { Value } from '../../src/ir/graph.ts';
import { f32, i32 } from '../../src/ir/types.ts';
import type { Statement } from '../../src/loops/nodes.ts';
import { expectRight, table } from '../support/agreement.ts';

const SIZES = [
  { batch: 1, seq: 5 },
  { batch: 3, seq: 1 },
  { batch: 2, seq: 0 },
];

function vector(g: Builder, name: string, width: number) {
  const data = Float32Array.from({ length: width }, (_, i) => Math.cos(i + name.length));
  return g.weight(name, f32(width), { dtype: 'f32', shape: [width], data });
}

/** How many serial loops stand one in another. */
function depthOf(body: readonly Statement[]): number {
  const depths = body.map((s) => {
    if (s.tag === 'if') return depthOf([...s.then, ...s.otherwise]);
    return s.tag === 'for' ? depthOf(s.body) + (s.kind === 'serial' ? 1 : 0) : 0;
  });
  return Math.max(0, ...depths);
}

describe('recurrent layers', () => {
  const layer = (gates: number, axis: 0 | 1) => (g: Builder) => {
    const [first, second] = axis === 1 ? (['batch', 'seq'] as const) : (['seq', 'batch'] as const);
    return {
      x: g.input('x', f32<readonly [string, string, 5]>(first, second, 5)),
      w: table(g, 'w', 5, gates * 8),
      r: table(g, 'r', 8, gates * 8),
      b: vector(g, 'b', gates * 8),
      h: g.input('h', f32('batch', 8)),
      lengths: g.input('lengths', i32('batch')),
    };
  };

  test('lstm with given states, of which all results are used', async () => {
    const graph = buildGraph('lstm', (g) => {
      const { x, w, r, b, h } = layer(4, 1)(g);
      const c = g.input('c', f32('batch', 8));
      const [y, hn, cn] = g.lstm(x, w, r, b, h, c, null, null);
      return { y, hn, cn };
    });
    await expectRight(graph, ...SIZES);
  });

  test('lstm with peepholes and lengths, in reverse, of which the outputs alone are used', async () => {
    const graph = buildGraph('lstm', (g) => {
      const { x, w, r, b, lengths } = layer(4, 0)(g);
      const [y] = g.lstm(x, w, r, b, null, null, vector(g, 'p', 24), lengths, {
        axis: 0,
        reverse: true,
      });
      return { y };
    });
    await expectRight(graph, ...SIZES);
  });

  test('gru with the reset gate after the matmul', async () => {
    const graph = buildGraph('gru', (g) => {
      const { x, w, r, b, h, lengths } = layer(3, 1)(g);
      const [y, last] = g.gru(x, w, r, b, vector(g, 'd', 24), h, lengths);
      return { y, last };
    });
    await expectRight(graph, ...SIZES);
  });

  test('gru with the reset gate before the matmul, of which the last state alone is used', async () => {
    const graph = buildGraph('gru', (g) => {
      const { x, w, r, b } = layer(3, 0)(g);
      const [, last] = g.gru(x, w, r, b, null, null, null, { axis: 0, reset: 'before' });
      return { last };
    });
    await expectRight(graph, ...SIZES);
  });

  test('a stack of two directions', async () => {
    const graph = buildGraph('stack', (g) => {
      const { x, w, r, b } = layer(1, 1)(g);
      const [forward] = g.rnn(x, w, r, b, null, null);
      const [backward] = g.rnn(x, w, r, b, null, null, { reverse: true, activation: 'relu' });
      const [y] = g.rnn(
        g.concat([forward, backward]),
        table(g, 'w2', 16, 4),
        table(g, 'r2', 4, 4),
        null,
        null,
        null,
      );
      return { y };
    });
    await expectRight(graph, ...SIZES);
  });
});

describe('what a body may hand on', () => {
  test('states that change places, elements as they are, captures, states before the step', async () => {
    const graph = buildGraph('places', (g) => {
      const x = g.input('x', f32('batch', 'seq', 3));
      const [a, b] = [g.input('a', f32('batch', 3)), g.input('b', f32('batch', 3))];
      const { states, outputs } = g.scan(
        { states: [a, b, a, b], sequences: [x], axis: 1, reverse: true },
        (g, [a, b, c, d], [x]) => {
          const sum = g.add(g.mul(d, 0.5), x);
          return { states: [b, a, c, sum], outputs: [a, x, sum, sum] };
        },
      );
      const [before, same, first, second] = outputs;
      const [p, q, r, s] = states;
      return { p, q, r, s, before, same, first, second };
    });
    await expectRight(graph, ...SIZES);
  });

  test('integers, bools, reshapes, and constants of several numbers', async () => {
    const graph = buildGraph('types', (g) => {
      const x = g.input('x', i32('seq', 'batch', 2, 3));
      const start = g.constant({ value: [1, 2, 3, 4, 5, 6], dtype: 'i32', shape: [6] });
      const { states, outputs } = g.scan({ states: [start], sequences: [x] }, (g, [s], [x]) => {
        const rows = g.reshape(x, { shape: ['batch', 6] });
        const most = g.reduce_max(rows, { axes: [0] });
        const odd = g.equal(g.rem(g.maximum(most, 0), 2), 1);
        const ramp = g.constant({ value: [3, 1, 4, 1, 5, 9], dtype: 'i32', shape: [6] });
        return { states: [g.select(odd, g.add(s, ramp), s)], outputs: [odd, rows] };
      });
      return { last: states[0], odd: outputs[0], rows: outputs[1] };
    });
    await expectRight(graph, { batch: 2, seq: 4 }, { batch: 1, seq: 0 });
  });

  const attending = () =>
    buildGraph('attending', (g) => {
      const memory = g.input('memory', f32('batch', 'keys', 8));
      const x = g.input('x', f32('batch', 'seq', 8));
      const zero = g.constant({ value: [0], dtype: 'f32', shape: ['batch', 8] });
      const w = table(g, 'w', 16, 8);
      const { outputs } = g.scan({ states: [zero], sequences: [x], axis: 1 }, (g, [h], [x]) => {
        const query = g.reshape(h, { shape: ['batch', 1, 1, 8] });
        const keys = g.reshape(memory, { shape: ['batch', 1, 'keys', 8] });
        const seen = g.reshape(g.attention(query, keys, keys, { scale: 0.5 }), {
          shape: ['batch', 8],
        });
        const next = g.layer_norm(
          g.tanh(g.matmul(g.concat([x, seen], { axis: -1 }), w)),
          null,
          null,
        );
        const weights = g.softmax(next, { axis: -1 });
        return { states: [next], outputs: [g.mul(weights, h)] };
      });
      return { y: outputs[0] };
    });

  test('attention over a captured memory, softmax and norms in the step', async () => {
    await expectRight(attending(), { batch: 2, keys: 3, seq: 4 }, { batch: 1, keys: 1, seq: 2 });
  });

  test('on a GPU no sum is computed inside another: over time, elements, and terms', () => {
    const kernels = compileGraph(attending()).programs.get('wgsl')?.kernels ?? [];
    const scan = kernels.find(({ name }) => name === 'scan');
    expect(depthOf(scan?.body ?? [])).toBe(3);
  });

  test('a scan inside, over an element and over a whole sequence', async () => {
    const graph = buildGraph('nested', (g) => {
      const x = g.input('x', f32('seq', 'batch', 4));
      const zero = g.constant({ value: [0], dtype: 'f32', shape: [4] });
      const { states, outputs } = g.scan(
        { states: [zero], sequences: [x] },
        (g, [total], [rows]) => {
          const inner = g.scan(
            { states: [total], sequences: [rows], reverse: true },
            (g, [sum], [row]) => {
              const next = g.add(g.mul(sum, 0.5), g.add(row, total));
              return { states: [next], outputs: [next] };
            },
          );
          const most = g.reduce_max(inner.outputs[0] as Value<'f32'>, { axes: [0] });
          return {
            states: [inner.states[0]],
            outputs: [inner.outputs[0], g.add(most as Value<'f32'>, total as Value<'f32'>)],
          };
        },
      );
      return { last: states[0], all: outputs[0], most: outputs[1] };
    });
    await expectRight(graph, { batch: 3, seq: 2 }, { batch: 1, seq: 3 });
  });
});
