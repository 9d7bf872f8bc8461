/**
 * Proves a memory plan right, by other means than the planner's: it runs the steps and watches what
 * each slot holds. Invariants, each with the label that errors and tests share:
 *
 * - plan_c1: every intermediate that a step uses has a slot of the plan, and nothing else has one
 * - plan_c2: a slot is provably at least as large as each of its values, for all sizes of the symbols
 * - plan_c3: a step reads a value only where the slot still holds it, written and not overwritten
 *   since; so no two live values share bytes
 * - plan_c4: no step reads and writes one slot, or one buffer, and none writes one through two arguments
 * - plan_c5: an intermediate that is an output is still held after the last step
 */
import { type Dim, isAtLeast, termsOf } from '../ir/dims.ts';
import type { MemoryPlan } from './memory-plan.ts';
import type { Program } from './program.ts';
import { type Access, stepAccesses } from './step-accesses.ts';

/** @throws Error that lists every fault; a fault is an error of the compiler, not of the model. */
export function checkPlan(program: Program, plan: MemoryPlan): void {
  const faults = planFaults(program, plan);
  if (faults.length === 0) return;
  throw new Error(`The memory plan of @${program.name} is wrong:\n  ${faults.join('\n  ')}`);
}

/** Every violated invariant, as `label: what and where`. */
export function planFaults(program: Program, plan: MemoryPlan): readonly string[] {
  const placement = placementFaults(program, plan);
  return placement.length > 0 ? placement : contentFaults(program, plan);
}

function placementFaults(program: Program, plan: MemoryPlan): readonly string[] {
  const faults: string[] = [];
  const buffers = new Map(program.buffers.map((buffer) => [buffer.name, buffer]));
  for (const [value, at] of plan.slotOf) {
    const buffer = buffers.get(value);
    const slot = plan.slots[at];
    if (buffer?.role !== 'intermediate') {
      faults.push(`plan_c1: ${value} has slot ${at} and is no intermediate`);
    } else if (slot === undefined) {
      faults.push(`plan_c1: ${value} is in slot ${at}, which the plan does not have`);
    } else if (!slotHolds(slot.size, buffer.size)) {
      faults.push(
        `plan_c2: slot ${at} of ${slot.size} elements may be too small for ${value} of ${buffer.size}`,
      );
    }
  }
  const used = new Set(program.steps.flatMap((step) => step.arguments));
  for (const value of used) {
    const buffer = buffers.get(value);
    if (buffer === undefined) faults.push(`plan_c1: a step uses ${value}, which is no buffer`);
    else if (buffer.role === 'intermediate' && !plan.slotOf.has(value)) {
      faults.push(`plan_c1: ${value} has no slot`);
    }
  }
  return faults;
}

/** size >= needed; a maximum is large enough where one of its sides is. */
function slotHolds(size: Dim, needed: Dim): boolean {
  if (isAtLeast(size, needed)) return true;
  const [term, ...others] = termsOf(size);
  const factor = term?.factors[0];
  if (others.length > 0 || term?.coefficient !== 1 || term.factors.length !== 1) return false;
  return factor?.tag === 'max' && (slotHolds(factor.a, needed) || slotHolds(factor.b, needed));
}

function contentFaults(program: Program, plan: MemoryPlan): readonly string[] {
  const faults: string[] = [];
  const held = new Map<number, string>();
  const lost = new Map<string, string>();

  stepAccesses(program).forEach((accesses, at) => {
    const where = `step ${at} (${program.steps[at]?.kernel})`;
    faults.push(...aliasFaults(plan, accesses, where));
    for (const { value, access } of accesses) {
      const slot = plan.slotOf.get(value);
      if (slot === undefined || access === 'write') continue;
      if (held.get(slot) === value) continue;
      faults.push(`plan_c3: ${where} reads ${value} from slot ${slot}, ${stateOf(value, lost)}`);
    }
    for (const { value, access } of accesses) {
      const slot = plan.slotOf.get(value);
      if (slot === undefined || access === 'read') continue;
      const before = held.get(slot);
      if (before !== undefined && before !== value) {
        lost.set(before, `overwritten by ${value} in ${where}`);
      }
      if (lost.has(value)) {
        faults.push(`plan_c3: ${where} writes ${value} again, ${stateOf(value, lost)}`);
      }
      held.set(slot, value);
    }
  });

  for (const { name, buffer } of program.outputs) {
    const slot = plan.slotOf.get(buffer);
    if (slot === undefined || held.get(slot) === buffer) continue;
    faults.push(`plan_c5: output ${name} is not in slot ${slot} at the end`);
  }
  return faults;
}

function stateOf(value: string, lost: ReadonlyMap<string, string>): string {
  return lost.get(value) ?? 'which no step has written';
}

function aliasFaults(
  plan: MemoryPlan,
  stepAccess: readonly Access[],
  where: string,
): readonly string[] {
  const faults: string[] = [];
  const accesses = stepAccess.map(({ value, access }) => {
    const slot = plan.slotOf.get(value);
    return { access, place: slot === undefined ? value : `slot ${slot}` };
  });
  const written = accesses.filter(({ access }) => access === 'write').map(({ place }) => place);
  for (const [i, place] of written.entries()) {
    if (accesses.some((other) => other.access === 'read' && other.place === place)) {
      faults.push(`plan_c4: ${where} reads and writes ${place}`);
    }
    if (written.indexOf(place) !== i) faults.push(`plan_c4: ${where} writes ${place} twice`);
  }
  return faults;
}

/** The plan as text: the slots with the steps over which they hold each value, then the rest. */
export function printPlan(program: Program, plan: MemoryPlan): string {
  const lines = [`plan @${shown(program.name)} ${program.target} {`];
  const spans = spansOf(program);
  plan.slots.forEach((slot, i) => {
    lines.push(`  slot ${i}: ${slot.size} elements`);
    for (const value of slot.values) {
      lines.push(`    ${shown(value)}: ${spans.get(value) ?? 'unused'}`);
    }
  });
  for (const role of ['input', 'output', 'weight'] as const) {
    for (const buffer of program.buffers.filter((b) => b.role === role)) {
      lines.push(`  ${role} ${shown(buffer.name)}: ${buffer.size} elements`);
    }
  }
  stepAccesses(program).forEach((accesses, at) => {
    const parts = accesses.map(({ value, access }) => {
      const slot = plan.slotOf.get(value);
      return `${access} ${slot === undefined ? shown(value) : `${shown(value)} in slot ${slot}`}`;
    });
    lines.push(`  step ${at} ${program.steps[at]?.kernel}: ${parts.join(', ')}`);
  });
  return `${lines.join('\n')}\n}\n`;
}

/** A name as it is, or quoted where it could be mistaken for something else. */
function shown(name: string): string {
  return /^[\w.:()/ -]+$/.test(name) ? name : JSON.stringify(name);
}

function spansOf(program: Program): ReadonlyMap<string, string> {
  const spans = new Map<string, readonly [number, number]>();
  program.steps.forEach((step, at) => {
    for (const value of step.arguments) spans.set(value, [spans.get(value)?.[0] ?? at, at]);
  });
  for (const { buffer } of program.outputs) {
    const span = spans.get(buffer);
    if (span !== undefined) spans.set(buffer, [span[0], program.steps.length]);
  }
  return new Map(
    [...spans].map(([value, [first, last]]) => [
      value,
      last === program.steps.length
        ? `from step ${first} to the end`
        : first === last
          ? `step ${first}`
          : `steps ${first} to ${last}`,
    ]),
  );
}
