/**
 * Loops four elements at a time give the elements of the loop itself, at every number of them, and
 * what cannot be taken four at a time stays as it is.
 */
import { describe, expect, test } from 'vitest';
import { runKernel } from '../../src/emulator/run.ts';
import { add, type Dim, multiply } from '../../src/ir/dims.ts';
import {
  addOf,
  type BufferParameter,
  binary,
  cast,
  constant,
  type Expression,
  index,
  type Kernel,
  letOf,
  load,
  loop,
  multiplyOf,
  read,
  type Statement,
  select,
  store,
  unary,
} from '../../src/loops/nodes.ts';
import { printKernel } from '../../src/loops/print.ts';
import { vectorise } from '../../src/loops/schedule/simd/vectorise.ts';
import { verifyKernel } from '../../src/loops/verify.ts';

const BUFFERS: readonly BufferParameter[] = [
  { name: 'x', type: 'f32', access: 'read', size: '4*n+8' },
  { name: 'w', type: 'f32', access: 'read', size: 64 },
  { name: 'ids', type: 'i32', access: 'read', size: '4*n+8' },
  { name: 'y', type: 'f32', access: 'write', size: '4*n+8' },
];

function kernelOf(body: readonly Statement[]): Kernel {
  return { name: 'kernel', summary: [], buffers: BUFFERS, symbols: ['n'], body };
}

function run(kernel: Kernel, n: number): Float32Array {
  const size = 4 * n + 8;
  const y = new Float32Array(size);
  const faults = runKernel(verifyKernel(kernel), {
    symbols: { n },
    buffers: {
      x: Float32Array.from({ length: size }, (_, i) => Math.sin(3 * i + 1)),
      w: Float32Array.from({ length: 64 }, (_, i) => Math.cos(i)),
      ids: Int32Array.from({ length: size }, (_, i) => (7 * i) % size),
      y,
    },
    precision: 'f32',
    partial: new Set(['y']),
  });
  expect(faults.map(({ message }) => message)).toEqual([]);
  return y;
}

const SIZES = [0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 19];

/** The vectorised kernel, after comparing it with the scalar one at many sizes. */
function vectorised(body: readonly Statement[], isExact = true): string {
  const scalar = kernelOf(body);
  const kernel = kernelOf(vectorise(body, ['x', 'w', 'ids', 'y', 'n']));
  for (const n of SIZES) {
    const [got, want] = [run(kernel, n), run(scalar, n)];
    want.forEach((value, i) => {
      if (isExact) expect(got[i], `y[${i}] with n = ${n}`).toBe(value);
      else expect(got[i], `y[${i}] with n = ${n}`).toBeCloseTo(value, 4);
    });
  }
  return printKernel(kernel);
}

const x = (at: Dim) => load('x', at);
const overN = (body: (j: Dim) => readonly Statement[], kind: 'serial' | 'parallel' = 'parallel') =>
  loop(kind, 'j', 'n', body('j'));
const reduce = (op: 'add' | 'max' | 'min' | 'mul', value: Expression): Statement => ({
  tag: 'set',
  name: 'acc',
  value: binary(op, read('acc'), value),
});
const reducing = (body: Statement, extent: Dim = 'n', initial = 0.5): readonly Statement[] => [
  { tag: 'variable', name: 'acc', initial: constant(initial) },
  loop('serial', 'j', extent, [body]),
  store('y', 0, read('acc')),
];
const isWide = /\.\.\+4\] = /;

describe('takes four elements at a time', () => {
  test('of neighbours, beside what is the same for all', () => {
    const text = vectorised([
      letOf('scale', load('w', 3)),
      overN((j) => [
        letOf('shifted', addOf(x(add(j, 1)), load('w', 5))),
        store('y', j, multiplyOf(unary('tanh', read('shifted')), read('scale'))),
      ]),
    ]);
    expect(text).toMatch('for parallel j in 0..n-3 step 4');
    expect(text).toMatch('y[j..+4] = tanh(shifted) * splat(scale)');
    expect(text).toMatch('for parallel j in 4*floor(n/4)..n');
  });

  test('of a number of elements that four divides, without a rest', () => {
    const text = vectorised([loop('parallel', 'j', 8, [store('y', 'j', x('j'))])]);
    expect(text).toMatch('for parallel j in 0..8 step 4');
    expect(text.match(/for /g)).toHaveLength(1);
  });

  test('of their own indices, compared and chosen by', () => {
    vectorised([
      overN((j) => {
        const place = cast('f32', index(add(multiply(3, j), 1)));
        const isEarly = binary('lt', index(j), constant(5, 'i32'));
        return [store('y', j, select(isEarly, place, x(j)))];
      }),
    ]);
  });

  test('with a loop inside, the same for all', () => {
    const body = vectorised([
      overN((j) => [
        { tag: 'variable', name: 'sum', initial: constant(0) },
        loop('serial', 'k', 4, [
          {
            tag: 'set',
            name: 'sum',
            value: addOf(read('sum'), multiplyOf(x(add(j, 'k')), load('w', 'k'))),
          },
        ]),
        store('y', j, read('sum')),
      ]),
    ]);
    expect(body).toMatch('x[j+k..+4]');
  });

  test('that lie apart, where nothing inside is nearer', () => {
    const text = vectorised([overN((j) => [store('y', j, x(multiply(4, j)))])]);
    expect(text).toMatch('y[j..+4] = vector(x[4*j], x[4*j+4], x[4*j+8], x[4*j+12])');
  });

  test.each(['add', 'max', 'min', 'mul'] as const)('of a reduction by %s', (op) => {
    const text = vectorised(
      reducing(reduce(op, unary('abs', x('j')))),
      op === 'max' || op === 'min',
    );
    expect(text).toMatch('var acc_lanes = splat(');
    expect(text).toMatch('for j in 0..n-3 step 4');
  });

  test('of a long reduction, into four accumulators', () => {
    const text = vectorised(
      reducing(reduce('add', multiplyOf(load('w', 'j'), load('w', 'j'))), 64),
      false,
    );
    expect(text).toMatch('for j in 0..64 step 16');
    expect(text).toMatch('acc_lanes_3 = multiply_add(w[j+12..+4], w[j+12..+4], acc_lanes_3)');
  });

  test('of a reduction that keeps its terms', () => {
    const text = vectorised(
      [
        { tag: 'variable', name: 'acc', initial: constant(0) },
        overN(
          (j) => [
            letOf('e', unary('exp', x(j))),
            store('y', add(j, 1), read('e')),
            reduce('add', read('e')),
          ],
          'serial',
        ),
        store('y', 0, read('acc')),
      ],
      false,
    );
    expect(text).toMatch(isWide);
  });
});

describe('leaves alone', () => {
  test.each<[string, readonly Statement[]]>([
    ['stores that are no neighbours', [overN((j) => [store('y', multiply(2, j), x(j))])]],
    [
      'a branch that differs from element to element',
      [
        overN((j) => [
          {
            tag: 'if',
            condition: binary('lt', index(j), constant(3, 'i32')),
            then: [store('y', j, x(j))],
            otherwise: [store('y', j, constant(2))],
          },
        ]),
      ],
    ],
    [
      'an index that is data',
      [overN((j) => [letOf('row', load('ids', j, 'i32')), store('y', j, x('row'))])],
    ],
    [
      'a sum that each element needs',
      [
        { tag: 'variable', name: 'acc', initial: constant(0) },
        overN((j) => [reduce('add', x(j)), store('y', j, read('acc'))], 'serial'),
      ],
    ],
    [
      'an accumulator that is no sum',
      reducing({ tag: 'set', name: 'acc', value: binary('sub', x('j'), read('acc')) }),
    ],
    [
      'an element that needs the one before',
      [
        store('y', 0, constant(1)),
        overN((j) => [store('y', add(j, 1), multiplyOf(load('y', j), x(j)))], 'serial'),
      ],
    ],
    [
      'an element that needs the one before, beside a sum',
      [
        store('y', 0, constant(1)),
        { tag: 'variable', name: 'acc', initial: constant(0) },
        overN(
          (j) => [store('y', add(j, 1), multiplyOf(load('y', j), x(j))), reduce('add', x(j))],
          'serial',
        ),
      ],
    ],
    ['fewer than four', [loop('parallel', 'j', 3, [store('y', 'j', x('j'))])]],
  ])('%s', (_, body) => {
    expect(vectorise(body, ['n'])).toBe(body);
  });

  test('elements whose sums differ in length: the sums are taken in lanes', () => {
    const text = vectorised(
      [
        overN((j) => [
          { tag: 'variable', name: 'sum', initial: constant(0) },
          loop('serial', 'k', j, [{ tag: 'set', name: 'sum', value: addOf(read('sum'), x('k')) }]),
          store('y', j, read('sum')),
        ]),
      ],
      false,
    );
    expect(text).toMatch('for parallel j in 0..n\n');
    expect(text).toMatch('for k in 0..j-3 step 4');
  });

  test('a serial loop that says not that its elements are independent', () => {
    const body = [overN((j) => [store('y', j, x(j))], 'serial')];
    expect(vectorise(body, ['n'])).toBe(body);
  });
});
