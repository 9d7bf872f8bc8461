/**
 * Runs WebAssembly kernels one by one. Everything around a kernel's buffers is filled with ones, which
 * are NaN to floats: a read from outside spoils results, and a write to outside is seen afterwards.
 */
import type { Sizes } from '../ir/sizes.ts';
import type { Kernel } from '../loops/nodes.ts';
import type { VerifiedProgram } from '../loops/verify-program.ts';
import { ALIGNMENT, growTo, openWasmKernels } from '../wasm-kernels.ts';
import { type KernelRunner, kernelBuffers, kernelOf, type Numbers } from './kernel-runner.ts';

const FILLED = 0xff;

export async function wasmKernelRunner(program: VerifiedProgram): Promise<KernelRunner> {
  const { memory, start, kernels } = await openWasmKernels(program);
  return {
    run: async (step, inputs, sizes) => {
      const kernel = kernelOf(program, step.kernel);
      const run = kernels.get(kernel.name);
      if (run === undefined) throw new Error(`the module has no function for ${kernel.name}`);
      const { all, outputs } = kernelBuffers(kernel, inputs, sizes);
      const { places, end } = layOut(all, start);
      growTo(memory, end);
      const bytes = new Uint8Array(memory.buffer, 0, end).fill(FILLED);
      all.forEach((numbers, i) => {
        if (kernel.buffers[i]?.access === 'read') bytes.set(bytesOf(numbers), places[i]);
      });
      run(...places, ...symbolsOf(kernel, sizes));
      const faults = outsideWrites(kernel, all, places, bytes, start);
      all.forEach((numbers, i) => {
        const from = places[i] ?? 0;
        if (!outputs.includes(numbers)) return;
        bytesOf(numbers).set(bytes.subarray(from, from + numbers.byteLength));
      });
      return { outputs, faults };
    },
    close: async () => {},
  };
}

function symbolsOf({ symbols }: Kernel, sizes: Sizes): readonly number[] {
  return symbols.map((symbol) => sizes[symbol] ?? 0);
}

/** Each buffer at a multiple of the alignment, with at least one between two. */
function layOut(
  buffers: readonly Numbers[],
  start: number,
): { readonly places: readonly number[]; readonly end: number } {
  let end = start;
  const reserve = (bytes: number): number => {
    const at = (Math.ceil(end / ALIGNMENT) + 1) * ALIGNMENT;
    end = at + bytes;
    return at;
  };
  const places = buffers.map(({ byteLength }) => reserve(byteLength));
  return { places, end: reserve(ALIGNMENT) };
}

/** Places that a kernel wrote though they belong to no buffer, or to one that it only reads. */
function outsideWrites(
  kernel: Kernel,
  all: readonly Numbers[],
  places: readonly number[],
  bytes: Uint8Array,
  start: number,
): readonly string[] {
  const faults: string[] = [];
  let end = start;
  [...places, bytes.length].forEach((next, i) => {
    const gap = bytes.subarray(end, next);
    if (gap.some((byte) => byte !== FILLED)) {
      const before = i === 0 ? 'its scratch memory' : `'${kernel.buffers[i - 1]?.name}'`;
      faults.push(`${kernel.name} writes behind ${before}`);
    }
    const numbers = all[i];
    if (numbers === undefined) return;
    end = next + numbers.byteLength;
    const parameter = kernel.buffers[i];
    if (parameter?.access !== 'read') return;
    if (Buffer.compare(bytesOf(numbers), bytes.subarray(next, end)) !== 0) {
      faults.push(`${kernel.name} writes to '${parameter.name}', which it only reads`);
    }
  });
  return faults;
}

function bytesOf({ buffer, byteOffset, byteLength }: Numbers): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
