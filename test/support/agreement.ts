/** Does what was compiled compute what was declared? What tests of kernels and backends ask. */
import { expect } from 'vitest';
import { checkCompilation, targetOf } from '../../src/check/check.ts';
import { type CheckBackend, printReport } from '../../src/check/report.ts';
import { compileGraph } from '../../src/compile.ts';
import type { Builder } from '../../src/ir/builder.ts';
import type { Graph } from '../../src/ir/graph.ts';
import type { Sizes } from '../../src/ir/sizes.ts';
import { f32 } from '../../src/ir/types.ts';
import { PROGRAM_TARGETS } from '../../src/targets.ts';
import { compilationOf, singleOps } from './compilation.ts';
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

/** Compares the kernels of all programs with the interpreter, with passes and without. */
export async function expectRight(graph: Graph, ...sizes: readonly Sizes[]): Promise<void> {
  const fused = compileGraph(graph);
  for (const target of PROGRAM_TARGETS) {
    for (const compilation of [fused, compilationOf(graph, singleOps(graph), target)]) {
      for (const dims of sizes.length === 0 ? [{}] : sizes) {
        const options = { backends: [`emulator-${target}` as const], dims };
        const report = await checkCompilation(compilation, options);
        expect(report.passed, printReport(report)).toBe(true);
      }
    }
  }
}

/** A weight of numbers that differ. */
export function table<R extends number, C extends number>(
  g: Builder,
  name: string,
  rows: R,
  columns: C,
) {
  const data = Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(i + 1));
  return g.weight(name, f32(rows, columns), { dtype: 'f32', shape: [rows, columns], data });
}
