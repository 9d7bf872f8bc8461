/** Float16 as bits, against an implementation of its own and over every pattern. */
import { getFloat16, setFloat16 } from '@petamoriken/float16';
import { expect, test } from 'vitest';
import {
  areFloat16,
  decodeFloat16,
  encodeFloat16,
  LARGEST_FLOAT16,
  roundToFloat16,
} from '../../src/ir/float16.ts';

const ALL = Uint16Array.from({ length: 1 << 16 }, (_, bits) => bits);
const scratch = new DataView(new ArrayBuffer(2));

function wantedBits(value: number): number {
  setFloat16(scratch, 0, value);
  return scratch.getUint16(0);
}

/** Every pattern whose numbers are `of`. */
const patterns = (of: (size: number) => boolean) => ALL.filter((bits) => of(bits & 0x7fff));
const finite = patterns((size) => size < 0x7c00);

test('all patterns are read as what they stand for', () => {
  const values = decodeFloat16(ALL);
  for (const bits of ALL) {
    scratch.setUint16(0, bits);
    const want = getFloat16(scratch, 0);
    if (!Object.is(values[bits], want)) expect([bits, values[bits]]).toEqual([bits, want]);
  }
});

test('finite numbers and infinities come back bit for bit, NaN as NaN', () => {
  const exact = patterns((size) => size <= 0x7c00);
  expect(encodeFloat16(decodeFloat16(exact))).toEqual(exact);
  expect([...encodeFloat16(Float32Array.of(Number.NaN))]).toEqual([0x7e00]);
});

test('numbers around every float16, and in the middle of two, go to the nearest, ties to even', () => {
  const values = decodeFloat16(finite);
  const near = new Float32Array(5 * values.length);
  const words = new Uint32Array(near.buffer);
  values.forEach((value, i) => {
    const middle = (value + (values[i + 1] ?? value)) / 2;
    near.set([value, value, middle, middle, middle], 5 * i);
    words[5 * i + 1] = (words[5 * i + 1] ?? 0) + 1;
    words[5 * i + 3] = (words[5 * i + 3] ?? 0) + 1;
    words[5 * i + 4] = (words[5 * i + 4] ?? 0) - 1;
  });
  const got = encodeFloat16(near);
  near.forEach((value, i) => {
    if (Number.isNaN(value) || got[i] === wantedBits(value)) return;
    expect([value, got[i]]).toEqual([value, wantedBits(value)]);
  });
});

test('what is too large for float16 becomes infinite, what is too small zero', () => {
  const values = [LARGEST_FLOAT16, 65_519.996, 65_520, 1e38, -1e38, 2 ** -25, -(2 ** -25), 2e-45];
  const want = [65_504, 65_504, Infinity, Infinity, -Infinity, 0, -0, 0];
  expect([...roundToFloat16(Float32Array.from(values))]).toEqual(want);
});

test.each([
  [[0, -0, 1, -2.5, 65_504, 2 ** -24, 2 ** -14, 1023 * 2 ** -24], true],
  [[1, 1 + 2 ** -11], false],
  [[2 ** -25], false],
  [[65_505], false],
  [[Infinity], false],
  [[Number.NaN], false],
])('%j are finite float16: %j', (values, want) => {
  expect(areFloat16(Float32Array.from(values))).toBe(want);
});
