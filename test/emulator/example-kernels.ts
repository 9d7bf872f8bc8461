/** Hand-written kernels as schedules make them, each with places where a test can plant a fault. */
import { add, ceilDivide, floorDivide, modulo, multiply } from '../../src/ir/dims.ts';
import {
  addOf,
  binary,
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
  splat,
  store,
} from '../../src/loops/nodes.ts';

const barrier: Statement = { tag: 'barrier' };

export function when(condition: Expression, then: readonly Statement[]): Statement {
  return { tag: 'if', condition, then, otherwise: [] };
}

export function either(
  condition: Expression,
  then: readonly Statement[],
  otherwise: readonly Statement[],
): Statement {
  return { tag: 'if', condition, then, otherwise };
}

export function isBelow(a: string | number, b: string | number): Expression {
  return binary('lt', index(a), index(b));
}

export const SUM_WIDTH = 70;

interface RowSumPlants {
  /** The reduction step whose barrier is left out. */
  readonly missingBarrier?: number;
  /** The barrier moves into the `if`. */
  readonly divergent?: boolean;
  readonly skippedStore?: boolean;
}

/** y[row] = sum of 70 columns of x: 32 invocations a row, joined by halves in workgroup memory. */
export function rowSum(plants: RowSumPlants = {}): Kernel {
  const halves = [16, 8, 4, 2, 1].flatMap((half) => {
    const joined = addOf(load('partial', 'lane'), load('partial', add('lane', half)));
    const join = store('partial', 'lane', joined);
    const isDivergent = plants.divergent === true && half === 4;
    const isOpen = plants.missingBarrier === half || isDivergent;
    return [
      when(isBelow('lane', half), isDivergent ? [join, barrier] : [join]),
      ...(isOpen ? [] : [barrier]),
    ];
  });
  const isFirst = binary('eq', index('lane'), index(0));
  const body: readonly Statement[] = [
    { tag: 'variable', name: 'sum', initial: constant(0) },
    loop(
      'serial',
      'k',
      SUM_WIDTH,
      [
        {
          tag: 'set',
          name: 'sum',
          value: addOf(read('sum'), load('x', add(multiply(SUM_WIDTH, 'row'), 'k'))),
        },
      ],
      'lane',
      32,
    ),
    store('partial', 'lane', read('sum')),
    barrier,
    ...halves,
    when(isFirst, plants.skippedStore ? [] : [store('y', 'row', load('partial', 0))]),
  ];
  return {
    name: 'row_sum',
    summary: ['%y = reduce_sum %x'],
    symbols: ['rows'],
    buffers: [
      { name: 'x', type: 'f32', access: 'read', size: multiply(SUM_WIDTH, 'rows') },
      { name: 'y', type: 'f32', access: 'write', size: 'rows' },
    ],
    body: [
      loop('workgroup', 'row', 'rows', [
        { tag: 'alloc', buffer: 'partial', type: 'f32', size: 32, space: 'workgroup' },
        loop('invocation', 'lane', 32, body),
      ]),
    ],
  };
}

export const MATMUL = { depth: 32, columns: 64 } as const;

interface MatmulPlants {
  readonly missingBarrier?: 'before use' | 'after use';
  /** Added to the index of the x tile. */
  readonly offset?: number;
  readonly skippedStore?: 'x tile' | 'w tile' | 'y';
  /** The tail of rows is not guarded. */
  readonly unguarded?: boolean;
}

/**
 * y[rows, 64] = x[rows, 32] w[32, 64]: a workgroup computes 8 x 32, an invocation 1 x 4, over tiles
 * of x (8 x 8) and w (8 x 32) in workgroup memory.
 */
export function tiledMatmul(plants: MatmulPlants = {}): Kernel {
  const { depth, columns } = MATMUL;
  const r = floorDivide('lane', 8);
  const c = multiply(4, modulo('lane', 8));
  const row = add(multiply(8, 'i'), r);
  const column = add(multiply(32, 'j'), c);
  const isRow = binary('lt', index(row), index('rows'));
  const guarded = (body: readonly Statement[]) => (plants.unguarded ? body : [when(isRow, body)]);
  const xElement = load('x', add(multiply(depth, row), add(multiply(8, 't'), modulo('lane', 8))));
  const wElement = load('w', add(multiply(columns, add(multiply(8, 't'), r)), column), 'f32', 4);
  const product = multiplyOf(
    splat(load('x_tile', add(add(multiply(8, r), 'k'), plants.offset ?? 0))),
    load('w_tile', add(multiply(32, 'k'), c), 'f32', 4),
  );
  const acc = load('acc', 0, 'f32', 4);
  const tiles: readonly Statement[] = [
    ...(plants.skippedStore === 'x tile'
      ? []
      : [store('x_tile', 'lane', constant(0)), ...guarded([store('x_tile', 'lane', xElement)])]),
    ...(plants.skippedStore === 'w tile'
      ? []
      : [store('w_tile', add(multiply(32, r), c), wElement)]),
    ...(plants.missingBarrier === 'before use' ? [] : [barrier]),
    loop('serial', 'k', 8, [store('acc', 0, addOf(acc, product))]),
    ...(plants.missingBarrier === 'after use' ? [] : [barrier]),
  ];
  return {
    name: 'tiled_matmul',
    summary: ['%y = matmul %x, %w'],
    symbols: ['rows'],
    buffers: [
      { name: 'x', type: 'f32', access: 'read', size: multiply(depth, 'rows') },
      { name: 'w', type: 'f32', access: 'read', size: depth * columns },
      { name: 'y', type: 'f32', access: 'write', size: multiply(columns, 'rows') },
    ],
    body: [
      loop('workgroup', 'i', ceilDivide('rows', 8), [
        loop('workgroup', 'j', columns / 32, [
          { tag: 'alloc', buffer: 'x_tile', type: 'f32', size: 64, space: 'workgroup' },
          { tag: 'alloc', buffer: 'w_tile', type: 'f32', size: 256, space: 'workgroup' },
          loop('invocation', 'lane', 64, [
            { tag: 'alloc', buffer: 'acc', type: 'f32', size: 4, space: 'register' },
            store('acc', 0, splat(constant(0))),
            loop('serial', 't', depth / 8, tiles),
            ...(plants.skippedStore === 'y'
              ? []
              : guarded([store('y', add(multiply(columns, row), column), acc)])),
          ]),
        ]),
      ]),
    ],
  };
}

/** y = x + 1 over `n` elements, 4 at a time and one by one in the tail; iterations in any order. */
export function addOne(storeAt: (i: string) => string = (i) => i): Kernel {
  const four = loop(
    'parallel',
    'i',
    multiply(4, floorDivide('n', 4)),
    [
      letOf('v', load('x', 'i', 'f32', 4)),
      store('y', storeAt('i'), addOf(read('v', 'f32', 4), constant(1))),
    ],
    0,
    4,
  );
  const tail = loop(
    'parallel',
    'j',
    'n',
    [store('y', storeAt('j'), addOf(load('x', 'j'), constant(1)))],
    multiply(4, floorDivide('n', 4)),
  );
  return {
    name: 'add_one',
    summary: ['%y = add %x, 1'],
    symbols: ['n'],
    buffers: [
      { name: 'x', type: 'f32', access: 'read', size: 'n' },
      { name: 'y', type: 'f32', access: 'write', size: 'n' },
    ],
    body: [four, tail],
  };
}
