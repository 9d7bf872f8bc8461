/**
 * Runs all steps of a program on the emulator, every buffer in memory of its own. What a step reads
 * must be written by a step before it, element by element.
 */
import { evaluateDim } from '../ir/dims.ts';
import { withCounts } from '../ir/symbol-counts.ts';
import { ownMemory, type Program, type ProgramBuffer, type Step } from '../loops/program.ts';
import type { Fault } from './faults.ts';
import { type Numbers, runKernel } from './run.ts';
import type { Precision } from './unit.ts';

export interface ProgramRunOptions {
  /** Those that shapes tell; counted ones are counted in the inputs. */
  readonly symbols: Readonly<Record<string, number>>;
  /** By input name, as the program's input buffers hold them. */
  readonly inputs: Readonly<Record<string, Numbers>>;
  readonly precision?: Precision;
  /** Statements of one step whose faults are kept; 100. */
  readonly maxFaults?: number;
  readonly onFault?: (fault: Fault, step: Step) => void;
  /** Called after each step, with the program's buffers by name. */
  readonly onStep?: (step: Step, buffers: ReadonlyMap<string, Numbers>) => void;
}

export interface ProgramRun {
  /** By output name. */
  readonly outputs: Readonly<Record<string, Numbers>>;
  readonly buffers: ReadonlyMap<string, Numbers>;
  readonly faults: readonly Fault[];
}

/** How a program's backend computes: JS rounds where it stores, unless the program is exact. */
export function precisionOf({ target, exact }: Program): Precision {
  return target === 'js' && exact !== true ? 'f64' : 'f32';
}

/** Throws where an input or a weight's numbers are missing or have a wrong type or size. */
export function runProgram(program: Program, options: ProgramRunOptions): ProgramRun {
  const { onFault, onStep, precision = 'f32', maxFaults = 100 } = options;
  const numbersOf = (name: string) => options.inputs[name] ?? [];
  const symbols = withCounts(program.counts ?? [], options.symbols, numbersOf);
  const buffers = new Map<string, Numbers>();
  const written = new Map<string, Uint8Array>();
  for (const buffer of program.buffers) {
    const data = initialNumbers(program, buffer, { ...options, symbols });
    buffers.set(buffer.name, data);
    const isGiven = buffer.role === 'input' || buffer.role === 'weight';
    if (!isGiven) written.set(buffer.name, new Uint8Array(data.length));
  }
  const own = ownMemory(program);
  const faults = program.steps.flatMap((step, i) => {
    const kernel = program.kernels.find(({ name }) => name === step.kernel);
    if (kernel === undefined) throw new Error(`there is no kernel '${step.kernel}'`);
    const parameters = kernel.buffers.map(
      ({ name }, n) => [name, step.arguments[n] ?? ''] as const,
    );
    const laterWrites = program.steps.slice(i + 1).flatMap((s) => writtenBy(program, s));
    const later = new Set([...laterWrites, ...own]);
    const found = runKernel(kernel, {
      symbols,
      precision,
      maxFaults,
      buffers: select(parameters, buffers),
      written: select(parameters, written),
      partial: new Set(parameters.flatMap(([name, buffer]) => (later.has(buffer) ? [name] : []))),
      ...(onFault === undefined ? {} : { onFault: (fault) => onFault(fault, step) }),
    });
    // A complete buffer needs no shadow when it is read.
    for (const [, buffer] of parameters) {
      if (!later.has(buffer) && written.get(buffer)?.every((w) => w === 1)) written.delete(buffer);
    }
    onStep?.(step, buffers);
    return found;
  });
  const outputs = program.outputs.map(({ name, buffer }) => {
    return [name, buffers.get(buffer) ?? new Float32Array(0)] as const;
  });
  return { outputs: Object.fromEntries(outputs), buffers, faults };
}

function initialNumbers(
  program: Program,
  { name, role, type, size }: ProgramBuffer,
  { symbols, inputs }: ProgramRunOptions,
): Numbers {
  const elements = evaluateDim(size, symbols);
  const input = program.inputs.find(({ buffer }) => buffer === name);
  const weight = program.weights.find(({ buffer }) => buffer === name);
  let data: Numbers | null | undefined;
  if (role === 'input') data = inputs[input?.name ?? ''];
  else if (role === 'weight') data = weight?.data();
  else data = type === 'f32' ? new Float32Array(elements) : new Int32Array(elements);
  if (data == null) throw new Error(`the ${role} '${name}' has no numbers`);
  const holds = data instanceof Float32Array ? 'f32' : 'i32';
  if (holds !== type || data.length !== elements) {
    throw new Error(
      `the ${role} '${name}' is ${type}[${elements}], but got ${holds}[${data.length}]`,
    );
  }
  return data;
}

function writtenBy(program: Program, step: Step): readonly string[] {
  const kernel = program.kernels.find(({ name }) => name === step.kernel);
  return step.arguments.filter((_, i) => kernel?.buffers[i]?.access === 'write');
}

function select<T>(
  parameters: readonly (readonly [name: string, buffer: string])[],
  from: ReadonlyMap<string, T>,
): Record<string, T> {
  const found: Record<string, T> = {};
  for (const [name, buffer] of parameters) {
    const value = from.get(buffer);
    if (value !== undefined) found[name] = value;
  }
  return found;
}
