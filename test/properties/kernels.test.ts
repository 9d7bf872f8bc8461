/**
 * Properties of kernels: on the emulator each of them agrees with the interpreter within the
 * tolerance of its ops, the whole model does, and nothing races, leaves its buffers or reads what was
 * never written. Every program has a memory plan that its checker accepts.
 */
import { runPasses } from '../../src/passes/pass.ts';
import { pipeline } from '../../src/passes/pipeline.ts';
import { PROGRAM_TARGETS } from '../../src/targets.ts';
import { expectAgreement } from '../support/agreement.ts';
import { property } from '../support/property.ts';

for (const target of PROGRAM_TARGETS) {
  property(`${target} kernels of single ops agree with the interpreter`, 40, (given) =>
    expectAgreement(given, given.graph, `emulator-${target}`),
  );

  property(`${target} kernels of fused ops agree with the interpreter`, 40, (given) =>
    expectAgreement(given, runPasses(given.graph, pipeline), `emulator-${target}`),
  );
}
