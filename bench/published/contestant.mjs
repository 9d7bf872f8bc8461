// One contender with one published model, in a process of its own: real-models.mjs asks it one thing at a time.

import { readFile, writeFile } from 'node:fs/promises';
import { performance } from 'node:perf_hooks';
import { fill } from '../rounds.mjs';
import { CONTENDERS } from './contenders.mjs';
import { publishedModelOf } from './models.mjs';

let run;
let inputs;

const ANSWERS = {
  async open({ contender: id, model: modelId, folder }) {
    const model = publishedModelOf(modelId);
    run = await CONTENDERS.find((contender) => contender.id === id).open(model, folder);
    inputs = Object.fromEntries(
      Object.entries(model.inputs).map(([name, { shape, scale }]) => {
        const size = shape.reduce((product, dim) => product * dim, 1);
        return [name, { shape, data: fill(new Float32Array(size), scale) }];
      }),
    );
  },

  /** Runs once; writes the outputs as the oracle's, or says how far they are from those. */
  async check({ output, oracle }) {
    const start = performance.now();
    const results = await run(inputs);
    const milliseconds = performance.now() - start;
    const joined = Float32Array.from(results.flatMap((result) => Array.from(result)));
    if (output !== undefined) {
      await writeFile(output, new Uint8Array(joined.buffer));
      return { milliseconds };
    }
    const { buffer } = Uint8Array.from(await readFile(oracle));
    return { milliseconds, largest: largestDifference(new Float32Array(buffer), joined) };
  },

  /** Milliseconds of `calls` calls: by the clock, and of processor time. */
  async run({ calls }) {
    const before = process.cpuUsage();
    const start = performance.now();
    for (let call = 0; call < calls; call++) await run(inputs);
    const clock = performance.now() - start;
    const { user, system } = process.cpuUsage(before);
    return { clock: clock / calls, processor: (user + system) / 1e3 / calls };
  },
};

/** Relative to the largest number, where that is above 1. */
function largestDifference(expected, actual) {
  if (expected.length !== actual.length) {
    throw new Error(
      `its outputs have ${actual.length} numbers, and the oracle's ${expected.length}`,
    );
  }
  const scale = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 1);
  const errors = actual.map((x, i) => Math.abs(x - expected[i]));
  return errors.some(Number.isNaN) ? Number.NaN : Math.max(0, ...chunked(errors)) / scale;
}

/** The largest of every thousand: a call takes no million arguments. */
function chunked(numbers) {
  const count = Math.ceil(numbers.length / 1000);
  return Array.from({ length: count }, (_, i) =>
    Math.max(...numbers.subarray(1000 * i, 1000 * (i + 1))),
  );
}

process.on('message', async ({ request, ...given }) => {
  try {
    process.send({ answer: (await ANSWERS[request](given)) ?? {} });
  } catch (error) {
    process.send({ error: error instanceof Error ? error.message : String(error) });
  }
});
