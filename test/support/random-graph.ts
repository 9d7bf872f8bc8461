/**
 * Random graphs for property tests. A graph is a list of choices: each number picks an op or a block
 * of ops and their operands among the values so far, so that fast-check shrinks a failure by
 * dropping choices. The blocks stand in `random-ops.ts`, `random-spatial.ts`, `random-blocks.ts` and
 * `random-attention.ts`.
 */
import fc from 'fast-check';
import { randomNumbers } from '../../src/check/inputs.ts';
import { GraphConstruction } from '../../src/ir/builder.ts';
import type { Dim } from '../../src/ir/dims.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { attentionMakers, rareMakers } from './random-attention.ts';
import { blockMakers } from './random-blocks.ts';
import { opMakers } from './random-ops.ts';
import { type Maker, Making, RandomPool } from './random-pool.ts';
import { recurrenceMakers } from './random-recurrence.ts';
import { spatialMakers } from './random-spatial.ts';

export interface RandomGraph {
  /** One block of ops each; null adds nothing. */
  readonly choices: readonly (number | null)[];
  /** Once the graph has so many, no choice adds another. */
  readonly ops: number;
  /** A symbol or a number each. */
  readonly batch: Dim;
  readonly seq: Dim;
  /** Whether there are recurrent layers and scans among the blocks. */
  readonly recurrent: boolean;
}

/** Graphs of 20 ops or a few more, up to several times as many. */
export function randomGraphs(recurrent = false): fc.Arbitrary<RandomGraph> {
  // a choice shrinks to null at once and to no other number, which would be another graph
  const choice = fc.option(fc.noShrink(fc.nat(2 ** 31 - 1)), { freq: 2 ** 30 });
  return fc.record({
    choices: fc.array(choice, { minLength: MOST_CHOICES, maxLength: MOST_CHOICES }),
    ops: fc.noShrink(fc.integer({ min: 20, max: 60 })),
    batch: fc.constantFrom<Dim>('batch', 'batch', 'batch', 1, 2),
    seq: fc.constantFrom<Dim>('seq', 'seq', 'seq', 1, 5),
    recurrent: fc.constant(recurrent),
  });
}

/** Enough for 60 ops, though some choices add one op and some none. */
const MOST_CHOICES = 40;

/** How often each kind of block comes. */
const MAKERS: readonly (readonly [weight: number, makers: readonly Maker[]])[] = [
  [6, opMakers],
  [1, spatialMakers],
  [3, blockMakers],
  [1, attentionMakers],
];

/** In graphs with recurrences, and what else is rare. */
const RECURRENT: typeof MAKERS = [...MAKERS, [5, recurrenceMakers], [1, rareMakers]];

/** Builds the graph that choices stand for; parameters carry seeded numbers. */
export function buildRandomGraph({ choices, ops, batch, seq, recurrent }: RandomGraph): Graph {
  const construction = new GraphConstruction();
  const pool = new RandomPool(construction, batch, seq);
  for (const choice of choices) {
    if (choice !== null && construction.nodes.length < ops)
      grow(pool, choice, recurrent ? RECURRENT : MAKERS);
  }
  return construction.finish('random', pool.outputs());
}

/** Adds a block, or nothing where none of the chosen ones fits. */
function grow(pool: RandomPool, choice: number, makers: typeof MAKERS): void {
  const making = new Making(pool, randomNumbers(choice));
  const kinds = makers.flatMap(([weight, kind]) => Array<readonly Maker[]>(weight).fill(kind));
  for (let attempt = 0; attempt < 8; attempt++) {
    const made = making.pick(making.pick(kinds))(making);
    if (made === null) continue;
    pool.add(made, choice);
    return;
  }
}

/** The sizes of the symbols that a graph has; `sizes` gives batch and seq. */
export function sizesFor(
  { batch, seq }: RandomGraph,
  sizes: { readonly batch: number; readonly seq: number },
): Record<string, number> {
  return {
    ...(batch === 'batch' ? { batch: sizes.batch } : {}),
    ...(seq === 'seq' ? { seq: sizes.seq } : {}),
  };
}
