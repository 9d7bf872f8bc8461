/**
 * The fuzzer: readers of strangers' files, given files that were damaged on purpose.
 *
 *     npm run fuzz -- --reader onnx --inputs 100000 --seed 1
 *     npm run fuzz -- --reader onnx --inputs 100000 --seed 1 --first 100000       the next ones
 *     npm run fuzz -- --reader safetensors --file out/fuzz/finding.safetensors    one file again
 *
 * An input may be taken, or refused with an `EncompileError`. Anything else is a finding: another
 * exception, more than a second of processor time, more than 200 MB. The first stops the run.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { check, inputOf, READERS, type ReaderName } from './readers.ts';
import { type Finding, timeOf } from './worker.ts';

const ROOT = process.cwd();
const FOLDER = 'out/fuzz';
/** An input that runs so long will not end, however busy the machine is. */
const WATCHDOG = 60_000;
const LOOK = 1000;
/** Inputs of one worker: its caches go with it. */
const SHARE = 20_000;
const HEAP_MB = 400;

const { values: options } = parseArgs({
  options: {
    reader: { type: 'string', default: 'onnx' },
    inputs: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    first: { type: 'string', default: '0' },
    file: { type: 'string' },
  },
});

/** Runs a worker to its end, or until an input has run too long. */
function runShare(reader: ReaderName, seed: number, from: number, to: number, seen: Int32Array) {
  const progress = new Int32Array(new SharedArrayBuffer(12));
  const workerData = { root: ROOT, reader, seed, from, to, progress };
  const limits = { maxOldGenerationSizeMb: HEAP_MB };
  const worker = new Worker(new URL('worker.js', import.meta.url), {
    workerData,
    resourceLimits: limits,
  });
  return new Promise<Finding | null>((resolve) => {
    let [last, since] = [-1, performance.now()];
    const end = (finding: Finding | null) => {
      clearInterval(timer);
      for (const place of [1, 2]) seen[place] = (seen[place] ?? 0) + (progress[place] ?? 0);
      void worker.terminate();
      resolve(finding);
    };
    const timer = setInterval(() => {
      const index = Atomics.load(progress, 0);
      if (index !== last) [last, since] = [index, performance.now()];
      else if (performance.now() - since > WATCHDOG) {
        end({ index, what: `it did not end within ${WATCHDOG / 1000} seconds` });
      }
    }, LOOK);
    worker.on('message', end);
    worker.on('error', (error) => end({ index: Atomics.load(progress, 0), what: `${error}` }));
  });
}

function report(reader: ReaderName, seed: number, { index, what }: Finding): void {
  const content = inputOf(READERS[reader], READERS[reader].seeds(ROOT), seed, index);
  const path = join(FOLDER, `finding-${seed}-${index}.${reader}`);
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(path, content);
  console.log(`\nInput ${index} is a finding: ${what}\nIt is saved. To run it alone:`);
  console.log(`    npm run fuzz -- --reader ${reader} --file ${path}`);
  process.exitCode = 1;
}

async function fuzz(
  reader: ReaderName,
  inputs: number,
  seed: number,
  first: number,
): Promise<void> {
  const count = READERS[reader].seeds(ROOT).length;
  console.log(
    `${inputs} inputs for the reader of ${reader}, made of ${count} files, seed ${seed}, from number ${first} on`,
  );
  const [start, seen] = [performance.now(), new Int32Array(3)];
  for (let done = 0; done < inputs; done += SHARE) {
    const [from, to] = [first + done, first + Math.min(done + SHARE, inputs)];
    const finding = await runShare(reader, seed, from, to, seen);
    if (finding !== null) {
      report(reader, seed, finding);
      return;
    }
    const seconds = (performance.now() - start) / 1000;
    const [made, left] = [to - first, first + inputs - to];
    const rest = Math.round((left * seconds) / made);
    console.log(
      `${made} done, ${seen[1]} taken, ${seen[2]} of them compiled too; ${Math.round(seconds)} s, about ${rest} s left`,
    );
  }
  console.log('No findings.');
}

function again(reader: ReaderName, path: string): void {
  const content = Uint8Array.from(readFileSync(path));
  const outcome = check(reader, content, true);
  const time = timeOf(() => check(reader, content, true));
  const said = typeof outcome === 'string' ? outcome : outcome ? 'taken' : 'refused';
  console.log(`${path}: ${said}, ${Math.round(time)} ms of processor time`);
}

function main(): void | Promise<void> {
  const { reader, file } = options;
  if (reader !== 'onnx' && reader !== 'safetensors') {
    throw new Error(`--reader is ${reader}, where onnx or safetensors was expected`);
  }
  if (file !== undefined) return again(reader, file);
  return fuzz(reader, Number(options.inputs), Number(options.seed), Number(options.first));
}

await main();
