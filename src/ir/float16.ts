/**
 * Float16 and bfloat16 as bits, to and from float32. Reading is exact; writing rounds to nearest,
 * ties to even. Weights have tens of millions of numbers, so all of it works on whole arrays of bits.
 */

/** The largest finite float16. */
export const LARGEST_FLOAT16 = 65_504;

const F32_SIGN = 0x7fff_ffff;
const F32_INFINITY = 0x7f80_0000;
/** 2^-14, the smallest normal float16, as float32. */
const SMALLEST_NORMAL = 0x3880_0000;
/** The exponent's offset is 127 in float32 and 15 in float16, the fraction 13 bits longer. */
const EXPONENT_DIFFERENCE = (127 - 15) << 23;
const DROPPED = 13;

let table: Float32Array | null = null;

export function decodeFloat16(bits: Uint16Array): Float32Array {
  table ??= allFloat16();
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = table[bits[i] as number] as number;
  return values;
}

export function encodeFloat16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) bits[i] = nearestFloat16(words[i] as number);
  return bits;
}

/** Each number as the nearest float16. */
export function roundToFloat16(values: Float32Array): Float32Array {
  return decodeFloat16(encodeFloat16(values));
}

/** Whether every number is a finite float16: none is changed by storing it as one. */
export function areFloat16(values: Float32Array): boolean {
  table ??= allFloat16();
  const exact = new Uint32Array(table.buffer);
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number;
    if ((word & F32_SIGN) >= F32_INFINITY || exact[nearestFloat16(word)] !== word) return false;
  }
  return true;
}

/** A bfloat16 is the upper half of the float32 of the same value. */
export function decodeBfloat16(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = (bits[i] as number) << 16;
  return new Float32Array(words.buffer);
}

/** Of the bits of a float32. */
function nearestFloat16(word: number): number {
  const sign = (word >>> 16) & 0x8000;
  const size = word & F32_SIGN;
  if (size > F32_INFINITY) return sign | 0x7e00;
  if (size < SMALLEST_NORMAL) return sign | nearestSubnormal(size);
  // An odd number in the middle of two goes up, an even one stays; a carry raises the exponent.
  const middle = 0xfff + ((size >>> DROPPED) & 1);
  const rounded = (size - EXPONENT_DIFFERENCE + middle) >>> DROPPED;
  return sign | Math.min(rounded, 0x7c00);
}

/** A multiple of 2^-24, which the sum with 1/2 rounds to: there floats are 2^-24 apart. */
function nearestSubnormal(size: number): number {
  SUM_WORDS[0] = size;
  SUM[0] = (SUM[0] as number) + 0.5;
  return (SUM_WORDS[0] as number) - HALF_WORD;
}

const SUM = new Float32Array(1);
const SUM_WORDS = new Uint32Array(SUM.buffer);
const HALF_WORD = 0x3f00_0000;

/** The float32 of every pattern of 16 bits. */
function allFloat16(): Float32Array {
  const values = new Float32Array(1 << 16);
  const words = new Uint32Array(values.buffer);
  for (let bits = 0; bits < 1 << 16; bits++) {
    const sign = (bits & 0x8000) << 16;
    const size = bits & 0x7fff;
    if (size >= 0x7c00) words[bits] = sign | F32_INFINITY | ((size & 0x3ff) << DROPPED);
    else if (size >= 0x400) words[bits] = sign | ((size << DROPPED) + EXPONENT_DIFFERENCE);
    else values[bits] = (sign === 0 ? 1 : -1) * size * 2 ** -24;
  }
  return values;
}
