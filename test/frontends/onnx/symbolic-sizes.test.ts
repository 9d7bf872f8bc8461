/** Ops of sizes that only a run knows give what they give of the same sizes when they are known. */
import { expect, it } from 'vitest';
import { valueOf } from '../../../src/ir/graph.ts';
import { f32, nd } from '../../support/op-runs.ts';
import { importCase } from './node-case.ts';
import { type Call, type CallOptions, caseOf, expectCall } from './one-node.ts';

const longs = (...numbers: readonly number[]) => nd('i64', [numbers.length], numbers);
const axis = (value: number) => nd('i64', [], [value]);
const square = f32([1, 1, 2, 2], [1, 2, 3, 4]);
const points = f32([1, 1, 3, 2], [-1, -1, 3, 0, 0, 0]);
const image = { x0: ['n', 'c', 'h', 'w'], x1: ['n', null, 'points', null] };

const cases: readonly (readonly [Call, CallOptions['symbols']])[] = [
  [['GridSample', [square, points], {}, f32([1, 1, 1, 3], [0.25, 0, 2.5])], image],
  [
    ['GridSample', [square, points], { padding_mode: 'border' }, f32([1, 1, 1, 3], [1, 3, 2.5])],
    image,
  ],
  [
    [
      'GridSample',
      [square, points],
      { padding_mode: 'reflection' },
      f32([1, 1, 1, 3], [1, 2, 2.5]),
    ],
    image,
  ],
  [
    ['CumProd', [f32([2, 2], [1, 2, 3, 4]), axis(0)], {}, f32([2, 2], [1, 2, 3, 8])],
    { x0: ['n', 'm'] },
  ],
  [
    [
      'TensorScatter',
      [f32([1, 3, 1], [1, 2, 3]), f32([1, 2, 1], [8, 9]), longs(2)],
      { mode: 'circular' },
      f32([1, 3, 1], [9, 2, 8]),
    ],
    { x0: ['batch', 'kept', null], x1: ['batch', 'new', null], x2: ['batch'] },
  ],
  [
    [
      'STFT',
      [f32([1, 4, 1], [1, 2, 3, 4]), axis(1), null, axis(2)],
      {},
      f32([1, 3, 2, 2], [3, 0, -1, 0, 5, 0, -1, 0, 7, 0, -1, 0]),
    ],
    { x0: ['batch', 'samples', null] },
  ],
  [
    ['LpPool', [f32([1, 1, 3], [3, -4, 0])], { kernel_shape: [2] }, f32([1, 1, 2], [5, 4])],
    { x0: ['n', 'c', 'length'] },
  ],
  [
    [
      'CausalConvWithState',
      [f32([1, 1, 3], [1, 2, 3]), f32([1, 1, 2], [10, 1])],
      {},
      f32([1, 1, 3], [1, 12, 23]),
      f32([1, 1, 1], [3]),
    ],
    { x0: ['batch', null, 'steps'] },
  ],
  [
    [
      'LinearAttention',
      [f32([1, 2, 1], [1, 1]), f32([1, 2, 1], [2, 3]), f32([1, 2, 1], [5, 7])],
      { q_num_heads: 1, kv_num_heads: 1, update_rule: 'linear' },
      f32([1, 2, 1], [10, 31]),
      f32([1, 1, 1, 1], [31]),
    ],
    { x0: ['batch', 'steps'], x1: ['batch', 'steps'], x2: ['batch', 'steps'] },
  ],
  [
    [
      'NegativeLogLikelihoodLoss',
      [f32([2, 2], [-1, -2, -3, -4]), longs(0, -1)],
      { ignore_index: -1 },
      f32([], [1]),
    ],
    { x0: ['n', null], x1: ['n'] },
  ],
];

it.each(cases.map(([call, symbols], i) => ({ op: call[0], i, call, symbols })))(
  '$op ($i)',
  async ({ call, symbols = {} }) => {
    const graph = importCase(caseOf(call, { symbols }));
    const dims = graph.inputs.flatMap((id) => valueOf(graph, id).shape);
    expect(dims.some((dim) => typeof dim === 'string')).toBe(true);
    await expectCall(call, { symbols });
  },
);
