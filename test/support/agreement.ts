/** What property tests of kernels and backends ask: does what was compiled compute what was declared? */
import { expect } from 'vitest';
import { checkCompilation, targetOf } from '../../src/check/check.ts';
import { type CheckBackend, printReport } from '../../src/check/report.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { compilationOf } from './compilation.ts';
import type { GraphCase } from './property.ts';

/**
 * Compares every kernel, and the whole model, with the interpreter at all sizes of the case.
 * `optimised` is the graph that kernels are made of.
 */
export async function expectAgreement(
  { graph, sizes }: GraphCase,
  optimised: Graph,
  backend: CheckBackend,
): Promise<void> {
  const compilation = compilationOf(graph, optimised, targetOf(backend));
  for (const dims of sizes) {
    const report = await checkCompilation(compilation, { backends: [backend], dims });
    // what passes may change has a property of its own
    const passed = report.backends.every((check) => check.passed);
    if (!passed) expect.fail(printReport({ ...report, passes: [] }));
  }
}
