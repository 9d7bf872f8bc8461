/** Runs a program's kernels one by one, so that each can be fed the interpreter's own inputs. */
import { runKernel } from '../emulator/run.ts';
import { precisionOf } from '../emulator/run-program.ts';
import { evaluateDim } from '../ir/dims.ts';
import type { Sizes } from '../ir/sizes.ts';
import type { Kernel } from '../loops/nodes.ts';
import { ownMemory, type Program, type Step } from '../loops/program.ts';

export type Numbers = Float32Array | Int32Array;

export interface KernelRunner {
  /**
   * Runs one step on `inputs` (one array a buffer parameter that is read, in order); gives one
   * array a parameter that is written, and what went wrong besides wrong numbers.
   */
  run(
    step: Step,
    inputs: readonly Numbers[],
    sizes: Sizes,
  ): Promise<{ readonly outputs: readonly Numbers[]; readonly faults: readonly string[] }>;
  close(): Promise<void>;
}

/** Splits the arrays of a kernel: those it reads are given, those it writes are made. */
export function kernelBuffers(
  kernel: Kernel,
  inputs: readonly Numbers[],
  sizes: Sizes,
): { readonly all: readonly Numbers[]; readonly outputs: readonly Numbers[] } {
  let next = 0;
  const all = kernel.buffers.map(({ name, type, access, size }) => {
    if (access === 'write') {
      const count = evaluateDim(size, sizes);
      return type === 'f32' ? new Float32Array(count).fill(Number.NaN) : new Int32Array(count);
    }
    const input = inputs[next++];
    if (input === undefined) throw new Error(`${kernel.name}: no numbers for '${name}'`);
    return input;
  });
  return { all, outputs: all.filter((_, i) => kernel.buffers[i]?.access === 'write') };
}

export function kernelOf(program: Program, name: string): Kernel {
  const kernel = program.kernels.find((candidate) => candidate.name === name);
  if (kernel === undefined) throw new Error(`there is no kernel '${name}'`);
  return kernel;
}

export function emulatorRunner(program: Program): KernelRunner {
  return {
    run: async (step, inputs, sizes) => {
      const kernel = kernelOf(program, step.kernel);
      const { all, outputs } = kernelBuffers(kernel, inputs, sizes);
      const buffers = Object.fromEntries(kernel.buffers.map(({ name }, i) => [name, all[i]]));
      const own = ownMemory(program);
      const isOwn = (_: unknown, i: number) => own.has(step.arguments[i] ?? '');
      const faults = runKernel(kernel, {
        symbols: sizes,
        buffers: buffers as Record<string, Numbers>,
        precision: precisionOf(program),
        partial: new Set(kernel.buffers.filter(isOwn).map(({ name }) => name)),
      });
      return { outputs, faults: faults.map(({ message }) => message) };
    },
    close: async () => {},
  };
}
