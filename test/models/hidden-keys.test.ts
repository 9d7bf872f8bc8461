/** A query that sees no key: zeros on every backend, whatever made the scores; never NaN. */
import { expect, it } from 'vitest';
import { runOn } from '../../src/cli/run-backends.ts';
import { fromNdArray } from '../../src/ir/nd-array.ts';
import { bool, dims, f32 } from '../../src/ir/types.ts';
import {
  additiveScores,
  attend,
  concatLinearScores,
  concatTanhScores,
  dotScores,
  generalScores,
  maskOfKeys,
  scaledDotScores,
  slopeBias,
} from '../../src/models/index.ts';
import { seededGraph } from '../support/interpret-model.ts';
import { BACKENDS } from '../support/oracle.ts';
import { seededArray } from '../support/seeded-numbers.ts';

const { batch, n, m } = dims('batch', 'n', 'm');

const graph = seededGraph((g) => {
  const query = g.input('query', f32(batch, n, 6));
  const key = g.input('key', f32(batch, m, 6));
  const value = g.input('value', f32(batch, m, 5));
  const places = g.input('places', f32(batch, 4, 5));
  const mask = maskOfKeys(g, g.input('mask', bool(batch, m)));
  const none = maskOfKeys(g, g.input('no_places', bool(batch, 4)));
  const units = { units: 3 };
  const dot = scaledDotScores(g, query, key);
  return {
    scaled_dot: attend(g, dot, value, { mask }),
    window: attend(g, dot, value, { mask, window: 1 }),
    causal: attend(g, dot, value, { mask, causal: true }),
    dot: attend(g, dotScores(g, query, key), value, { mask }),
    general: attend(g, generalScores(g.scope('general'), query, key), value, { mask }),
    additive: attend(g, additiveScores(g.scope('add'), query, key, units), value, { mask }),
    concat_tanh: attend(g, concatTanhScores(g.scope('tanh'), query, key, units), value, { mask }),
    concat_linear: attend(
      g,
      concatLinearScores(g.scope('linear'), query, query, { keys: 4 }),
      places,
      { mask: none },
    ),
    biased: attend(g, dot, value, {
      mask,
      scoreBias: g.reshape(slopeBias(g, { queries: n, keys: m, heads: 1 }), { shape: [n, m] }),
    }),
  };
});

it.each(BACKENDS)('on %s', async (backend) => {
  const array = (seed: number, shape: readonly number[]) => fromNdArray(seededArray(seed, shape));
  const flags = (shape: readonly number[], numbers: readonly number[]) =>
    fromNdArray({ dtype: 'bool', shape, data: Float64Array.from(numbers) });
  const tensors = new Map([
    ['query', array(1, [2, 3, 6])],
    ['key', array(2, [2, 3, 6])],
    ['value', array(3, [2, 3, 5])],
    ['places', array(4, [2, 4, 5])],
    ['mask', flags([2, 3], [0, 0, 0, 1, 0, 1])],
    ['no_places', flags([2, 4], [0, 0, 0, 0, 1, 0, 0, 1])],
  ]);
  const outputs = await runOn(backend, graph, { tensors, sizes: { batch: 2, n: 3, m: 3 } });
  expect(outputs.size).toBe(9);
  for (const [name, { data }] of outputs) {
    const numbers = Array.from(data, Number);
    expect(numbers.slice(0, 15), name).toEqual(Array(15).fill(0));
    expect(
      numbers.slice(15).every((x) => Number.isFinite(x) && x !== 0),
      name,
    ).toBe(true);
  }
});
