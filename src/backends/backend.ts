/**
 * What a backend is: a printer of verified kernels. It prints tag by tag and decides nothing about
 * how a kernel computes; schedules have decided that. Backends know neither passes nor one another.
 */
import type { Dim } from '../ir/dims.ts';
import type { Target } from '../loops/program.ts';
import type { VerifiedProgram } from '../loops/verify-program.ts';

export interface Backend {
  readonly target: Target;
  /** @throws EncompileError where a kernel needs more than the target has. */
  print(program: VerifiedProgram): KernelSource;
}

/** All kernels of a program as one file for reading and running. */
export interface KernelSource {
  readonly target: Target;
  /** Its path in the artifact. */
  readonly path: string;
  readonly text: string;
  /** In the program's order. */
  readonly kernels: readonly PrintedKernel[];
}

/** Where the artifact has the binary of a text in WebAssembly's text format. */
export function wasmPathOf({ path }: KernelSource): string {
  return path.replace(/\.wat$/, '.wasm');
}

export interface PrintedKernel {
  /** In the program. */
  readonly name: string;
  /** The function or entry point in the text. */
  readonly entry: string;
  /** Invocations of a workgroup and workgroups over x, y and z; null where the target has none. */
  readonly dispatch: Dispatch | null;
}

export interface Dispatch {
  readonly invocations: number;
  readonly workgroups: readonly [Dim, Dim, Dim];
}
