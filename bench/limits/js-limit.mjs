// The JS limit: what a bare matmul micro-kernel reaches on this machine, now. K = 384, operands
// small enough for the first cache level, no tails. The best of several register tiles counts.

import { compileMatmul } from '../js-shapes/matmul-source.mjs';
import { fill, interleavedMedians } from '../rounds.mjs';

const tiles = [
  { rows: 2, columns: 3, unroll: 2 },
  { rows: 2, columns: 3, unroll: 1 },
  { rows: 3, columns: 2, unroll: 2 },
  { rows: 2, columns: 4, unroll: 2 },
  { rows: 3, columns: 4, unroll: 1 },
  { rows: 4, columns: 4, unroll: 1 },
];

/** One call of a bare kernel for timing in rounds, with the floating-point operations it does. */
export function bareKernel(tile) {
  const k = 384;
  const n = 12;
  const rows = 12;
  const run = compileMatmul({ k, n, ...tile });
  const a = fill(new Float32Array(rows * k), 0.5, 3);
  const weights = fill(new Float32Array(n * k + n), 0.05, 5);
  const out = new Float32Array(rows * n);
  const call = () => run(out, 0, a, 0, weights, 0, n * k, rows);
  const name = `${tile.rows}x${tile.columns}, k by ${tile.unroll}`;
  call();
  checkProduct(name, { out, a, weights, rows, k, n, columns: tile.columns });
  return { name, flops: 2 * rows * n * k, calls: 60, run: call };
}

/** The bare kernels of which the fastest is the limit. */
export const bareKernels = () => tiles.map(bareKernel);

/** Throws unless out = a b + bias, b in panels of columns. */
function checkProduct(name, { out, a, weights, rows, k, n, columns }) {
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < n; j++) {
      let sum = weights[n * k + j];
      const panel = (j - (j % columns)) * k + (j % columns);
      for (let d = 0; d < k; d++) sum += a[i * k + d] * weights[panel + d * columns];
      const error = Math.abs(out[i * n + j] - sum);
      if (!(error < 1e-5)) throw new Error(`the bare kernel ${name} is wrong by ${error}`);
    }
  }
}

/** GFLOP/s of the fastest bare kernel in plain JS, and its register tile as text. */
export function measureJsLimit({ rounds = 21 } = {}) {
  const kernels = bareKernels();
  const medians = interleavedMedians(kernels, { rounds });
  const gflops = medians.map((ms, index) => kernels[index].flops / ms / 1e6);
  const best = gflops.indexOf(Math.max(...gflops));
  return { gflops: gflops[best], tile: kernels[best].name };
}
