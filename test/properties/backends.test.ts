/**
 * Properties of backends: what the artifact runs, kernel by kernel and whole, agrees with the
 * interpreter. JS and WebAssembly run in this process, WGSL on Dawn; graphs are few there, as every one compiles
 * dozens of pipelines. The emulator has run many more of the same kernels in `kernels.test.ts`.
 */
import { runPasses } from '../../src/passes/pass.ts';
import { pipeline } from '../../src/passes/pipeline.ts';
import { expectAgreement } from '../support/agreement.ts';
import { property } from '../support/property.ts';

property('emitted js agrees with the interpreter', 25, (given) =>
  expectAgreement(given, runPasses(given.graph, pipeline), 'js'),
);

property('emitted js of single ops agrees with the interpreter', 15, (given) =>
  expectAgreement(given, given.graph, 'js'),
);

for (const target of ['wasm', 'wasm-relaxed'] as const) {
  property(`emitted ${target} agrees with the interpreter`, 25, (given) =>
    expectAgreement(given, runPasses(given.graph, pipeline), target),
  );

  property(`emitted ${target} of single ops agrees with the interpreter`, 15, (given) =>
    expectAgreement(given, given.graph, target),
  );
}

property('emitted wgsl agrees with the interpreter', 10, (given) =>
  expectAgreement(given, runPasses(given.graph, pipeline), 'wgsl'),
);
