/**
 * What the host's WebAssembly can do, and which of a model's modules it takes. Feature tests validate
 * a smallest module that needs the feature, as there is no other way to ask.
 */
import type { WasmTables, WasmVariants } from './definition.mts';

/** `(module (func (result v128) (i32x4.splat (i32.const 0))))` */
export const SIMD128_MODULE: Uint8Array<ArrayBuffer> = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x05, 0x01, 0x60, 0x00, 0x01, 0x7b],
  ...[0x03, 0x02, 0x01, 0x00, 0x0a, 0x08, 0x01, 0x06, 0x00, 0x41, 0x00, 0xfd, 0x11, 0x0b],
);

/**
 * `(module (func (param v128) (result v128)
 *    (f32x4.relaxed_madd (local.get 0) (local.get 0) (local.get 0))))`
 */
export const RELAXED_MODULE: Uint8Array<ArrayBuffer> = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x06, 0x01, 0x60, 0x01, 0x7b, 0x01],
  ...[0x7b, 0x03, 0x02, 0x01, 0x00, 0x0a, 0x0d, 0x01, 0x0b, 0x00, 0x20, 0x00, 0x20, 0x00, 0x20],
  ...[0x00, 0xfd, 0x85, 0x02, 0x0b],
);

/** The fastest module that the host takes; null where it takes none. */
export function variantFor({ simd128, relaxed }: WasmVariants): WasmTables | null {
  if (relaxed !== undefined && hasRelaxedSimd()) return relaxed;
  if (simd128 !== undefined && hasSimd128()) return simd128;
  return null;
}

export function hasSimd128(): boolean {
  return validates(SIMD128_MODULE);
}

export function hasRelaxedSimd(): boolean {
  return validates(RELAXED_MODULE);
}

/** Whether one of the modules can run here. */
export async function hasWasm(variants: WasmVariants): Promise<boolean> {
  return variantFor(variants) !== null && (await refusal()) === null;
}

/** @throws Error that says what the host lacks, or what the page's policy must allow. */
export async function requireWasm(variants: WasmVariants): Promise<WasmTables> {
  const tables = variantFor(variants);
  if (tables === null) {
    const needed = variants.simd128 === undefined ? 'relaxed SIMD' : '128-bit SIMD';
    throw new Error(
      `This host has no WebAssembly with ${needed}, which the model's wasm kernels need. Use the js ` +
        'backend, or a newer browser or runtime.',
    );
  }
  const reason = await refusal();
  if (reason === null) return tables;
  throw new Error(
    `This host refuses to compile WebAssembly: ${reason}. If the page has a Content-Security-Policy, ` +
      "add 'wasm-unsafe-eval' to its script-src, or use the js backend.",
  );
}

function validates(module: Uint8Array<ArrayBuffer>): boolean {
  return typeof WebAssembly === 'object' && WebAssembly.validate(module);
}

/** Why nothing can be compiled, as under a policy that forbids it, which validation does not notice. */
async function refusal(): Promise<string | null> {
  try {
    await WebAssembly.compile(SIMD128_MODULE);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
