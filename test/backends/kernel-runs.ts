/** Runs one kernel by its printed text, as the emulator would run it, for tests that compare the two. */
import type { NodeGpu } from '../../src/check/webgpu-node.ts';
import { runKernel } from '../../src/emulator/run.ts';
import { evaluateDim } from '../../src/ir/dims.ts';
import type { Kernel } from '../../src/loops/nodes.ts';
import type { Target } from '../../src/loops/program.ts';
import { type VerifiedProgram, verifyProgram } from '../../src/loops/verify-program.ts';
import { artifactFolder } from './artifact-folder.ts';
import { buffer, emptyProgram, io, step } from './programs.ts';

export type Numbers = Float32Array | Int32Array;
export type Sizes = Readonly<Record<string, number>>;

/** A program of one step; an input called `size` of the symbols' sizes tells them. */
export function oneStep(kernel: Kernel, target: Target): VerifiedProgram {
  const role = { read: 'input', write: 'output' } as const;
  const list = (access: 'read' | 'write') =>
    kernel.buffers
      .filter((parameter) => parameter.access === access)
      .map(({ name, type, size }) => io(name, type, [size], name));
  return verifyProgram({
    ...emptyProgram([kernel], target),
    inputs: [...list('read'), io('size', 'bool', kernel.symbols, 'size')],
    outputs: list('write'),
    buffers: [
      ...kernel.buffers.map(({ name, access, type, size }) =>
        buffer(name, role[access], type, [size]),
      ),
      buffer('size', 'input', 'bool', kernel.symbols),
    ],
    steps: [step(kernel.name, ...kernel.buffers.map(({ name }) => name))],
  });
}

export async function runPrinted(
  kernel: Kernel,
  target: Target,
  inputs: Readonly<Record<string, Numbers>>,
  sizes: Sizes,
  node: NodeGpu,
): Promise<Readonly<Record<string, readonly number[]>>> {
  const folder = await artifactFolder([oneStep(kernel, target)]);
  const backend = target === 'js' ? 'js' : 'webgpu';
  const model = await folder.load({ backend, gpu: node.gpu });
  const shape = kernel.symbols.map((symbol) => sizes[symbol] ?? 0);
  const count = shape.reduce((product, size) => product * size, 1);
  const tensors = Object.entries(inputs).map(
    ([name, data]) => [name, { data, shape: [data.length] }] as const,
  );
  const size = ['size', { data: new Uint8Array(count), shape }] as const;
  const outputs = await model.run(Object.fromEntries([...tensors, size]));
  model.dispose();
  await folder.remove();
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { data }]) => [name, Array.from(data, Number)]),
  );
}

/** What the emulator computes; a fault of the kernel is an error here. */
export function emulate(
  kernel: Kernel,
  target: Target,
  inputs: Readonly<Record<string, Numbers>>,
  sizes: Sizes,
): Readonly<Record<string, readonly number[]>> {
  const outputs = Object.fromEntries(
    kernel.buffers
      .filter(({ access }) => access === 'write')
      .map(({ name, type, size }) => {
        const count = evaluateDim(size, sizes);
        return [name, type === 'f32' ? new Float32Array(count) : new Int32Array(count)] as const;
      }),
  );
  const precision = target === 'js' ? 'f64' : 'f32';
  const buffers = { ...inputs, ...outputs };
  const [fault] = runKernel(kernel, { symbols: sizes, buffers, precision });
  if (fault !== undefined) throw new Error(fault.message);
  return Object.fromEntries(
    Object.entries(outputs).map(([name, data]) => [name, Array.from(data)]),
  );
}
