// Measures encompile and other runtimes on the same models, interleaved: see README.md, or --help.

import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ORACLE } from './contenders/index.mjs';
import { BUSY, describeMachine } from './machine.mjs';
import { measureLoad } from './measure-load.mjs';
import { measureSpeed } from './measure-speed.mjs';
import { storeModel } from './models/stored.mjs';
import { readOptions } from './options.mjs';
import { drawPicture } from './report/picture.mjs';
import { printReport } from './report/tables.mjs';

const RESULTS = join(import.meta.dirname, 'results');
const PICTURE = join(import.meta.dirname, '..', 'docs', 'benchmark.svg');

function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  else process.stderr.write(`${text}\n`);
}

/** Everything of one model: stored, then measured under one Node after the other. */
async function measureModel(model, options) {
  const { nodes, ids, workloads, settings, loadRounds } = options;
  const folder = await mkdtemp(join(tmpdir(), 'encompile-bench-'));
  // Two gigabytes for BERT-base, which an interrupted run should not leave behind.
  const interrupted = () => {
    rmSync(folder, { recursive: true, force: true });
    process.exit(130);
  };
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, interrupted);
  try {
    await storeModel(model, folder, (text) => progress(`${model.title}: ${text}`));
    const results = [];
    for (const node of nodes) {
      const shared = { model, folder, node, ids };
      const onProgress = (text) => progress(`${model.title}, Node ${node.version}: ${text}`);
      const speed = await measureSpeed({ ...shared, workloads, settings, onProgress });
      const load =
        loadRounds === 0 ? [] : await measureLoad({ ...shared, rounds: loadRounds, onProgress });
      results.push({ model: model.id, title: model.title, node: node.version, speed, load });
    }
    return results;
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, interrupted);
    await rm(folder, { recursive: true, force: true });
  }
}

async function measureAll(options) {
  const machine = describeMachine();
  if (machine.loadAverage > BUSY) {
    const load = machine.loadAverage.toFixed(2);
    process.stderr.write(
      `The load average is ${load}: other work runs on this machine and will show in the numbers.\n`,
    );
  }
  const { models, workloads, settings } = options;
  const report = { machine, oracle: ORACLE, settings, workloads, results: [] };
  await mkdir(RESULTS, { recursive: true });
  const path = join(RESULTS, `${machine.date.slice(0, 16).replace(':', '')}.json`);
  for (const model of models) {
    report.results.push(...(await measureModel(model, options)));
    // After every model: a run of an hour should not be lost by its last minute.
    await writeFile(path, `${JSON.stringify(report, null, 2)}\n`);
  }
  progress(`Written to ${path}\n`);
  return report;
}

const options = readOptions();
const report =
  options.from === undefined
    ? await measureAll(options)
    : JSON.parse(await readFile(options.from, 'utf8'));
console.log(printReport(report));
if (options.picture) {
  await writeFile(PICTURE, drawPicture(report));
  progress(`Drawn to ${PICTURE}\n`);
}
const wrong = report.results.flatMap(({ speed }) => speed).filter(({ failure }) => failure);
if (wrong.some(({ failure }) => !failure.startsWith('not run'))) process.exitCode = 1;
