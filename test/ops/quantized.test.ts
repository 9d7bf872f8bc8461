import { describe, expect, test } from 'vitest';
import { f16, f32 as f32Type, i8 } from '../../src/ir/types.ts';
import { expectOp, f32, infer, nd, run, some } from '../support/op-runs.ts';

describe('quantize', () => {
  test('rounds to whole steps of 127ths, halves to even', () => {
    const x = f32([2, 4], [127, 0.5, 1.5, -2.5, 1, -0.2, 0.1, 0]);
    const largest = f32([2, 1], [127, 1]);
    expectOp('quantize', [x, largest], {}, f32([2, 4], [127, 0, 2, -2, 127, -25, 13, 0]));
  });

  test('gives zeros where there is nothing to divide by', () => {
    const x = f32([3, 2], [0, -0, 1e-40, -1e-40, 1e-31, 0]);
    const zeros = f32([3, 2], [0, 0, 0, 0, 0, 0]);
    const [got] = run('quantize', [x, f32([3, 1], [0, 1e-40, 1e-31])]);
    expect([...(got?.data ?? [])].map(Math.abs)).toEqual([...zeros.data]);
  });

  test('rounds products to float32 before it rounds them to steps', () => {
    // 127 / 3 in float32 is 42.33333206; times x it is below 0.5 by less than float32 shows
    const inverse = Math.fround(127 / 3);
    const x = [...Array(4000).keys()].map((i) => Math.fround(((i % 63) + 0.5) / inverse));
    const inFloat64 = x.map((value) => Math.round(value * inverse));
    const [got] = run('quantize', [f32([4000], x), f32([1], [3])]);
    const want = x.map((value) => {
      const product = Math.fround(value * inverse);
      const down = Math.floor(product);
      return product - down === 0.5 ? down + (down % 2) : Math.round(product);
    });
    expect([...(got?.data ?? [])]).toEqual(want);
    expect(want).not.toEqual(inFloat64);
    expectOp('quantize', [f32([4000], x), f32([1], [3])], {}, f32([4000], want));
  });
});

describe('quantized_matmul', () => {
  test('is the product of steps, scaled by the row and the column', () => {
    const x = f32([2, 3], [127, -1, 2, 0.5, 0.25, -0.5]);
    const weight = nd('i8', [3, 2], [1, -63, 2, 0, 3, 63]);
    const [y] = run('quantized_matmul', [x, weight, f32([2], [0.5, 2])]);
    // the second row is 127, 64 (63.5 to the even one), -127 steps of 0.5 / 127
    const step = 0.5 / 127;
    const want = [(127 - 2 + 6) * 0.5, (-127 * 63 + 2 * 63) * 2];
    want.push((127 + 128 - 381) * step * 0.5, (-127 * 63 - 127 * 63) * step * 2);
    want.forEach((expected, i) => {
      expect(y?.data[i]).toBeCloseTo(expected, 9);
    });
  });

  test('of a row of zeros is zeros', () => {
    const weight = nd('i8', [4, 1], [1, 2, 3, 4]);
    const [y] = run('quantized_matmul', [f32([1, 4], [0, 0, 0, 0]), weight, f32([1], [1])]);
    expect(y?.data[0]).toBe(0);
  });

  test('is near the product of what was quantised', () => {
    const x = some([5, 64]);
    const weight = nd(
      'i8',
      [64, 3],
      Array.from({ length: 192 }, (_, i) => ((i * 53) % 127) - 63),
    );
    const [y] = run('quantized_matmul', [x, weight, f32([3], [0.1, 0.2, 0.3])]);
    y?.data.forEach((got, at) => {
      const [i, j] = [Math.floor(at / 3), at % 3];
      const row = x.data.subarray(i * 64, i * 64 + 64);
      const half = Math.max(...row.map(Math.abs)) / 127 / 2;
      const scale = [0.1, 0.2, 0.3][j] ?? 0;
      const sum = row.reduce((s, value, k) => s + value * (weight.data[k * 3 + j] ?? 0), 0);
      const size = row.reduce((s, _, k) => s + Math.abs(weight.data[k * 3 + j] ?? 0), 0);
      expect(Math.abs(got - sum * scale)).toBeLessThan(half * size * scale);
    });
  });
});

describe('constraints', () => {
  const [x, weight, scale] = [f32Type('n', 8), i8(8, 3), f32Type(3)];
  test.each([
    ['quantize_c1', 'quantize', [f16(4), f16(1)]],
    ['quantize_c2', 'quantize', [f32Type(4), f32Type(3)]],
    ['quantize_c2', 'quantize', [f32Type(1), f32Type(3)]],
    ['quantized_matmul_c1', 'quantized_matmul', [x, i8(1, 8, 3), scale]],
    ['quantized_matmul_c2', 'quantized_matmul', [f32Type('n', 9), weight, scale]],
    ['quantized_matmul_c2', 'quantized_matmul', [f32Type(131_073), i8(131_073, 3), scale]],
    ['quantized_matmul_c3', 'quantized_matmul', [x, weight, f32Type(4)]],
    ['quantized_matmul_c4', 'quantized_matmul', [x, f32Type(8, 3), scale]],
    ['quantized_matmul_c4', 'quantized_matmul', [f16('n', 8), weight, scale]],
  ])('%s refuses %s of %j', (label, op, types) => {
    expect(() => infer(op, types)).toThrow(`${label}: `);
  });
});
