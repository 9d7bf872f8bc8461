/**
 * Float16 and bfloat16 as they lie in tensor files, to and from float32. Reading is exact; writing
 * rounds to nearest, ties to even.
 */
import { getFloat16, setFloat16 } from '@petamoriken/float16';

/** Below this many elements, filling a table of all 65,536 float16 values costs more than it saves. */
const TABLE_PAYS_FROM = 1 << 16;

let table: Float32Array | null = null;

export function decodeFloat16(bits: Uint16Array): Float32Array {
  const values = new Float32Array(bits.length);
  if (table || bits.length >= TABLE_PAYS_FROM) {
    table ??= allFloat16();
    for (let i = 0; i < bits.length; i++) values[i] = table[bits[i] as number] as number;
    return values;
  }
  const view = new DataView(bits.buffer, bits.byteOffset, bits.byteLength);
  for (let i = 0; i < bits.length; i++) values[i] = getFloat16(view, 2 * i, true);
  return values;
}

export function encodeFloat16(values: Float32Array): Uint16Array {
  const bits = new Uint16Array(values.length);
  const view = new DataView(bits.buffer);
  for (let i = 0; i < values.length; i++) setFloat16(view, 2 * i, values[i] as number, true);
  return bits;
}

/** A bfloat16 is the upper half of the float32 of the same value. */
export function decodeBfloat16(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) words[i] = (bits[i] as number) << 16;
  return new Float32Array(words.buffer);
}

function allFloat16(): Float32Array {
  const view = new DataView(new ArrayBuffer(2));
  return Float32Array.from({ length: 1 << 16 }, (_, bits) => {
    view.setUint16(0, bits);
    return getFloat16(view, 0);
  });
}
