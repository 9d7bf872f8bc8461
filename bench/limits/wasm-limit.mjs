// The limit of WebAssembly: what a bare matmul micro-kernel reaches on this machine, now. c = a b with
// b in packed panels, K = 384, every accumulator in a register, no tails, no epilogue. The best of
// several register tiles counts.
//
// A tile is `rows` x 4 `vectors` and has `rows` * `vectors` accumulators. With mul and then add the
// product needs a register of its own, so fewer rows fit the 16 of x86-64 than with relaxed_madd.

import loadWabt from 'wabt';
import { fill } from '../rounds.mjs';

const K = 384;
const COLUMNS = 384;
/** Divided by the rows of every tile. */
const ROWS = 120;
const BYTES = 4;

const TILES = {
  simd128: [
    { rows: 4, vectors: 2, unroll: 1 },
    { rows: 4, vectors: 2, unroll: 4 },
    { rows: 5, vectors: 2, unroll: 1 },
    { rows: 6, vectors: 2, unroll: 1 },
  ],
  relaxed: [
    { rows: 6, vectors: 2, unroll: 1 },
    { rows: 6, vectors: 2, unroll: 2 },
    { rows: 6, vectors: 2, unroll: 4 },
    { rows: 4, vectors: 3, unroll: 1 },
  ],
};

const times = (count, line) => Array.from({ length: count }, (_, i) => line(i)).join('\n');

/** `mm(a, b, c)`: byte addresses; a [ROWS, K], b [panels, K, 4 vectors], c [ROWS, COLUMNS]. */
function printKernel({ rows, vectors, unroll }, relaxed) {
  const width = 4 * vectors;
  const sum = (r, v) => `$sum_${r}_${v}`;
  const each = (line) => times(rows, (r) => times(vectors, (v) => line(r, v)));
  const product = (r, v) => {
    const operands = `(local.get $splat) (local.get $b${v})`;
    return relaxed
      ? `(f32x4.relaxed_madd ${operands} (local.get ${sum(r, v)}))`
      : `(f32x4.add (local.get ${sum(r, v)}) (f32x4.mul ${operands}))`;
  };
  const step = (u) => `
    ${times(vectors, (v) => `(local.set $b${v} (v128.load offset=${(u * width + 4 * v) * BYTES} (local.get $pb)))`)}
    ${times(
      rows,
      (r) => `
      (local.set $splat (v128.load32_splat offset=${(r * K + u) * BYTES} (local.get $pa)))
      ${times(vectors, (v) => `(local.set ${sum(r, v)} ${product(r, v)})`)}`,
    )}`;
  return `(module
  (import "host" "memory" (memory 1))
  (func (export "mm") (param $a i32) (param $b i32) (param $c i32)
    (local $panel i32) (local $row i32) (local $k i32)
    (local $pa i32) (local $pb i32) (local $pc i32) (local $splat v128)
    ${times(vectors, (v) => `(local $b${v} v128)`)}
    ${each((r, v) => `(local ${sum(r, v)} v128)`)}
    (loop $panels
      (local.set $row (i32.const 0))
      (loop $rows
        (local.set $pa (i32.add (local.get $a) (i32.mul (local.get $row) (i32.const ${K * BYTES}))))
        (local.set $pb (i32.add (local.get $b)
          (i32.mul (local.get $panel) (i32.const ${K * width * BYTES}))))
        ${each((r, v) => `(local.set ${sum(r, v)} (v128.const f32x4 0 0 0 0))`)}
        (local.set $k (i32.const 0))
        (loop $steps
          ${times(unroll, step)}
          (local.set $pa (i32.add (local.get $pa) (i32.const ${unroll * BYTES})))
          (local.set $pb (i32.add (local.get $pb) (i32.const ${unroll * width * BYTES})))
          (local.set $k (i32.add (local.get $k) (i32.const ${unroll})))
          (br_if $steps (i32.lt_s (local.get $k) (i32.const ${K}))))
        (local.set $pc (i32.add (local.get $c) (i32.add
          (i32.mul (local.get $row) (i32.const ${COLUMNS * BYTES}))
          (i32.mul (local.get $panel) (i32.const ${width * BYTES})))))
        ${each((r, v) => `(v128.store offset=${(r * COLUMNS + 4 * v) * BYTES} (local.get $pc) (local.get ${sum(r, v)}))`)}
        (local.set $row (i32.add (local.get $row) (i32.const ${rows})))
        (br_if $rows (i32.lt_s (local.get $row) (i32.const ${ROWS}))))
      (local.set $panel (i32.add (local.get $panel) (i32.const 1)))
      (br_if $panels (i32.lt_s (local.get $panel) (i32.const ${COLUMNS / width}))))))`;
}

/**
 * The bare kernels of one feature, 'simd128' or 'relaxed', checked: { name, flops, run }. None where
 * this host lacks the feature.
 */
export async function bareWasmKernels(feature) {
  const wabt = await loadWabt();
  const kernels = [];
  for (const tile of TILES[feature]) {
    const name = `${tile.rows}x${4 * tile.vectors}, k by ${tile.unroll}`;
    const text = printKernel(tile, feature === 'relaxed');
    const parsed = wabt.parseWat(`${name}.wat`, text, { simd: true, relaxed_simd: true });
    const { buffer } = parsed.toBinary({});
    parsed.destroy();
    if (!WebAssembly.validate(buffer)) return [];
    kernels.push({ name, flops: 2 * ROWS * COLUMNS * K, run: await bind(buffer, tile, name) });
  }
  return kernels;
}

async function bind(binary, tile, name) {
  const [a, b] = [0, ROWS * K * BYTES];
  const c = b + K * COLUMNS * BYTES;
  const memory = new WebAssembly.Memory({
    initial: Math.ceil((c + ROWS * COLUMNS * BYTES) / 65536),
  });
  const { instance } = await WebAssembly.instantiate(binary, { host: { memory } });
  const operands = {
    a: fill(new Float32Array(memory.buffer, a, ROWS * K), 0.5, 3),
    b: fill(new Float32Array(memory.buffer, b, K * COLUMNS), 0.05, 5),
    c: new Float32Array(memory.buffer, c, ROWS * COLUMNS),
  };
  instance.exports.mm(a, b, c);
  checkProduct(operands, 4 * tile.vectors, name);
  return () => instance.exports.mm(a, b, c);
}

function checkProduct({ a, b, c }, width, name) {
  for (let i = 0; i < ROWS; i++) {
    for (let j = 0; j < COLUMNS; j++) {
      const panel = (j - (j % width)) * K + (j % width);
      let sum = 0;
      for (let k = 0; k < K; k++) sum += a[i * K + k] * b[panel + k * width];
      const error = Math.abs(c[i * COLUMNS + j] - sum);
      if (!(error < 1e-5)) throw new Error(`the bare kernel ${name} is wrong by ${error}`);
    }
  }
}
