// Interleaved timing: every candidate runs once a round, so that a busy machine slows all alike.

import { performance } from 'node:perf_hooks';

const median = (values) => {
  const sorted = [...values].sort((p, q) => p - q);
  return sorted[sorted.length >> 1] ?? Number.NaN;
};

/** Milliseconds a call, the median over the rounds, for each of `candidates` ({ run, calls }). */
export function interleavedMedians(candidates, { rounds = 15, warmUp = 8 } = {}) {
  const times = candidates.map(() => []);
  for (let round = -warmUp; round < rounds; round++) {
    candidates.forEach(({ run, calls = 1 }, index) => {
      const start = performance.now();
      for (let call = 0; call < calls; call++) run();
      if (round >= 0) times[index].push((performance.now() - start) / calls);
    });
  }
  return times.map(median);
}

/** Deterministic values in (-scale, scale) that are not integers, as real activations are not. */
export function fill(array, scale, seed = 1) {
  let state = seed >>> 0;
  for (let i = 0; i < array.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    array[i] = (state / 2 ** 31 - 1) * scale;
  }
  return array;
}
