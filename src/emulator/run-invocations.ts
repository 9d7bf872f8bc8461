/**
 * Runs the invocations of a workgroup as coroutines: phase by phase, each from barrier to barrier.
 * All must come to the same barrier; where they do not, the workgroup ends with a fault.
 */

import type { Coroutine, Step } from './code.ts';
import type { Frame } from './frame.ts';
import type { LoopSlot, Unit } from './unit.ts';

export interface Invocations {
  readonly variable: string;
  readonly slot: number;
  readonly extent: number;
  /** Slots below this belong to the workgroup, and are copied to each invocation. */
  readonly outerSlots: number;
  /** The loops around the invocation loop. */
  readonly loops: readonly LoopSlot[];
}

/** In place of a barrier's site: the invocation has ended. */
const ENDED = -1;

export function runInvocations(unit: Unit, invocations: Invocations, body: Coroutine): Step {
  const { variable, slot, extent, outerSlots } = invocations;
  const { strands } = unit;
  const frames: Frame[] = [];
  return (f) => {
    while (frames.length < extent) frames.push(unit.layout.create());
    const running = frames.map((frame, lane) => {
      frame.set(f.subarray(0, outerSlots));
      frame[slot] = lane;
      return body(frame);
    });
    for (;;) {
      strands.open(variable, 0, 1);
      const stops = running.map((invocation) => {
        strands.next();
        const { done, value } = invocation.next();
        return done === true ? ENDED : value;
      });
      strands.close();
      const [first = ENDED] = stops;
      if (stops.some((stop) => stop !== first))
        return unit.divergence(stops, ENDED, f, invocations);
      if (first === ENDED) return;
    }
  };
}
