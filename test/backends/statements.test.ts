/** Each kind of statement and buffer, printed and run, agrees with the emulator. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsBackend } from '../../src/backends/js/module.ts';
import { wgslBackend } from '../../src/backends/wgsl/module.ts';
import { type NodeGpu, requestNodeDevice } from '../../src/check/webgpu-node.ts';
import { floorDivide, maximum, minimum } from '../../src/ir/dims.ts';
import {
  binary,
  cast,
  constant,
  index,
  type Kernel,
  lane,
  letOf,
  load,
  loop,
  read,
  type Statement,
  store,
  unary,
} from '../../src/loops/nodes.ts';
import type { Target } from '../../src/loops/program.ts';
import { emulate, oneStep, runPrinted } from './kernel-runs.ts';
import { parameter } from './programs.ts';

let node: NodeGpu;
beforeAll(async () => {
  node = await requestNodeDevice();
});
afterAll(() => node.release());

const FLOATS = Float32Array.from({ length: 64 }, (_, i) => ((i * 37) % 23) - 11);
const INTEGERS = Int32Array.from({ length: 64 }, (_, i) => ((i * 29) % 31) - 15);
const INPUTS = { x: FLOATS, ids: INTEGERS };

/** A kernel over x: f32[64] and ids: i32[64] that writes f32 and i32 elements. */
function kernelOf(
  body: readonly Statement[],
  floats: number | string = 64,
  integers: number | string = 64,
): Kernel {
  return {
    name: 'kernel',
    summary: ['a kernel of a test'],
    symbols: ['n'],
    buffers: [
      parameter('x', 'read', 64),
      parameter('ids', 'read', 64, 'i32'),
      parameter('out', 'write', floats),
      parameter('numbers', 'write', integers, 'i32'),
    ],
    body,
  };
}

const onInvocations = (count: number, body: readonly Statement[]): readonly Statement[] => [
  loop('workgroup', 'group', 1, [loop('invocation', 'i', count, body)]),
];
const fill = (count: number, at: string): Statement =>
  loop('serial', 'z', count, [store('numbers', `${at}z`, constant(7, 'i32'))]);

/** Bodies that need neither lanes nor workgroups, for both targets. */
const COMMON: Readonly<Record<string, Kernel>> = {
  'serial loops with a start, a step and a computed end': kernelOf([
    loop('serial', 'z', 64, [
      store('out', 'z', constant(0)),
      store('numbers', 'z', constant(-1, 'i32')),
    ]),
    loop(
      'serial',
      'a',
      minimum('n+3', 60),
      [
        loop('serial', 'b', maximum('a', 4), [store('out', 'a', index0('b'))], 0, 2),
        store('numbers', 'a', index(floorDivide('5*a+1', 3))),
      ],
      'n-1',
      3,
    ),
  ]),
  'divisions of indices that may be negative': kernelOf([
    loop('serial', 'a', 64, [
      store('numbers', 'a', index(floorDivide('a-9', 4))),
      store('out', 'a', cast('f32', index(floorDivide('n-2*a', 7)))),
    ]),
  ]),
  'branches, variables and data-dependent indices': kernelOf([
    { tag: 'variable', name: 'count', initial: constant(0, 'i32') },
    { tag: 'variable', name: 'seen', initial: constant(0, 'bool') },
    loop('serial', 'a', 64, [
      letOf('id', unary('abs', load('ids', 'a', 'i32'))),
      {
        tag: 'if',
        condition: binary('lt', load('x', 'id'), constant(0)),
        then: [
          {
            tag: 'set',
            name: 'count',
            value: binary('add', read('count', 'i32'), read('id', 'i32')),
          },
          { tag: 'set', name: 'seen', value: constant(1, 'bool') },
          store('out', 'a', load('x', 'id')),
        ],
        otherwise: [
          { tag: 'comment', text: 'two lines\nof a comment */ {' },
          store('out', 'a', cast('f32', read('seen', 'bool'))),
        ],
      },
      store('numbers', 'a', read('count', 'i32')),
    ]),
  ]),
  'registers and scratch memory made anew in every iteration': kernelOf([
    loop('serial', 'a', 64, [
      { tag: 'alloc', buffer: 'tile', type: 'f32', size: 3, space: 'register' },
      { tag: 'alloc', buffer: 'row', type: 'i32', size: 5, space: 'scratch' },
      ...[0, 1, 2].map((k) => store('tile', k, binary('mul', load('x', 'a'), constant(k)))),
      loop('serial', 'b', 5, [store('row', 'b', load('ids', `b+${7}`, 'i32'))]),
      store('out', 'a', binary('sub', load('tile', 2), load('tile', 1))),
      store('numbers', 'a', load('row', 'a-5*floor(a/5)', 'i32')),
    ]),
  ]),
  'names in sibling scopes that mean different things': kernelOf([
    loop('serial', 'a', 32, [
      letOf('v', load('x', 'a')),
      { tag: 'alloc', buffer: 't', type: 'f32', size: 2, space: 'register' },
      store('t', 1, read('v')),
      store('out', 'a', load('t', 1)),
      store('numbers', 'a', constant(1, 'i32')),
    ]),
    loop('serial', 'a', 32, [
      letOf('v', load('ids', 'a+32', 'i32')),
      { tag: 'alloc', buffer: 't', type: 'i32', size: 4, space: 'scratch' },
      store('t', 3, read('v', 'i32')),
      store('out', 'a+32', cast('f32', load('t', 3, 'i32'))),
      store('numbers', 'a+32', constant(2, 'i32')),
    ]),
  ]),
  'the ends of i32 arithmetic': kernelOf([
    loop('serial', 'a', 64, [
      letOf('zero', binary('sub', load('ids', 'a', 'i32'), load('ids', 'a', 'i32'))),
      letOf('least', binary('sub', read('zero', 'i32'), constant(2 ** 31 - 1, 'i32'))),
      letOf('below', binary('sub', read('least', 'i32'), constant(2, 'i32'))),
      letOf('huge', binary('mul', load('x', 'a'), constant(2 ** 40))),
      store('out', 'a', cast('f32', binary('div', load('ids', 'a', 'i32'), read('zero', 'i32')))),
      store(
        'numbers',
        'a',
        binary(
          'add',
          binary('mul', read('below', 'i32'), load('ids', 'a', 'i32')),
          binary(
            'rem',
            cast('i32', binary('div', read('huge'), constant(2 ** 30))),
            constant(7, 'i32'),
          ),
        ),
      ),
    ]),
  ]),
};

function index0(name: string) {
  return cast('f32', index(name));
}

/** What WGSL leaves open. */
const JS_ONLY: Readonly<Record<string, Kernel>> = {
  'floats beyond i32, and NaN': kernelOf([
    loop('serial', 'a', 64, [
      letOf('huge', binary('mul', load('x', 'a'), constant(2 ** 40))),
      letOf('none', binary('sub', binary('div', read('huge'), constant(0)), constant(Infinity))),
      store('numbers', 'a', cast('i32', read('huge'))),
      store('out', 'a', cast('f32', cast('i32', read('none')))),
    ]),
  ]),
};

/** Bodies with lanes, invocations and workgroup memory. */
const GPU_ONLY: Readonly<Record<string, Kernel>> = {
  'wide loads and stores at multiples of four': kernelOf(
    onInvocations(16, [
      letOf('v', load('x', '4*i', 'f32', 4)),
      store('out', '4*i', binary('mul', read('v', 'f32', 4), constant(2))),
      store('numbers', '4*i', load('ids', '4*i', 'i32', 4)),
    ]),
  ),
  'wide loads and stores elsewhere': kernelOf(
    onInvocations(15, [
      store('out', '4*i+1', load('x', '4*i+3', 'f32', 4)),
      {
        tag: 'if',
        condition: binary('eq', index('i'), constant(0, 'i32')),
        then: [
          store('out', 0, constant(5)),
          store('out', 61, load('x', 61)),
          store('out', 62, load('x', 62)),
          store('out', 63, load('x', 63)),
          fill(64, ''),
        ],
        otherwise: [],
      },
    ]),
  ),
  'register tiles in fours, with single elements of them': kernelOf(
    onInvocations(8, [
      { tag: 'alloc', buffer: 'tile', type: 'f32', size: 8, space: 'register' },
      store('tile', 0, load('x', '8*i', 'f32', 4)),
      store('tile', 4, load('x', '8*i+4', 'f32', 4)),
      store('tile', 6, binary('add', load('tile', 5), load('tile', 3))),
      store('out', '8*i', load('tile', 4, 'f32', 4)),
      store('out', '8*i+4', load('tile', 0, 'f32', 4)),
      loop('serial', 'z', 8, [
        store('numbers', '8*i+z', cast('i32', lane(load('tile', 4, 'f32', 4), 2))),
      ]),
    ]),
  ),
  'register tiles whose fours overlap': kernelOf(
    onInvocations(1, [
      { tag: 'alloc', buffer: 'tile', type: 'f32', size: 8, space: 'register' },
      store('tile', 0, load('x', 0, 'f32', 4)),
      store('tile', 4, load('x', 4, 'f32', 4)),
      store('out', 0, load('tile', 2, 'f32', 4)),
      fill(4, ''),
    ]),
    4,
    4,
  ),
  'scratch memory in fours': kernelOf(
    onInvocations(4, [
      { tag: 'alloc', buffer: 'row', type: 'f32', size: 16, space: 'scratch' },
      loop('serial', 'k', 4, [store('row', '4*k', load('x', '16*i+4*k', 'f32', 4))]),
      loop('serial', 'k', 4, [store('out', '16*i+4*k', load('row', '12-4*k', 'f32', 4))]),
      fill(16, '16*i+'),
    ]),
  ),
  'workgroup memory, in fours and transposed through barriers': kernelOf([
    loop('workgroup', 'g', 2, [
      loop('workgroup', 'h', 2, [
        { tag: 'alloc', buffer: 'tile', type: 'f32', size: 16, space: 'workgroup' },
        { tag: 'alloc', buffer: 'wide', type: 'f32', size: 16, space: 'workgroup' },
        loop('invocation', 'i', 4, [
          letOf('v', load('x', '32*g+16*h+4*i', 'f32', 4)),
          ...[0, 1, 2, 3].map((k) => store('tile', `4*${k}+i`, lane(read('v', 'f32', 4), k))),
          { tag: 'barrier' },
          store('wide', '4*i', load('tile', '4*i', 'f32', 4)),
          { tag: 'barrier' },
          store('out', '32*g+16*h+4*i', load('wide', '12-4*i', 'f32', 4)),
          fill(4, '32*g+16*h+4*i+'),
        ]),
      ]),
    ]),
  ]),
  'loads of what was stored before a barrier': kernelOf(
    onInvocations(8, [
      store('numbers', 'i', index('3*i')),
      store('out', 'i', load('x', 'i')),
      { tag: 'barrier' },
      letOf('other', load('out', '7-i')),
      { tag: 'barrier' },
      store('out', 'i+8', read('other')),
    ]),
    16,
    8,
  ),
  'three workgroup loops over the symbols': kernelOf(
    [
      loop('workgroup', 'a', 'n', [
        loop('workgroup', 'b', 2, [
          loop('workgroup', 'c', floorDivide('n+1', 2), [
            loop('invocation', 'i', 1, [
              letOf('at', index('a*floor((n+1)/2)*2+2*c+b')),
              store('out', 'at', cast('f32', index('100*a+10*b+c'))),
              store('numbers', 'at', index('at')),
            ]),
          ]),
        ]),
      ]),
    ],
    '2*n*floor((n+1)/2)',
    '2*n*floor((n+1)/2)',
  ),
};

async function agree(kernel: Kernel, target: Target): Promise<void> {
  for (const n of [5, 8]) {
    const want = emulate(kernel, target, INPUTS, { n });
    const got = await runPrinted(kernel, target, INPUTS, { n }, node);
    expect(got).toEqual(want);
  }
}

describe('printed statements', () => {
  it.each([...Object.keys(COMMON), ...Object.keys(JS_ONLY)])('%s: JS', async (name) => {
    await agree(COMMON[name] ?? JS_ONLY[name] ?? kernelOf([]), 'js');
  });

  it.each([...Object.keys(COMMON), ...Object.keys(GPU_ONLY)])('%s: WGSL', async (name) => {
    await agree(COMMON[name] ?? GPU_ONLY[name] ?? kernelOf([]), 'wgsl');
  });

  it('refuses lanes, workgroups and barriers on JS', () => {
    const print = (body: readonly Statement[]) =>
      jsBackend.print(oneStep(kernelOf(body), 'js')).text;
    const wide = loop('serial', 'i', 16, [store('out', '4*i', load('x', '4*i', 'f32', 4))]);
    expect(() => print([wide])).toThrow('a kernel for JS has a load of 4 lanes');
    expect(() => print(onInvocations(4, []))).toThrow('JS has no workgroup loops');
  });

  it('uses arrays of vec4 exactly where every access is wide and aligned', () => {
    const types = (name: string) => {
      const { text } = wgslBackend.print(oneStep(GPU_ONLY[name] ?? kernelOf([]), 'wgsl'));
      return [...text.matchAll(/var(?:<[^>]*>)? (\w+): (array<(?:vec4<f32>|f32|i32|vec4<i32>))/g)]
        .map(([, variable, type]) => `${variable}: ${type}`)
        .filter((line) => !line.includes('ids'));
    };
    expect(types('wide loads and stores at multiples of four')).toEqual([
      'kernel_x: array<vec4<f32>',
      'kernel_out: array<vec4<f32>',
      'kernel_numbers: array<vec4<i32>',
    ]);
    expect(types('wide loads and stores elsewhere')).toEqual([
      'kernel_x: array<f32',
      'kernel_out: array<f32',
      'kernel_numbers: array<i32',
    ]);
    expect(types('workgroup memory, in fours and transposed through barriers')).toEqual([
      'kernel_x: array<vec4<f32>',
      'kernel_out: array<vec4<f32>',
      'kernel_numbers: array<i32',
      'kernel_tile: array<f32',
      'kernel_wide: array<vec4<f32>',
    ]);
  });
});

describe("WebGPU's limits", () => {
  it('refuses a kernel of more than 8 buffers, in words that say so', () => {
    const many = Array.from({ length: 8 }, (_, i) => parameter(`x${i}`, 'read', 1));
    const kernel: Kernel = {
      ...kernelOf(onInvocations(1, [store('out', 0, load('x0', 0))]), 1),
      buffers: [...many, parameter('out', 'write', 1)],
    };
    expect(() => wgslBackend.print(oneStep(kernel, 'wgsl'))).toThrow(
      "The kernel 'kernel' cannot run on WebGPU: it needs 9 storage buffers, and every device is " +
        'only sure to have 8.',
    );
  });
});
