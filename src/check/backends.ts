/** Opens what a check runs on: the emulator, or emitted code in this process. */

import { runProgram } from '../emulator/run-program.ts';
import type { Graph } from '../ir/graph.ts';
import type { NdArray } from '../ir/nd-array.ts';
import type { Sizes } from '../ir/sizes.ts';
import { storageOf } from '../loops/emitter.ts';
import type { Program } from '../loops/program.ts';
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

export async function openBackend(
  backend: CheckBackend,
  program: Program,
  graph: Graph,
): Promise<OpenBackend> {
  return OPEN[backend](program, graph);
}

const OPEN: {
  readonly [B in CheckBackend]: (program: Program, graph: Graph) => Promise<OpenBackend>;
} = {
  'emulator-js': openEmulator,
  'emulator-wgsl': openEmulator,
  js: openJs,
  wgsl: openWgsl,
};

async function openEmulator(program: Program): Promise<OpenBackend> {
  return {
    kernels: emulatorRunner(program),
    run: async (inputs, sizes) => {
      const numbers = [...inputs].map(([name, array]) => [name, numbersOf(array)] as const);
      const { outputs } = runProgram(program, {
        symbols: sizes,
        inputs: Object.fromEntries(numbers),
        precision: program.target === 'js' ? 'f64' : 'f32',
      });
      return new Map(Object.entries(outputs).map(([name, data]) => [name, { data }]));
    },
    close: async () => {},
  };
}

function numbersOf({ dtype, data }: NdArray): Numbers {
  return storageOf(dtype) === 'f32' ? Float32Array.from(data) : Int32Array.from(data);
}

async function openJs(): Promise<OpenBackend> {
  throw new Error('to come');
}

async function openWgsl(): Promise<OpenBackend> {
  throw new Error('to come');
}
