// One contender in a process of its own: contestants.mjs starts it and asks it one thing at a time.
// A process for each keeps the contenders out of each other's heap, caches of types and threads.

import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { differenceOf } from './agreement.mjs';
import { contenderOf } from './contenders/index.mjs';
import { LIMITS } from './limits/index.mjs';
import { modelOf } from './models/index.mjs';
import { makeInputs } from './workloads.mjs';

let model;
let opened;

const ANSWERS = {
  /** Loads the runtime and the model; with a workload, until its first result. */
  async open({ contender: id, model: modelId, folder, workload }) {
    const limit = LIMITS.find((entry) => entry.id === id);
    if (limit !== undefined) {
      opened = await limit.open();
      return { missing: opened === null, note: opened?.note, flops: opened?.flops };
    }
    const contender = contenderOf(id);
    model = modelOf(modelId);
    const stored = await contender.read(folder);
    const inputs = workload && makeInputs(workload, model.vocab);
    const start = performance.now();
    opened = await contender.open(stored, model);
    const loaded = performance.now() - start;
    if (inputs === undefined) return { loaded };
    await opened.run(inputs);
    return { loaded, first: performance.now() - start, peakBytes: await peakBytes() };
  },

  /** Runs once, and writes the output as the oracle's or compares it with that. */
  async check({ workload, output, oracle }) {
    const inputs = makeInputs(workload, model.vocab);
    const start = performance.now();
    const result = Float32Array.from(await opened.run(inputs));
    const milliseconds = performance.now() - start;
    if (output !== undefined) {
      await writeFile(output, new Uint8Array(result.buffer));
      return { milliseconds };
    }
    const { buffer } = Uint8Array.from(await readFile(oracle));
    const rows = model.rowsPerToken ? inputs.mask : new Uint8Array(inputs.batch).fill(1);
    return { milliseconds, ...differenceOf(new Float32Array(buffer), result, rows) };
  },

  /** Milliseconds of `calls` calls: by the clock, and of processor time of all threads. */
  async run({ workload, calls }) {
    const inputs = workload && makeInputs(workload, model.vocab);
    const before = process.cpuUsage();
    const start = performance.now();
    for (let call = 0; call < calls; call++) await opened.run(inputs);
    const clock = performance.now() - start;
    const { user, system } = process.cpuUsage(before);
    return { clock: clock / calls, processor: (user + system) / 1e3 / calls };
  },
};

/** The most memory this process has held. */
async function peakBytes() {
  // Linux counts what the parent held before exec into resourceUsage().maxRSS, but not into VmHWM.
  if (existsSync('/proc/self/status')) {
    const [, kibibytes] =
      /VmHWM:\s*(\d+) kB/.exec(await readFile('/proc/self/status', 'utf8')) ?? [];
    if (kibibytes !== undefined) return Number(kibibytes) * 1024;
  }
  return process.resourceUsage().maxRSS * 1024;
}

process.on('message', async ({ request, ...given }) => {
  try {
    process.send({ answer: await ANSWERS[request](given) });
  } catch (error) {
    process.send({ error: error instanceof Error ? error.message : String(error) });
  }
});
