/** The kernels of a program in this process's WebAssembly, in a memory of their own, to call one by one. */

import { assembledSource, printProgram } from './backends/print.ts';
import { LOWEST_ADDRESS, scratchBytes } from './backends/wasm/module.ts';
import type { Target } from './loops/program.ts';
import type { VerifiedProgram } from './loops/verify-program.ts';
import { hasRelaxedSimd, hasSimd128 } from './runtime/wasm-features.mts';

export interface WasmKernels {
  readonly memory: WebAssembly.Memory;
  /** The address behind the kernels' scratch memory, from which on buffers may lie. */
  readonly start: number;
  /** By name in the program: byte addresses of the buffers, then the kernel's symbols. */
  readonly kernels: ReadonlyMap<string, (...args: readonly number[]) => void>;
}

/** Where buffers begin. */
export const ALIGNMENT = 64;

const PAGE = 65_536;

/** What a program needs that this process's WebAssembly lacks; null where it can run. */
export function missingFeature(target: Target): string | null {
  if (target === 'wasm' && !hasSimd128()) return 'this host has no WebAssembly with 128-bit SIMD';
  if (target !== 'wasm-relaxed' || hasRelaxedSimd()) return null;
  return `the WebAssembly of Node ${process.versions.node} has no relaxed SIMD; Node 22 and later have it`;
}

export async function openWasmKernels(program: VerifiedProgram): Promise<WasmKernels> {
  const source = printProgram(program);
  const binary = await assembledSource(source);
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65_536 });
  const { instance } = await WebAssembly.instantiate(binary, { host: { memory } });
  const exported = source.kernels.map(({ name, entry }) => {
    const run = instance.exports[entry];
    if (typeof run !== 'function') throw new Error(`the module has no function ${entry}`);
    return [name, run as (...args: readonly number[]) => void] as const;
  });
  const { scratch } = instance.exports;
  if (!(scratch instanceof WebAssembly.Global)) throw new Error('the module has no global scratch');
  scratch.value = LOWEST_ADDRESS;
  const start = LOWEST_ADDRESS + scratchBytes(program);
  return { memory, start, kernels: new Map(exported) };
}

/** Grows a memory to a number of bytes, where it is smaller. */
export function growTo(memory: WebAssembly.Memory, bytes: number): void {
  const more = Math.ceil(bytes / PAGE) - memory.buffer.byteLength / PAGE;
  if (more > 0) memory.grow(more);
}
