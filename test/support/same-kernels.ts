/**
 * Compares two programs kernel by kernel: the loop IR of each step, and which buffers it reads and
 * writes. What a name is does not count, only where it stands: buffers, variables and sizes are
 * numbered in the order in which they appear.
 */
import { printKernel } from '../../src/loops/print.ts';
import type { Program, Step } from '../../src/loops/program.ts';

/** One step of a program with every name replaced by its number. */
export interface StepForm {
  /** Of the step in its own program, for messages. */
  readonly kernel: string;
  readonly lines: readonly string[];
}

/** Two steps that stand at the same place and differ. */
export interface Difference {
  readonly kernels: readonly [string | null, string | null];
  /** The lines that one has and the other has not, `-` of the first, `+` of the second. */
  readonly lines: readonly string[];
}

export function stepForms(program: Program): readonly StepForm[] {
  const buffers = new Numbers('buffer');
  const symbols = new Numbers('size');
  return program.steps.map((step) => formOf(program, step, buffers, symbols));
}

/** Empty where the programs are the same but for names. */
export function kernelDifferences(a: Program, b: Program): readonly Difference[] {
  const [first, second] = [stepForms(a), stepForms(b)];
  const count = Math.max(first.length, second.length);
  return Array.from({ length: count }, (_, i) => differenceOf(first[i], second[i])).filter(
    ({ lines }) => lines.length > 0,
  );
}

function differenceOf(a: StepForm | undefined, b: StepForm | undefined): Difference {
  const without = (lines: readonly string[] = [], others: readonly string[] = []) =>
    lines.filter((line) => !others.includes(line));
  const isSame = a?.lines.join('\n') === b?.lines.join('\n');
  const [missing, more] = [without(a?.lines, b?.lines), without(b?.lines, a?.lines)];
  const lines = [
    ...missing.map((line) => `- ${line.trim()}`),
    ...more.map((line) => `+ ${line.trim()}`),
  ];
  const shown = !isSame && lines.length === 0 ? ['the order of the lines'] : lines;
  return { kernels: [a?.kernel ?? null, b?.kernel ?? null], lines: isSame ? [] : shown };
}

/** Names in the order of their first appearance. */
class Numbers {
  private readonly prefix: string;
  private readonly numbers = new Map<string, string>();

  constructor(prefix: string) {
    this.prefix = prefix;
  }

  of(name: string): string {
    const known = this.numbers.get(name) ?? `${this.prefix}${this.numbers.size}`;
    this.numbers.set(name, known);
    return known;
  }
}

function formOf(program: Program, step: Step, buffers: Numbers, symbols: Numbers): StepForm {
  const kernel = program.kernels.find(({ name }) => name === step.kernel);
  if (kernel === undefined) throw new Error(`there is no kernel ${step.kernel}`);
  const own = new Map<string, string>();
  for (const name of kernel.symbols) own.set(name, symbols.of(name));
  for (const [i, { name }] of kernel.buffers.entries()) own.set(name, `operand${i}`);
  const text = printKernel({ ...kernel, name: 'kernel', summary: [] });
  const locals = new Numbers('local');
  for (const [, name = ''] of text.matchAll(DEFINITION))
    own.set(name, own.get(name) ?? locals.of(name));
  const renamed = text.replace(IDENTIFIER, (name) => own.get(name) ?? name);
  const wiring = step.arguments.map((name) => buffers.of(name)).join(', ');
  return { kernel: step.kernel, lines: [`on ${wiring}`, ...renamed.split('\n')] };
}

/** Whatever gives a local its name: a let, a variable, an allocation, a loop. */
const DEFINITION =
  /\b(?:let|var|alloc \w+|for(?: (?:parallel|workgroup|invocation|unroll|vector|split))?) (\w+)(?= =|:| in )/g;
const IDENTIFIER = /\b[A-Za-z_]\w*\b/g;
