/**
 * Runs printed WebAssembly as a host does, without the artifact around it: buffers in a memory, their
 * addresses in the table, and one call of `run`.
 */
import {
  assembleWat,
  LOWEST_ADDRESS,
  scratchBytes,
  wasmBackend,
  wasmRelaxedBackend,
} from '../../src/backends/wasm/module.ts';
import { runProgram } from '../../src/emulator/run-program.ts';
import { evaluateDim } from '../../src/ir/dims.ts';
import type { VerifiedProgram } from '../../src/loops/verify-program.ts';
import type { Numbers, Sizes } from './kernel-runs.ts';

const PAGE = 65_536;
const BACKENDS = { wasm: wasmBackend, 'wasm-relaxed': wasmRelaxedBackend };

export type WasmTarget = keyof typeof BACKENDS;

export function printWat(program: VerifiedProgram, target: WasmTarget = 'wasm'): string {
  return BACKENDS[target].print(program).text;
}

export interface WasmRun {
  /** By output name. */
  readonly outputs: Readonly<Record<string, Numbers>>;
  readonly text: string;
}

/** Every byte that no input fills starts as NaN, so that what is not written shows. */
export async function runWasm(
  program: VerifiedProgram,
  inputs: Readonly<Record<string, Numbers>>,
  sizes: Sizes,
  target: WasmTarget = 'wasm',
): Promise<WasmRun> {
  const text = printWat(program, target);
  const binary = await assembleWat(text, `${program.name}.wat`);
  const elements = program.buffers.map(({ size }) => evaluateDim(size, sizes));
  let end = LOWEST_ADDRESS;
  const addresses = elements.map((count) => {
    const start = end;
    end += Math.ceil((4 * count) / 64) * 64;
    return start;
  });
  const scratch = end;
  // The kernels may not touch what follows their memory.
  const pages = Math.ceil((scratch + scratchBytes(program)) / PAGE);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: 65_536 });
  new Uint8Array(memory.buffer).fill(0xff);
  const table = [...program.symbols.map((symbol) => sizes[symbol] ?? 0), ...addresses];
  new Int32Array(memory.buffer).set(table, 16);
  const views = program.buffers.map(({ name, role, type }, i) => {
    const Elements = type === 'f32' ? Float32Array : Int32Array;
    const view = new Elements(memory.buffer, addresses[i], elements[i]);
    const input = program.inputs.find(({ buffer }) => buffer === name);
    const weight = program.weights.find(({ buffer }) => buffer === name);
    if (role === 'input') view.set(inputs[input?.name ?? ''] ?? []);
    if (role === 'weight') view.set(weight?.data() ?? []);
    return [name, view] as const;
  });
  const { instance } = await WebAssembly.instantiate(binary, { host: { memory } });
  const exported = instance.exports as unknown as {
    readonly table: WebAssembly.Global;
    readonly scratch: WebAssembly.Global;
    readonly run: () => void;
  };
  exported.table.value = 64;
  exported.scratch.value = scratch;
  exported.run();
  const byName = new Map(views);
  const outputs = program.outputs.map(
    ({ name, buffer }) => [name, byName.get(buffer) ?? new Float32Array(0)] as const,
  );
  return { outputs: Object.fromEntries(outputs), text };
}

/** What the emulator computes with every result rounded; a fault of a kernel is an error here. */
export function emulateProgram(
  program: VerifiedProgram,
  inputs: Readonly<Record<string, Numbers>>,
  sizes: Sizes,
): Readonly<Record<string, Numbers>> {
  const { outputs, faults } = runProgram(program, { symbols: sizes, inputs, precision: 'f32' });
  const [fault] = faults;
  if (fault !== undefined) throw new Error(fault.message);
  return outputs;
}
