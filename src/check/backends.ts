/** Opens what a check runs on: the emulator, or emitted code in this process. */

import { precisionOf, runProgram } from '../emulator/run-program.ts';
import type { NdArray } from '../ir/nd-array.ts';
import type { Sizes } from '../ir/sizes.ts';
import type { MemoryPlan } from '../loops/memory-plan.ts';
import { storageOf } from '../loops/row-major.ts';
import type { VerifiedProgram } from '../loops/verify-program.ts';
import type { WeightStorage } from '../weight-storage.ts';
import { openJs, openWasm, openWgsl } from './emitted.ts';
import { emulatorRunner, type KernelRunner, type Numbers } from './kernel-runner.ts';
import type { CheckBackend } from './report.ts';

export interface OpenBackend {
  readonly kernels: KernelRunner;
  /** The whole model; outputs by name. */
  run(
    inputs: ReadonlyMap<string, NdArray>,
    sizes: Sizes,
  ): Promise<ReadonlyMap<string, { readonly data: ArrayLike<number> }>>;
  close(): Promise<void>;
}

/** @param weights how an artifact stores them, as the compilation says */
export async function openBackend(
  backend: CheckBackend,
  program: VerifiedProgram,
  plan: MemoryPlan,
  weights?: WeightStorage,
): Promise<OpenBackend> {
  return OPEN[backend](program, plan, weights);
}

const OPEN: {
  readonly [B in CheckBackend]: (
    program: VerifiedProgram,
    plan: MemoryPlan,
    weights: WeightStorage | undefined,
  ) => Promise<OpenBackend>;
} = {
  'emulator-js': openEmulator,
  'emulator-wasm': openEmulator,
  'emulator-wasm-relaxed': openEmulator,
  'emulator-wgsl': openEmulator,
  js: openJs,
  wasm: openWasm,
  'wasm-relaxed': openWasm,
  wgsl: openWgsl,
};

async function openEmulator(program: VerifiedProgram): Promise<OpenBackend> {
  return {
    kernels: emulatorRunner(program),
    run: async (inputs, sizes) => {
      const numbers = [...inputs].map(([name, array]) => [name, numbersOf(array)] as const);
      const { outputs } = runProgram(program, {
        symbols: sizes,
        inputs: Object.fromEntries(numbers),
        precision: precisionOf(program),
      });
      return new Map(Object.entries(outputs).map(([name, data]) => [name, { data }]));
    },
    close: async () => {},
  };
}

function numbersOf({ dtype, data }: NdArray): Numbers {
  return storageOf(dtype) === 'f32' ? Float32Array.from(data) : Int32Array.from(data);
}
