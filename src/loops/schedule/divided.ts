/**
 * Loops over an index that views take apart: x[floor(k/9), floor(k/3) mod 3, k mod 3] needs no division
 * where three loops stand for the one over k.
 */
import { add, type Dim, multiply, termsOf } from '../../ir/dims.ts';
import type { Emitter } from '../emitter.ts';
import { type Expression, letOf } from '../nodes.ts';
import { dimsIn } from './schedule.ts';

/**
 * Emits loops over 0 .. extent - 1: one for each part into which `element` divides its index, or one.
 *
 * @param element what reads at an index, tried to see how it divides
 */
export function overParts(
  emitter: Emitter,
  extent: Dim,
  element: (k: Dim) => Expression,
  body: (k: Dim) => void,
): void {
  const parts = typeof extent === 'number' ? partsOf(emitter, extent, element) : [extent];
  const nest = (rest: readonly Dim[], outer: Dim): void => {
    const [part, ...inner] = rest;
    if (part === undefined) body(outer);
    else if (part === 1) nest(inner, outer);
    else emitter.loop('parallel', 'k', part, (k) => nest(inner, add(multiply(outer, part), k)));
  };
  nest(parts, 0);
}

function partsOf(
  emitter: Emitter,
  extent: number,
  element: (k: Dim) => Expression,
): readonly number[] {
  const k = emitter.fresh('k');
  emitter.ranges.set(k, extent);
  const tried = emitter.inScope([k], true, () => emitter.emit(letOf(k, element(k))));
  const divisors = [...new Set(dimsIn(tried).flatMap((dim) => divisorsOf(dim, k)))];
  divisors.sort((a, b) => b - a);
  const sizes = [extent, ...divisors, 1];
  const areChained = sizes.every((size, i) => size % (sizes[i + 1] ?? 1) === 0);
  return areChained ? sizes.slice(0, -1).map((size, i) => size / (sizes[i + 1] ?? 1)) : [extent];
}

/** The numbers by which an index is divided, also after another division: floor(floor(k/3)/3) by 9. */
function divisorsOf(dim: Dim, k: string): readonly number[] {
  return termsOf(dim).flatMap(({ factors }) =>
    factors.flatMap((factor): readonly number[] => {
      if (factor.tag === 'symbol') return [];
      const own = factor.tag === 'floor' ? divisorOf(factor.a, factor.b, k) : null;
      const inner = [factor.a, factor.b].flatMap((part) => divisorsOf(part, k));
      return own === null ? inner : [own, ...inner];
    }),
  );
}

/** m where floor(a/b) is floor(k/m). */
function divisorOf(a: Dim, b: Dim, k: string): number | null {
  if (typeof b !== 'number') return null;
  if (a === k) return b;
  const [term, other] = termsOf(a);
  const [factor, second] = term?.factors ?? [];
  const isAlone = other === undefined && second === undefined && term?.coefficient === 1;
  if (!isAlone || factor?.tag !== 'floor') return null;
  const before = divisorOf(factor.a, factor.b, k);
  return before === null ? null : before * b;
}
