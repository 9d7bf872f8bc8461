/** What rounding weights to float16 did to their numbers: the graphs before and after it, side by side. */
import type { Approximation } from './compile.ts';
import { areFloat16 } from './ir/float16.ts';
import { valueOf } from './ir/graph.ts';
import type { LedgerEntry } from './passes/ledger.ts';
import { relativeChange, roundWeights } from './passes/round-weights.ts';

export interface RoundedWeight {
  readonly name: string;
  /** Of one number. */
  readonly largestError: number;
  /** The length of all errors over the length of all numbers. */
  readonly relativeError: number;
}

export interface RoundingReport {
  readonly rounded: readonly RoundedWeight[];
  /** Names of those that were float16 already. */
  readonly unchanged: readonly string[];
  /** Those that float16 cannot hold, which stay in f32. */
  readonly kept: readonly { readonly name: string; readonly reason: string }[];
}

/** Null where no weights were to be rounded. */
export function reportRounding({
  approximations,
  ledger,
}: {
  readonly approximations: readonly Approximation[];
  readonly ledger: readonly LedgerEntry[];
}): RoundingReport | null {
  const found = approximations.find(({ pass }) => pass === roundWeights.name);
  if (found === undefined) return null;
  const { before, after } = found;
  const rounded: RoundedWeight[] = [];
  const unchanged: string[] = [];
  before.parameters.forEach(({ value, data }, i) => {
    const { name, dtype } = valueOf(before, value);
    const [from, to] = [data?.data, after.parameters[i]?.data?.data];
    if (dtype !== 'f32' || !(from instanceof Float32Array) || !(to instanceof Float32Array)) return;
    if (from === to) {
      if (areFloat16(from)) unchanged.push(name);
      return;
    }
    const largestError = from.reduce((most, x, j) => Math.max(most, Math.abs(x - (to[j] ?? 0))), 0);
    rounded.push({ name, largestError, relativeError: relativeChange(from, to) });
  });
  const kept = ledger.flatMap((entry) =>
    entry.pass === roundWeights.name && !entry.matched
      ? [{ name: entry.at, reason: entry.reason }]
      : [],
  );
  return { rounded, unchanged, kept };
}
