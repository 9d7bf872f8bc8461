// Measures encompile's JS backend on MiniLM's shape, in one run with tfjs on its plain JS backend and with
// the JS limit. `node bench/run.mjs [--json] [--tokens 128,16] [--rounds 7]`; see README.md.

import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { bareKernels } from './limits/js-limit.mjs';
import { openEncompile } from './minilm/encompile.mjs';
import { openTfjs } from './minilm/tfjs.mjs';
import { flopsOf, makeText, makeWeights } from './minilm/weights.mjs';
import { interleavedRounds, median } from './rounds.mjs';

/** Of two computations in float32 whose sums run in different order; the states are around 1. */
const TOLERANCE = 1e-4;

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    tokens: { type: 'string', default: '128,16' },
    rounds: { type: 'string', default: '7' },
  },
});
const rounds = Number(options.rounds);
const lengths = options.tokens.split(',').map(Number);
if (![rounds, ...lengths].every((value) => Number.isInteger(value) && value > 0)) {
  console.error(
    '--tokens and --rounds take positive whole numbers, as in --tokens 128,16 --rounds 7.',
  );
  process.exit(2);
}

function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/** The largest difference between two results; nothing is timed on a wrong one. */
function compare(tokens, ours, theirs) {
  let difference = ours.length === theirs.length ? 0 : Number.NaN;
  for (let i = 0; i < ours.length; i++) {
    const error = Math.abs(ours[i] - theirs[i]);
    if (!(error <= difference)) difference = error;
  }
  if (difference <= TOLERANCE) return difference;
  throw new Error(
    `encompile and tfjs differ by ${difference} at ${tokens} tokens, and may by ${TOLERANCE}: nothing ` +
      'was timed.',
  );
}

async function measure(tokens, encompile, tfjs) {
  const text = makeText(tokens);
  progress(`${tokens} tokens: comparing the outputs`);
  const difference = compare(tokens, await encompile.run(text), await tfjs.run(text));
  const flops = flopsOf(tokens);
  // Long enough for the clock and for compilers to finish; tfjs takes seconds at 128 tokens.
  const calls = Math.max(2, Math.ceil(1e9 / flops));
  const tiles = bareKernels().map((tile) => ({ ...tile, calls: 600 }));
  const candidates = [
    { name: encompile.name, flops, calls, run: () => encompile.run(text) },
    { name: tfjs.name, flops, calls: Math.ceil(calls / 8), run: () => tfjs.run(text) },
    ...tiles,
  ];
  const measured = await interleavedRounds(candidates, {
    rounds,
    warmUp: 2,
    onRound: (round, all) => progress(`${tokens} tokens: round ${round + 1} of ${all}`),
  });
  const speeds = candidates.map(({ name, flops: work }, index) => {
    const { clock, processor } = measured[index];
    const rates = processor.map((ms) => work / ms / 1e6);
    const milliseconds = { processor: median(processor), clock: median(clock) };
    return { name, milliseconds, gflops: median(rates), rates };
  });
  const [ours, theirs, ...bare] = speeds;
  const limit = bare.reduce((best, tile) => (tile.gflops > best.gflops ? tile : best));
  // Ratios are taken within rounds: what slows the machine for a while slows both sides.
  const ratio = (a, b) => median(a.rates.map((rate, round) => rate / b.rates[round]));
  const row = (speed) => {
    const { name, milliseconds, gflops } = speed;
    const [shareOfLimit, timesTfjs] = [ratio(speed, limit), ratio(speed, theirs)];
    return { name, milliseconds, gflops, shareOfLimit, timesTfjs };
  };
  return {
    tokens,
    flops,
    difference,
    limit: { tile: limit.name, gflops: limit.gflops },
    runtimes: [row(ours), row(theirs)],
  };
}

function print({ tokens, flops, difference, limit, runtimes }) {
  const rows = [
    ['', 'ms a run', 'GFLOP/s', 'of the limit', 'times tfjs'],
    [`JS limit (${limit.tile})`, '', limit.gflops.toFixed(2), '100 %', ''],
    ...runtimes.map(({ name, milliseconds, gflops, shareOfLimit, timesTfjs }) => [
      name,
      milliseconds.processor.toFixed(1),
      gflops.toFixed(2),
      `${(100 * shareOfLimit).toFixed(0)} %`,
      timesTfjs.toFixed(1),
    ]),
  ];
  console.log(`\n${tokens} tokens, ${(flops / 1e9).toFixed(2)} GFLOP`);
  for (const [name, ...cells] of rows) {
    console.log(`  ${name.padEnd(26)}${cells.map((cell) => cell.padStart(13)).join('')}`);
  }
  console.log(`  outputs agree to ${difference.toExponential(1)}`);
}

progress('making weights');
const weights = makeWeights();
progress('compiling the model');
const encompile = await openEncompile(weights);
const tfjs = await openTfjs(weights);
const machine = { node: process.versions.node, cpu: cpus()[0]?.model ?? 'unknown', rounds };
if (!options.json) {
  console.log(
    `Node ${machine.node}, ${machine.cpu}, processor time of one thread, medians of ${rounds} rounds`,
  );
}
const results = [];
for (const tokens of lengths) {
  const result = await measure(tokens, encompile, tfjs);
  results.push(result);
  progress('');
  if (!options.json) print(result);
}
if (options.json) console.log(JSON.stringify({ ...machine, results }, null, 2));
