// Compares the shapes of emitted JS kernels: `node bench/js-shapes/run.mjs`. Each kernel is first
// checked against the formula in float64; all timings of a table are interleaved rounds.

import { bareKernel, measureJsLimit } from '../limits/js-limit.mjs';
import { fill, interleavedMedians } from '../rounds.mjs';
import * as own from './activations.mjs';
import { attention } from './attention-32.mjs';
import { addLayerNorm } from './layer-norm-384.mjs';
import { matmul as matmulByHand } from './matmul-384x1536.mjs';
import { compileMatmul } from './matmul-source.mjs';

const arena = fill(new Float32Array(2_500_000), 0.9, 7);
const weights = fill(new Float32Array(700_000), 0.05, 11);
const [aBase, outBase, biasBase] = [64, 1_700_000, 690_000];
const mask = new Uint8Array(1024).fill(1);

function assertClose(name, actual, expected, tolerance) {
  const error = Math.abs(actual - expected);
  if (!(error <= tolerance)) {
    throw new Error(`${name}: got ${actual}, expected ${expected}, error ${error} > ${tolerance}`);
  }
}

function checkMatmul(name, run, { rows, k, n, columns }) {
  run(arena, outBase, arena, aBase, weights, 0, biasBase, rows, k, n);
  for (let i = 0; i < rows; i += Math.max(1, rows >> 2)) {
    for (let j = 0; j < n; j++) {
      let sum = weights[biasBase + j];
      const panel = Math.floor(j / columns) * columns * k + (j % columns);
      for (let d = 0; d < k; d++) sum += arena[aBase + i * k + d] * weights[panel + d * columns];
      assertClose(`${name} [${i}, ${j}]`, arena[outBase + i * n + j], sum, 1e-5);
    }
  }
}

function matmulCase(name, { rows = 128, k = 384, n = 1536, columns = 3, ...options }, given) {
  const dynamic = options.dynamic === true;
  const run =
    given ??
    compileMatmul({
      columns,
      ...options,
      k: dynamic ? 'K' : k,
      n: dynamic ? 'N' : n,
      rows: options.tileRows ?? 2,
    });
  checkMatmul(name, run, { rows, k, n, columns });
  const flops = 2 * rows * k * n;
  return {
    name,
    flops,
    calls: Math.max(1, Math.ceil(1.5e7 / flops)),
    run: () => run(arena, outBase, arena, aBase, weights, 0, biasBase, rows, k, n),
  };
}

function attentionCase(seq) {
  const [heads, width] = [12, 32];
  const [row, qkvBase] = [3 * heads * width, 128];
  const scratch = new Float32Array(3 * 64 + 3 * width);
  const call = (keys) =>
    attention(arena, outBase, arena, qkvBase, keys, 0, scratch, 0, scratch, 192, 1, seq);
  const partial = mask.slice();
  partial[1] = 0;
  partial[seq - 1] = 0;
  call(partial);
  for (let i = 0; i < seq; i += 5) {
    for (let h = 0; h < heads; h += 11) {
      const query = qkvBase + i * row + h * width;
      const key = qkvBase + heads * width + h * width;
      const scores = [...Array(seq).keys()].map((j) => {
        let dot = 0;
        for (let d = 0; d < width; d++) dot += arena[query + d] * arena[key + j * row + d];
        return partial[j] === 0 ? Number.NEGATIVE_INFINITY : dot / Math.sqrt(width);
      });
      const top = Math.max(...scores);
      const probabilities = scores.map((s) => Math.exp(s - top));
      const total = probabilities.reduce((p, q) => p + q, 0);
      for (let v = 0; v < width; v++) {
        let sum = 0;
        for (let j = 0; j < seq; j++)
          sum += (probabilities[j] / total) * arena[key + heads * width + j * row + v];
        const actual = arena[outBase + i * heads * width + h * width + v];
        assertClose(`attention of ${seq} [${i}, ${h}, ${v}]`, actual, sum, 1e-6);
      }
    }
  }
  call(new Uint8Array(seq));
  assertClose('attention with every key hidden', arena[outBase + 5], 0, 0);
  const flops = 4 * seq * seq * heads * width;
  return {
    name: `attention, 12 heads of 32, ${seq} tokens`,
    flops,
    calls: Math.max(1, Math.ceil(1.5e7 / flops)),
    run: () => call(mask),
  };
}

function printGflops(title, cases) {
  const limit = {
    name: 'bare 2x3 tile, k by 2',
    ...bareKernel({ rows: 2, columns: 3, unroll: 2 }),
  };
  const all = [limit, ...cases];
  const gflops = interleavedMedians(all).map((ms, index) => all[index].flops / ms / 1e6);
  console.log(`\n${title}`);
  all.forEach(({ name }, index) => {
    const share = `${Math.round((100 * gflops[index]) / gflops[0])} %`;
    console.log(
      `  ${name.padEnd(46)}${gflops[index].toFixed(2).padStart(6)} GFLOP/s${share.padStart(7)}`,
    );
  });
}

function elementwiseCase(name, body, { low, high, expected, tolerance }) {
  const count = 4096;
  const x = Float32Array.from({ length: count }, (_, i) => low + ((high - low) * i) / count);
  const out = new Float32Array(count);
  const run = new Function(
    'own',
    `const { exp, erf, tanh, gelu } = own;
    return function each(out, x, count) { for (let i = 0; i < count; i++) out[i] = ${body}; };`,
  )(own);
  run(out, x, count);
  for (let i = 0; expected && i < count; i++) {
    assertClose(`${name} at ${x[i]}`, out[i], expected(x[i]), tolerance);
  }
  return { name, elements: count, calls: 8, run: () => run(out, x, count) };
}

/** erf by its Maclaurin series, which float64 sums to 1e-13 for |x| <= 3. */
function erfSeries(x) {
  let term = x;
  let sum = x;
  for (let n = 1; n < 100; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

function layerNormCase() {
  const [residualBase, rows] = [200_000, 128];
  const run = () =>
    addLayerNorm(arena, outBase, arena, aBase, arena, residualBase, weights, 0, 384, rows);
  run();
  const v = Array.from({ length: 384 }, (_, k) => arena[aBase + k] + arena[residualBase + k]);
  const mean = v.reduce((p, q) => p + q, 0) / 384;
  const variance = v.reduce((p, q) => p + (q - mean) ** 2, 0) / 384;
  v.forEach((value, k) => {
    const expected = ((value - mean) / Math.sqrt(variance + 1e-12)) * weights[k] + weights[384 + k];
    assertClose(`layer norm [0, ${k}]`, arena[outBase + k], expected, 1e-6);
  });
  return { name: 'add and layer norm, rows of 384', elements: rows * 384, calls: 2, run };
}

function printNanoseconds(title, cases) {
  console.log(`\n${title}`);
  interleavedMedians(cases, { rounds: 41, warmUp: 40 }).forEach((ms, index) => {
    const { name, elements } = cases[index];
    console.log(
      `  ${name.padEnd(46)}${((ms * 1e6) / elements).toFixed(2).padStart(6)} ns an element`,
    );
  });
}

function printWarmUp() {
  console.log('\nmilliseconds of each call from the first on (384x1536, fresh code, median of 7)');
  for (const rows of [128, 16, 1]) {
    const trials = Array.from({ length: 7 }, () => {
      const run = compileMatmul({});
      return Array.from({ length: 8 }, () => {
        const start = performance.now();
        run(arena, outBase, arena, aBase, weights, 0, biasBase, rows);
        return performance.now() - start;
      });
    });
    const medians = trials[0].map((_, call) => trials.map((t) => t[call]).sort((p, q) => p - q)[3]);
    console.log(
      `  ${String(rows).padStart(3)} rows: ${medians.map((ms) => ms.toFixed(2)).join('  ')}`,
    );
  }
}

/** The kernels of a MiniLM encoder (6 layers, hidden 384, 12 heads, FFN 1536) called in order. */
function encoderCase(tokens) {
  const [hidden, qkv, context, wide] = [64, 300_000, 1_000_000, 1_300_000];
  const scratch = new Float32Array(3 * 64 + 3 * 32);
  const project = (k, n, store) => {
    const run = compileMatmul({ k, n, ...(store ? { store } : {}) }, own);
    return (to, from) => run(arena, to, arena, from, weights, 0, biasBase, tokens);
  };
  const toQkv = project(384, 1152);
  const toOutput = project(384, 384);
  const expand = project(384, 1536, (e) => `own.gelu(${e})`);
  const contract = project(1536, 384);
  const norm = (from) =>
    addLayerNorm(arena, hidden, arena, from, arena, hidden, weights, 0, 384, tokens);
  const layer = () => {
    toQkv(qkv, hidden);
    attention(arena, context, arena, qkv, mask, 0, scratch, 0, scratch, 192, 1, tokens);
    toOutput(qkv, context);
    norm(qkv);
    expand(wide, hidden);
    contract(qkv, wide);
    norm(qkv);
  };
  const run = () => {
    for (let i = 0; i < 6; i++) layer();
  };
  const flops = 6 * (2 * tokens * 384 * (1152 + 384 + 2 * 1536) + 4 * tokens * tokens * 384);
  return { name: `all kernels of MiniLM, ${tokens} tokens`, flops, run };
}

const limit = measureJsLimit();
console.log(
  `Node ${process.versions.node}, limit ${limit.gflops.toFixed(2)} GFLOP/s (${limit.tile})`,
);

printGflops('register tile (rows x columns) and unrolling of k, 128 x 384 x 1536', [
  ...[
    [2, 2],
    [2, 3],
    [3, 2],
    [2, 4],
    [4, 2],
    [3, 3],
    [3, 4],
    [4, 4],
  ].flatMap(([tileRows, columns]) =>
    [1, 2].map((unroll) =>
      matmulCase(`${tileRows}x${columns}, k by ${unroll}`, { tileRows, columns, unroll }),
    ),
  ),
  matmulCase('2x3, k by 2, added one by one', { paired: false }),
]);
printGflops('how offsets are written, 128 x 384 x 1536', [
  matmulCase('by hand (matmul-384x1536.mjs)', {}, matmulByHand),
  matmulCase('& 0x3fffffff, panel + k * 3', {}),
  matmulCase('& 0x3fffffff, pointers', { loop: 'pointers' }),
  matmulCase('>>> 0', { style: 'unsigned' }),
  matmulCase('| 0 everywhere', { style: 'int32' }),
  matmulCase('| 0 everywhere, pointers', { style: 'int32', loop: 'pointers' }),
  matmulCase('nothing', { style: 'plain' }),
  matmulCase('nothing, pointers', { style: 'plain', loop: 'pointers' }),
  matmulCase('K and N are arguments', { dynamic: true }),
]);

/** The three projections of a layer, by functions given as (k, n) => function. */
function threeShapesCase(name, functionFor, { views = false } = {}) {
  const calls = [
    [384, 384],
    [384, 1536],
    [1536, 384],
  ].map(([k, n]) => {
    const run = functionFor(k, n);
    checkMatmul(name, run, { rows: 128, k, n, columns: 3 });
    const [a, out] = [arena.subarray(aBase), arena.subarray(outBase)];
    return views
      ? () => run(out, 0, a, 0, weights, 0, biasBase, 128, k, n)
      : () => run(arena, outBase, arena, aBase, weights, 0, biasBase, 128, k, n);
  });
  const run = () => {
    for (const call of calls) call();
  };
  return { name, flops: 2 * 128 * 384 * (384 + 1536 + 1536), run };
}

function geluCases() {
  const inTile = compileMatmul({ store: (e) => `own.gelu(${e})` }, own);
  const plain = compileMatmul({});
  const pass = new Function(
    'own',
    'return function pass(x, base, n) { for (let i = 0; i < n; i++) x[base + i] = own.gelu(x[base + i]); };',
  )(own);
  const matmul = (run) => run(arena, outBase, arena, aBase, weights, 0, biasBase, 128);
  const flops = 2 * 128 * 384 * 1536;
  return [
    { name: 'GELU in the tile', flops, run: () => matmul(inTile) },
    {
      name: 'GELU as a pass',
      flops,
      run: () => {
        matmul(plain);
        pass(arena, outBase, 128 * 1536);
      },
    },
  ];
}

const shared = compileMatmul({ k: 'K', n: 'N' });
const literal = (k, n) => compileMatmul({ k, n });
printGflops('projections of one layer: functions, views, epilogue', [
  threeShapesCase('a function for each shape', literal),
  threeShapesCase('the same, on subarray views', literal, { views: true }),
  threeShapesCase('one function for the three shapes', () => shared),
  ...geluCases(),
]);
printGflops('loop order and shape', [
  ...[
    [384, 384],
    [384, 1152],
    [384, 1536],
    [1536, 384],
  ].flatMap(([k, n]) =>
    [128, 16, 1].map((rows) => matmulCase(`${rows} x ${k} x ${n}`, { rows, k, n })),
  ),
  ...[128, 1024].flatMap((rows) =>
    [64, 'panels outside', 'rows outside'].map((rowBlock) =>
      matmulCase(`${rows} x 1536 x 384, ${rowBlock === 64 ? 'row blocks of 64' : rowBlock}`, {
        rows,
        k: 1536,
        n: 384,
        rowBlock,
      }),
    ),
  ),
]);
printGflops('attention', [7, 16, 128, 512].map(attentionCase));
printGflops('encoder', [16, 128].map(encoderCase));
const ranges = {
  exp: { low: -20, high: 0, expected: Math.exp, tolerance: 6e-8 },
  erf: { low: -3, high: 3, expected: erfSeries, tolerance: 8e-8 },
  tanh: { low: -12, high: 12, expected: Math.tanh, tolerance: 8e-8 },
};
printNanoseconds('elementwise', [
  elementwiseCase('load and store', 'x[i] * 0.5', { low: -4, high: 4 }),
  elementwiseCase('Math.exp', 'Math.exp(x[i])', ranges.exp),
  elementwiseCase('exp', 'exp(x[i])', ranges.exp),
  elementwiseCase('Math.tanh', 'Math.tanh(x[i])', ranges.tanh),
  elementwiseCase('tanh', 'tanh(x[i])', ranges.tanh),
  elementwiseCase('erf', 'erf(x[i])', ranges.erf),
  elementwiseCase('gelu', 'gelu(x[i])', { low: -4, high: 4 }),
  layerNormCase(),
]);
printWarmUp();
