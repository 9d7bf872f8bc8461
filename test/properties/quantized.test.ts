/**
 * Properties of quantised graphs: random graphs whose products with weights were quantised, however
 * short, are computed by the kernels of every target as the interpreter computes them.
 */
import type { Graph } from '../../src/ir/graph.ts';
import { runPasses } from '../../src/passes/pass.ts';
import { pipeline } from '../../src/passes/pipeline.ts';
import { quantizeFrom } from '../../src/passes/quantize.ts';
import { PROGRAM_TARGETS } from '../../src/targets.ts';
import { expectAgreement } from '../support/agreement.ts';
import { type GraphCase, property } from '../support/property.ts';

const BEFORE = pipeline.slice(
  0,
  pipeline.findIndex(({ name }) => name === 'merge-projections') + 1,
);

/** The quantised graph is what kernels answer for: what quantising changes is no error of theirs. */
function quantised({ graph, sizes }: GraphCase): GraphCase & { readonly optimised: Graph } {
  const after = runPasses(graph, [...BEFORE, quantizeFrom(1)]);
  return { graph: after, sizes, optimised: runPasses(after, pipeline) };
}

for (const target of PROGRAM_TARGETS) {
  property(`the kernels for ${target} of quantised graphs, on the emulator`, 20, (given) => {
    const { optimised, ...rest } = quantised(given);
    return expectAgreement(rest, optimised, `emulator-${target}`);
  });
}

for (const target of ['wasm', 'wasm-relaxed'] as const) {
  property(`emitted ${target} of quantised graphs`, 20, (given) => {
    const { optimised, ...rest } = quantised(given);
    return expectAgreement(rest, optimised, target);
  });
}
