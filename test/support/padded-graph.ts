/** Random encoders over padded batches, and masks of every kind for them. */
import { randomInputs, randomNumbers } from '../../src/check/inputs.ts';
import { GraphConstruction } from '../../src/ir/builder.ts';
import type { Graph } from '../../src/ir/graph.ts';
import type { NdArray } from '../../src/ir/nd-array.ts';
import type { Sizes } from '../../src/ir/sizes.ts';
import { paddedEncoder } from './random-attention.ts';
import { opMakers } from './random-ops.ts';
import { Making, RandomPool } from './random-pool.ts';

/** One or two encoders, and some ops before, between and behind them. */
export function buildPaddedGraph(seed: number): Graph {
  const random = randomNumbers(seed);
  const construction = new GraphConstruction();
  const batch = random() < 0.8 ? 'batch' : 2;
  const pool = new RandomPool(construction, batch, random() < 0.8 ? 'seq' : 5);
  const encoders = random() < 0.3 ? 2 : 1;
  for (let i = 0; i < encoders; i++) {
    for (let steps = Math.floor(random() * 3); steps > 0; steps--) grow(pool, random, opMakers);
    grow(pool, random, [paddedEncoder]);
  }
  return construction.finish('padded', pool.outputs());
}

function grow(pool: RandomPool, random: () => number, makers: typeof opMakers): void {
  const making = new Making(pool, randomNumbers(Math.floor(random() * 2 ** 31)));
  for (let attempt = 0; attempt < 8; attempt++) {
    const made = making.pick(makers)(making);
    if (made === null) continue;
    pool.add(made, Math.floor(random() * 2 ** 31));
    return;
  }
}

const MASKS = ['right', 'left', 'holes', 'all', 'none', 'ragged'] as const;

/** Random inputs in which every row of a mask is of a kind of its own, hidden ones among them. */
export function raggedInputs(graph: Graph, sizes: Sizes, seed: number): Map<string, NdArray> {
  const random = randomNumbers(seed + 77);
  const inputs = randomInputs(graph, sizes, seed);
  for (const name of ['mask', 'visible']) {
    const given = inputs.get(name);
    if (given === undefined) continue;
    const [batch = 0, seq = 0] = given.shape;
    const data = new Float64Array(batch * seq);
    for (let b = 0; b < batch; b++) {
      const kind = MASKS[Math.floor(random() * MASKS.length)] ?? 'all';
      const length = Math.floor(random() * (seq + 1));
      for (let s = 0; s < seq; s++)
        data[b * seq + s] = isShown(kind, s, seq, length, random) ? 1 : 0;
    }
    // a mask of integers is any number but 0, and most often 1
    const scaled =
      given.dtype === 'bool' ? data : data.map((x, i) => x * ([1, -3, 1, 2][i % 4] ?? 1));
    inputs.set(name, { ...given, data: scaled });
  }
  return inputs;
}

function isShown(
  kind: (typeof MASKS)[number],
  place: number,
  seq: number,
  length: number,
  random: () => number,
): boolean {
  if (kind === 'right' || kind === 'ragged') return place < length;
  if (kind === 'left') return place >= seq - length;
  return kind === 'holes' ? random() < 0.5 : kind === 'all';
}
