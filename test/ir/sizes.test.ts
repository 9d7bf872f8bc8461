import { expect, test } from 'vitest';
import { type GivenShape, resolveSizes } from '../../src/ir/sizes.ts';

const shape = (what: string, declared: GivenShape['declared'], given: readonly number[]) => ({
  what,
  declared,
  given,
});

test.each([
  [[shape('the input x', ['batch', 'seq', 4], [2, 7, 4])], { batch: 2, seq: 7 }],
  [[shape('the input x', ['2*n+1'], [7])], { n: 3 }],
  [
    [shape('the input x', ['batch*seq'], [6]), shape('the input y', ['seq'], [3])],
    { batch: 2, seq: 3 },
  ],
  [[shape('the input x', ['floor(n/2)'], [3]), shape('the input y', ['n'], [7])], { n: 7 }],
  [[shape('the input x', ['n'], [0]), shape('the input y', ['n*m', 'm'], [0, 5])], { n: 0, m: 5 }],
])('%j gives %j', (shapes, sizes) => {
  expect(resolveSizes(shapes)).toEqual(sizes);
});

test.each([
  [
    'The input x has 2 dims, [n, 4], but a tensor of shape [4]',
    [shape('the input x', ['n', 4], [4])],
  ],
  [
    'The input x is declared as [n, 4], but a tensor of shape [3, 5]',
    [shape('the input x', ['n', 4], [3, 5])],
  ],
  [
    'The input y is declared as [n], but a tensor of shape [4] was given, while n is 3 by the input x.',
    [shape('the input x', ['n'], [3]), shape('the input y', ['n'], [4])],
  ],
  ["no size of 'n' makes 2*n equal to 7", [shape('the input x', ['2*n'], [7])]],
  ["no size of 'n' makes n+5 equal to 3", [shape('the input x', ['n+5'], [3])]],
  ["The sizes of 'm' and 'n' cannot be told", [shape('the input x', ['m*n'], [6])]],
  ["The sizes of 'n' cannot be told", [shape('the input x', ['floor(n/2)'], [3])]],
])('%s', (message, shapes) => {
  expect(() => resolveSizes(shapes)).toThrow(message);
});
