/** Fourier transforms and the mel scale, by hand. */
import { f32, nd } from '../../support/op-runs.ts';
import { type Call, describeCalls, describeRefusals } from './one-node.ts';

const long = (value: number) => nd('i64', [], [value]);
const signal = f32([1, 4, 1], [1, 2, 3, 4]);
const spectrum = f32([1, 4, 2], [10, 0, -2, 2, -2, 0, -2, -2]);
const half = f32([1, 3, 2], [10, 0, -2, 2, -2, 0]);

const calls: readonly Call[] = [
  ['DFT', [signal], {}, spectrum],
  ['DFT', [signal], { onesided: 1 }, half],
  ['DFT', [spectrum], { inverse: 1 }, f32([1, 4, 2], [1, 0, 2, 0, 3, 0, 4, 0])],
  ['DFT', [half], { inverse: 1, onesided: 1 }, signal],
  // of an odd length the last bin stands twice, too: 1 + 2 cos(2 pi k / 3) and so on
  [
    'DFT',
    [f32([1, 2, 2], [6, 0, -1.5, Math.sqrt(3) / 2]), long(3)],
    { inverse: 1, onesided: 1 },
    f32([1, 3, 1], [1, 2, 3]),
  ],
  ['DFT', [signal, long(2)], {}, f32([1, 2, 2], [3, 0, -1, 0])],
  ['DFT', [f32([1, 1, 1], [5]), long(3)], {}, f32([1, 3, 2], [5, 0, 5, 0, 5, 0])],
  ['DFT', [f32([1, 2, 2], [0, 1, 2, 0])], {}, f32([1, 2, 2], [2, 1, -2, 1])],
  [
    'DFT',
    [f32([2, 2, 1], [1, 2, 3, 4]), null, long(0)],
    {},
    f32([2, 2, 2], [4, 0, 6, 0, -2, 0, -2, 0]),
  ],
  ['STFT', [signal, long(2), null, long(2)], {}, f32([1, 2, 2, 2], [3, 0, -1, 0, 7, 0, -1, 0])],
  ['STFT', [signal, long(2), f32([2], [1, 0.5])], {}, f32([1, 2, 2, 2], [2, 0, 0, 0, 5, 0, 1, 0])],
  [
    // i times 1, 2, 3, in windows of 2
    'STFT',
    [f32([1, 3, 2], [0, 1, 0, 2, 0, 3]), long(1), f32([2], [1, 1])],
    { onesided: 0 },
    f32([1, 2, 2, 2], [0, 3, 0, -1, 0, 5, 0, -1]),
  ],
  [
    // corners at 0, 1.99 and 3.99 Hz, which are bins 0, 2 and 4
    'MelWeightMatrix',
    [long(1), long(16), long(16), f32([], [0]), f32([], [6])],
    {},
    f32([9, 1], [0, 0.5, 1, 0.5, 0, 0, 0, 0, 0]),
  ],
];

describeCalls('Fourier transforms', calls);

describeCalls(
  'Fourier transforms of opset 17',
  [
    [
      'DFT',
      [f32([2, 2, 1], [1, 2, 3, 4])],
      { axis: 0 },
      f32([2, 2, 2], [4, 0, 6, 0, -2, 0, -2, 0]),
    ],
  ],
  17,
);

describeRefusals([
  [/its axis is that of real and imaginary/, ['DFT', [signal, null, long(2)], {}, signal]],
  [/transforms 4 elements of 1 parts/, ['DFT', [signal, long(2 ** 30)], {}, signal]],
  [/transforms 4 elements of 3 parts/, ['DFT', [f32([1, 4, 3], [])], {}, signal]],
  [
    /do not lie in the spectrum/,
    ['MelWeightMatrix', [long(1), long(16), long(16), f32([], [0]), f32([], [99])], {}, signal],
  ],
]);
