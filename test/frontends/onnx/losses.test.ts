/** Losses, by hand. */
import { f32, nd } from '../../support/op-runs.ts';
import { type Call, describeCalls } from './one-node.ts';

const floats = (...numbers: readonly number[]) => f32([numbers.length], numbers);
const longs = (...numbers: readonly number[]) => nd('i64', [numbers.length], numbers);
const logarithms = f32([2, 3], [-1, -2, -3, -4, -5, -6]);
const weights = floats(1, 10, 2);
const one = (value: number) => f32([], [value]);

const LIKELIHOOD = 'NegativeLogLikelihoodLoss';

const calls: readonly Call[] = [
  [LIKELIHOOD, [logarithms, longs(2, 0)], {}, one(3.5)],
  [LIKELIHOOD, [logarithms, longs(2, 0)], { reduction: 'sum' }, one(7)],
  [LIKELIHOOD, [logarithms, longs(2, 0)], { reduction: 'none' }, floats(3, 4)],
  // 3 * 2 and 4 * 1, by weights of 3 together
  [LIKELIHOOD, [logarithms, longs(2, 0), weights], {}, one(10 / 3)],
  [LIKELIHOOD, [logarithms, longs(2, 0)], { ignore_index: 0 }, one(3)],
  [LIKELIHOOD, [logarithms, longs(-1, 1), weights], { ignore_index: -1 }, one(5)],
  [LIKELIHOOD, [logarithms, longs(2, 77)], { ignore_index: 77, reduction: 'none' }, floats(3, 0)],
  [
    LIKELIHOOD,
    [f32([1, 2, 3], [1, 2, 3, 4, 5, 6]), nd('i64', [1, 3], [0, 1, 0])],
    { reduction: 'none' },
    f32([1, 3], [-1, -5, -3]),
  ],
  // probabilities 1/4 and 3/4
  [
    'SoftmaxCrossEntropyLoss',
    [f32([1, 2], [0, Math.log(3)]), longs(0)],
    {},
    one(Math.log(4)),
    f32([1, 2], [-Math.log(4), Math.log(3 / 4)]),
  ],
  [
    'SoftmaxCrossEntropyLoss',
    [f32([2, 2], [0, Math.log(3), 0, 0]), longs(1, 0), floats(1, 4)],
    {},
    one((4 * Math.log(4 / 3) + Math.log(2)) / 5),
  ],
];

describeCalls('losses', calls);
