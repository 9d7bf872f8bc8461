/** Repeats work until its time is known: warm-up first, so that JIT compilers are done, then rounds. */

export interface RoundOptions {
  /** Rounds that are not counted: at least this many, and at least `warmUpMs` long. Default 3. */
  readonly warmUps?: number;
  /** Default 500. */
  readonly warmUpMs?: number;
  /** Counted rounds: at least this many, and at least `measureMs` long. Default 5. */
  readonly rounds?: number;
  /** Default 1500. */
  readonly measureMs?: number;
  /** At most this many counted rounds. Default 200. */
  readonly maxRounds?: number;
}

/** What each counted round returned, in order. */
export async function measureRounds<T>(
  round: () => Promise<T> | T,
  options: RoundOptions = {},
): Promise<readonly T[]> {
  const { warmUps = 3, warmUpMs = 500, rounds = 5, measureMs = 1500, maxRounds = 200 } = options;
  const warmUpStart = performance.now();
  for (let i = 0; i < warmUps || performance.now() - warmUpStart < warmUpMs; i++) await round();
  const results: T[] = [];
  const start = performance.now();
  while (
    results.length < rounds ||
    (results.length < maxRounds && performance.now() - start < measureMs)
  ) {
    results.push(await round());
  }
  return results;
}

/** The middle value; of an even number of them, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? Number.NaN) + upper) / 2;
}

/** The median at each place of lists that are equally long. */
export function medians(rounds: readonly (readonly number[])[]): readonly number[] {
  return (rounds[0] ?? []).map((_, i) => median(rounds.map((round) => round[i] ?? Number.NaN)));
}
