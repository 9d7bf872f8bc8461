/** Allocs, their instances, and what a run is told about buffers. */
import { describe, expect, it } from 'vitest';
import type { Fault } from '../../src/emulator/faults.ts';
import { type RunOptions, runKernel } from '../../src/emulator/run.ts';
import {
  addOf,
  binary,
  cast,
  constant,
  index,
  type Kernel,
  letOf,
  load,
  loop,
  read,
  type Space,
  type Statement,
  splat,
  store,
} from '../../src/loops/nodes.ts';
import { either, isBelow, when } from './example-kernels.ts';

function kernelOf(body: readonly Statement[]): Kernel {
  return {
    name: 'k',
    summary: [],
    symbols: [],
    buffers: [
      { name: 'x', type: 'f32', access: 'read', size: 8 },
      { name: 'y', type: 'f32', access: 'write', size: 8 },
    ],
    body,
  };
}

function run(body: readonly Statement[], options: Partial<RunOptions> = {}) {
  const x = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  const y = new Float32Array(8);
  const all = { symbols: {}, buffers: { x, y }, partial: new Set(['y']), ...options };
  return { y: [...y], faults: runKernel(kernelOf(body), all), after: y };
}

const shown = (faults: readonly Fault[]) =>
  faults.map(({ kind, buffer, index: i, count }) => `${kind} ${buffer}[${i}] x${count}`);
const alloc = (space: Space, size = 4): Statement => ({
  tag: 'alloc',
  buffer: 't',
  type: 'f32',
  size,
  space,
});
const barrier: Statement = { tag: 'barrier' };
const firstOnly = (variable: string, body: Statement) => when(isBelow(variable, 1), [body]);

describe('an alloc starts unwritten in each iteration', () => {
  it.each(['register', 'scratch'] as const)('%s in a serial loop', (space) => {
    const body = [
      alloc(space),
      firstOnly('i', store('t', 1, constant(3))),
      letOf('v', load('t', 1)),
    ];
    expect(shown(run([loop('serial', 'i', 3, body)]).faults)).toEqual(['unwritten-read t[1] x2']);
  });

  it('workgroup memory in each workgroup', () => {
    const lanes = loop('invocation', 'l', 4, [
      firstOnly('g', store('t', 'l', constant(1))),
      barrier,
      letOf('v', load('t', 'l')),
    ]);
    const { faults } = run([loop('workgroup', 'g', 3, [alloc('workgroup'), lanes])]);
    expect(shown(faults)).toEqual(['unwritten-read t[0] x8']);
    expect(faults[0]?.at).toEqual({ g: 1, l: 0 });
  });

  it('reads of the instance before hide no race', () => {
    const later = when(binary('and', isBelow(0, 'g'), isBelow(0, 'l')), [
      store('t', 0, constant(2)),
    ]);
    const lanes = loop('invocation', 'l', 2, [
      firstOnly('l', store('t', 0, constant(1))),
      barrier,
      when(isBelow('l', 1), [letOf('v', load('t', 0))]),
      later,
    ]);
    const { faults } = run([loop('workgroup', 'g', 2, [alloc('workgroup'), lanes])]);
    expect(shown(faults)).toEqual(['race t[0] x1']);
    expect(faults[0]).toMatchObject({ at: { g: 1, l: 1 }, other: { at: { g: 1, l: 0 } } });
  });

  it.each(['register', 'scratch'] as const)('%s of each invocation, across barriers', (space) => {
    const body = (write: Statement) => [
      loop('workgroup', 'g', 2, [
        loop('invocation', 'l', 4, [
          alloc(space),
          write,
          barrier,
          store('y', addOfIndex('l', 'g'), load('t', 1)),
        ]),
      ]),
    ];
    const own = store('t', 1, cast('f32', index('l+10*g')));
    const { faults, after } = run(body(own));
    expect(faults).toEqual([]);
    expect([...after]).toEqual([0, 1, 2, 3, 10, 11, 12, 13]);
    const { faults: missing } = run(body(firstOnly('l', own)));
    expect(shown(missing)).toEqual(['unwritten-read t[1] x6']);
  });
});

const addOfIndex = (lane: string, group: string) => `4*${group}+${lane}`;

describe('register tiles', () => {
  it('move overlapping lanes as a whole', () => {
    const four = load('x', 0, 'f32', 4);
    const body = [
      alloc('register', 8),
      store('t', 0, four),
      store('t', 4, splat(constant(9))),
      store('t', 1, load('t', 0, 'f32', 4)),
      store('y', 0, load('t', 0, 'f32', 4)),
      store('y', 4, load('t', 4, 'f32', 4)),
    ];
    const { faults, after } = run(body);
    expect(faults).toEqual([]);
    expect([...after]).toEqual([1, 1, 2, 3, 4, 9, 9, 9]);
  });

  it('do not change a let that was read from them', () => {
    const body = [
      alloc('register'),
      store('t', 0, constant(1)),
      letOf('before', load('t', 0)),
      store('t', 0, constant(2)),
      store('y', 0, read('before')),
    ];
    expect(run(body).after[0]).toBe(1);
  });

  it('have bounds', () => {
    const body = [alloc('register'), store('t', 4, constant(1)), letOf('v', load('t', -1))];
    expect(shown(run(body).faults)).toEqual(['out-of-bounds t[4] x1', 'out-of-bounds t[-1] x1']);
  });
});

it('a variable keeps what lets saw of it', () => {
  const body: Statement[] = [
    { tag: 'variable', name: 'm', initial: load('x', 0) },
    letOf('before', read('m')),
    { tag: 'set', name: 'm', value: addOf(read('m'), constant(5)) },
    store('y', 0, read('before')),
    store('y', 1, read('m')),
  ];
  expect([...run(body).after].slice(0, 2)).toEqual([1, 6]);
});

describe('scratch and parallel loops', () => {
  it('outside the loop it is shared', () => {
    const use = [store('t', 0, load('x', 'i')), store('y', 'i', load('t', 0))];
    const shared = run([alloc('scratch'), loop('parallel', 'i', 8, use)]);
    expect(shown(shared.faults)).toEqual(['race t[0] x7', 'race t[0] x7']);
    expect(shared.faults[1]?.other?.where).toBe('y[i] = t[0]');
    expect(run([loop('parallel', 'i', 8, [alloc('scratch'), ...use])]).faults).toEqual([]);
  });

  it('inside an invocation, between barriers', () => {
    const fill = (at: string) => loop('parallel', 'i', 4, [store('t', at, load('x', 'i'))]);
    const nest = (at: string) => [
      loop('workgroup', 'g', 1, [
        loop('invocation', 'l', 2, [
          alloc('scratch'),
          barrier,
          fill(at),
          store('y', 'l', load('t', 0)),
        ]),
      ]),
    ];
    expect(run(nest('i')).faults).toEqual([]);
    expect(shown(run(nest('floor(i/2)')).faults)).toEqual(['race t[0] x4']);
  });
});

describe('divergence', () => {
  const lanes = (body: readonly Statement[]) => [
    loop('workgroup', 'g', 1, [loop('invocation', 'l', 4, body)]),
  ];

  it('in a loop whose count differs', () => {
    const { faults } = run(lanes([loop('serial', 'i', 'l', [barrier])]));
    expect(faults.map(({ message }) => message)).toEqual([
      "Kernel 'k' (g = 0): l = 0 has ended, but l = 1..3 waits at barrier 1 in `for i in 0..l`.",
    ]);
  });

  it('in the arms of an if', () => {
    const arms = (variable: string) => either(isBelow(variable, 2), [barrier], [barrier]);
    expect(run(lanes([arms('l')])).faults).toMatchObject([
      { kind: 'divergence', where: 'if l < 2' },
    ]);
    expect(run(lanes([loop('serial', 'i', 3, [arms('g')])])).faults).toEqual([]);
  });

  it('a barrier in a parallel loop or outside invocations cannot run', () => {
    expect(() => run(lanes([loop('parallel', 'i', 2, [barrier])]))).toThrow('parallel loop over i');
    expect(() => run([barrier])).toThrow('a barrier outside the invocation loop');
  });
});

describe('the call', () => {
  const copy = loop('parallel', 'i', 8, [store('y', 'i', load('x', 'i'))]);
  const firstHalf = loop('parallel', 'i', 4, [store('y', 'i', load('x', 'i'))]);

  it('may say what is written, and is told', () => {
    const written = { x: Uint8Array.of(1, 1, 1, 1, 1, 0, 0, 1), y: new Uint8Array(8) };
    const { faults } = run([copy], { written });
    expect(shown(faults)).toEqual(['unwritten-read x[5] x2']);
    expect([...written.y]).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
    const half = { y: Uint8Array.of(0, 0, 0, 0, 1, 1, 1, 0) };
    const rest = run([firstHalf], { written: half, partial: new Set() });
    expect(shown(rest.faults)).toEqual(['unwritten-output y[7] x1']);
    expect([...half.y]).toEqual([1, 1, 1, 1, 1, 1, 1, 0]);
  });

  it('a write buffer is unwritten until it is stored', () => {
    const { faults } = run([
      letOf('v', load('y', 3)),
      store('y', 3, constant(1)),
      letOf('w', load('y', 3)),
    ]);
    expect(shown(faults)).toEqual(['unwritten-read y[3] x1']);
  });

  it('limits the faults, and reports each once', () => {
    const seen: Fault[] = [];
    const body = [0, 1, 2].map((i) => store('y', 8 + i, constant(1)));
    const { faults } = run([loop('serial', 'i', 5, body)], {
      maxFaults: 2,
      onFault: (fault) => seen.push(fault),
    });
    expect(shown(faults)).toEqual(['out-of-bounds y[8] x5', 'out-of-bounds y[9] x5']);
    expect(seen.map((fault) => fault.index)).toEqual([8, 9]);
  });

  it('refuses buffers that are missing, of another type, too short or overlapping', () => {
    const x = new Float32Array(8);
    const y = new Float32Array(8);
    expect(() => run([copy], { buffers: { x } })).toThrow("'y' is f32[8], but got nothing");
    expect(() => run([copy], { buffers: { x, y: new Int32Array(8) } })).toThrow('got i32[8]');
    expect(() => run([copy], { buffers: { x: x.subarray(1), y } })).toThrow('got f32[7]');
    expect(() => run([copy], { buffers: { x, y: x } })).toThrow("overlaps 'x'");
    const both = new Float32Array(16);
    const apart = { x: both.subarray(0, 8), y: both.subarray(8) };
    expect(run([copy], { buffers: apart }).faults).toEqual([]);
  });

  it('refuses a loop that does not advance and names without a meaning', () => {
    expect(() => run([loop('serial', 'i', 8, [], 0, 0)])).toThrow('a step of 0');
    expect(() => run([loop('serial', 'i', 'n', [])])).toThrow("'n' has no value");
    expect(() => run([store('z', 0, constant(1))])).toThrow("'z' is not defined");
  });
});

it('an index that is not an integer is out of bounds', () => {
  const half = letOf('h', binary('mul', cast('f32', index(1)), constant(0.5)));
  const { faults } = run([half, letOf('v', load('x', 'h'))]);
  expect(shown(faults)).toEqual(['out-of-bounds x[0.5] x1']);
});
