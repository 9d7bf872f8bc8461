// Interleaved timing: every candidate runs once a round, so that a busy machine slows all alike.

import { performance } from 'node:perf_hooks';

export const median = (values) => {
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

/**
 * For candidates whose `run` is asynchronous, the milliseconds a call in every round: by the clock, and
 * of processor time, in which other processes of a busy machine do not show.
 */
export async function interleavedRounds(candidates, { rounds, warmUp, onRound = () => {} }) {
  const measured = candidates.map(() => ({ clock: [], processor: [] }));
  for (let round = -warmUp; round < rounds; round++) {
    onRound(round + warmUp, rounds + warmUp);
    for (const [index, { run, calls = 1 }] of candidates.entries()) {
      const before = process.cpuUsage();
      const start = performance.now();
      for (let call = 0; call < calls; call++) await run();
      const elapsed = performance.now() - start;
      const { user, system } = process.cpuUsage(before);
      if (round < 0) continue;
      measured[index].clock.push(elapsed / calls);
      measured[index].processor.push((user + system) / 1e3 / calls);
    }
  }
  return measured;
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
