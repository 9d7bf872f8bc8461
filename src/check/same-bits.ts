/** Whether the backends of an exact compilation computed the same bits. */
import type { Sizes } from '../ir/sizes.ts';
import type { CheckBackend } from './report.ts';

/** By name, as a backend gave them. */
export type Outputs = ReadonlyMap<string, { readonly data: ArrayLike<number> }>;

export interface BitsCheck {
  readonly backends: readonly [CheckBackend, CheckBackend];
  readonly sizes: Sizes;
  /** The first number that differs, in words; null where none does. */
  readonly difference: string | null;
}

/** Compares every backend with the first one. All NaN are equal: which one comes, processors choose. */
export function checkBits(
  sizes: Sizes,
  given: readonly { readonly backend: CheckBackend; readonly outputs: Outputs }[],
): readonly BitsCheck[] {
  const [first, ...others] = given;
  if (first === undefined) return [];
  return others.map(({ backend, outputs }) => ({
    backends: [first.backend, backend],
    sizes,
    difference: firstDifference(first.outputs, outputs),
  }));
}

function firstDifference(a: Outputs, b: Outputs): string | null {
  for (const [name, { data: x }] of a) {
    const y = b.get(name)?.data ?? [];
    if (x.length !== y.length) return `%${name} has ${x.length} elements and ${y.length}`;
    for (let i = 0; i < x.length; i++) {
      if (!Object.is(x[i], y[i])) return `%${name}: element ${i} is ${x[i]} and ${y[i]}`;
    }
  }
  return null;
}
