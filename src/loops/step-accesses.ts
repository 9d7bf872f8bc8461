/** Which program buffers a step reads and writes, through the parameters of its kernel. */
import type { Program, Step } from './program.ts';

export interface Access {
  /** The program buffer. */
  readonly value: string;
  readonly access: 'read' | 'write';
}

/** One list of accesses a step, in the order of the kernel's parameters. */
export function stepAccesses(program: Program): readonly (readonly Access[])[] {
  const kernels = new Map(program.kernels.map((kernel) => [kernel.name, kernel]));
  return program.steps.map((step) => {
    const kernel = kernels.get(step.kernel);
    if (kernel === undefined) throw new Error(`no kernel is named ${step.kernel}`);
    if (kernel.buffers.length !== step.arguments.length) throw new Error(mismatch(step, kernel));
    return step.arguments.map((value, i) => ({
      value,
      access: kernel.buffers[i]?.access ?? 'read',
    }));
  });
}

function mismatch(step: Step, kernel: Program['kernels'][number]): string {
  return (
    `${kernel.name} has ${kernel.buffers.length} buffer parameters, and a step gives it ` +
    `${step.arguments.length} arguments`
  );
}
