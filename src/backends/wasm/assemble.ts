/** WebAssembly text to the binary that engines load. */
import type wabt from 'wabt';

/** What the text may use beyond the first version of WebAssembly. */
const FEATURES = { simd: true, relaxed_simd: true, threads: true, bulk_memory: true };

type Wabt = Awaited<ReturnType<typeof wabt>>;
let loading: Promise<Wabt> | null = null;

/**
 * Assembles a module; `path` names the text in messages.
 *
 * @throws Error where the text is no valid module, which is a fault of the printer
 */
export async function assembleWat(text: string, path: string): Promise<Uint8Array<ArrayBuffer>> {
  loading ??= import('wabt').then(({ default: load }) => load());
  const assembler = await loading;
  // Bytes, as the assembler would take each character of a string for one.
  const module = assembler.parseWat(path, new TextEncoder().encode(text), FEATURES);
  try {
    module.resolveNames();
    module.validate();
    return module.toBinary({}).buffer.slice();
  } finally {
    module.destroy();
  }
}
