/**
 * The verifier of programs. A program that passes fulfils, beside `verify.ts` for every kernel:
 *
 * - program_v1: kernel, symbol and buffer names are unique; every weight, input and output names a
 *   buffer of that role and type; every weight buffer has its numbers.
 * - program_v2: every step names a kernel and passes one buffer a parameter, of the same type and
 *   surely large enough; the kernel's symbols are the program's.
 * - program_v3: no step passes a buffer it writes twice (WebGPU forbids it, and no kernel expects it).
 * - program_v4: a step writes intermediates and outputs only, and reads only what an input, a weight
 *   or an earlier step gives; every output is written.
 * - program_v5: an exact program is for js or wasm, and has no multiply_add, whose rounding is the
 *   target's choice.
 */
import { EncompileError } from '../errors.ts';
import { isAtLeast, symbolsOf } from '../ir/dims.ts';
import type { Kernel } from './nodes.ts';
import type { Program, ProgramBuffer, Step } from './program.ts';
import { type VerifiedKernel, type VerifyLimits, verifyKernel } from './verify.ts';

declare const verified: unique symbol;
/** A program that `verifyProgram` accepted. */
export type VerifiedProgram = Program & {
  readonly kernels: readonly VerifiedKernel[];
  readonly [verified]: true;
};

/** Checks the program and each kernel. Throws an EncompileError that names place and label. */
export function verifyProgram(program: Program, limits: VerifyLimits = {}): VerifiedProgram {
  for (const kernel of program.kernels) verifyKernel(kernel, limits);
  checkNames(program);
  if (program.exact) checkExact(program);
  const kernels = new Map(program.kernels.map((kernel) => [kernel.name, kernel]));
  const buffers = new Map(program.buffers.map((buffer) => [buffer.name, buffer]));
  checkRoles(program, buffers);
  const given = new Set(program.buffers.filter(isGiven).map(({ name }) => name));
  program.steps.forEach((step, i) => {
    const kernel = kernels.get(step.kernel);
    const where = `step ${i} (${step.provenance.node})`;
    if (kernel === undefined) fail(program, 'v2', `${where} calls no kernel: '${step.kernel}'`);
    checkStep(program, buffers, step, kernel, `${where}, kernel '${kernel.name}'`, given);
  });
  for (const { buffer } of program.outputs) {
    if (!given.has(buffer)) fail(program, 'v4', `no step writes the output '${buffer}'`);
  }
  return program as VerifiedProgram;
}

function checkNames(program: Program): void {
  const lists = {
    kernel: program.kernels.map(({ name }) => name),
    symbol: program.symbols,
    buffer: program.buffers.map(({ name }) => name),
    weight: program.weights.map(({ buffer }) => buffer),
  };
  for (const [what, names] of Object.entries(lists)) {
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) fail(program, 'v1', `there are two ${what}s '${twice}'`);
  }
  for (const { name, size } of program.buffers) {
    const unknown = symbolsOf(size).find((symbol) => !program.symbols.includes(symbol));
    if (unknown !== undefined) {
      fail(program, 'v1', `the size of '${name}' uses '${unknown}', which is no symbol`);
    }
  }
}

function checkExact(program: Program): void {
  const { target, kernels } = program;
  if (target !== 'js' && target !== 'wasm') fail(program, 'v5', `${target} cannot be exact`);
  const fusing = kernels.find(({ body }) => JSON.stringify(body).includes('"multiply_add"'));
  if (fusing !== undefined) fail(program, 'v5', `'${fusing.name}' has a multiply_add`);
}

type Buffers = ReadonlyMap<string, ProgramBuffer>;

function checkRoles(program: Program, buffers: Buffers): void {
  const check = (name: string, role: ProgramBuffer['role'], type?: string, size?: number) => {
    const buffer = buffers.get(name);
    if (buffer?.role !== role) fail(program, 'v1', `'${name}' is no buffer of the role ${role}`);
    if (type !== undefined && (buffer.type !== type || buffer.size !== size)) {
      fail(program, 'v1', `the numbers of '${name}' are not ${buffer.type}[${buffer.size}]`);
    }
  };
  for (const { buffer } of program.inputs) check(buffer, 'input');
  for (const { buffer } of program.outputs) check(buffer, 'output');
  for (const { buffer, type, size } of program.weights) check(buffer, 'weight', type, size);
  const held = new Set(program.weights.map(({ buffer }) => buffer));
  for (const { name, role } of program.buffers) {
    if (role === 'weight' && !held.has(name)) fail(program, 'v1', `'${name}' has no numbers`);
  }
}

function checkStep(
  program: Program,
  buffers: Buffers,
  step: Step,
  kernel: Kernel,
  where: string,
  given: Set<string>,
): void {
  if (step.arguments.length !== kernel.buffers.length) {
    const counts = `${step.arguments.length} buffers for ${kernel.buffers.length} parameters`;
    fail(program, 'v2', `${where}: ${counts}`);
  }
  const unknown = kernel.symbols.find((symbol) => !program.symbols.includes(symbol));
  if (unknown !== undefined) fail(program, 'v2', `${where}: the program has no '${unknown}'`);
  kernel.buffers.forEach(({ name, type, size, access }, i) => {
    const argument = step.arguments[i] ?? '';
    const buffer = buffers.get(argument);
    const passed = `${where}: '${argument}', passed as '${name}',`;
    if (buffer === undefined) fail(program, 'v2', `${passed} is no buffer`);
    if (buffer.type !== type || !isAtLeast(buffer.size, size)) {
      const shown = `${buffer.type}[${buffer.size}], not surely a ${type}[${size}]`;
      fail(program, 'v2', `${passed} is ${shown}`);
    }
    if (access === 'read') {
      if (!given.has(argument)) fail(program, 'v4', `${passed} is read before a step writes it`);
      return;
    }
    if (isGiven(buffer)) fail(program, 'v4', `${passed} is written, but is ${buffer.role}`);
    if (step.arguments.indexOf(argument) !== step.arguments.lastIndexOf(argument)) {
      fail(program, 'v3', `${passed} is written, and passed twice`);
    }
  });
  kernel.buffers.forEach(({ access }, i) => {
    if (access === 'write') given.add(step.arguments[i] ?? '');
  });
}

function isGiven({ role }: ProgramBuffer): boolean {
  return role === 'input' || role === 'weight';
}

function fail(program: Program, label: 'v1' | 'v2' | 'v3' | 'v4' | 'v5', found: string): never {
  throw new EncompileError(`Program '${program.name}', ${found} (program_${label}).`);
}
