/** Each kind of statement, buffer and index in WebAssembly agrees with the emulator. */
import { describe, expect, it } from 'vitest';
import { floorDivide, maximum, minimum, modulo, multiply } from '../../src/ir/dims.ts';
import {
  binary,
  cast,
  constant,
  type Expression,
  index,
  lane,
  letOf,
  load,
  loop,
  read,
  type Statement,
  splat,
  store,
  unary,
} from '../../src/loops/nodes.ts';
import { oneStep } from './kernel-runs.ts';
import { float, INPUTS, kernelOf, register, scratch } from './wasm-bodies.ts';
import { emulateProgram, runWasm } from './wasm-runs.ts';

const set = (name: string, value: Expression): Statement => ({ tag: 'set', name, value });
const count = (by: Expression = constant(1, 'i32')): Statement =>
  set('count', binary('add', read('count', 'i32'), by));
const counted = (body: readonly Statement[]): readonly Statement[] => [
  { tag: 'variable', name: 'count', initial: constant(0, 'i32') },
  ...body,
  store('numbers', 63, read('count', 'i32')),
];

const BODIES: Readonly<Record<string, readonly Statement[]>> = {
  'loops with a start, a step and a computed end': [
    loop(
      'serial',
      'a',
      minimum('n+3', 60),
      [
        loop('serial', 'b', maximum('a', 4), [store('out', 'a', float('b'))], 0, 2),
        store('numbers', 'a', index(floorDivide('5*a+1', 3))),
      ],
      'n-1',
      3,
    ),
  ],
  'loops that never run, by numbers and by sizes': counted([
    loop('serial', 'a', 3, [count()], 3),
    loop('serial', 'b', 2, [count()], 3),
    loop('serial', 'c', 'n', [count()], 'n'),
    loop('serial', 'd', 'n-2', [count()], 'n'),
    loop('serial', 'e', multiply('n', 'n'), [count()], 1, 'n+1'),
  ]),
  'loops whose last step goes beyond the end': counted([
    loop('serial', 'a', 7, [count(index('a'))], 0, 4),
    loop('serial', 'b', 'n', [count(index('b'))], 1, 3),
  ]),
  'an address for several accesses, and others that look like it': [
    loop('serial', 'a', 20, [
      letOf('twice', index('2*a')),
      store('out', 'twice', binary('add', load('x', 'a'), load('x', 'a+1'))),
      store('out', 'twice+1', binary('sub', load('x', 'a+2'), load('out', 'twice'))),
      loop('serial', 'b', 3, [store('numbers', 'twice+b', index('a+b'))]),
    ]),
    // a let in a loop is another place each time
    { tag: 'variable', name: 'moving', initial: constant(38, 'i32') },
    loop('serial', 'e', 2, [
      letOf('here', read('moving', 'i32')),
      store('out', 'here', binary('add', load('x', 'here'), load('x', 'here+1'))),
      set('moving', binary('add', read('moving', 'i32'), constant(3, 'i32'))),
    ]),
    // siblings have scratch memory and names of their own
    ...['first', 'second'].map((name, i) =>
      loop('serial', 'c', 4, [
        scratch('kept', 8),
        letOf('place', index(`c+${i}`)),
        store('kept', 'place', load('x', 'place')),
        store('kept', 'place+1', binary('add', load('kept', 'place'), constant(i))),
        letOf(name, load('kept', 'place+1')),
        store('out', `c+${46 + 8 * i}`, read(name)),
      ]),
    ),
    loop('serial', 'd', 'n', [
      {
        tag: 'if',
        condition: binary('lt', load('x', 'd'), load('x', 'd+1')),
        then: [store('numbers', 'd+41', index('d'))],
        otherwise: [store('numbers', 'd+41', cast('i32', load('x', 'd+2')))],
      },
    ]),
  ],
  'a tail after whole fours': [
    loop('serial', 'a', floorDivide('n', 4), [
      store('out', '4*a', binary('mul', load('x', '4*a', 'f32', 4), constant(2))),
    ]),
    loop(
      'serial',
      'tail',
      'n',
      [store('out', 'tail', unary('neg', load('x', 'tail')))],
      multiply(4, floorDivide('n', 4)),
    ),
  ],
  'divisions of indices, also of negative ones and by sizes': [
    loop('serial', 'a', 64, [
      store('numbers', 'a', index(floorDivide('a-9', 4))),
      store('out', 'a', float(floorDivide('n-2*a', 7))),
    ]),
    loop('serial', 'b', 16, [
      store('out', 'b', float(floorDivide('3*b+1', 'n'))),
      store('numbers', 'b', index(floorDivide('b-5', 'n'))),
      store('out', 'b+16', float(modulo('3*b+7', 5))),
      store('numbers', 'b+16', index(floorDivide('b*n+b', 'n+1'))),
    ]),
  ],
  'extremes of dims inside each other': [
    loop('serial', 'a', 64, [
      store('numbers', 'a', index(maximum(minimum('a', 'n'), minimum('3*n-a', 7)))),
      store('out', 'a', float(minimum(maximum('2*a', 'n*n'), maximum('a+1', '9-a')))),
    ]),
  ],
  'branches, variables and data-dependent indices': [
    { tag: 'variable', name: 'count', initial: constant(0, 'i32') },
    { tag: 'variable', name: 'seen', initial: constant(0, 'bool') },
    { tag: 'variable', name: 'four', initial: splat(constant(1)) },
    loop('serial', 'a', 64, [
      letOf('id', unary('abs', load('ids', 'a', 'i32'))),
      {
        tag: 'if',
        condition: binary('lt', load('x', 'id'), constant(0)),
        then: [
          count(read('id', 'i32')),
          set('seen', constant(1, 'bool')),
          set('four', binary('add', read('four', 'f32', 4), load('x', 'id+3', 'f32', 4))),
          store('out', 'a', lane(read('four', 'f32', 4), 2)),
        ],
        otherwise: [
          { tag: 'comment', text: 'two lines\nof a comment ;) (; ") (' },
          store('out', 'a', cast('f32', read('seen', 'bool'))),
        ],
      },
      { tag: 'if', condition: read('seen', 'bool'), then: [], otherwise: [] },
      store('numbers', 'a', read('count', 'i32')),
    ]),
  ],
  'indices with constants: ahead, behind, and below a falling one': [
    loop('serial', 'a', 16, [
      store('out', 'a+5', load('x', 'a+7')),
      store('numbers', '63-a', load('ids', '15-a', 'i32')),
      store('out', '4*a', load('x', '60-4*a', 'f32', 4)),
      letOf('low', index('a-9')),
      store('numbers', 'low+9', load('ids', 'low+11', 'i32')),
    ]),
    loop('serial', 'b', 20, [store('out', 'b-4', load('x', 'b-3'))], 4),
    store('out', 63, load('x', 9)),
    store('numbers', 0, load('ids', 0, 'i32')),
  ],
  'registers and scratch memory made anew in every iteration': [
    loop('serial', 'a', 56, [
      register('tile', 3),
      scratch('row', 5, 'i32'),
      ...[0, 1, 2].map((k) => store('tile', k, binary('mul', load('x', 'a'), constant(k)))),
      loop('serial', 'b', 5, [store('row', 'b', load('ids', 'b+7', 'i32'))]),
      store('out', 'a', binary('sub', load('tile', 2), load('tile', 1))),
      store('numbers', 'a', load('row', modulo('a', 5), 'i32')),
    ]),
  ],
  'register tiles in fours, with single elements of them and behind them': [
    loop('serial', 'i', 6, [
      register('tile', 10),
      register('whole', 4, 'i32'),
      register('one', 1),
      store('tile', 0, load('x', '8*i', 'f32', 4)),
      store('tile', 4, load('x', '8*i+4', 'f32', 4)),
      store('tile', 8, load('x', 'i')),
      store('tile', 9, binary('mul', load('tile', 8), constant(3))),
      store('tile', 6, binary('add', load('tile', 5), load('tile', 3))),
      store('whole', 0, load('ids', '8*i', 'i32', 4)),
      store('whole', 1, cast('i32', load('tile', 9))),
      store('one', 0, load('tile', 2)),
      store('out', '8*i', load('tile', 4, 'f32', 4)),
      store('out', '8*i+4', splat(load('one', 0))),
      store('numbers', '8*i', load('whole', 0, 'i32', 4)),
    ]),
  ],
  'register tiles whose fours overlap': [
    register('tile', 8),
    store('tile', 0, load('x', 0, 'f32', 4)),
    store('tile', 4, load('x', 4, 'f32', 4)),
    store('tile', 3, binary('mul', load('tile', 3, 'f32', 4), constant(5))),
    store('out', 0, load('tile', 2, 'f32', 4)),
    store('out', 4, load('tile', 4, 'f32', 4)),
  ],
  'scratch memory in fours, two at a time': [
    scratch('first', 6),
    loop('serial', 'i', 4, [
      scratch('second', 16),
      loop('serial', 'k', 4, [store('second', '4*k', load('x', '16*i+4*k', 'f32', 4))]),
      store('first', 'i+2', load('second', '3*i')),
      loop('serial', 'k', 4, [store('out', '16*i+4*k', load('second', '12-4*k', 'f32', 4))]),
    ]),
    store('out', 3, load('first', 2, 'f32', 4)),
  ],
  'names in sibling scopes that mean different things': [
    loop('serial', 'a', 32, [
      letOf('v', load('x', 'a')),
      register('t', 2),
      store('t', 1, read('v')),
      letOf('t_0', binary('mul', read('v'), constant(2))),
      store('t', 0, binary('add', load('t', 1), read('t_0'))),
      store('out', 'a', binary('add', load('t', 0), read('t_0'))),
      letOf('kept', binary('min', load('t', 1), binary('max', read('t_0'), load('x', 3)))),
      store('out', 'a', binary('add', load('out', 'a'), read('kept'))),
    ]),
    loop('serial', 'a', 32, [
      letOf('v', load('ids', 'a+32', 'i32')),
      scratch('t', 4, 'i32'),
      store('t', 3, read('v', 'i32')),
      store('out', 'a+32', cast('f32', load('t', 3, 'i32'))),
      letOf('a_end', splat(load('x', 'a'))),
      store('numbers', 'a', cast('i32', lane(read('a_end', 'f32', 4), 3))),
    ]),
    loop('serial', 'v', '2*n', [
      loop('serial', 'a_end', 'n+1', [store('numbers', 'v', index('v*a_end'))]),
    ]),
  ],
};

describe('statements in WebAssembly', () => {
  /** Bodies that start below 0, or divide by 0, where n is 0. */
  const fromOne = ['loops with a start', 'divisions'];

  it.each(Object.entries(BODIES))('%s', async (title, body) => {
    const program = oneStep(kernelOf(body), 'wasm');
    const least = fromOne.some((start) => title.startsWith(start)) ? 1 : 0;
    for (const n of [least, 5, 8, 11]) {
      const inputs = { ...INPUTS, size: new Int32Array(n) };
      const { outputs } = await runWasm(program, inputs, { n });
      const wanted = emulateProgram(program, inputs, { n });
      for (const [name, want] of Object.entries(wanted)) {
        expect(Array.from(outputs[name] ?? [], positive), `${name}, n = ${n}`).toEqual(
          Array.from(want, positive),
        );
      }
    }
  });

  it('do not trap where a size of 0 divides an index that is not used', async () => {
    const body = [
      letOf('quotient', index(floorDivide('7*n+3', 'n*n'))),
      letOf('negative', index(floorDivide('n-3', 'n'))),
      loop('serial', 'a', 'n', [store('numbers', 'a', index('quotient+negative'))]),
    ];
    const program = oneStep(kernelOf(body), 'wasm');
    const { outputs } = await runWasm(program, { ...INPUTS, size: new Int32Array(0) }, { n: 0 });
    expect(Array.from(outputs.numbers ?? [])).toEqual(Array.from({ length: 64 }, () => 0));
  });
});

function positive(x: number): number {
  return x === 0 ? 0 : x;
}
