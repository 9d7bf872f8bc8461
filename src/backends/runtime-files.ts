/** The host code that artifacts carry: the compiled files of `src/runtime`, as they are. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Target } from '../loops/program.ts';

/** `definition.mts` holds types alone, so nothing imports it at run time. */
const COMMON = ['load.mjs', 'inputs.mjs', 'outputs.mjs', 'assets.mjs', 'weights.mjs'];

const WASM = ['wasm.mjs', 'wasm-features.mjs', 'wasm-threads.mjs', 'wasm-worker.mjs'];

const BY_TARGET: { readonly [T in Target]: readonly string[] } = {
  js: ['js.mjs'],
  wasm: WASM,
  'wasm-relaxed': WASM,
  wgsl: ['webgpu.mjs', 'webgpu-device.mjs', 'webgpu-memory.mjs'],
};

/** Beside this file in the built package; in `dist` where the sources themselves run. */
const FOLDERS = ['../runtime/', '../../dist/runtime/'];

/** The runtime's files for some targets, by path in the artifact. */
export async function runtimeFiles(
  targets: readonly Target[],
): Promise<ReadonlyMap<string, string>> {
  const own = new Set(targets.flatMap((target) => BY_TARGET[target]));
  const names = [...COMMON, ...own];
  const texts = await Promise.all(names.map((name) => readFile(locate(name), 'utf8')));
  return new Map(names.map((name, i) => [`runtime/${name}`, texts[i] ?? ''] as const));
}

function locate(name: string): URL {
  const urls = FOLDERS.map((folder) => new URL(`${folder}${name}`, import.meta.url));
  const found = urls.find((url) => existsSync(url));
  if (found === undefined) throw new Error(`the runtime's ${name} is not built: run npm run build`);
  return found;
}
