// biome-ignore-all lint/style/noNonNullAssertion: slots and checked elements exist by construction.
/**
 * Compiles dims to closures over a frame. The kernel's symbols are numbers by then, so most indices
 * become sums of slots with numeric coefficients, and those have closures of their own.
 */
import { type Dim, type Factor, termsOf } from '../ir/dims.ts';
import type { Frame } from './frame.ts';

export type IndexFunction = (frame: Frame) => number;

/** What an index symbol is: a number known now, or a slot. */
export type IndexSymbol =
  | { readonly tag: 'number'; readonly value: number }
  | { readonly tag: 'slot'; readonly slot: number };

interface Sum {
  constant: number;
  /** Coefficients by slot. */
  readonly linear: Map<number, number>;
  readonly others: IndexFunction[];
}

/** The value of a dim: a number where no slot is in it. */
export type CompiledIndex =
  | { readonly tag: 'number'; readonly value: number }
  | { readonly tag: 'slot'; readonly slot: number }
  | { readonly tag: 'function'; readonly at: IndexFunction };

export function compileIndex(dim: Dim, resolve: (symbol: string) => IndexSymbol): CompiledIndex {
  if (typeof dim === 'number') return { tag: 'number', value: dim };
  const sum: Sum = { constant: 0, linear: new Map(), others: [] };
  for (const { coefficient, factors } of termsOf(dim)) addTerm(sum, coefficient, factors, resolve);
  const { constant, linear, others } = sum;
  const [only] = linear;
  if (others.length > 0) return { tag: 'function', at: withOthers(linearFunction(sum), others) };
  if (only === undefined) return { tag: 'number', value: constant };
  if (linear.size === 1 && constant === 0 && only[1] === 1) return { tag: 'slot', slot: only[0] };
  return { tag: 'function', at: linearFunction(sum) };
}

export function indexFunction(index: CompiledIndex): IndexFunction {
  if (index.tag === 'function') return index.at;
  if (index.tag === 'number') {
    const { value } = index;
    return () => value;
  }
  const { slot } = index;
  return (f) => f[slot]!;
}

function addTerm(
  sum: Sum,
  coefficient: number,
  factors: readonly Factor[],
  resolve: (symbol: string) => IndexSymbol,
): void {
  let scale = coefficient;
  const slots: number[] = [];
  const functions: IndexFunction[] = [];
  for (const factor of factors) {
    const compiled = factor.tag === 'symbol' ? resolve(factor.name) : compileCall(factor, resolve);
    if (compiled.tag === 'number') scale *= compiled.value;
    else if (compiled.tag === 'slot') slots.push(compiled.slot);
    else functions.push(compiled.at);
  }
  const [slot] = slots;
  if (slot === undefined && functions.length === 0) sum.constant += scale;
  else if (slot !== undefined && slots.length === 1 && functions.length === 0) {
    sum.linear.set(slot, (sum.linear.get(slot) ?? 0) + scale);
  } else {
    sum.others.push((f) => {
      let product = scale;
      for (const factor of slots) product *= f[factor]!;
      for (const factor of functions) product *= factor(f);
      return product;
    });
  }
}

const APPLY = {
  floor: (a: number, b: number) => Math.floor(a / b),
  max: Math.max,
  min: Math.min,
} as const;

function compileCall(
  factor: Exclude<Factor, { tag: 'symbol' }>,
  resolve: (symbol: string) => IndexSymbol,
): CompiledIndex {
  const apply = APPLY[factor.tag];
  const a = compileIndex(factor.a, resolve);
  const b = compileIndex(factor.b, resolve);
  if (a.tag === 'number' && b.tag === 'number') {
    return { tag: 'number', value: apply(a.value, b.value) };
  }
  const left = indexFunction(a);
  if (factor.tag === 'floor' && b.tag === 'number') {
    const by = b.value;
    return { tag: 'function', at: (f) => Math.floor(left(f) / by) };
  }
  const right = indexFunction(b);
  return { tag: 'function', at: (f) => apply(left(f), right(f)) };
}

function linearFunction({ constant, linear }: Sum): IndexFunction {
  const [[a, p] = [0, 0], [b, q] = [0, 0], [c, r] = [0, 0], ...rest] = linear;
  if (linear.size === 0) return () => constant;
  if (linear.size === 1) return (f) => constant + p * f[a]!;
  if (linear.size === 2) return (f) => constant + p * f[a]! + q * f[b]!;
  if (linear.size === 3) return (f) => constant + p * f[a]! + q * f[b]! + r * f[c]!;
  return (f) => {
    let total = constant + p * f[a]! + q * f[b]! + r * f[c]!;
    for (const [slot, coefficient] of rest) total += coefficient * f[slot]!;
    return total;
  };
}

function withOthers(linear: IndexFunction, others: readonly IndexFunction[]): IndexFunction {
  return (f) => {
    let total = linear(f);
    for (const other of others) total += other(f);
    return total;
  };
}
