/** Samples of images, by hand. */
import { f32, nd } from '../../support/op-runs.ts';
import { type Call, describeCalls, describeRefusals } from './one-node.ts';

const longs = (...numbers: readonly number[]) => nd('i64', [numbers.length], numbers);
const square = f32([1, 1, 2, 2], [1, 2, 3, 4]);
const row = f32([1, 1, 1, 4], [1, 0, 0, 5]);
/** One point, x before y. */
const at = (...point: readonly number[]) => f32([1, 1, 1, 2], point);
const one = (value: number) => f32([1, 1, 1, 1], [value]);
const identity = f32([1, 2, 3], [1, 0, 0, 0, 1, 0]);
const regions = f32([1, 4], [0, 0, 2, 2]);
const OLD = { coordinate_transformation_mode: 'output_half_pixel' };

const grids: readonly Call[] = [
  [
    'AffineGrid',
    [identity, longs(1, 1, 2, 2)],
    {},
    f32([1, 2, 2, 2], [-0.5, -0.5, 0.5, -0.5, -0.5, 0.5, 0.5, 0.5]),
  ],
  [
    // y + 0.25 and x
    'AffineGrid',
    [f32([1, 2, 3], [0, 1, 0.25, 1, 0, 0]), longs(1, 1, 2, 1)],
    { align_corners: 1 },
    f32([1, 2, 1, 2], [-0.75, -1, 1.25, -1]),
  ],
  [
    'AffineGrid',
    [f32([1, 3, 4], [1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 4, 0]), longs(1, 1, 1, 1, 2)],
    {},
    f32([1, 1, 1, 2, 3], [-0.5, 0, 0, 0.5, 0, 0]),
  ],
  ['GridSample', [square, at(0, 0)], {}, one(2.5)],
  // the corner of the image: half an element outside of the first, along both axes
  ['GridSample', [square, at(-1, -1)], {}, one(0.25)],
  ['GridSample', [square, at(-1, -1)], { padding_mode: 'border' }, one(1)],
  ['GridSample', [square, at(-1, -1)], { padding_mode: 'reflection' }, one(1)],
  // two elements beyond the last: in the mirror half an element before the first
  ['GridSample', [square, at(3, 0)], {}, one(0)],
  ['GridSample', [square, at(3, 0)], { padding_mode: 'border' }, one(3)],
  ['GridSample', [square, at(3, 0)], { padding_mode: 'reflection' }, one(2)],
  ['GridSample', [square, at(-0.2, 0.2)], { mode: 'nearest' }, one(3)],
  ['GridSample', [square, at(-1, 1)], { align_corners: 1 }, one(3)],
  ['GridSample', [square, at(3, -1)], { align_corners: 1 }, one(0)],
  ['GridSample', [square, at(3, -1)], { align_corners: 1, padding_mode: 'reflection' }, one(1)],
  [
    // weights -3/32, 19/32, 19/32, -3/32 in the middle
    'GridSample',
    [row, at(0, 0)],
    { mode: 'cubic', align_corners: 1 },
    one(-18 / 32),
  ],
  ['GridSample', [row, at(1, 0)], { mode: 'cubic', align_corners: 1 }, one(5)],
  [
    'GridSample',
    [row, at(9, 0)],
    { mode: 'cubic', align_corners: 1, padding_mode: 'border' },
    one(5),
  ],
  [
    'GridSample',
    [f32([1, 2, 1, 1, 2], [1, 3, 10, 30]), f32([1, 1, 1, 1, 3], [0, 0, 0])],
    {},
    f32([1, 2, 1, 1, 1], [2, 20]),
  ],
  // one sample in the middle: element (1, 1), or between all
  ['RoiAlign', [square, regions, longs(0)], { ...OLD, sampling_ratio: 1 }, one(4)],
  ['RoiAlign', [square, regions, longs(0)], { sampling_ratio: 1 }, one(2.5)],
  ['RoiAlign', [square, regions, longs(0)], { sampling_ratio: 2 }, one(2.5)],
  // of weighted elements the largest
  ['RoiAlign', [square, regions, longs(0)], { sampling_ratio: 1, mode: 'max' }, one(1)],
  [
    'RoiAlign',
    [
      ...[f32([2, 1, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8])],
      ...[f32([2, 4], [0, 0, 2, 2, 4, 4, 8, 8]), longs(1, 0)],
    ],
    { sampling_ratio: 1, output_width: 2, output_height: 1 },
    // rows at 0.5, columns at 0 and 1; the other region lies outside
    f32([2, 1, 1, 2], [6, 7, 0, 0]),
  ],
  [
    'DeformConv',
    [square, one(2), f32([1, 2, 2, 2], [0.5, 0, 0, 0, 0.5, 0, 0, 0])],
    {},
    f32([1, 1, 2, 2], [5, 4, 6, 8]),
  ],
  [
    'DeformConv',
    [
      ...[square, one(2), f32([1, 2, 2, 2], [0.5, 0, 0, 0, 0.5, 0, 0, 0])],
      ...[f32([1], [1]), f32([1, 1, 2, 2], [1, 1, 0.5, 1])],
    ],
    {},
    f32([1, 1, 2, 2], [6, 5, 4, 9]),
  ],
  [
    // two elements of a row under a kernel of two, of which the second is moved down by one
    'DeformConv',
    [square, f32([1, 1, 1, 2], [1, 10]), f32([1, 4, 1, 1], [0, 0, 1, 0])],
    { strides: [2, 1] },
    f32([1, 1, 1, 1], [41]),
  ],
];

describeCalls('samples of images', grids);
describeCalls(
  'of opset 10 and 16',
  [
    ['RoiAlign', [square, regions, longs(0)], { sampling_ratio: 1 }, one(4)],
    ['GridSample', [square, at(0, 0)], { mode: 'bilinear' }, one(2.5)],
  ],
  10,
);

describeRefusals([
  [/its sampling_ratio is 0/, ['RoiAlign', [square, regions, longs(0)], {}, one(0)]],
  [/its mode is 'spline'/, ['GridSample', [square, at(0, 0)], { mode: 'spline' }, one(0)]],
  [/padding_mode is 'wrap'/, ['GridSample', [square, at(0, 0)], { padding_mode: 'wrap' }, one(0)]],
  [/makes a grid of 1 dims/, ['AffineGrid', [identity, longs(1, 1, 2)], {}, one(0)]],
]);
