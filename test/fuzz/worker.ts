/**
 * Runs inputs one after another. Before each it notes its number where the main thread sees it, which
 * watches for those that do not end.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { check, inputOf, READERS, type ReaderName } from './readers.ts';

export interface Work {
  readonly root: string;
  readonly reader: ReaderName;
  readonly seed: number;
  readonly from: number;
  readonly to: number;
  /** The number of the input that runs, and how many were taken and compiled. */
  readonly progress: Int32Array;
}

export interface Finding {
  readonly index: number;
  readonly what: string;
}

const SECOND = 1000;
const MEMORY = 200 * 2 ** 20;
/** One input of so many is compiled, where it is taken. */
const COMPILED_EVERY = 40;

/** Processor time in milliseconds, least of three runs: other work on the machine is not counted. */
export function timeOf(run: () => void): number {
  const times = [0, 1, 2].map(() => {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  return Math.min(...times);
}

function work({ root, reader, seed, from, to, progress }: Work): Finding | null {
  const seeds = READERS[reader].seeds(root);
  for (let index = from; index < to; index++) {
    const content = inputOf(READERS[reader], seeds, seed, index);
    const compiles = index % COMPILED_EVERY === 0;
    Atomics.store(progress, 0, index);
    const [start, peak] = [performance.now(), process.resourceUsage().maxRSS];
    const outcome = check(reader, content, compiles);
    if (typeof outcome === 'string') return { index, what: outcome };
    const grown = (process.resourceUsage().maxRSS - peak) * 1024;
    if (grown > MEMORY) return { index, what: `it took ${Math.round(grown / 2 ** 20)} MB` };
    if (performance.now() - start > SECOND) {
      const time = timeOf(() => check(reader, content, compiles));
      if (time > SECOND) return { index, what: `it took ${Math.round(time)} ms of processor time` };
    }
    if (outcome) Atomics.add(progress, compiles ? 2 : 1, 1);
  }
  return null;
}

parentPort?.postMessage(work(workerData as Work));
