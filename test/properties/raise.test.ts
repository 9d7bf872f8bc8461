/** Composites, taken apart as exporters write them, are raised to what they were. */
import { expect } from 'vitest';
import { randomInputs, randomNumbers } from '../../src/check/inputs.ts';
import { compare } from '../../src/check/report.ts';
import { interpret } from '../../src/interpreter/interpreter.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { isFloat } from '../../src/ir/types.ts';
import { Ledger } from '../../src/passes/ledger.ts';
import { runPasses } from '../../src/passes/pass.ts';
import { pipeline } from '../../src/passes/pipeline.ts';
import { raise } from '../../src/passes/raise.ts';
import { asExported, FORMS } from '../support/exporter-forms.ts';
import { property } from '../support/property.ts';

const UNTIL_RAISED = pipeline.slice(0, pipeline.indexOf(raise) + 1);
const TOLERANCE = { absolute: 1e-5, relative: 1e-5 };

/** How often each op that has forms stands in a graph. */
function composites(graph: Graph): { readonly [op: string]: number } {
  const counts = Object.keys(FORMS).map((op) => {
    return [op, graph.nodes.filter((node) => node.op === op).length] as const;
  });
  return Object.fromEntries(counts);
}

property('composites in the forms of exporters are raised again', 60, ({ graph }) => {
  const random = randomNumbers(graph.nodes.length);
  const exported = asExported(graph, (count) => Math.floor(random() * count));
  const ledger = new Ledger();
  const declared = composites(runPasses(graph, UNTIL_RAISED));
  const raised = composites(runPasses(exported, UNTIL_RAISED, { ledger }));
  const refused = ledger.entries.filter(({ pass, matched }) => pass === raise.name && !matched);
  expect(raised, JSON.stringify(refused)).toEqual(declared);
});

property('what was raised means what the chains meant', 30, ({ graph, sizes }) => {
  const random = randomNumbers(graph.nodes.length + 1);
  const exported = asExported(graph, (count) => Math.floor(random() * count));
  const raised = runPasses(exported, UNTIL_RAISED);
  for (const some of sizes) {
    const inputs = randomInputs(exported, some, 1);
    const [want, got] = [exported, raised].map((g) => interpret(g, inputs).outputs);
    for (const [name, { data, dtype }] of want ?? []) {
      const tolerance = isFloat(dtype) ? TOLERANCE : { absolute: 0, relative: 0 };
      const { worst, ...where } = compare(name, got?.get(name)?.data ?? [], data, tolerance);
      if (worst > 1) expect.fail(`%${name}[${where.index}] is ${where.got}, and was ${where.want}`);
    }
  }
});
