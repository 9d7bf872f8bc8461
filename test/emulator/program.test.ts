/** A program's steps share buffers; what one leaves unwritten, the next must not read. */
import { expect, it } from 'vitest';
import { runProgram } from '../../src/emulator/run-program.ts';
import { addOf, type Kernel, load, loop, multiplyOf, store } from '../../src/loops/nodes.ts';
import type { Program, ProgramBuffer, Step } from '../../src/loops/program.ts';
import { verifyProgram } from '../../src/loops/verify-program.ts';

const provenance = (node: string) => ({
  node,
  ops: [],
  names: [],
  location: null,
  flops: 0,
  bytes: 0,
});
const step = (kernel: string, ...args: readonly string[]): Step => ({
  kernel,
  arguments: args,
  provenance: provenance(kernel),
});
const buffer = (name: string, role: ProgramBuffer['role'], size: number | string) => ({
  name,
  role,
  type: 'f32' as const,
  size,
  tensor: { dtype: 'f32' as const, shape: [size] },
});

const scale: Kernel = {
  name: 'scale',
  summary: [],
  symbols: ['n'],
  buffers: [
    { name: 'x', type: 'f32', access: 'read', size: 'n' },
    { name: 'w', type: 'f32', access: 'read', size: 1 },
    { name: 'y', type: 'f32', access: 'write', size: 'n' },
  ],
  body: [loop('parallel', 'i', 'n', [store('y', 'i', multiplyOf(load('x', 'i'), load('w', 0)))])],
};

function sum(count: string): Kernel {
  return {
    name: 'sum',
    summary: [],
    symbols: ['n'],
    buffers: [
      { name: 'a', type: 'f32', access: 'read', size: 'n' },
      { name: 'b', type: 'f32', access: 'read', size: 'n' },
      { name: 'y', type: 'f32', access: 'write', size: 'n' },
    ],
    body: [loop('parallel', 'i', count, [store('y', 'i', addOf(load('a', 'i'), load('b', 'i')))])],
  };
}

/** out = 2 * (2 * x + x). */
function program(count = 'n', extra: readonly Step[] = []): Program {
  return {
    name: 'p',
    target: 'js',
    symbols: ['n'],
    inputs: [{ name: 'x', dtype: 'f32', shape: ['n'], buffer: 'in:x' }],
    outputs: [{ name: 'out', dtype: 'f32', shape: ['n'], buffer: 'out:out' }],
    buffers: [
      buffer('in:x', 'input', 'n'),
      buffer('w', 'weight', 1),
      buffer('twice', 'intermediate', 'n'),
      buffer('thrice', 'intermediate', 'n'),
      buffer('out:out', 'output', 'n'),
    ],
    weights: [
      { buffer: 'w', layout: 'rows', type: 'f32', size: 1, data: () => Float32Array.of(2) },
    ],
    kernels: [scale, sum(count)],
    steps: [
      step('scale', 'in:x', 'w', 'twice'),
      step('sum', 'twice', 'in:x', 'thrice'),
      ...extra,
      step('scale', 'thrice', 'w', 'out:out'),
    ],
  };
}

const inputs = { x: Float32Array.of(1, 2, 3) };

it('runs step by step', () => {
  const steps: string[] = [];
  const { outputs, faults, buffers } = runProgram(verifyProgram(program()), {
    symbols: { n: 3 },
    inputs,
    onStep: ({ kernel }, all) => steps.push(`${kernel} ${all.get('twice')?.[2]}`),
  });
  expect(faults).toEqual([]);
  expect(outputs).toEqual({ out: Float32Array.of(6, 12, 18) });
  expect(buffers.get('thrice')).toEqual(Float32Array.of(3, 6, 9));
  expect(steps).toEqual(['scale 6', 'sum 6', 'scale 6']);
});

it('finds what a step leaves out, and who reads it', () => {
  const seen: string[] = [];
  const { faults } = runProgram(program('n-1'), {
    symbols: { n: 3 },
    inputs,
    onFault: ({ kind }, { kernel }) => seen.push(`${kernel}: ${kind}`),
  });
  expect(faults.map(({ kind, buffer: name, index }) => `${kind} ${name}[${index}]`)).toEqual([
    'unwritten-output y[2]',
    'unwritten-read x[2]',
  ]);
  expect(seen).toEqual(['sum: unwritten-output', 'scale: unwritten-read']);
});

it('lets a later step complete a buffer', () => {
  const again = [step('scale', 'in:x', 'w', 'thrice')];
  const { faults, outputs } = runProgram(program('n-1', again), { symbols: { n: 3 }, inputs });
  expect(faults).toEqual([]);
  expect(outputs).toEqual({ out: Float32Array.of(4, 8, 12) });
});

it('refuses inputs and weights that do not fit', () => {
  const call = (x: Float32Array | Int32Array) => () =>
    runProgram(program(), { symbols: { n: 3 }, inputs: { x } });
  expect(call(new Float32Array(2))).toThrow("the input 'in:x' is f32[3], but got f32[2]");
  expect(call(new Int32Array(3))).toThrow('got i32[3]');
  const unbound = { ...program(), weights: [] };
  expect(() => runProgram(unbound, { symbols: { n: 3 }, inputs })).toThrow("the weight 'w' has no");
});
