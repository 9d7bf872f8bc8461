/**
 * Properties of exact programs: JS, scalar WebAssembly and WebAssembly with SIMD compute the same bits.
 */
import { runPasses } from '../../src/passes/pass.ts';
import { pipeline } from '../../src/passes/pipeline.ts';
import { expectSameBits } from '../support/exact-bits.ts';
import { property } from '../support/property.ts';

property('exact programs of single ops give the same bits everywhere', 25, ({ graph, sizes }) =>
  expectSameBits(graph, sizes),
);

property('exact programs of fused ops give the same bits everywhere', 25, ({ graph, sizes }) =>
  expectSameBits(runPasses(graph, pipeline), sizes),
);
