/**
 * Scratch memory: the allocs of a kernel stand one after another from the address in the global
 * `scratch`, each at a multiple of 16 bytes. Kernels run one after another and share it.
 */
import type { Kernel, Statement } from '../../loops/nodes.ts';
import type { Program } from '../../loops/program.ts';

type Alloc = Extract<Statement, { tag: 'alloc' }>;

const ALIGNMENT = 16;

/** Bytes of scratch memory that the most demanding kernel needs. */
export function scratchBytes(program: Program): number {
  return Math.max(0, ...program.kernels.map((kernel) => scratchLayout(kernel).bytes));
}

/** Where each scratch alloc starts, in bytes from the first. */
export function scratchLayout(kernel: Kernel): {
  readonly bytes: number;
  readonly starts: ReadonlyMap<Alloc, number>;
} {
  const starts = new Map<Alloc, number>();
  let bytes = 0;
  const visit = (statement: Statement): void => {
    if (statement.tag === 'alloc' && statement.space === 'scratch') {
      starts.set(statement, bytes);
      bytes += Math.ceil((4 * statement.size) / ALIGNMENT) * ALIGNMENT;
    }
    if (statement.tag === 'for') statement.body.forEach(visit);
    if (statement.tag === 'if') [...statement.then, ...statement.otherwise].forEach(visit);
  };
  kernel.body.forEach(visit);
  return { bytes, starts };
}
