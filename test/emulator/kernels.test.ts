/** Correct kernels run clean and compute what they say; each planted fault is found and named. */
import { describe, expect, it } from 'vitest';
import type { Fault } from '../../src/emulator/faults.ts';
import { runKernel } from '../../src/emulator/run.ts';
import type { Kernel } from '../../src/loops/nodes.ts';
import { verifyKernel } from '../../src/loops/verify.ts';
import { addOne, MATMUL, rowSum, SUM_WIDTH, tiledMatmul } from './example-kernels.ts';

const wave = (length: number, step: number) =>
  Float32Array.from({ length }, (_, i) => Math.sin(step * i));

function runRowSum(kernel: Kernel, rows: number) {
  const x = wave(rows * SUM_WIDTH, 0.37);
  const y = new Float32Array(rows);
  return { x, y, faults: runKernel(kernel, { symbols: { rows }, buffers: { x, y } }) };
}

function runMatmul(kernel: Kernel, rows: number) {
  const x = wave(rows * MATMUL.depth, 0.37);
  const w = wave(MATMUL.depth * MATMUL.columns, 0.11);
  const y = new Float32Array(rows * MATMUL.columns);
  return { x, w, y, faults: runKernel(kernel, { symbols: { rows }, buffers: { x, w, y } }) };
}

function runAddOne(kernel: Kernel, n: number) {
  const x = wave(n, 0.5);
  const y = new Float32Array(n);
  return { x, y, faults: runKernel(kernel, { symbols: { n }, buffers: { x, y } }) };
}

const kinds = (faults: readonly Fault[]) => [...new Set(faults.map(({ kind }) => kind))];
const messages = (faults: readonly Fault[]) => faults.map(({ message }) => message);

describe('correct kernels are clean', () => {
  it.each([0, 1, 3])('a workgroup reduction over %i rows', (rows) => {
    const { x, y, faults } = runRowSum(verifyKernel(rowSum()), rows);
    expect(faults).toEqual([]);
    for (let row = 0; row < rows; row++) {
      const expected = x.subarray(row * SUM_WIDTH, (row + 1) * SUM_WIDTH).reduce((a, b) => a + b);
      expect(y[row]).toBeCloseTo(expected, 4);
    }
  });

  it.each([1, 8, 13])('a matmul tiled through workgroup memory, %i rows', (rows) => {
    const { x, w, y, faults } = runMatmul(verifyKernel(tiledMatmul()), rows);
    expect(faults).toEqual([]);
    const { depth, columns } = MATMUL;
    for (let i = 0; i < rows * columns; i++) {
      let expected = 0;
      for (let k = 0; k < depth; k++) {
        const [a = 0, b = 0] = [
          x[Math.floor(i / columns) * depth + k],
          w[k * columns + (i % columns)],
        ];
        expected += a * b;
      }
      expect(y[i]).toBeCloseTo(expected, 4);
    }
  });

  it.each([0, 3, 4, 11])('parallel loops over %i elements', (n) => {
    const { x, y, faults } = runAddOne(verifyKernel(addOne()), n);
    expect(faults).toEqual([]);
    expect(y).toEqual(x.map((value) => value + 1));
  });
});

describe('planted faults are named', () => {
  it('a missing barrier in the reduction is a race', () => {
    const { faults } = runRowSum(rowSum({ missingBarrier: 8 }), 2);
    expect(kinds(faults)).toEqual(['race']);
    expect(faults[0]).toMatchObject({
      kind: 'race',
      kernel: 'row_sum',
      buffer: 'partial',
      index: 4,
      size: 32,
      at: { row: 0, lane: 4 },
      other: { at: { row: 0, lane: 0 } },
    });
    expect(messages(faults)[0]).toBe(
      "Kernel 'row_sum': `partial[lane] = partial[lane] + partial[lane+8]` (row = 0, lane = 4) " +
        'stores partial[4] while `partial[lane] = partial[lane] + partial[lane+4]` ' +
        '(row = 0, lane = 0) loads it, and nothing orders the two.',
    );
  });

  it('a missing barrier before the tiles are used', () => {
    const { faults } = runMatmul(tiledMatmul({ missingBarrier: 'before use' }), 8);
    expect(kinds(faults).sort()).toEqual(['race', 'unwritten-read']);
    expect(new Set(faults.map(({ buffer }) => buffer))).toEqual(new Set(['x_tile', 'w_tile']));
  });

  it('a missing barrier after the tiles are used', () => {
    const { faults } = runMatmul(tiledMatmul({ missingBarrier: 'after use' }), 8);
    expect(kinds(faults)).toEqual(['race']);
    expect(faults[0]).toMatchObject({
      buffer: 'x_tile',
      at: { lane: 1, t: 0 },
      other: { at: { lane: 0 } },
    });
  });

  it('a tile index off by one is out of bounds', () => {
    const { faults } = runMatmul(tiledMatmul({ offset: 1 }), 8);
    expect(kinds(faults)).toEqual(['out-of-bounds']);
    expect(faults[0]).toMatchObject({
      buffer: 'x_tile',
      index: 64,
      size: 64,
      at: { lane: 56, k: 7 },
    });
    expect(messages(faults)[0]).toBe(
      "Kernel 'tiled_matmul': `acc[0..+4] = acc[0..+4] + splat(x_tile[8*floor(lane/8)+k+1]) * " +
        'w_tile[32*k+4*lane-32*floor(lane/8)..+4]` (i = 0, j = 0, lane = 56, t = 0, k = 7) ' +
        'loads x_tile[64], but x_tile has 64 elements.',
    );
  });

  it('a tile index off by one downwards is out of bounds', () => {
    const { faults } = runMatmul(tiledMatmul({ offset: -1 }), 8);
    expect(faults[0]).toMatchObject({ kind: 'out-of-bounds', buffer: 'x_tile', index: -1 });
  });

  it.each(['x tile', 'w tile'] as const)(
    'a skipped store of the %s is an unwritten read',
    (what) => {
      const { faults } = runMatmul(tiledMatmul({ skippedStore: what }), 8);
      expect(kinds(faults)).toEqual(['unwritten-read']);
      expect(faults[0]?.buffer).toBe(what.replace(' ', '_'));
    },
  );

  it('a skipped store of the output is an unwritten output', () => {
    const { faults } = runMatmul(tiledMatmul({ skippedStore: 'y' }), 3);
    expect(messages(faults)).toEqual([
      "Kernel 'tiled_matmul' ends, and nothing has written 192 of the 192 elements of y; " +
        'the first is y[0].',
    ]);
    expect(kinds(runRowSum(rowSum({ skippedStore: true }), 2).faults)).toEqual([
      'unwritten-output',
    ]);
  });

  it('an unguarded tail is out of bounds, on the load and on the store', () => {
    expect(runMatmul(tiledMatmul({ unguarded: true }), 8).faults).toEqual([]);
    const { faults } = runMatmul(tiledMatmul({ unguarded: true }), 13);
    expect(faults.map(({ kind, buffer, index }) => [kind, buffer, index])).toEqual([
      ['out-of-bounds', 'x', 13 * MATMUL.depth],
      ['out-of-bounds', 'y', 13 * MATMUL.columns],
    ]);
    expect(faults[1]?.count).toBe((3 * MATMUL.columns) / 4);
  });

  it('a barrier that not all invocations reach is a divergence', () => {
    const { faults } = runRowSum(rowSum({ divergent: true }), 1);
    expect(faults[0]).toMatchObject({ kind: 'divergence', at: { row: 0 }, where: 'if lane < 4' });
    expect(messages(faults)[0]).toBe(
      "Kernel 'row_sum' (row = 0): lane = 0..3 waits at barrier 4 in `if lane < 4`, but " +
        'lane = 4..31 waits at barrier 5 in `for invocation lane in 0..32`.',
    );
  });

  it('parallel stores that overlap are a race', () => {
    const { faults } = runAddOne(
      addOne(() => '0'),
      8,
    );
    expect(faults[0]).toMatchObject({
      kind: 'race',
      buffer: 'y',
      index: 0,
      at: { i: 4 },
      other: { at: { i: 0 } },
    });
    expect(messages(faults)[0]).toBe(
      "Kernel 'add_one': `y[0..+4] = v + splat(1.0)` (i = 4) stores y[0] while " +
        '`y[0..+4] = v + splat(1.0)` (i = 0) stores it, and nothing orders the two.',
    );
  });

  it('parallel stores one beyond the end are out of bounds', () => {
    const { faults } = runAddOne(
      addOne((i) => `${i}+1`),
      11,
    );
    expect(faults.map(({ kind, index }) => [kind, index])).toContainEqual(['out-of-bounds', 11]);
    expect(faults.map(({ kind, index }) => [kind, index])).toContainEqual(['unwritten-output', 0]);
  });
});
