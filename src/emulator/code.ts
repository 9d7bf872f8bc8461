// biome-ignore-all lint/style/noNonNullAssertion: the steps of a list exist.
/**
 * The forms that compiled statements take: steps run to their end; a coroutine yields the site of
 * each barrier it comes to, and goes on when it is resumed.
 */
import type { IndexFunction } from './compile-index.ts';
import type { Frame } from './frame.ts';
import type { Unit } from './unit.ts';

export type Step = (frame: Frame) => void;

export type Coroutine = (frame: Frame) => Generator<number, void, void>;

export type Code =
  | { readonly tag: 'steps'; readonly steps: Step[] }
  | { readonly tag: 'coroutine'; readonly resume: Coroutine };

export function runSteps(steps: readonly Step[], frame: Frame): void {
  for (let i = 0; i < steps.length; i++) steps[i]!(frame);
}

/** A loop's variable and bounds. */
export interface Range {
  readonly slot: number;
  readonly from: IndexFunction;
  readonly to: IndexFunction;
  readonly step: IndexFunction;
}

export function serialLoop({ slot, from, to, step }: Range, steps: readonly Step[]): Step {
  return (f) => {
    const [end, by] = [to(f), step(f)];
    for (let i = from(f); i < end; i += by) {
      f[slot] = i;
      runSteps(steps, f);
    }
  };
}

export function concurrentLoop(
  unit: Unit,
  variable: string,
  range: Range,
  steps: readonly Step[],
): Step {
  const { strands } = unit;
  const { slot, from, to, step } = range;
  return (f) => {
    const [begin, end, by] = [from(f), to(f), step(f)];
    strands.open(variable, begin, by);
    for (let i = begin; i < end; i += by) {
      strands.next();
      f[slot] = i;
      runSteps(steps, f);
    }
    strands.close();
  };
}

export function resumableLoop({ slot, from, to, step }: Range, body: Coroutine): Code {
  return {
    tag: 'coroutine',
    *resume(f) {
      const [end, by] = [to(f), step(f)];
      for (let i = from(f); i < end; i += by) {
        f[slot] = i;
        yield* body(f);
      }
    },
  };
}

export function inOrder(parts: readonly Code[]): Coroutine {
  return function* (f) {
    for (const part of parts) {
      if (part.tag === 'steps') runSteps(part.steps, f);
      else yield* part.resume(f);
    }
  };
}
