/** Node 20 has relaxed SIMD behind a flag of V8; tests turn it on, as both WebAssembly programs run in them. */
import { setFlagsFromString } from 'node:v8';
import { hasRelaxedSimd } from '../../src/runtime/wasm-features.mts';

if (!hasRelaxedSimd()) {
  setFlagsFromString('--experimental-wasm-relaxed-simd');
  // Its baseline compiler adds the wrong register in relaxed_dot where the sum is no local.
  setFlagsFromString('--no-liftoff');
}
