/**
 * A small model written by hand in loop IR, once for each target: ids are looked up in a table, an
 * activation of sin, erf and tanh follows, and a row's sum is added to each of its elements.
 *
 *     states[b, s, d] = y[b, s, d] + sum over e of y[b, s, e],  y = act(table[ids[b, s], d])
 *     lengths[b] = number of true mask elements (i64);  seen[b, s] = mask[b, s] (bool)
 */
import { type Dim, sizeOf } from '../../src/ir/dims.ts';
import type { DType } from '../../src/ir/types.ts';
import {
  type BufferParameter,
  binary,
  cast,
  constant,
  type Expression,
  index,
  type Kernel,
  type Lanes,
  letOf,
  load,
  loop,
  read,
  type Statement,
  store,
  unary,
} from '../../src/loops/nodes.ts';
import type { Program, ProgramBuffer, ProgramIo, Step, Target } from '../../src/loops/program.ts';
import { type VerifiedProgram, verifyProgram } from '../../src/loops/verify-program.ts';

export const WIDTH = 8;
export const ROWS = 10;
export const TABLE = Float32Array.from({ length: ROWS * WIDTH }, (_, i) => Math.sin(i * 1.7) * 3);

/** Names that a model may give its parts. */
export interface ModelNames {
  readonly model: string;
  readonly ids: string;
  readonly mask: string;
  readonly table: string;
  readonly hidden: string;
  readonly states: string;
  readonly lengths: string;
  readonly seen: string;
}

export const PLAIN: ModelNames = {
  model: 'looked-up',
  ids: 'ids',
  mask: 'mask',
  table: 'embeddings.weight',
  hidden: 'hidden',
  states: 'states',
  lengths: 'lengths',
  seen: 'seen',
};

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: a name that would run if it were code
export const HOSTILE: ModelNames = {
  model: '`${process.exit()}` */ </script>\u2028alert(1)',
  ids: '"ids\'\n*/ process.exit(1) /*',
  mask: '__proto__',
  table: '${process.exit()}`\\',
  hidden: '*/\r\nprocess.exit(2)\u2029//',
  states: 'constructor',
  lengths: '</script><script>',
  seen: '\u202E\0name',
};
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: end of the hostile names

export function program(target: Target, names: ModelNames = PLAIN): VerifiedProgram {
  const shape: readonly Dim[] = ['batch', 'seq'];
  const wide: readonly Dim[] = ['batch', 'seq', WIDTH];
  const out = (name: string) => `out:${name}`;
  const buffers = [
    buffer(names.ids, 'input', 'i32', shape),
    buffer(names.mask, 'input', 'bool', shape),
    buffer(names.table, 'weight', 'f32', [ROWS, WIDTH]),
    buffer(names.hidden, 'intermediate', 'f32', wide),
    buffer('active', 'intermediate', 'f32', wide),
    buffer(out(names.states), 'output', 'f32', wide),
    buffer(out(names.lengths), 'output', 'i64', ['batch']),
    buffer(out(names.seen), 'output', 'bool', shape),
  ];
  return verifyProgram({
    name: names.model,
    target,
    symbols: ['batch', 'seq'],
    inputs: [
      { ...io(names.ids, 'i32', shape, names.ids), range: [0, ROWS - 1] },
      io(names.mask, 'bool', shape, names.mask),
    ],
    outputs: [
      io(names.states, 'f32', wide, out(names.states)),
      io(names.lengths, 'i64', ['batch'], out(names.lengths)),
      io(names.seen, 'bool', shape, out(names.seen)),
    ],
    buffers,
    weights: [
      {
        buffer: names.table,
        layout: 'rows',
        type: 'f32',
        size: TABLE.length,
        data: () => TABLE,
      },
    ],
    kernels: KERNELS[target](names),
    steps: [
      step('gather', names.ids, names.table, names.hidden),
      step('activate', names.hidden, 'active'),
      step('add_row_sum', 'active', out(names.states)),
      step('count', names.mask, out(names.lengths), out(names.seen)),
    ],
  });
}

/** What the model computes, in doubles. */
export function expected(ids: readonly number[], mask: readonly boolean[], seq: number) {
  const active = ids.map((id) =>
    Array.from(TABLE.subarray(id * WIDTH, (id + 1) * WIDTH), (x) => {
      const s = Math.sin(x * 2);
      return Math.tanh(x) + s * x - erf(x);
    }),
  );
  const states = active.flatMap((row) => {
    const sum = row.reduce((a, b) => a + b, 0);
    return row.map((x) => x + sum);
  });
  const lengths = Array.from(
    { length: ids.length / seq },
    (_, b) => mask.slice(b * seq, (b + 1) * seq).filter(Boolean).length,
  );
  return { states, lengths, seen: mask.map(Number) };
}

/** By its Maclaurin series, which converges well within the table's range. */
export function erf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 120; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

export function buffer(
  name: string,
  role: ProgramBuffer['role'],
  dtype: DType,
  shape: readonly Dim[],
): ProgramBuffer {
  const type = dtype === 'f32' ? 'f32' : 'i32';
  return { name, role, type, size: sizeOf(shape), tensor: { dtype, shape } };
}

export function io(
  name: string,
  dtype: DType,
  shape: readonly Dim[],
  bufferName: string,
): ProgramIo {
  return { name, dtype, shape, buffer: bufferName };
}

export function step(kernel: string, ...args: readonly string[]): Step {
  const provenance = { node: kernel, ops: [kernel], names: [kernel], flops: 1, bytes: 4 };
  return { kernel, arguments: args, provenance: { ...provenance, location: null } };
}

export function parameter(
  name: string,
  access: 'read' | 'write',
  size: Dim,
  type: 'f32' | 'i32' = 'f32',
): BufferParameter {
  return { name, type, access, size };
}

export function emptyProgram(kernels: readonly Kernel[], target: Target = 'js'): Program {
  return {
    name: 'kernels',
    target,
    symbols: [...new Set(kernels.flatMap(({ symbols }) => symbols))],
    inputs: [],
    outputs: [],
    buffers: [],
    weights: [],
    kernels,
    steps: [],
  };
}

const KERNELS: { readonly [T in Target]: (names: ModelNames) => readonly Kernel[] } = {
  js: (names) => kernels(names, JS_NESTS),
  wasm: (names) => kernels(names, JS_NESTS),
  'wasm-relaxed': (names) => kernels(names, JS_NESTS),
  wgsl: (names) => kernels(names, WGSL_NESTS),
};

interface Nests {
  /** A body for each of `count` elements at `at`, `lanes` at a time. */
  each(
    count: Dim,
    lanes: Lanes,
    body: (at: Dim, lanes: Lanes) => readonly Statement[],
  ): readonly Statement[];
  rowSum: readonly Statement[];
}

function kernels(names: ModelNames, nests: Nests): readonly Kernel[] {
  const symbols = ['batch', 'seq'];
  const summary = [`%${names.hidden} = gather %${names.table}, %${names.ids}`];
  const size = `${WIDTH}*batch*seq`;
  const activated = (x: Expression) => {
    const s = unary('sin', binary('mul', x, constant(2)));
    const smooth = binary('add', unary('tanh', x), binary('mul', s, x));
    return binary('sub', smooth, unary('erf', x));
  };
  return [
    {
      name: 'gather',
      summary,
      symbols,
      buffers: [
        parameter('ids', 'read', 'batch*seq', 'i32'),
        parameter('table', 'read', ROWS * WIDTH),
        parameter('out', 'write', size),
      ],
      body: nests.each('batch*seq', 1, (at) => [
        letOf('id', load('ids', at, 'i32')),
        loop('serial', 'd', WIDTH, [
          store('out', `d+${WIDTH}*${at}`, load('table', `${WIDTH}*id+d`)),
        ]),
      ]),
    },
    {
      name: 'activate',
      summary: ['%active = tanh(x) + sin(2 x) x - erf(x)'],
      symbols,
      buffers: [parameter('x', 'read', size), parameter('out', 'write', size)],
      body: nests.each(size, 4, (at, lanes) => [
        letOf('value', load('x', at, 'f32', lanes)),
        store('out', at, activated(read('value', 'f32', lanes))),
      ]),
    },
    {
      name: 'add_row_sum',
      summary: ['%states = x + sum(x)'],
      symbols,
      buffers: [parameter('x', 'read', size), parameter('out', 'write', size)],
      body: nests.rowSum,
    },
    {
      name: 'count',
      summary: ['%lengths, %seen'],
      symbols,
      buffers: [
        parameter('mask', 'read', 'batch*seq', 'i32'),
        parameter('lengths', 'write', 'batch', 'i32'),
        parameter('seen', 'write', 'batch*seq', 'i32'),
      ],
      body: nests.each('batch', 1, (at) => [
        { tag: 'variable', name: 'count', initial: constant(0, 'i32') },
        loop('serial', 's', 'seq', [
          letOf('known', binary('ne', load('mask', `seq*${at}+s`, 'i32'), constant(0, 'i32'))),
          {
            tag: 'set',
            name: 'count',
            value: binary('add', read('count', 'i32'), cast('i32', read('known', 'bool'))),
          },
          store('seen', `seq*${at}+s`, cast('i32', read('known', 'bool'))),
        ]),
        store('lengths', at, read('count', 'i32')),
      ]),
    },
  ];
}

const JS_NESTS: Nests = {
  each: (count, _, body) => [loop('parallel', 'i', count, body('i', 1))],
  rowSum: [
    loop('parallel', 'row', 'batch*seq', [
      { tag: 'alloc', buffer: 'sum', type: 'f32', size: 2, space: 'register' },
      { tag: 'alloc', buffer: 'copy', type: 'f32', size: WIDTH, space: 'scratch' },
      store('sum', 0, constant(0)),
      store('sum', 1, constant(0)),
      loop(
        'serial',
        'd',
        WIDTH,
        [0, 1].flatMap((k): Statement[] => [
          store('copy', `d+${k}`, load('x', `${WIDTH}*row+d+${k}`)),
          store('sum', k, binary('add', load('sum', k), load('copy', `d+${k}`))),
        ]),
        0,
        2,
      ),
      loop('serial', 'e', WIDTH, [
        store(
          'out',
          `${WIDTH}*row+e`,
          binary('add', load('copy', 'e'), binary('add', load('sum', 0), load('sum', 1))),
        ),
      ]),
    ]),
  ],
};

const GROUP = 16;

const WGSL_NESTS: Nests = {
  each: (count, lanes, body) => {
    const at = lanes === 4 ? `${4 * GROUP}*group+4*i` : `${GROUP}*group+i`;
    const groups = `floor((${count}+${lanes * GROUP - 1})/${lanes * GROUP})`;
    const inRange = binary('lt', index(at), index(count));
    return [
      loop('workgroup', 'group', groups, [
        loop('invocation', 'i', GROUP, [
          letOf('at', index(at)),
          {
            tag: 'if',
            condition: inRange,
            then: body(lanes === 4 ? at : 'at', lanes),
            otherwise: [],
          },
        ]),
      ]),
    ];
  },
  /** Two workgroup loops; the row goes through workgroup memory, in fours and one by one. */
  rowSum: [
    loop('workgroup', 'b', 'batch', [
      loop('workgroup', 's', 'seq', [
        { tag: 'alloc', buffer: 'tile', type: 'f32', size: WIDTH, space: 'workgroup' },
        loop('invocation', 'i', WIDTH, [
          letOf('start', index(`${WIDTH}*seq*b+${WIDTH}*s`)),
          store('tile', 'i', load('x', 'start+i')),
          { tag: 'barrier' },
          { tag: 'alloc', buffer: 'sum', type: 'f32', size: 4, space: 'register' },
          store('sum', 0, load('tile', 0, 'f32', 4)),
          store('sum', 0, binary('add', load('sum', 0, 'f32', 4), load('tile', 4, 'f32', 4))),
          letOf(
            'total',
            [1, 2, 3].reduce<Expression>(
              (sum, k) => binary('add', sum, load('sum', k)),
              load('sum', 0),
            ),
          ),
          store('out', 'start+i', binary('add', load('x', 'start+i'), read('total'))),
        ]),
      ]),
    ]),
  ],
};
