// Measures published ONNX models, as encompile compiles them and in ONNX Runtime: see README.md.
// `npm --prefix bench run real-models -- [--models IDS] [--rounds N] [--node MAJORS] [--clock processor]`

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { artifactFiles, compileGraph, loadModel, writeArtifact } from '../dist/compiler.js';
import { disagreement } from './agreement.mjs';
import { startContestant } from './contestants.mjs';
import { BUSY, describeMachine, findNodes } from './machine.mjs';
import { runRounds, warmUp } from './measure-speed.mjs';
import { BASELINE, CONTENDERS, ORACLE } from './published/contenders.mjs';
import { PUBLISHED, publishedModelOf } from './published/models.mjs';
import { ratiosByRound, summary } from './statistics.mjs';

const SCRIPT = join(import.meta.dirname, 'published', 'contestant.mjs');

const { values: options } = parseArgs({
  options: {
    models: { type: 'string', default: PUBLISHED.map(({ id }) => id).join(',') },
    rounds: { type: 'string', default: '11' },
    node: { type: 'string' },
    clock: { type: 'string', default: 'clock' },
  },
});
const settings = { rounds: Number(options.rounds) };
if (!(Number.isInteger(settings.rounds) && settings.rounds > 0)) {
  console.error('--rounds takes a positive whole number.');
  process.exit(2);
}
if (!['clock', 'processor'].includes(options.clock)) {
  console.error('--clock takes clock or processor.');
  process.exit(2);
}

const progress = (text) =>
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : `${text}\n`);

/** Both artifacts of a model, in folders named for their backends. */
async function compileInto(folder, { file, constants = {}, sizes = {} }) {
  const { graph } = await loadModel(file, {
    constants: new Map(Object.entries(constants).map(([name, value]) => [name, [value]])),
    sizes: new Map(Object.entries(sizes)),
  });
  for (const { backend } of CONTENDERS.filter((contender) => contender.backend)) {
    const files = await artifactFiles(compileGraph(graph, { targets: [backend] }), {});
    await writeArtifact(join(folder, backend), files);
  }
}

/** A row of the table: a cell for each contender. */
async function measure(model, folder, node) {
  const say = (text) => progress(`${model.title}, Node ${node.version}: ${text}`);
  const entries = CONTENDERS.map((contender) => {
    return { ...contender, ...startContestant(node.path, SCRIPT), work: 1, failure: null };
  });
  try {
    const oracleFile = join(folder, 'oracle.f32');
    const oracle = entries.find(({ id }) => id === ORACLE);
    for (const entry of [oracle, ...entries.filter(({ id }) => id !== ORACLE)]) {
      say(`comparing ${entry.name}`);
      await entry.ask('open', { contender: entry.id, model: model.id, folder });
      const files = entry === oracle ? { output: oracleFile } : { oracle: oracleFile };
      const checked = await entry.ask('check', files);
      entry.milliseconds = checked.milliseconds;
      entry.failure = entry === oracle ? null : disagreement(checked);
    }
    const ready = entries.filter(({ failure }) => failure === null);
    await warmUp(ready, say);
    await runRounds(ready, settings, say);
    return entries.map((entry) => cell(entry, entries));
  } finally {
    await Promise.all(entries.map(({ stop }) => stop()));
  }
}

function cell({ id, failure, times }, entries) {
  if (failure !== null) return failure;
  const own = times[options.clock];
  const baseline = entries.find((entry) => entry.id === BASELINE).times?.[options.clock];
  const { median, quartiles } = summary(own.filter((value) => value !== undefined));
  const spread = Math.round((100 * (quartiles[1] - quartiles[0])) / 2 / median);
  const time = `${median.toPrecision(3)} ms ± ${spread} %`;
  if (id === BASELINE || baseline === undefined) return time;
  return `${time}, **${summary(ratiosByRound(baseline, own)).median.toPrecision(3)}x**`;
}

const { cpu, cores, loadAverage } = describeMachine();
if (loadAverage > BUSY && options.clock === 'clock') {
  progress(`The load average is ${loadAverage.toFixed(2)}: --clock processor sees less of it.\n`);
}
const majors = options.node?.split(',');
const nodes = findNodes().filter(({ version }) => majors?.includes(version.split('.')[0]) ?? true);
const models = options.models.split(',').map(publishedModelOf);
const tables = new Map(nodes.map(({ version }) => [version, []]));
for (const model of models) {
  const folder = await mkdtemp(join(tmpdir(), 'encompile-real-'));
  try {
    progress(`${model.title}: compiling`);
    await compileInto(folder, model);
    for (const node of nodes) {
      tables.get(node.version).push([model.title, ...(await measure(model, folder, node))]);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
progress('');
const time = options.clock === 'clock' ? 'by the clock' : 'of the processor';
console.log(`${cpu}, ${cores} cores; medians of ${settings.rounds} rounds, time ${time}.`);
for (const [version, rows] of tables) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const head = [`Node ${version}`, ...CONTENDERS.map(({ name }) => name)];
  console.log(`\n${[head, head.map(() => '---'), ...rows].map(line).join('\n')}`);
}
