/** The random graph of a seed and a number, the sizes it runs at, and smaller ones that fail as it does. */
import { randomNumbers } from '../../src/check/inputs.ts';
import type { Dim } from '../../src/ir/dims.ts';
import type { Graph } from '../../src/ir/graph.ts';
import type { Sizes } from '../../src/ir/sizes.ts';
import { buildRandomGraph, type RandomGraph, sizesFor } from '../support/random-graph.ts';

export interface Case {
  readonly random: RandomGraph;
  readonly graph: Graph;
  readonly sizes: readonly Sizes[];
}

const MOST_CHOICES = 40;
const [FEWEST_OPS, MOST_OPS] = [20, 60];
/** Every so many graphs one has scans and recurrent layers. */
const RECURRENT_EVERY = 5;
const BATCHES: readonly Dim[] = ['batch', 'batch', 'batch', 1, 2];
const LENGTHS: readonly Dim[] = ['seq', 'seq', 'seq', 1, 5];
const RUNS = [
  [
    { batch: 2, seq: 7 },
    { batch: 1, seq: 19 },
  ],
  [
    { batch: 1, seq: 1 },
    { batch: 3, seq: 5 },
  ],
  [
    { batch: 2, seq: 2 },
    { batch: 1, seq: 33 },
  ],
] as const;

export function caseOf(seed: number, number: number): Case {
  const random = randomNumbers(Math.imul(seed, 0x9e3779b1) ^ number);
  const below = (end: number) => Math.floor(random() * end);
  const given: RandomGraph = {
    choices: Array.from({ length: MOST_CHOICES }, () => below(2 ** 31)),
    ops: FEWEST_OPS + below(MOST_OPS - FEWEST_OPS + 1),
    batch: BATCHES[below(BATCHES.length)] ?? 1,
    seq: LENGTHS[below(LENGTHS.length)] ?? 1,
    recurrent: number % RECURRENT_EVERY === 0,
  };
  return built(given, number);
}

function built(random: RandomGraph, number: number): Case {
  const runs = RUNS[number % RUNS.length] ?? RUNS[0];
  const all = runs.map((run) => sizesFor(random, run));
  const hasSymbols = Object.keys(all[0] ?? {}).length > 0;
  return { random, graph: buildRandomGraph(random), sizes: all.slice(0, hasSymbols ? 2 : 1) };
}

/** Drops one choice after another, from the last on, as long as what is left fails alike. */
export async function smallest(
  given: Case,
  number: number,
  failsAlike: (smaller: Case) => Promise<boolean>,
  deadline: number,
): Promise<Case> {
  let best = given;
  for (let at = MOST_CHOICES - 1; at >= 0 && Date.now() < deadline; at--) {
    if (best.random.choices[at] === null) continue;
    const smaller = built({ ...best.random, choices: best.random.choices.with(at, null) }, number);
    if (await failsAlike(smaller)) best = smaller;
  }
  return best;
}
