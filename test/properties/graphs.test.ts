/** Properties of graphs as data: the verifier takes them, their text gives them back. */
import { expect } from 'vitest';
import type { Graph } from '../../src/ir/graph.ts';
import { parseGraph } from '../../src/ir/parse.ts';
import { printGraph } from '../../src/ir/print.ts';
import { verifyGraph } from '../../src/ir/verify.ts';
import { runPasses } from '../../src/passes/pass.ts';
import { pipeline } from '../../src/passes/pipeline.ts';
import { graphData } from '../support/graph-data.ts';
import { property } from '../support/property.ts';

property('a graph has 20 ops or more, and the verifier accepts it', 100, ({ graph }) => {
  expect(graph.nodes.length).toBeGreaterThanOrEqual(20);
  verifyGraph(graph);
});

property('parse(print(g)) is g, as declared', 100, ({ graph }) => roundTrip(graph));

property('parse(print(g)) is g, with the regions that passes make', 50, ({ graph }) => {
  roundTrip(runPasses(graph, pipeline));
});

function roundTrip(graph: Graph): void {
  const text = printGraph(graph);
  const parsed = parseGraph(text);
  verifyGraph(parsed);
  expect(graphData(parsed)).toEqual(graphData(graph));
  expect(printGraph(parsed)).toBe(text);
}
