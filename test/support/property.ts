/**
 * Properties of random graphs. Seeds are fixed, so a test fails on every machine or on none; a
 * failure says what to paste to see it again.
 *
 * - ENCOMPILE_PROPERTY_RUNS: how many graphs every property tries, for long runs
 * - ENCOMPILE_PROPERTY_SEED: another seed than 1, for other graphs
 * - ENCOMPILE_PROPERTY_PATH: of that seed the one graph to try, as a failure names it
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Graph } from '../../src/ir/graph.ts';
import { printGraph } from '../../src/ir/print.ts';
import type { Sizes } from '../../src/ir/sizes.ts';
import { buildRandomGraph, type RandomGraph, randomGraphs, sizesFor } from './random-graph.ts';

export interface GraphCase {
  readonly graph: Graph;
  /** The sizes of the graph's symbols in each of two runs: other lengths, other batch sizes. */
  readonly sizes: readonly Sizes[];
}

type Run = { readonly batch: number; readonly seq: number };

/** Lengths below, at and beyond the tiles of matmuls and the key blocks of attention. */
const RUNS: readonly (readonly [Run, Run])[] = [
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
  [
    { batch: 3, seq: 3 },
    { batch: 1, seq: 66 },
  ],
];

interface Drawn {
  readonly random: RandomGraph;
  readonly runs: readonly Run[];
}

const SEED = numberFrom('ENCOMPILE_PROPERTY_SEED') ?? 1;
const PATH = process.env.ENCOMPILE_PROPERTY_PATH;
/** A failure is made smaller for so long; vitest gives the test up later. */
const SECONDS_TO_SHRINK = 60;
const SECONDS_A_RUN = 10;

type Body = (given: GraphCase) => void | Promise<void>;

/** A test that `body` throws for no random graph; `runs` is how many it tries by default. */
export function property(name: string, runs: number, body: Body): void {
  testGraphs(name, runs, body, false);
}

/** The same of graphs with recurrent layers and scans. */
export function recurrentProperty(name: string, runs: number, body: Body): void {
  testGraphs(name, runs, body, true);
}

function testGraphs(name: string, runs: number, body: Body, recurrent: boolean): void {
  const count = numberFrom('ENCOMPILE_PROPERTY_RUNS') ?? runs;
  test(`${name} (${count} graphs)`, { timeout: timeoutFor(count) }, async () => {
    const drawn = fc.record({ random: randomGraphs(recurrent), runs: fc.constantFrom(...RUNS) });
    let failedAt = Infinity;
    const predicate = fc.asyncProperty(drawn, async (given) => {
      if (Date.now() > failedAt + SECONDS_TO_SHRINK * 1000) return;
      try {
        await body(caseOf(given));
      } catch (error) {
        failedAt = Math.min(failedAt, Date.now());
        throw error;
      }
    });
    const path = PATH === undefined ? {} : { path: PATH, endOnFailure: true };
    const details = await fc.check(predicate, { seed: SEED, numRuns: count, ...path });
    if (details.failed) expect.fail(describeFailure(name, details));
  });
}

type Failure = Pick<
  fc.RunDetails<[Drawn]>,
  'counterexample' | 'counterexamplePath' | 'errorInstance' | 'numRuns' | 'numShrinks' | 'seed'
>;

function caseOf({ random, runs }: Drawn): GraphCase {
  const graph = buildRandomGraph(random);
  const [first, ...others] = runs.map((run) => sizesFor(random, run));
  const hasSymbols = Object.keys(first ?? {}).length > 0;
  return { graph, sizes: [first ?? {}, ...(hasSymbols ? others : [])] };
}

function describeFailure(name: string, details: Failure): string {
  const [drawn] = details.counterexample ?? [];
  if (drawn === undefined) return `${name}: no graph was tried`;
  const { errorInstance: error } = details;
  return [
    `Fails: ${name}`,
    `${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    '',
    'To see it again:',
    `  ENCOMPILE_PROPERTY_SEED=${details.seed} ENCOMPILE_PROPERTY_PATH='${details.counterexamplePath}' \\`,
    `    npx vitest run test/properties -t ${JSON.stringify(name)}`,
    '',
    `Graph ${details.numRuns} of those tried, made smaller in ${details.numShrinks} steps.`,
    describeCase(drawn),
  ].join('\n');
}

function describeCase(drawn: Drawn): string {
  try {
    const { graph, sizes } = caseOf(drawn);
    const shown = sizes.map((size) => JSON.stringify(size)).join(' and ');
    return `Run at ${shown}:\n\n${printGraph(graph)}`;
  } catch {
    return 'It cannot even be built or printed.';
  }
}

function timeoutFor(runs: number): number {
  return (2 * SECONDS_TO_SHRINK + runs * SECONDS_A_RUN) * 1000;
}

function numberFrom(variable: string): number | undefined {
  const given = process.env[variable];
  return given === undefined || given === '' ? undefined : Number(given);
}
