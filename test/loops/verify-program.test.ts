/** Each invariant of programs: a program that breaks it is refused by its label. */
import { describe, expect, it } from 'vitest';
import { type Kernel, load, loop, store } from '../../src/loops/nodes.ts';
import type { Program, ProgramBuffer, Step } from '../../src/loops/program.ts';
import { verifyProgram } from '../../src/loops/verify-program.ts';

const copy: Kernel = {
  name: 'copy',
  summary: [],
  symbols: ['n'],
  buffers: [
    { name: 'x', type: 'f32', access: 'read', size: 'n' },
    { name: 'y', type: 'f32', access: 'write', size: 'n' },
  ],
  body: [loop('parallel', 'i', 'n', [store('y', 'i', load('x', 'i'))])],
};

function step(...args: readonly string[]): Step {
  const provenance = { node: 'c', ops: [], names: [], location: null, flops: 0, bytes: 0 };
  return { kernel: 'copy', arguments: args, provenance };
}

function buffer(name: string, role: ProgramBuffer['role'], size: number | string = 'n') {
  return { name, role, type: 'f32', size, tensor: { dtype: 'f32', shape: [size] } } as const;
}

const io = (name: string, target = name) =>
  ({ name, dtype: 'f32', shape: ['n'], buffer: target }) as const;

/** in -> middle -> out, with the steps and parts that a case replaces. */
function program(parts: Partial<Program> = {}): Program {
  return {
    name: 'p',
    target: 'js',
    symbols: ['n'],
    inputs: [io('in')],
    outputs: [io('out')],
    buffers: [
      buffer('in', 'input'),
      buffer('w', 'weight', 4),
      buffer('middle', 'intermediate'),
      buffer('out', 'output'),
    ],
    weights: [{ buffer: 'w', layout: 'rows', type: 'f32', size: 4, data: () => null }],
    kernels: [copy],
    steps: [step('in', 'middle'), step('middle', 'out')],
    ...parts,
  };
}

const { buffers, weights } = program();

it('accepts a chain, and gives it back', () => {
  const chain = program();
  expect(verifyProgram(chain)).toBe(chain);
});

it('accepts buffers that are larger, and padding', () => {
  const padded = buffers.map((b) => (b.name === 'middle' ? { ...b, size: 'n+3' } : b));
  expect(() => verifyProgram(program({ buffers: padded }))).not.toThrow();
});

it('checks each kernel', () => {
  const broken = { ...copy, body: [store('x', 0, load('y', 0))] };
  expect(() => verifyProgram(program({ kernels: [broken] }))).toThrow('loops_v5');
});

describe('refuses', () => {
  it.each<[label: string, what: string, parts: Partial<Program>, message: string]>([
    ['v1', 'two kernels of a name', { kernels: [copy, copy] }, "two kernels 'copy'"],
    [
      'v1',
      'two buffers of a name',
      { buffers: [...buffers, buffer('in', 'input')] },
      "buffers 'in'",
    ],
    [
      'v1',
      'a size over an unknown symbol',
      { buffers: [...buffers, buffer('z', 'input', 'm')] },
      "'m'",
    ],
    ['v1', 'an input that is no input buffer', { inputs: [io('in', 'middle')] }, "'middle'"],
    ['v1', 'an output that is no output buffer', { outputs: [io('out', 'middle')] }, "'middle'"],
    ['v1', 'a weight without numbers', { weights: [] }, "'w' has no numbers"],
    ['v1', 'a weight of another size', { weights: weights.map((w) => ({ ...w, size: 5 })) }, "'w'"],
    ['v2', 'a step that calls nothing', { kernels: [] }, 'step 0 (c) calls no kernel'],
    ['v2', 'a step with a buffer too few', { steps: [step('in')] }, '1 buffers for 2 parameters'],
    ['v2', 'an unknown buffer', { steps: [step('in', 'z')] }, "'z', passed as 'y', is no buffer"],
    ['v2', 'a buffer that may be too small', { steps: [step('w', 'out')] }, "'w', passed as 'x'"],
    [
      'v2',
      'a buffer of another type',
      { buffers: buffers.map((b) => (b.name === 'in' ? { ...b, type: 'i32' } : b)) },
      'i32[n], not surely a f32[n]',
    ],
    [
      'v2',
      'a kernel symbol that is not the program’s',
      { kernels: [{ ...copy, symbols: ['n', 'm'] }] },
      "the program has no 'm'",
    ],
    [
      'v3',
      'a buffer read and written in one step',
      { steps: [step('in', 'middle'), step('middle', 'middle'), step('middle', 'out')] },
      "'middle', passed as 'y', is written, and passed twice",
    ],
    ['v4', 'a read of what no step wrote', { steps: [step('middle', 'out')] }, "'middle'"],
    [
      'v4',
      'a write to an input',
      { steps: [step('in', 'out'), step('out', 'in')] },
      'but is input',
    ],
    ['v4', 'an output that no step writes', { steps: [step('in', 'middle')] }, "output 'out'"],
  ])('program_%s: %s', (label, _, parts, message) => {
    const call = () => verifyProgram(program(parts));
    expect(call).toThrow(message);
    expect(call).toThrow(`(program_${label})`);
  });
});
