// How long compiling takes, stage by stage, and how it grows with depth; what the artifact weighs beside
// its weights, and what memory a run takes.
// `node bench/compile-time.mjs [--json] [--layers 6,100,1000] [--target js|wasm|wgsl]`

import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { compileGraph } from '../dist/compiler.js';
import { compile } from '../dist/index.js';
import { evaluateDim } from '../dist/ir/dims.js';
import minilm from './models/minilm.mjs';

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    layers: { type: 'string', default: '6,100,1000' },
    target: { type: 'string', default: 'js' },
  },
});
const { target } = options;
const depths = options.layers.split(',').map(Number);
if (!depths.every((value) => Number.isInteger(value) && value > 0)) {
  console.error('--layers takes positive whole numbers, as in --layers 6,100.');
  process.exit(2);
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

/** Milliseconds of each stage, for layers of MiniLM's widths without weights. */
function timeStages(layers) {
  const stages = [];
  const begin = (stage) => stages.push({ stage, start: performance.now() });
  begin('declare');
  const graph = minilm.declare({ layers }).build();
  begin('verify');
  const { programs } = compileGraph(graph, { targets: [target], onProgress: begin });
  const end = performance.now();
  const { steps, kernels } = programs.get(target);
  return {
    layers,
    calls: steps.length,
    kernels: kernels.length,
    milliseconds: end - stages[0].start,
    stages: stages.map(({ stage, start }, i) => {
      return { stage, milliseconds: (stages[i + 1]?.start ?? end) - start };
    }),
  };
}

/** MiniLM's artifact, with its weights written to no file. */
async function weigh() {
  const weights = minilm.makeWeights();
  const start = performance.now();
  const { files, plans } = await compile(minilm.declare({ weights }), { targets: [target] });
  const milliseconds = performance.now() - start;
  const code = [...files].filter(([path]) => path !== 'weights.bin');
  const { slots } = plans.get(target);
  const arena = (seq) =>
    sum(slots.map(({ size }) => 4 * evaluateDim(size, { batch: 1, seq, tokens: seq })));
  return {
    milliseconds,
    weightBytes: files.get('weights.bin').length,
    codeBytes: sum(code.map(([, content]) => Buffer.byteLength(content))),
    codeGzip: sum(code.map(([, content]) => gzipSync(content, { level: 9 }).length)),
    arena: [16, 128, 512].map((tokens) => ({ tokens, bytes: arena(tokens) })),
  };
}

function print(timings, { milliseconds, weightBytes, codeBytes, codeGzip, arena }) {
  const kilobytes = (bytes) => `${(bytes / 1e3).toFixed(1)} kB`;
  const row = (name, cells) => console.log(`${name.padEnd(26)}${cells.map(column).join('')}`);
  const column = (cell) => (typeof cell === 'number' ? cell.toFixed(0) : cell).padStart(12);
  row(
    'ms by stage, layers:',
    timings.map(({ layers }) => `${layers}`),
  );
  for (const [i, { stage }] of timings[0].stages.entries()) {
    row(
      `  ${stage}`,
      timings.map(({ stages }) => stages[i].milliseconds),
    );
  }
  row(
    'all',
    timings.map((timing) => timing.milliseconds),
  );
  row(
    'a layer',
    timings.map((timing) => (timing.milliseconds / timing.layers).toFixed(1)),
  );
  row(
    'different kernels',
    timings.map(({ kernels }) => kernels),
  );
  console.log(
    `\nMiniLM with its weights (${kilobytes(weightBytes)}) in ${milliseconds.toFixed(0)} ms; beside them ` +
      `${kilobytes(codeBytes)}, ${kilobytes(codeGzip)} with gzip`,
  );
  for (const { tokens, bytes } of arena) {
    console.log(`arena at ${tokens} tokens: ${kilobytes(bytes)}, ${bytes / tokens} bytes a token`);
  }
}

const timings = depths.map(timeStages);
const artifact = await weigh();
if (options.json)
  console.log(JSON.stringify({ node: process.versions.node, timings, artifact }, null, 2));
else print(timings, artifact);
