/**
 * Programs as text, and text as what engines load. Each is made once: an artifact, and whoever runs its
 * kernels one by one, get the same.
 */
import type { Target } from '../loops/program.ts';
import type { VerifiedProgram } from '../loops/verify-program.ts';
import type { Backend, KernelSource } from './backend.ts';
import { jsBackend } from './js/module.ts';
import { assembleWat, wasmBackend, wasmRelaxedBackend } from './wasm/module.ts';
import { wgslBackend } from './wgsl/module.ts';

const BACKENDS: { readonly [T in Target]: Backend } = {
  js: jsBackend,
  wasm: wasmBackend,
  'wasm-relaxed': wasmRelaxedBackend,
  wgsl: wgslBackend,
};

const printed = new WeakMap<VerifiedProgram, KernelSource>();

/** @throws EncompileError where a kernel needs more than the target has. */
export function printProgram(program: VerifiedProgram): KernelSource {
  let source = printed.get(program);
  if (source === undefined) {
    source = BACKENDS[program.target].print(program);
    printed.set(program, source);
  }
  return source;
}

const assembled = new WeakMap<KernelSource, Promise<Uint8Array<ArrayBuffer>>>();

/** The binary of a program in WebAssembly's text format; not to be written to. */
export function assembledSource(source: KernelSource): Promise<Uint8Array<ArrayBuffer>> {
  let binary = assembled.get(source);
  if (binary === undefined) {
    binary = assembleWat(source.text, source.path);
    assembled.set(source, binary);
  }
  return binary;
}
