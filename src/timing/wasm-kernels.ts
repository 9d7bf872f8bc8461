/** Times WebAssembly kernels one by one, in the order of the program and on its memory plan. */
import { ALIGNMENT, growTo, openWasmKernels } from '../wasm-kernels.ts';
import { kernelMemory, type TimedProgram } from './kernel-memory.ts';
import { measureRounds, medians, type RoundOptions } from './rounds.ts';

/** The median milliseconds of each step. */
export async function timeWasmKernels(
  timed: TimedProgram,
  options?: RoundOptions,
): Promise<readonly number[]> {
  const calls = await prepareCalls(timed);
  const rounds = await measureRounds(() => {
    return calls.map((call) => {
      const start = performance.now();
      call();
      return performance.now() - start;
    });
  }, options);
  return medians(rounds);
}

async function prepareCalls(timed: TimedProgram): Promise<readonly (() => void)[]> {
  const { program, sizes } = timed;
  const { memory, start, kernels } = await openWasmKernels(program);
  const { blocks, blockOf } = kernelMemory(timed);
  const addresses = new Map<string, number>();
  let end = start;
  for (const { key, elements } of blocks) {
    const at = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    addresses.set(key, at);
    end = at + 4 * elements;
  }
  growTo(memory, end);
  for (const { key, content } of blocks) {
    if (content === null) continue;
    const bytes = new Uint8Array(content.buffer, content.byteOffset, content.byteLength);
    new Uint8Array(memory.buffer).set(bytes, addresses.get(key));
  }
  const symbols = new Map(program.kernels.map((kernel) => [kernel.name, kernel.symbols]));
  return program.steps.map((step) => {
    const run = kernels.get(step.kernel);
    if (run === undefined) throw new Error(`the module has no kernel ${step.kernel}`);
    const args = [
      ...step.arguments.map((buffer) => addresses.get(blockOf(buffer)) ?? 0),
      ...(symbols.get(step.kernel) ?? []).map((symbol) => sizes[symbol] ?? 0),
    ];
    return () => run(...args);
  });
}
