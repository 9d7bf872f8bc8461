/** Times emitted JS kernels one by one, in the order of the program and on its memory plan. */
import type { KernelSource } from '../backends/backend.ts';
import { type Block, kernelMemory, type Numbers, type TimedProgram } from './kernel-memory.ts';
import { measureRounds, medians, type RoundOptions } from './rounds.ts';

type KernelFunction = (...args: readonly (Numbers | number)[]) => void;

/**
 * The median milliseconds of each step.
 *
 * @param module the imported text of `source`
 */
export async function timeJsKernels(
  timed: TimedProgram,
  source: KernelSource,
  module: Readonly<Record<string, unknown>>,
  options?: RoundOptions,
): Promise<readonly number[]> {
  const calls = prepareCalls(timed, source, module);
  const rounds = await measureRounds(() => {
    return calls.map((call) => {
      const start = performance.now();
      call();
      return performance.now() - start;
    });
  }, options);
  return medians(rounds);
}

function prepareCalls(
  timed: TimedProgram,
  source: KernelSource,
  module: Readonly<Record<string, unknown>>,
): readonly (() => void)[] {
  const { program, sizes } = timed;
  const memory = kernelMemory(timed);
  const blocks = new Map(memory.blocks.map((block) => [block.key, allocate(block)]));
  const kernels = new Map(program.kernels.map((kernel) => [kernel.name, kernel]));
  const entries = new Map(source.kernels.map(({ name, entry }) => [name, entry]));
  return program.steps.map((step) => {
    const run = module[entries.get(step.kernel) ?? ''];
    if (typeof run !== 'function') throw new Error(`the module has no kernel ${step.kernel}`);
    const arrays = step.arguments.map((buffer) => {
      const block = blocks.get(memory.blockOf(buffer));
      if (block === undefined) throw new Error(`${buffer} has no memory`);
      return memory.typeOf(buffer) === 'f32' ? new Float32Array(block) : new Int32Array(block);
    });
    const symbols = kernels.get(step.kernel)?.symbols.map((symbol) => sizes[symbol] ?? 0) ?? [];
    const args = [...arrays, ...symbols];
    return () => (run as KernelFunction)(...args);
  });
}

function allocate({ elements, content }: Block): ArrayBuffer {
  const memory = new ArrayBuffer(4 * elements);
  if (content !== null) {
    const bytes = new Uint8Array(content.buffer, content.byteOffset, content.byteLength);
    new Uint8Array(memory).set(bytes);
  }
  return memory;
}
