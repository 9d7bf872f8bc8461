/**
 * Random graphs, each exported to ONNX and run in ONNX Runtime, imported again, and compiled for the
 * backends: all must give what the interpreter gives.
 *
 *     npm run random -- --graphs 1000 --seed 1 --jobs 2
 *     npm run random -- --seed 1 --first 123 --graphs 1      one graph again
 *
 * The first disagreement stops the run. What it takes to see it again is saved in `out/random`.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { registry } from '../../src/ir/ops/index.ts';
import type { Said } from './random-share.ts';

/** Graphs of one process. */
const SHARE = 500;
const SECONDS_BETWEEN_LINES = 20;
const FOLDER = resolve('../../out/random');
const PROGRAM = fileURLToPath(new URL('random-share.js', import.meta.url));

const { values } = parseArgs({
  options: {
    graphs: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    first: { type: 'string', default: '0' },
    jobs: { type: 'string', default: '1' },
  },
});

const [graphs, seed, first, jobs] = [
  wholeNumber('graphs', values.graphs, 1),
  wholeNumber('seed', values.seed, 0),
  wholeNumber('first', values.first, 0),
  wholeNumber('jobs', values.jobs, 1),
];

const started = Date.now();
const ops = new Map<string, number>();
const running = new Set<ChildProcess>();
let [done, exported, back, next] = [0, 0, 0, first];
let finding: string | null = null;

console.log(`${graphs} random graphs of seed ${seed}, from number ${first} on; ${jobs} at a time.`);
const timer = setInterval(report, SECONDS_BETWEEN_LINES * 1000);
await Promise.all(Array.from({ length: jobs }, work));
clearInterval(timer);
report();
const never = Object.keys(registry).filter((op) => !ops.has(op));
if (never.length > 0) console.log(`No graph had ${never.join(', ')}.`);
if (finding === null) console.log('All agree.');
else {
  console.log(`\n${finding}`);
  process.exitCode = 1;
}

async function work(): Promise<void> {
  while (next < first + graphs && finding === null) {
    const from = next;
    next = Math.min(first + graphs, from + SHARE);
    await share(from, next);
  }
}

/** Runs a process to its end. */
function share(from: number, to: number): Promise<void> {
  const child = fork(PROGRAM, [seed, from, to, 1, FOLDER].map(String));
  running.add(child);
  let current = from;
  child.on('message', (message) => {
    const said = message as Said;
    current = said.number;
    if (said.finding !== null) stop(said.finding);
    if (said.ops === null || said.finding !== null) return;
    done++;
    if (said.isExportable) exported++;
    if (said.comesBack) back++;
    for (const op of said.ops) ops.set(op, (ops.get(op) ?? 0) + 1);
  });
  return new Promise((end) => {
    child.on('exit', (code, signal) => {
      running.delete(child);
      if (code !== 0)
        stop(`Graph ${current} of seed ${seed} ended its process: ${signal ?? code}.`);
      end();
    });
  });
}

function stop(found: string): void {
  finding ??= found;
  for (const child of running) child.kill();
}

function report(): void {
  const seconds = (Date.now() - started) / 1000;
  const left = Math.round(((graphs - done) * seconds) / Math.max(1, done));
  console.log(
    `${done} of ${graphs} agree, ${exported} of them exported and ${back} imported again; ` +
      `${Math.round(seconds)} s, ${(done / seconds).toFixed(1)} a second, about ${left} s left`,
  );
}

function wholeNumber(name: string, text: string, least: number): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= least) return number;
  throw new Error(`--${name} is ${text}, and must be a whole number from ${least} on.`);
}
