/**
 * Quantised products in WebAssembly, bit for bit what the emulator computes: their sums are whole
 * numbers, and all else is one rounding after another in one order.
 */
import { expect, test } from 'vitest';
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import { f32, i8 } from '../../src/ir/types.ts';
import { lower } from '../../src/loops/lower.ts';
import { verifyProgram } from '../../src/loops/verify-program.ts';
import { emulateProgram, runWasm } from './wasm-runs.ts';

function dense(g: Builder, k: number, n: number) {
  const weight = Int8Array.from({ length: k * n }, (_, i) => ((i * 53) % 127) - 63);
  const scale = Float32Array.from({ length: n }, (_, j) => 0.01 * (j + 1));
  return g.quantized_matmul(
    g.input('x', f32('rows', k)),
    g.weight('w', i8(k, n), { dtype: 'i8', shape: [k, n], data: weight }),
    g.weight('s', f32(n), { dtype: 'f32', shape: [n], data: scale }),
  );
}

/** Rows of each kind in turn: of numbers, zeros, huge, tiny and subnormal ones, halves of a step. */
function rowsOf(rows: number, k: number): Float32Array {
  const kinds: readonly ((i: number) => number)[] = [
    (i) => Math.sin(3 * i + 1),
    () => 0,
    (i) => 3e38 * Math.sin(i),
    (i) => 1e-30 * Math.cos(i),
    (i) => 1e-40 * (i % 7),
    (i) => (i % 11 === 0 ? 127 : (i % 9) - 4.5),
    (i) => (i === 2 ? -1e4 : Math.cos(5 * i)),
  ];
  return Float32Array.from({ length: rows * k }, (_, at) => {
    return kinds[Math.floor(at / k) % kinds.length]?.(at % k) ?? 0;
  });
}

function bitsOf(numbers: ArrayLike<number>): Int32Array {
  return new Int32Array(Float32Array.from(numbers).buffer);
}

test.each([
  ['wasm', 3, 1],
  ['wasm', 30, 12],
  ['wasm', 65, 21],
  ['wasm-relaxed', 3, 1],
  ['wasm-relaxed', 30, 12],
  ['wasm-relaxed', 65, 21],
  ['wasm-relaxed', 160, 104],
] as const)('on %s, of %i x %i', async (target, k, n) => {
  const graph = buildGraph('dense', (g) => ({ y: dense(g, k, n) }));
  const program = verifyProgram(lower(graph, target));
  expect(JSON.stringify(program.kernels)).toContain('"dot4"');
  for (let rows = 1; rows <= 14; rows++) {
    const inputs = { x: rowsOf(rows, k) };
    const want = emulateProgram(program, inputs, { rows });
    const { outputs } = await runWasm(program, inputs, { rows }, target);
    expect(bitsOf(outputs.y ?? [])).toEqual(bitsOf(want.y ?? []));
  }
});

test('a weight of more than seven bits is an error', () => {
  const data = new Int8Array(8).fill(64);
  const graph = buildGraph('wide', (g) => ({
    y: g.quantized_matmul(
      g.input('x', f32('rows', 4)),
      g.weight('w', i8(4, 2), { dtype: 'i8', shape: [4, 2], data }),
      g.input('s', f32(2)),
    ),
  }));
  const { weights } = lower(graph, 'wasm');
  expect(() => weights[0]?.data()).toThrow('A quantised weight holds 64');
});
