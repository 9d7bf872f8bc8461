/**
 * Every op as small graphs of it alone, with the numbers at which implementations part: infinities,
 * NaN, ends of ranges, divisors of 0, indices outside of a table, rows that nothing is visible of,
 * sizes of 0.
 */
import { buildGraph, GraphConstruction } from '../../src/ir/builder.ts';
import type { Graph } from '../../src/ir/graph.ts';
import type { NdArray } from '../../src/ir/nd-array.ts';
import type { OpName } from '../../src/ir/ops/index.ts';
import { FLOOR, LOWEST } from '../../src/ir/ops/softmax.ts';
import { type DType, f32 as f32Type, i64 as i64Type, type Shape } from '../../src/ir/types.ts';
import { type Attributes, f32, nd, some } from './op-runs.ts';

export interface OpCase {
  readonly op: OpName;
  readonly graph: Graph;
  readonly inputs: ReadonlyMap<string, NdArray>;
}

/** An operand's numbers, and its declared dims where they are not those of the numbers. */
type Given = NdArray | { readonly array: NdArray; readonly dims: Shape } | null;
type Call = readonly [operands: readonly Given[], attributes?: Attributes, body?: Graph];

const INF = Infinity;
const [MIN, MAX] = [-(2 ** 31), 2 ** 31 - 1];

const as = (array: NdArray, ...dims: Shape) => ({ array, dims });
const vector = (dtype: DType, ...numbers: readonly number[]) =>
  nd(dtype, [numbers.length], numbers);
const bools = (shape: readonly number[], ...numbers: readonly number[]) =>
  nd('bool', shape, numbers);

const FLOATS = vector('f32', -INF, -2.5, -1.5, -0.5, 0, 0.5, 1.5, 2.5, INF, Number.NaN);
const POSITIVE = vector('f32', 0, 1e-6, 0.5, 1, 2, 100, INF);
const INTEGERS: readonly NdArray[] = [
  vector('i64', MIN, -7, 0, 3, MAX),
  vector('i32', MIN, -7, 0, 3, MAX),
  vector('i8', -128, -7, 0, 3, 127),
  vector('u8', 0, 1, 100, 200, 255),
];
const HALF = vector('f16', -2.5, -0.001, 0, 0.333251953125, 65504);

const single = (x: Given): Call => [[x]];
const floats: readonly Call[] = [single(FLOATS), single(HALF), single(as(some([2, 3]), 'n', 3))];
/** Middles of two numbers, the least and the largest of float16 and bfloat16. */
const roundings: readonly Call[] = [
  ...floats,
  single(vector('f32', 1 + 2 ** -11, 1 + 3 * 2 ** -11, 1 + 2 ** -8, -1 - 3 * 2 ** -8, 2 ** -25)),
  single(vector('f32', 3 * 2 ** -25, 2 ** -14 - 2 ** -25, 65519, 65520, -65520, 3e38, 1e-8, -0)),
];
/** Functions of which ends of their range are poles or infinite. */
const narrow: readonly Call[] = [single(f32([7], [-0.9, -0.5, -1e-3, 0, 0.25, 0.5, 0.99]))];
const within1: readonly Call[] = [single(f32([7], [-1, -0.999, -0.5, 0, 1e-4, 0.75, 1]))];
const above1: readonly Call[] = [single(f32([5], [1, 1.0000001, 1.5, 20, 1e10]))];
const positive: readonly Call[] = [single(POSITIVE), single(as(some([2, 3]), 'n', 3))];
const numbers: readonly Call[] = [...floats, ...INTEGERS.map(single)];

/** Every integer with every integer of its dtype: [5, 1] with [5]. */
const tables: readonly Call[] = INTEGERS.filter(({ dtype }) => dtype !== 'i64').map((x) => [
  [{ ...x, shape: [5, 1] }, x],
]);
const bits: readonly Call[] = [
  ...INTEGERS.map((x): Call => [[{ ...x, shape: [x.data.length, 1] }, x]]),
  [[as(nd('i32', [0, 3], []), 'n', 3), vector('i32', 1, -2, 3)]],
];
const shifts: readonly Call[] = INTEGERS.map(({ dtype, ...x }): Call => {
  const counts = nd(dtype, [5], [0, 1, 7, 31, 35]);
  return [[{ dtype, ...x, shape: [x.data.length, 1] }, counts]];
});
const SMALL_I64: Call = [[vector('i64', -7, 0, 3, 9, 5), vector('i64', 2, 5, 0, -3, 5)]];
const twoFloats: Call = [[as(some([2, 1, 3], 1), 'n', 1, 3), as(some([4, 1], 2), 'm', 1)]];
const binary: readonly Call[] = [twoFloats, [[FLOATS, vector('f32', 1.5)]], ...tables, SMALL_I64];
const logical: readonly Call[] = [[[bools([2, 2], 0, 0, 1, 1), bools([2], 0, 1)]]];
const equality: readonly Call[] = [...binary, ...logical];

const SPREAD = f32([2, 3], [-INF, -INF, -INF, 1, INF, -4]);
const reduced = (over: readonly Given[]): readonly Call[] => [
  ...over.flatMap((x): readonly Call[] => [
    [[x], { axes: [-1] }],
    [[x], { axes: [0], keep: true }],
    [[x], { axes: [] }],
    [[x], { axes: [-1, 0] }],
  ]),
  [[as(some([2, 3, 2]), 'n', 3, 'm')], { axes: [2, 0], keep: true }],
];
const integerRows = INTEGERS.filter(({ dtype }) => dtype !== 'i64').map((x) => ({
  ...x,
  shape: [1, 5],
}));
const NOTHING = as(f32([2, 0], []), 2, 'n');
const ofNothing: Call = [[NOTHING], { axes: [1] }];
const nothingOf = (dtype: DType): Call => [[as(nd(dtype, [2, 0], []), 2, 'n')], { axes: [1] }];
const integersOfNothing = (['i32', 'i8', 'u8'] as const).map(nothingOf);
const reducedNumbers = [...reduced([SPREAD, ...integerRows]), ofNothing, ...integersOfNothing];
const searched: readonly Call[] = [
  [[f32([2, 3], [1, 5, 5, -INF, -INF, -INF])], { axis: -1 }],
  [[as(some([2, 3]), 'n', 3)], { axis: 0, keep: true }],
  [[f32([2, 3], [1, 5, 5, -INF, -INF, -INF])], { last: true }],
  ...INTEGERS.map((x): Call => [[x], { axis: 0 }]),
];

const TYPES: readonly DType[] = ['f32', 'f16', 'i64', 'i32', 'i8', 'u8', 'bool'];
const CAST_FROM: readonly NdArray[] = [
  vector('f32', Number.NaN, -INF, -3e9, -2.7, -0.2, 0, 0.9, 2.7, 300, 3e9, INF),
  ...INTEGERS,
  bools([2], 0, 1),
];
const casts = CAST_FROM.flatMap((x) => TYPES.map((dtype): Call => [[x], { dtype }]));

const ROWS = f32([3, 3], [LOWEST, LOWEST + 1, LOWEST / 0.9, -INF, -INF, 2, FLOOR, FLOOR, LOWEST]);
const SCORES = as(some([2, 3]), 'n', 3);
const softmaxes: readonly Call[] = [
  [[SCORES], { axis: 0 }],
  [[ROWS], { axis: -1 }],
  [[SCORES, as(bools([2, 3], 0, 0, 0, 1, 0, 1), 'n', 3)], { axis: -1 }],
  [[ROWS, bools([1, 3], 1, 1, 0)], { axis: 1 }],
  [[NOTHING], { axis: 1 }],
];
const BLOCK = as(some([2, 3, 4]), 'n', 'm', 4);
const [GAMMA, BETA] = [some([4], 5), some([4], 6)];
const WIDE = as(some([2, 3], 7), 'n', 'm');

/** [batch, heads, rows, width]. */
const heads = (count: number, rows: number, seed: number) =>
  as(some([2, count, rows, 3], seed), 'b', count, rows === 4 ? 'n' : 'm', 3);
const [QUERY, KEY, VALUE] = [heads(2, 4, 1), heads(2, 5, 2), heads(2, 5, 3)];
const ANGLES = (rows: number, pairs: number, seed: number) =>
  as(some([rows, pairs], seed), 'n', pairs);
const NARROW = { scale: 0.5 };
const EXTREMES = ['max', 'min'] as const;
const VISIBLE = as(bools([2, 1, 1, 5], 1, 1, 0, 1, 0, 0, 0, 0, 0, 0), 'b', 1, 1, 'm');
const BIAS = as(f32([1, 2, 1, 5], [0, -INF, 1, 2, 3, ...Array(5).fill(LOWEST)]), 1, 2, 1, 'm');

/** [batch, channels, height, width], and one of unknown sizes. */
const IMAGE = some([2, 4, 5, 6], 3);
const OPEN_IMAGE = as(IMAGE, 'n', 4, 'h', 'w');
const CHANNELS = [6, 7, 8].map((seed) => some([4], seed));
const VARIANCES = f32([4], [0.5, 2, 0, 1e-3]);
const poolings = (open: Given): readonly Call[] => [
  [[IMAGE], { sizes: [2, 3], strides: [1, 2], before: [1, 0], after: [0, 1] }],
  [[open], { sizes: [3, 2], strides: [2, 2], before: [2, 1], after: [1, 1] }],
  [[IMAGE], { sizes: [2, 2], strides: [3, 3], before: [1, 1], after: [1, 1], ceil: true }],
  [[open], { sizes: [3, 3], strides: [2, 2], ceil: true }],
  [[IMAGE], { sizes: [2, 2], dilations: [2, 3], after: [3, 3] }],
  [[some([1, 2, 3, 4, 4])], { sizes: [2, 2, 2] }],
  [[as(some([2, 1, 7]), 'n', 1, 'w')], { sizes: [3], strides: [3] }],
];

/** Segments of two rows, of none and of three. */
const PACKED: readonly Given[] = [
  ...[1, 2, 3].map((seed) => as(some([2, 5, 3], seed), 2, 't', 3)),
  as(vector('i32', 0, 0, 2, 2, 2), 't'),
  as(vector('i32', 0, 2, 2, 5), 's+1'),
];

const STEPS = nd('i8', [4, 2], [63, -63, 0, 1, -1, 17, 40, -2]);
const TABLE = as(some([4, 3]), 'n', 3);

const X = as(some([2, 3, 4]), 'n', 'm', 4);
const STATE = as(some([2, 2], 8), 'n', 2);
const COUNTS = as(nd('i32', [2], [2, 0]), 'n');
const layer = (gates: number): readonly [NdArray, NdArray, NdArray] => [
  some([4, 2 * gates], 0.2),
  some([2, 2 * gates], 0.3),
  some([2 * gates], 0.4),
];

/** next = state * c + x, one output of which is next and another x > 0. */
const STEP = buildGraph('step', (g) => {
  const [h, x] = [g.input('h', f32Type('n', 3)), g.input('x', f32Type('n', 3))];
  const next = g.add(g.mul(h, g.input('c', f32Type(3))), x);
  return { next, stacked: g.mul(next, next), positive: g.greater(x, 0) };
});
/** Total and least so far, of integers. */
const RUNNING = buildGraph('running', (g) => {
  const [total, least] = [g.input('total', i64Type()), g.input('least', i64Type())];
  const x = g.input('x', i64Type());
  return { total: g.add(total, x), least: g.minimum(least, x), before: total };
});

const CALLS: {
  readonly [N in Exclude<OpName, 'fused'>]: readonly Call[];
} = {
  ...{ neg: numbers, abs: numbers, sign: numbers, relu: numbers },
  ...{ exp: floats, log: positive, sqrt: positive, rsqrt: positive, reciprocal: positive },
  ...{ sin: floats, cos: floats, tanh: floats, erf: floats, sigmoid: floats },
  ...{ floor: floats, ceil: floats, round: floats, trunc: floats, atan: floats },
  ...{ tan: narrow, asin: within1, acos: within1, atanh: narrow, sinh: narrow, cosh: narrow },
  ...{ asinh: [...narrow, single(f32([4], [1e5, -1e5, 1e30, -1e30]))], acosh: above1 },
  is_nan: floats,
  ...{ round_float32: floats, round_float16: roundings, round_bfloat16: roundings },
  is_inf: [...floats, [[FLOATS], { sign: 'positive' }], [[FLOATS], { sign: 'negative' }]],
  gelu: [single(some([8])), [[as(some([8]), 'n')], { approximation: 'tanh' }]],
  silu: [single(some([8]))],
  not: [single(bools([2], 0, 1))],
  ...{ add: binary, sub: binary, mul: binary, div: binary, rem: binary },
  mod: [[[vector('f32', -5.5, 5.5, 5.5, 0), vector('f32', 2, -2, 2, 3)]], ...tables, SMALL_I64],
  ...{ bit_and: bits, bit_or: bits, bit_xor: bits, shift_left: shifts, shift_right: shifts },
  pow: [
    [[some([4]), vector('f32', 2)]],
    [[POSITIVE, vector('f32', 0.5)]],
    [[POSITIVE, POSITIVE]],
    [[nd('i32', [5, 1], [-3, -1, 0, 1, 2]), vector('i32', -2, -1, 0, 1, 2, 3, 7, 13)]],
    [[vector('i64', 2, -5, 10), vector('i64', 20, 3, 9)]],
    [[vector('u8', 3, 200, 255), vector('u8', 6, 2, 3)]],
    [[vector('i8', -3, 100, -128), vector('i8', 5, 2, -1)]],
  ],
  ...{ minimum: binary, maximum: binary },
  ...{ equal: equality, not_equal: equality },
  ...{ less: binary, less_equal: binary, greater: binary, greater_equal: binary },
  ...{ and: logical, or: logical, xor: logical },
  select: ['f32', 'f16', 'i64', 'i32', 'i8', 'u8', 'bool'].map((dtype): Call => {
    const choices = [nd(dtype as DType, [2], [0, 1]), nd(dtype as DType, [1], [1])];
    return [[bools([2, 1], 1, 0), ...choices]];
  }),
  cast: casts,
  reduce_sum: reducedNumbers,
  // of nothing a mean is NaN here, and what the runtime likes elsewhere
  reduce_mean: reduced([SPREAD]),
  ...{ reduce_max: reducedNumbers, reduce_min: reducedNumbers, reduce_prod: reducedNumbers },
  ...{ argmax: searched, argmin: searched },
  cumsum: [true, false].flatMap((exclusive) =>
    [true, false].flatMap((reverse): readonly Call[] => [
      [[as(some([2, 3]), 'n', 3)], { axis: 0, exclusive, reverse }],
      [[SPREAD], { axis: 1, exclusive, reverse }],
      [[NOTHING], { exclusive, reverse }],
      ...INTEGERS.map((x): Call => [[x], { axis: 0, exclusive, reverse }]),
    ]),
  ),
  matmul: [
    [[as(some([2, 1, 3, 4], 1), 'n', 1, 3, 4), as(some([2, 4, 2], 2), 2, 4, 'm')]],
    [[some([2, 3], 1), some([3, 1], 2)]],
  ],
  reshape: [
    [[BLOCK], { shape: ['n', 'm', 2, 2] }],
    [[BLOCK], { shape: ['m*n', 4] }],
    [[BLOCK], { shape: ['n', '4*m'] }],
    [[BLOCK], { shape: ['2*m', '2*n'] }],
    [[BLOCK], { shape: ['m', 1, 4, 'n'] }],
    [[as(f32([0, 3, 4], []), 'n', 'm', 4)], { shape: ['m', '4*n'] }],
    [[as(f32([0, 3, 4], []), 'n', 'm', 4)], { shape: ['n', '2*m', 2] }],
    [[f32([0, 2], [])], { shape: [2, 0, 3] }],
    [[some([1, 1])], { shape: [] }],
    [[bools([2], 0, 1)], { shape: [1, 2] }],
  ],
  transpose: [
    [[BLOCK], { permutation: [2, 0, 1] }],
    [[BLOCK], { permutation: [0, 1, 2] }],
    [[f32([], [1])], { permutation: [] }],
  ],
  broadcast: [
    [[as(some([2, 1]), 'n', 1)], { shape: ['n', 4] }],
    [[bools([1], 1)], { shape: [2, 3] }],
    [[nd('u8', [], [7])], { shape: [] }],
    [[as(some([2, 3]), 'n', 'm')], { shape: [2, 'n', 'm'] }],
  ],
  slice: [
    [[BLOCK], { starts: [0, 'm-2', 1], ends: ['n', 'm', 4], steps: [1, 1, 2] }],
    [[BLOCK], { starts: ['n-1', 'm-1', 3], ends: [-1, -1, 0], steps: [-1, -2, -2] }],
    [[BLOCK], { starts: [0, 0, 0], ends: ['n', 'm', 4] }],
    [[BLOCK], { starts: [1, 1, 1], ends: [1, 1, 4] }],
    [
      [as(f32([0, 3, 4], []), 'n', 'm', 4)],
      { starts: ['n-1', 0, 0], ends: [-1, 'm', 4], steps: [-1, 1, 1] },
    ],
    [[vector('bool', 0, 1, 1)], { starts: [1], ends: [3] }],
  ],
  concat: [
    [[BLOCK, as(some([2, 1, 4]), 'n', 1, 4)], { axis: 1 }],
    [[vector('u8', 1, 255), vector('u8', 7)], { axis: -1 }],
    [[bools([1], 1)], { axis: 0 }],
  ],
  pad: [
    [[BLOCK], { before: [0, 'm', 1], after: [1, 0, 'n'], value: -INF }],
    [[vector('i8', -128, 3)], { before: [1], after: [0], value: -1 }],
    [[bools([2], 0, 0)], { before: [1], after: [2], value: 1 }],
    [[f32([], [1])], { before: [], after: [], value: 1 }],
  ],
  gather: [
    [[TABLE, vector('i32', -5, -1, 0, 3, 4, 99)]],
    [[TABLE, nd('i64', [2, 2], [0, 1, -(2 ** 40), 2 ** 40])], { axis: -1 }],
    [[TABLE, vector('u8', 200, 1)], { axis: 0 }],
    [[bools([3], 0, 1, 0), nd('i8', [], [1])]],
    [[as(f32([0, 3], []), 'n', 3), nd('i32', [0], [])]],
  ],
  gather_elements: [
    [[some([3, 2]), nd('i32', [4, 2], [-5, 0, 2, 99, 1, 1, 0, 2])]],
    [[TABLE, as(nd('i64', [4, 2], [0, 2, 1, 1, -1, 0, 2, 7]), 'n', 2)], { axis: 1 }],
    [[some([2, 3, 4]), nd('u8', [1, 1, 5], [3, 0, 0, 200, 1])], { axis: -1 }],
    [[bools([3], 0, 1, 0), nd('i8', [2], [1, -1])]],
    [[f32([0, 3], []), nd('i32', [0, 3], [])], { axis: 1 }],
  ],
  gather_nd: [
    [[BLOCK, as(nd('i32', [2, 2], [1, 2, -1, 9]), 2, 2)]],
    [[BLOCK, as(nd('i64', [2, 3, 1], [3, 0, 1, -2, 5, 2]), 'n', 'm', 1)], { batch_dims: 2 }],
    [[as(some([2, 3, 4]), 'n', 'm', 4), nd('i32', [3, 3], [0, 0, 0, 1, 2, 3, 1, 1, 1])]],
    [[bools([3], 0, 1, 0), nd('i8', [1, 1], [1])]],
    [[some([2, 2]), nd('i32', [3, 0], [])]],
  ],
  scatter_elements: [
    [[some([3, 2]), nd('i32', [2, 2], [1, 0, 2, 5]), some([2, 2], 9)]],
    [[some([2, 5]), nd('i64', [1, 3], [4, -1, 4]), some([1, 3], 9)], { axis: 1, reduction: 'add' }],
    [
      [
        as(some([2, 4]), 'n', 4),
        as(nd('u8', [2, 4], [0, 0, 1, 3, 1, 1, 1, 9]), 'n', 4),
        as(some([2, 4], 9), 'n', 4),
      ],
      { axis: -1, reduction: 'mul' },
    ],
    [[bools([3], 0, 1, 0), nd('i8', [2], [0, 2]), bools([2], 1, 1)]],
    [
      [vector('i32', 1, 2, 3), vector('i32', 1, 1, 0), vector('i32', MAX, 5, 7)],
      { reduction: 'add' },
    ],
    [[some([3]), nd('i32', [0], []), f32([0], [])]],
    ...EXTREMES.flatMap((reduction): readonly Call[] => [
      [[some([3, 2]), nd('i32', [2, 2], [1, 0, 1, 5]), some([2, 2], 9)], { reduction }],
      [[vector('i64', 1, 2, 3), vector('i32', 1, 1, -1), vector('i64', 9, -9, 7)], { reduction }],
    ]),
  ],
  scatter_nd: [
    [[BLOCK, nd('i32', [2, 2], [1, 2, 0, 0]), some([2, 4], 9)]],
    [[BLOCK, nd('i64', [3, 2], [1, 2, 1, 2, 0, 9]), some([3, 4], 9)], { reduction: 'add' }],
    [[some([4, 2]), nd('i32', [2, 2, 1], [0, 3, 0, -1]), some([2, 2, 2], 9)], { reduction: 'mul' }],
    [[bools([3], 0, 1, 0), nd('i8', [1, 1], [0]), bools([1], 1)]],
    [[some([2, 2]), nd('i32', [0, 1], []), f32([0, 2], [])]],
    ...EXTREMES.map((reduction): Call => {
      return [[BLOCK, nd('i64', [3, 2], [1, 2, 1, 2, 0, 9]), some([3, 4], 9)], { reduction }];
    }),
  ],
  top_k: [
    [[f32([2, 4], [1, 3, 3, 2, -INF, INF, -INF, 5])], { k: 3 }],
    [[as(some([3, 4, 2], 3), 3, 'n', 2)], { k: 2, axis: 1, largest: false }],
    [[as(some([2, 3]), 'n', 3)], { k: 1, axis: 0 }],
    [[vector('i32', 5, MIN, MAX, 5, 0)], { k: 5 }],
    [[vector('u8', 5, 200, 7)], { k: 2, largest: false }],
    [[some([3])], { k: 0 }],
  ],
  nonzero: [
    [[bools([2, 3], 0, 1, 1, 0, 0, 1)], { symbol: 'found' }],
    [[as(bools([2, 3], 0, 1, 0, 0, 0, 0), 'n', 'm')], { symbol: 'found', always: [0, 'm-1'] }],
    [[bools([3], 0, 0, 0)], { symbol: 'found' }],
    [[as(bools([0, 3]), 'n', 3)], { symbol: 'found', always: [1] }],
    ...INTEGERS.map((x): Call => [[x], { symbol: 'found' }]),
  ],
  iota: (['f32', 'f16', 'i64', 'i32', 'i8', 'u8'] as const).flatMap((dtype): readonly Call[] => [
    [[], { shape: [260], dtype, start: -2 }],
    [[], { shape: [2, 3, 2], axis: 1, dtype, start: 1 }],
  ]),
  constant: [
    [[], { value: [1.5, -INF, INF, LOWEST], dtype: 'f32', shape: [2, 2] }],
    [[], { value: [LOWEST], dtype: 'f32', shape: [2, 0, 3] }],
    [[], { value: [1, 0], dtype: 'bool', shape: [2] }],
    [[], { value: [-7], dtype: 'i64', shape: [2] }],
    [[], { value: [-128], dtype: 'i8' }],
    [[], { value: [255], dtype: 'u8', shape: [1] }],
    [[], { value: [0.5], dtype: 'f16', shape: [3] }],
  ],
  softmax: softmaxes,
  log_softmax: [[[SCORES], { axis: 0 }], [[f32([2, 2], [1, -INF, 3, 4])]]],
  layer_norm: [
    [[BLOCK, GAMMA, BETA], { eps: 1e-12 }],
    [[BLOCK, GAMMA]],
    [[BLOCK, null, BETA]],
    [[BLOCK]],
    [[WIDE]],
    [[f32([1, 4], [1, 1, 1, 1]), GAMMA, BETA]],
  ],
  rms_norm: [[[BLOCK, GAMMA]], [[WIDE], { eps: 1e-3 }]],
  add_norm: [[[BLOCK, as(some([2, 3, 4], 9), 'n', 'm', 4), GAMMA, BETA]]],
  attention: [
    [[QUERY, KEY, VALUE], { scale: 0.5 }],
    [[QUERY, KEY, VALUE, VISIBLE], { scale: 0.5, causal: true }],
    [[QUERY, KEY, VALUE, null, BIAS], { scale: 0.5 }],
    [[QUERY, QUERY, QUERY], { scale: 0.5, causal: true }],
    [[KEY, QUERY, QUERY], { scale: Math.SQRT1_2, causal: true }],
    [[QUERY, KEY, VALUE], { scale: 0 }],
    [[some([2, 3, 4]), some([2, 5, 4], 2), some([2, 5, 3], 3), bools([5], 1, 0, 1, 1, 0)], NARROW],
    [[some([4, 3, 4]), some([2, 5, 4], 2), some([2, 5, 3], 3), bools([1], 0)], NARROW],
    [[QUERY, KEY, VALUE], { scale: 0.5, window: 1 }],
    [[QUERY, KEY, VALUE, VISIBLE], { scale: 0.5, causal: true, window: 2 }],
    [[heads(4, 4, 4), KEY, VALUE, VISIBLE, null], { scale: 1 }],
  ],
  segment_attention: [
    [PACKED, { scale: 0.5 }],
    [[...PACKED, as(bools([5], 1, 0, 0, 1, 1), 't')], { scale: 0.5, causal: true }],
  ],
  linear: [[[BLOCK, some([4, 2])]], [[some([4]), some([4, 2]), some([2])]]],
  quantize: [
    [[as(some([2, 3]), 'n', 3), as(f32([2, 1], [3, 2.5]), 'n', 1)]],
    [[f32([4], [0.5, -1.5, 2.5, 1e-35]), f32([1], [127])]],
    [[f32([2, 2], [0, -0, 1e-38, -1e-38]), f32([2, 1], [0, 1e-38])]],
  ],
  quantized_matmul: [
    [[BLOCK, STEPS, f32([2], [0.5, 0.01])]],
    [[some([4]), STEPS, f32([2], [0.5, 3])]],
    [[f32([3, 4], [0, 0, 0, 0, 3e38, -1e38, 0, 1, 1e-35, 0, 1e-38, 0]), STEPS, f32([2], [1, 2])]],
  ],
  windows: [
    [[some([3, 5, 6])], { sizes: [2, 3], strides: [2, 1], dilations: [1, 2] }],
    [[OPEN_IMAGE], { sizes: [2, 3], strides: [3, 2] }],
    [[vector('u8', 1, 2, 255)], { sizes: [2] }],
    [[as(some([2, 9]), 'n', 'w')], { sizes: [3], strides: [2], dilations: [2] }],
    [[some([2, 3])], { sizes: [] }],
  ],
  conv: [
    [[IMAGE, some([3, 4, 2, 3], 4), some([3])], { before: [1, 0], after: [0, 2] }],
    [[OPEN_IMAGE, some([6, 2, 3, 3], 4), null], { groups: 2, strides: [2, 1], before: [1, 1] }],
    [[OPEN_IMAGE, some([4, 1, 3, 3], 4), some([4])], { groups: 4, dilations: [2, 1] }],
    [[IMAGE, some([8, 1, 2, 2], 4)], { groups: 4, strides: [2, 2], after: [2, 1] }],
    [[OPEN_IMAGE, some([3, 4, 1, 1], 4), some([3])]],
    [[IMAGE, some([3, 4, 1, 1], 4)], { strides: [2, 3] }],
    [[as(some([2, 3, 9]), 'n', 3, 'w'), some([5, 3, 3], 2), some([5])], { strides: [2] }],
    [[some([1, 2, 3, 4, 5]), some([2, 2, 2, 1, 3], 2)], { before: [1, 1, 1], after: [0, 1, 0] }],
    [[nd('f16', [1, 1, 3], [1, 2, -4]), nd('f16', [1, 1, 2], [0.5, 8])]],
  ],
  max_pool: [...poolings(OPEN_IMAGE), [[nd('u8', [1, 1, 4], [0, 7, 255, 1])], { sizes: [2] }]],
  average_pool: [
    ...poolings(OPEN_IMAGE),
    ...poolings(OPEN_IMAGE).map(([x, how]): Call => [x, { ...how, include_padding: true }]),
  ],
  batch_norm: [
    [[OPEN_IMAGE, ...CHANNELS, VARIANCES]],
    [[as(some([3, 4]), 'n', 4), ...CHANNELS, VARIANCES], { eps: 0.01 }],
  ],
  group_norm: [
    [[IMAGE, CHANNELS[0] ?? null, CHANNELS[1] ?? null], { groups: 2 }],
    [[OPEN_IMAGE, CHANNELS[0] ?? null], { groups: 2, eps: 0.1 }],
    [[OPEN_IMAGE, null, CHANNELS[1] ?? null], { groups: 1 }],
    [[as(some([3, 4]), 'n', 4)], { groups: 2 }],
  ],
  instance_norm: [
    [[OPEN_IMAGE, CHANNELS[0] ?? null, CHANNELS[1] ?? null]],
    [[as(some([2, 4, 5]), 'n', 4, 'm'), CHANNELS[0] ?? null], { eps: 0.1 }],
  ],
  rnn: [
    [[X, ...layer(1), null, null]],
    [[X, ...layer(1), STATE, COUNTS], { activation: 'relu', reverse: true }],
    [[as(some([3, 2, 4]), 'm', 'n', 4), ...layer(1)], { activation: 'sigmoid', axis: 0 }],
  ],
  lstm: [
    [[X, ...layer(4), null, null, null, null]],
    [[X, ...layer(4), STATE, STATE, some([6]), null], { reverse: true }],
    [[X, ...layer(4), STATE, STATE, some([6]), COUNTS]],
    [[as(some([3, 2, 4]), 'm', 'n', 4), ...layer(4).slice(0, 2)], { axis: 0 }],
  ],
  gru: [
    [[X, ...layer(3), null, null, null]],
    [[X, ...layer(3), some([6]), STATE, COUNTS], { reset: 'before' }],
    [[X, ...layer(3), some([6]), STATE, null], { reset: 'before', reverse: true }],
    [[as(some([3, 2, 4]), 'm', 'n', 4), ...layer(3), some([6])], { axis: 0, reset: 'after' }],
  ],
  scan: [
    [
      [as(some([2, 3]), 'n', 3), as(some([2, 4, 3], 2), 'n', 'm', 3), some([3], 3)],
      { states: 1, sequences: 1, axis: 1, reverse: true },
      STEP,
    ],
    [
      [as(some([2, 3]), 'n', 3), as(some([4, 2, 3], 2), 'm', 'n', 3), some([3], 3)],
      { states: 1, sequences: 1 },
      STEP,
    ],
    [
      [nd('i64', [], [5]), nd('i64', [], [5]), vector('i64', 3, -1, 4, 1, -5)],
      { states: 2, sequences: 1 },
      RUNNING,
    ],
  ],
  rotary: [
    [[as(some([2, 3, 4, 6]), 'b', 3, 'n', 6), ANGLES(4, 3, 2), ANGLES(4, 3, 3)]],
    [
      [as(some([2, 4, 6]), 'b', 'n', 6), ANGLES(4, 2, 2), ANGLES(4, 2, 3)],
      { pairs: 'interleaved' },
    ],
    [[as(some([2, 1, 4, 6]), 'b', 1, 'n', 6), ANGLES(4, 2, 2), ANGLES(4, 2, 3)]],
    [[as(some([4, 5]), 'n', 5), ANGLES(4, 1, 2), ANGLES(4, 1, 3)], { pairs: 'interleaved' }],
  ],
  embedding: [[[TABLE, as(nd('i64', [2, 2], [0, 3, 1, 2]), 'b', 2)]]],
};

/** Of which ONNX has no op before opset 18. */
export function scattersExtremes({ nodes }: Graph): boolean {
  const isExtreme = (reduction: unknown) => EXTREMES.some((name) => name === reduction);
  return nodes.some(({ op, attributes: { reduction } }) => {
    return op.startsWith('scatter_') && isExtreme(reduction);
  });
}

/** One graph a call, in the order of the table. */
export function opCases(): readonly OpCase[] {
  return Object.entries(CALLS).flatMap(([op, calls]) =>
    calls.map((call) => caseOf(op as OpName, call)),
  );
}

function caseOf(op: OpName, [operands, attributes = {}, body]: Call): OpCase {
  const into = new GraphConstruction();
  const inputs = new Map<string, NdArray>();
  const values = operands.map((given, i) => {
    if (given === null) return null;
    const { array, dims } = 'array' in given ? given : { array: given, dims: given.shape };
    inputs.set(`x${i}`, array);
    return into.addInput(`x${i}`, { dtype: array.dtype, shape: dims });
  });
  const results = into.addNode(op, values, attributes, { body: body ?? null });
  const outputs = results.map((value, i) => ({ name: `y${i}`, value: value.id }));
  return { op, graph: into.finish(op, outputs), inputs };
}
