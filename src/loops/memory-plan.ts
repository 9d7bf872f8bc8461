/**
 * The memory plan: which intermediates share memory.
 *
 * Every intermediate of a program gets a slot; values whose lifetimes do not meet may share one.
 * A lifetime runs from the first step that writes the value to the last step that touches it, both
 * included, so a step never reads and writes one slot (WebGPU forbids it within a dispatch). A slot
 * is as large as the largest of its values, for all sizes of the symbols.
 *
 * Inputs, outputs and weights have memory of their own and no slot: a run writes its inputs, the
 * weights never change, and each output is held until it is copied out at the end of the run. An
 * intermediate that is also an output lives to the end.
 */
import { type Dim, evaluateWith, isAtLeast, maximum } from '../ir/dims.ts';
import type { Program } from './program.ts';
import { stepAccesses } from './step-accesses.ts';

export interface Slot {
  /** In elements of 4 bytes; f32 and i32 values may share a slot. */
  readonly size: Dim;
  /** The intermediates in it, in order of their first step. */
  readonly values: readonly string[];
}

export interface MemoryPlan {
  readonly slots: readonly Slot[];
  /** The index of an intermediate's slot. */
  readonly slotOf: ReadonlyMap<string, number>;
}

/** The steps from the first write of a value to its last use. */
export interface Lifetime {
  readonly value: string;
  readonly size: Dim;
  readonly first: number;
  readonly last: number;
}

interface OpenSlot {
  /** Sorted by first step; they do not meet. */
  readonly lifetimes: Lifetime[];
  /** The sizes of which none is provably below another. */
  sizes: readonly Dim[];
}

/** What every symbol stands for when sizes are compared to choose a slot. */
const TYPICAL_SIZE = 128;

/**
 * Assigns slots greedily by falling size: a value goes to the smallest slot that is free over its
 * lifetime (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020,
 * greedy by size for shared objects).
 */
export function planMemory(program: Program): MemoryPlan {
  const lifetimes = lifetimesOf(program);
  const byFallingSize = lifetimes
    .map((lifetime, order) => ({ lifetime, order, elements: typicalSize(lifetime.size) }))
    .sort((a, b) => b.elements - a.elements || a.order - b.order);
  const open: OpenSlot[] = [];
  for (const { lifetime } of byFallingSize) place(lifetime, open);

  const inOrder = open.sort((a, b) => firstStep(a) - firstStep(b));
  const slots = inOrder.map(
    (slot): Slot => ({
      size: slot.sizes.reduce(maximum, 0),
      values: slot.lifetimes.map((lifetime) => lifetime.value),
    }),
  );
  const slotOf = new Map(slots.flatMap((slot, i) => slot.values.map((value) => [value, i])));
  return { slots, slotOf };
}

/** The lifetimes of a program's intermediates, in order of their first step. */
export function lifetimesOf(program: Program): readonly Lifetime[] {
  const found = new Map<string, { size: Dim; first: number; last: number }>();
  const sizes = new Map<string, Dim>();
  for (const buffer of program.buffers) {
    if (buffer.role === 'intermediate') sizes.set(buffer.name, buffer.size);
  }
  stepAccesses(program).forEach((accesses, at) => {
    for (const { value, access } of accesses) {
      const size = sizes.get(value);
      if (size === undefined) continue;
      const lifetime = found.get(value);
      if (lifetime !== undefined) lifetime.last = at;
      else if (access === 'write') found.set(value, { size, first: at, last: at });
      else throw new Error(`step ${at} reads ${value} before any step writes it`);
    }
  });
  for (const { buffer } of program.outputs) {
    const lifetime = found.get(buffer);
    if (lifetime !== undefined) lifetime.last = program.steps.length;
  }
  return [...found].map(([value, lifetime]) => ({ value, ...lifetime }));
}

function place(lifetime: Lifetime, open: OpenSlot[]): void {
  // Slots are made in order of falling size, so the last free one is the smallest.
  for (let i = open.length - 1; i >= 0; i--) {
    const slot = open[i];
    if (slot === undefined) continue;
    const position = freePosition(lifetime, slot.lifetimes);
    if (position === null) continue;
    slot.lifetimes.splice(position, 0, lifetime);
    slot.sizes = withSize(slot.sizes, lifetime.size);
    return;
  }
  open.push({ lifetimes: [lifetime], sizes: [lifetime.size] });
}

/** Where a lifetime fits between the sorted others, or null where it meets one. */
function freePosition(lifetime: Lifetime, others: readonly Lifetime[]): number | null {
  let low = 0;
  let high = others.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((others[middle]?.first ?? 0) < lifetime.first) low = middle + 1;
    else high = middle;
  }
  const before = others[low - 1];
  const after = others[low];
  if (before !== undefined && before.last >= lifetime.first) return null;
  if (after !== undefined && after.first <= lifetime.last) return null;
  return low;
}

function withSize(sizes: readonly Dim[], size: Dim): readonly Dim[] {
  if (sizes.some((other) => isAtLeast(other, size))) return sizes;
  return [...sizes.filter((other) => !isAtLeast(size, other)), size];
}

function typicalSize(size: Dim): number {
  return evaluateWith(size, () => TYPICAL_SIZE);
}

function firstStep(slot: OpenSlot): number {
  return slot.lifetimes[0]?.first ?? 0;
}
