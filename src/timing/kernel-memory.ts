/** The memory of a program at given sizes, as its plan lays it out, for timing kernels one by one. */
import { evaluateDim } from '../ir/dims.ts';
import type { Sizes } from '../ir/sizes.ts';
import type { MemoryPlan } from '../loops/memory-plan.ts';
import type { VerifiedProgram } from '../loops/verify-program.ts';

export type Numbers = Float32Array | Int32Array;

export interface TimedProgram {
  readonly program: VerifiedProgram;
  readonly plan: MemoryPlan;
  readonly sizes: Sizes;
  /** By input name, as the input buffers hold them. */
  readonly inputs: ReadonlyMap<string, Numbers>;
}

/** A piece of memory, with its first content where it has one. */
export interface Block {
  readonly key: string;
  /** Elements of 4 bytes. */
  readonly elements: number;
  readonly content: Numbers | null;
}

export interface KernelMemory {
  readonly blocks: readonly Block[];
  /** The block that a buffer lies in, at its start. */
  readonly blockOf: (buffer: string) => string;
  readonly typeOf: (buffer: string) => 'f32' | 'i32';
}

export function kernelMemory({ program, plan, sizes, inputs }: TimedProgram): KernelMemory {
  const blocks: Block[] = plan.slots.map((slot, i) => {
    return { key: `slot ${i}`, elements: evaluateDim(slot.size, sizes), content: null };
  });
  const places = new Map<string, string>();
  const types = new Map<string, 'f32' | 'i32'>();
  const inputOf = new Map(program.inputs.map(({ buffer, name }) => [buffer, inputs.get(name)]));
  const weightOf = new Map(program.weights.map((weight) => [weight.buffer, weight]));
  for (const { name, type, size } of program.buffers) {
    types.set(name, type);
    const slot = plan.slotOf.get(name);
    const key = slot === undefined ? `buffer ${name}` : `slot ${slot}`;
    places.set(name, key);
    if (slot !== undefined) continue;
    const content = inputOf.get(name) ?? weightOf.get(name)?.data() ?? null;
    blocks.push({ key, elements: evaluateDim(size, sizes), content });
  }
  const find = <T>(map: ReadonlyMap<string, T>, buffer: string): T => {
    const found = map.get(buffer);
    if (found === undefined) throw new Error(`the program has no buffer ${buffer}`);
    return found;
  };
  return {
    blocks,
    blockOf: (buffer) => find(places, buffer),
    typeOf: (buffer) => find(types, buffer),
  };
}
