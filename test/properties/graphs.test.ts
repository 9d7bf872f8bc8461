/** Properties of graphs as data: the verifier takes them, their text gives them back. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Graph } from '../../src/ir/graph.ts';
import { parseGraph } from '../../src/ir/parse.ts';
import { printGraph } from '../../src/ir/print.ts';
import { verifyGraph } from '../../src/ir/verify.ts';
import { Ledger } from '../../src/passes/ledger.ts';
import { runPasses } from '../../src/passes/pass.ts';
import { pipeline } from '../../src/passes/pipeline.ts';
import { graphData } from '../support/graph-data.ts';
import { property } from '../support/property.ts';
import { buildRandomGraph, randomGraphs } from '../support/random-graph.ts';

property('a graph has 20 ops or more, and the verifier accepts it', 100, ({ graph }) => {
  expect(graph.nodes.length).toBeGreaterThanOrEqual(20);
  verifyGraph(graph);
});

property('parse(print(g)) is g, as declared', 100, ({ graph }) => roundTrip(graph));

property('parse(print(g)) is g, with the regions that passes make', 50, ({ graph }) => {
  roundTrip(runPasses(graph, pipeline));
});

/** Passes that recognise patterns, and so must also turn some down. */
const CHOOSY = ['fuse-attention', 'merge-projections', 'fuse-add-norm', 'fuse-epilogue'];

test('random graphs are worth it: every pass finds work, and near misses of it', () => {
  const ledger = new Ledger();
  const all = [false, true].flatMap((recurrent) =>
    fc.sample(randomGraphs(recurrent), { seed: 1, numRuns: recurrent ? 10 : 100 }),
  );
  for (const random of all) {
    runPasses(buildRandomGraph(random), pipeline, { ledger });
  }
  const tried = (matched: boolean) =>
    new Set(ledger.entries.filter((entry) => entry.matched === matched).map(({ pass }) => pass));
  expect([...tried(true)].sort()).toEqual(pipeline.map(({ name }) => name).sort());
  expect([...tried(false)]).toEqual(expect.arrayContaining(CHOOSY));
});

function roundTrip(graph: Graph): void {
  const text = printGraph(graph);
  const parsed = parseGraph(text);
  verifyGraph(parsed);
  expect(graphData(parsed)).toEqual(graphData(graph));
  expect(printGraph(parsed)).toBe(text);
}
