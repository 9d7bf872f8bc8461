/**
 * weights.bin: the weights of all targets in the layouts that their kernels read, little-endian, each
 * at a multiple of 256 bytes. Equal bytes are stored once. What the same targets read lies together,
 * so a backend reads few ranges and no byte that is another's alone.
 */
import { createHash } from 'node:crypto';
import { EncompileError } from '../errors.ts';
import type { Program, Target, WeightBuffer } from '../loops/program.ts';

export interface WeightEntry {
  readonly offset: number;
  readonly bytes: number;
  readonly type: 'f32' | 'i32';
  readonly sha256: string;
  /** Which weights of which targets it is. */
  readonly uses: readonly WeightUse[];
}

export interface WeightUse {
  readonly target: Target;
  readonly buffer: string;
  readonly layout: string;
}

export interface WeightsFile {
  readonly content: Uint8Array;
  readonly entries: readonly WeightEntry[];
  /** Byte offset of a target's weight buffer in its ranges, laid one after another. */
  readonly offsetOf: (target: Target, buffer: string) => number;
  /** The bytes of the file that a target reads, ascending: each from a multiple of 256 to an end. */
  readonly rangesOf: (target: Target) => readonly ByteRange[];
}

export type ByteRange = readonly [from: number, to: number];

const ALIGNMENT = 256;

interface Found {
  readonly content: Uint8Array;
  readonly type: 'f32' | 'i32';
  readonly sha256: string;
  readonly uses: WeightUse[];
}

/** @throws EncompileError that lists the weights without numbers. */
export function packWeights(programs: readonly Program[]): WeightsFile {
  const found = new Map<string, Found>();
  const missing = new Set<string>();
  for (const { target, weights } of programs) {
    for (const weight of weights) {
      const data = weight.data();
      if (data === null) missing.add(weight.buffer);
      else note(found, data, weight, target);
    }
  }
  if (missing.size > 0) throw missingError([...missing]);

  const targets = programs.map(({ target }) => target);
  const ordered = [...found.values()]
    .map((item, order) => ({ item, order, ...rankOf(item, targets) }))
    .sort((a, b) => a.rank - b.rank || a.readers - b.readers || a.order - b.order)
    .map(({ item }) => item);
  let end = 0;
  const entries = ordered.map(({ content, type, sha256, uses }): WeightEntry => {
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    end = offset + content.length;
    return { offset, bytes: content.length, type, sha256, uses };
  });
  const content = new Uint8Array(end);
  entries.forEach(({ offset }, i) => {
    content.set(ordered[i]?.content ?? [], offset);
  });
  return { content, entries, ...lookups(entries, targets) };
}

function note(
  found: Map<string, Found>,
  data: Float32Array | Int32Array,
  { buffer, layout, type, size }: WeightBuffer,
  target: Target,
): void {
  const isFloat = data instanceof Float32Array;
  if (data.length !== size || isFloat !== (type === 'f32')) {
    throw new Error(`the numbers of ${buffer} are not ${type}[${size}]`);
  }
  const content = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const sha256 = createHash('sha256').update(content).digest('hex');
  const key = `${type} ${sha256}`;
  const use = { target, buffer, layout };
  const known = found.get(key);
  if (known === undefined) found.set(key, { content, type, sha256, uses: [use] });
  else known.uses.push(use);
}

/**
 * Entries of the first target alone come before shared ones, those of the last alone after; within a
 * rank, `readers` is another number for each set of targets.
 */
function rankOf(
  { uses }: Found,
  targets: readonly Target[],
): { readonly rank: number; readonly readers: number } {
  const places = [...new Set(uses.map(({ target }) => targets.indexOf(target)))];
  return {
    rank: Math.min(...places) + Math.max(...places),
    readers: places.reduce((sum, place) => sum + 2 ** place, 0),
  };
}

function lookups(
  entries: readonly WeightEntry[],
  targets: readonly Target[],
): Pick<WeightsFile, 'offsetOf' | 'rangesOf'> {
  const offsets = new Map<string, number>();
  const ranges = new Map<Target, readonly ByteRange[]>();
  for (const target of targets) {
    const own: [number, number][] = [];
    let length = 0;
    entries.forEach(({ offset, bytes, uses }, i) => {
      const buffers = uses.filter((use) => use.target === target);
      if (buffers.length === 0) return;
      for (const { buffer } of buffers) offsets.set(`${target} ${buffer}`, length);
      // With the padding behind it, so that what follows is aligned wherever it comes from.
      const to = entries[i + 1]?.offset ?? offset + bytes;
      length += to - offset;
      const last = own.at(-1);
      if (last?.[1] === offset) last[1] = to;
      else own.push([offset, to]);
    });
    ranges.set(target, own);
  }
  return {
    offsetOf: (target, buffer) => {
      const offset = offsets.get(`${target} ${buffer}`);
      if (offset === undefined)
        throw new Error(`weights.bin does not hold ${buffer} for ${target}`);
      return offset;
    },
    rangesOf: (target) => ranges.get(target) ?? [],
  };
}

function missingError(names: readonly string[]): EncompileError {
  const shown = names.slice(0, 8).map((name) => JSON.stringify(name));
  const more = names.length > 8 ? ` and ${names.length - 8} others` : '';
  return new EncompileError(
    `An artifact needs the numbers of all weights, but ${shown.join(', ')}${more} ` +
      `${names.length === 1 ? 'has' : 'have'} none. Bind a weights file to the model, or pass the ` +
      'arrays in its declaration.',
  );
}
