/**
 * weights.bin: the weights of all targets in the layouts that their kernels read, little-endian, each
 * at a multiple of 256 bytes. Equal bytes are stored once. What the same targets read lies together,
 * so a backend reads few ranges and no byte that is another's alone.
 *
 * A weight of f32 may be stored as float16, where none of its numbers changes by that: rounding is a
 * pass over graphs and long past. Hosts hold it as f32 again, in twice the bytes. Within what the same
 * targets read, float16 comes last, so that there is one range of it.
 */
import { EncompileError } from '../errors.ts';
import { areFloat16, encodeFloat16 } from '../ir/float16.ts';
import type { Program, Target, WeightBuffer } from '../loops/program.ts';
import type { WeightRange } from '../runtime/definition.mts';
import type { WeightStorage } from '../weight-storage.ts';

export interface WeightEntry {
  readonly offset: number;
  readonly bytes: number;
  readonly type: StoredType;
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
  /** Of all weights stored as float16. */
  readonly float16Bytes: number;
  /** Byte offset of a target's weight buffer in its ranges, laid one after another as hosts hold them. */
  readonly offsetOf: (target: Target, buffer: string) => number;
  /** What a target reads of the file, ascending: each from a multiple of 256 to an end. */
  readonly rangesOf: (target: Target) => readonly WeightRange[];
}

type StoredType = 'f32' | 'f16' | 'i32';

const ALIGNMENT = 256;

interface Found {
  readonly content: Uint8Array;
  readonly type: StoredType;
  readonly uses: WeightUse[];
}

/**
 * @param storage 'f16': what can be is stored as float16; 'f32': nothing is; left out: what can be, if
 * that is most of the weights
 * @throws EncompileError that lists the weights without numbers.
 */
export function packWeights(programs: readonly Program[], storage?: WeightStorage): WeightsFile {
  const wide = new Contents();
  const missing = new Set<string>();
  for (const { target, weights } of programs) {
    for (const weight of weights) {
      const data = weight.data();
      if (data === null) missing.add(weight.buffer);
      else wide.note(data, weight, target);
    }
  }
  if (missing.size > 0) throw missingError([...missing]);

  const targets = programs.map(({ target }) => target);
  const found = narrowed(wide.all, storage);
  const ordered = found
    .map((item, order) => ({ item, order, ...rankOf(item, targets) }))
    .sort(
      (a, b) =>
        a.rank - b.rank ||
        a.readers - b.readers ||
        Number(isHalf(a.item)) - Number(isHalf(b.item)) ||
        a.order - b.order,
    )
    .map(({ item }) => item);
  let end = 0;
  const entries = ordered.map(({ content, type, uses }): WeightEntry => {
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    end = offset + content.length;
    return { offset, bytes: content.length, type, uses };
  });
  const content = new Uint8Array(end);
  entries.forEach(({ offset }, i) => {
    content.set(ordered[i]?.content ?? [], offset);
  });
  const float16Bytes = found.filter(isHalf).reduce((sum, item) => sum + item.content.length, 0);
  return { content, entries, float16Bytes, ...lookups(entries, targets) };
}

/** Contents that differ, each once. */
class Contents {
  readonly all: Found[] = [];
  private readonly byMark = new Map<string, Found[]>();

  note(
    data: Float32Array | Int32Array,
    { buffer, layout, type, size }: WeightBuffer,
    target: Target,
  ): void {
    const isFloat = data instanceof Float32Array;
    if (data.length !== size || isFloat !== (type === 'f32')) {
      throw new Error(`the numbers of ${buffer} are not ${type}[${size}]`);
    }
    const content = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const use = { target, buffer, layout };
    const mark = `${type} ${size} ${markOf(data)}`;
    const alike = this.byMark.get(mark) ?? [];
    this.byMark.set(mark, alike);
    const known = alike.find((other) => bufferOf(other.content).equals(content));
    if (known !== undefined) {
      known.uses.push(use);
      return;
    }
    const found = { content, type, uses: [use] };
    alike.push(found);
    this.all.push(found);
  }
}

/** Words that are looked at before all bytes are compared. */
const MARKED = 1024;

/** Says of most contents that they differ, in much less time than a hash of all their bytes. */
function markOf({ buffer, byteOffset, length }: Float32Array | Int32Array): number {
  const words = new Int32Array(buffer, byteOffset, length);
  const step = Math.max(1, length / MARKED);
  let mark = 0;
  for (let at = 0; at < length; at += step) {
    mark = Math.imul(mark ^ (words[Math.floor(at)] ?? 0), 0x01000193) | 0;
  }
  return mark;
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** Some or none as float16. */
function narrowed(found: readonly Found[], storage: WeightStorage | undefined): readonly Found[] {
  if (storage === 'f32') return found;
  const floats = found.filter(({ type }) => type === 'f32');
  const fitting = new Set(floats.filter(({ content }) => areFloat16(floatsOf(content))));
  const bytesOf = (items: Iterable<Found>) =>
    [...items].reduce((sum, { content }) => sum + content.length, 0);
  // A few zeros and ones are not worth that the host copies all weights.
  if (storage === undefined && 2 * bytesOf(fitting) < bytesOf(floats)) return found;
  return found.map((item) => {
    if (!fitting.has(item)) return item;
    const content = new Uint8Array(encodeFloat16(floatsOf(item.content)).buffer);
    return { ...item, content, type: 'f16' };
  });
}

function isHalf({ type }: { readonly type: StoredType }): boolean {
  return type === 'f16';
}

function floatsOf({ buffer, byteOffset, byteLength }: Uint8Array): Float32Array {
  return new Float32Array(buffer, byteOffset, byteLength / 4);
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
  const ranges = new Map<Target, readonly WeightRange[]>();
  for (const target of targets) {
    const own: { from: number; to: number; readonly half: boolean }[] = [];
    let length = 0;
    entries.forEach(({ offset, bytes, type, uses }, i) => {
      const buffers = uses.filter((use) => use.target === target);
      const half = type === 'f16';
      if (buffers.length === 0) return;
      for (const { buffer } of buffers) offsets.set(`${target} ${buffer}`, length);
      // With the padding behind it, so that what follows is aligned wherever it comes from.
      const to = entries[i + 1]?.offset ?? offset + bytes;
      length += half ? 2 * (to - offset) : to - offset;
      const last = own.at(-1);
      if (last?.to === offset && last.half === half) last.to = to;
      else own.push({ from: offset, to, half });
    });
    ranges.set(
      target,
      own.map(({ from, to, half }) => (half ? [from, to, 'f16'] : [from, to])),
    );
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
