/**
 * Weights from a file to memory. What is stored as float16 is held as f32, in twice the bytes; the
 * tables of a model count in bytes held.
 */
import { readWeights, type WeightsOption } from './assets.mts';
import type { ModelDefinition, WeightRange } from './definition.mts';

/** One range of the file. */
export interface WeightPart {
  readonly stored: Uint8Array;
  readonly isFloat16: boolean;
}

/** @throws Error where they cannot be read, or have another length than the model's */
export async function readParts(
  option: WeightsOption | undefined,
  { bytes, url }: ModelDefinition['weights'],
  ranges: readonly WeightRange[],
): Promise<readonly WeightPart[]> {
  const parts = await readWeights(option, url, bytes, ranges);
  return parts.map((stored, i) => ({ stored, isFloat16: ranges[i]?.[2] === 'f16' }));
}

export function heldBytes(parts: readonly WeightPart[]): number {
  return parts.reduce((sum, part) => sum + bytesOf(part), 0);
}

/** Copies the parts one after another. */
export function hold(parts: readonly WeightPart[], into: Uint8Array): void {
  let table: Uint32Array | null = null;
  let at = 0;
  for (const part of parts) {
    const { stored, isFloat16 } = part;
    if (isFloat16) {
      table ??= float32Bits();
      widen(stored, new Uint32Array(into.buffer, into.byteOffset + at, stored.length >> 1), table);
    } else into.set(stored, at);
    at += bytesOf(part);
  }
}

/** The parts one after another, from a multiple of 4 bytes; not copied where they lie so. */
export function held(parts: readonly WeightPart[]): Uint8Array {
  const [only] = parts;
  if (only === undefined) return new Uint8Array(0);
  const { stored, isFloat16 } = only;
  if (parts.length === 1 && !isFloat16 && stored.byteOffset % 4 === 0) return stored;
  const bytes = new Uint8Array(heldBytes(parts));
  hold(parts, bytes);
  return bytes;
}

function bytesOf({ stored, isFloat16 }: WeightPart): number {
  return isFloat16 ? 2 * stored.length : stored.length;
}

function widen(stored: Uint8Array, into: Uint32Array, table: Uint32Array): void {
  const { buffer, byteOffset } = stored.byteOffset % 2 === 0 ? stored : stored.slice();
  const halves = new Uint16Array(buffer, byteOffset, into.length);
  for (let i = 0; i < halves.length; i++) into[i] = table[halves[i] as number] as number;
}

/** The bits of the f32 for every pattern of a float16: a table is faster than arithmetic. */
function float32Bits(): Uint32Array {
  const table = new Uint32Array(1 << 16);
  const subnormals = new Float32Array(table.buffer);
  for (let bits = 0; bits < 1 << 15; bits++) {
    if (bits >= 0x7c00) table[bits] = 0x7f80_0000 | ((bits & 0x3ff) << 13);
    else if (bits >= 0x400) table[bits] = (bits << 13) + (112 << 23);
    else subnormals[bits] = bits * 2 ** -24;
    table[bits | 0x8000] = (table[bits] as number) | 0x8000_0000;
  }
  return table;
}
