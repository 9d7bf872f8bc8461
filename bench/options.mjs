// The command line of the benchmark.

import { parseArgs } from 'node:util';
import { BASELINE, CONTENDERS } from './contenders/index.mjs';
import { findNodes } from './machine.mjs';
import { MODELS } from './models/index.mjs';
import { mixedBatch, singleText } from './workloads.mjs';

const LENGTHS = [1, 16, 128, 512];

const HELP = `npm --prefix bench start -- [options]

  --quick            MiniLM at 16 and 128 tokens, fewer rounds
  --models IDS       of ${MODELS.map(({ id }) => id).join(', ')}
  --only IDS         contenders: ${CONTENDERS.map(({ id }) => id).join(', ')}
  --lengths NUMBERS  tokens of one text (${LENGTHS.join(',')})
  --no-batch         without the batch of mixed lengths
  --node MAJORS      of the Nodes found, as in --node 26
  --rounds N         turns of every contender (11)
  --load-rounds N    fresh processes of every contender (5); 0 measures no loading
  --patience S       leaves out who would take longer for a run (30)
  --clock WHICH      what ratios are of: clock, or processor, in which other work on a busy machine
                     shows less; contenders of several threads are then left out (clock)
  --picture          draws docs/benchmark.svg
  --from FILE        reports an earlier run, from bench/results

IDS, NUMBERS and MAJORS are lists with commas. Ratios are to ${BASELINE}.
ENCOMPILE_BENCH_NODES lists paths of other Nodes, as PATH does folders.`;

const OPTIONS = {
  quick: { type: 'boolean', default: false },
  models: { type: 'string' },
  only: { type: 'string' },
  lengths: { type: 'string' },
  'no-batch': { type: 'boolean', default: false },
  node: { type: 'string' },
  rounds: { type: 'string' },
  'load-rounds': { type: 'string' },
  patience: { type: 'string', default: '30' },
  clock: { type: 'string', default: 'clock' },
  picture: { type: 'boolean', default: false },
  from: { type: 'string' },
  help: { type: 'boolean', default: false },
};

function refuse(message) {
  console.error(`${message}\n\n${HELP}`);
  process.exit(2);
}

export function readOptions() {
  const values = parse();
  if (values.help) {
    console.log(HELP);
    process.exit(0);
  }
  const { quick, picture, from, clock } = values;
  if (!['clock', 'processor'].includes(clock)) refuse('--clock takes clock or processor.');
  const wanted = quick ? ['minilm'] : MODELS.map(({ id }) => id);
  const modelIds = listed('--models', values.models ?? wanted.join(','), MODELS.map(idOf));
  const ids = listed('--only', values.only ?? CONTENDERS.map(idOf).join(','), CONTENDERS.map(idOf));
  const lengths = whole('--lengths', values.lengths ?? (quick ? '16,128' : LENGTHS.join(',')));
  const single = lengths.map(singleText);
  const [patience] = whole('--patience', values.patience);
  const [rounds] = whole('--rounds', values.rounds ?? (quick ? '7' : '11'));
  return {
    models: MODELS.filter(({ id }) => modelIds.includes(id)),
    ids: CONTENDERS.filter(
      ({ id, threads }) => ids.includes(id) && (clock === 'clock' || threads === 1),
    ).map(idOf),
    workloads: quick || values['no-batch'] ? single : [...single, mixedBatch],
    nodes: chosenNodes(values.node),
    settings: { rounds, patience, clock },
    loadRounds: whole('--load-rounds', values['load-rounds'] ?? (quick ? '3' : '5'), 0)[0],
    picture,
    from,
  };
}

const idOf = ({ id }) => id;

function parse() {
  try {
    return parseArgs({ options: OPTIONS }).values;
  } catch (error) {
    return refuse(error.message);
  }
}

function listed(option, text, known) {
  const names = text.split(',');
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) refuse(`${option} knows no ${unknown.join(', ')}.`);
  return names;
}

function whole(option, text, least = 1) {
  const numbers = text.split(',').map(Number);
  if (!numbers.every((number) => Number.isInteger(number) && number >= least)) {
    refuse(`${option} takes whole numbers from ${least}, not ${JSON.stringify(text)}.`);
  }
  return numbers;
}

function chosenNodes(majors) {
  const found = findNodes();
  if (majors === undefined) return found;
  const names = majors.split(',');
  const chosen = found.filter(({ version }) => names.includes(version.split('.')[0]));
  if (chosen.length < names.length) {
    refuse(`--node ${majors}, but the Nodes found are ${found.map((n) => n.version).join(', ')}.`);
  }
  return chosen;
}
