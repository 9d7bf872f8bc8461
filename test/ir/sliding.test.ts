/** The arithmetic of windows with symbolic sizes: what it gives is one dim, and what it bounds is below. */
import { describe, expect, test } from 'vitest';
import { type Dim, evaluateDim, withoutFloors } from '../../src/ir/dims.ts';
import { ceilPadding } from '../../src/ir/sliding.ts';

const pooled = (n: Dim, size: number, stride: number) => {
  const sliding = { sizes: [size], strides: [stride], dilations: [1] };
  return ceilPadding([n], sliding, { before: [0], after: [0] }).after[0] ?? 0;
};

describe('the padding behind the last window', () => {
  test('has no maximum where floors show that it is not below 0', () => {
    expect(pooled('n', 2, 2)).toBe('2*floor((n+1)/2)-n');
  });

  test('keeps the maximum where it could be below 0', () => {
    expect(pooled('n', 1, 2)).toContain('max(');
  });

  test.each([
    [1, 2],
    [2, 2],
    [3, 2],
    [2, 3],
    [5, 3],
  ])('of windows of %i by steps of %i is that of numbers', (size, stride) => {
    for (let n = size; n < 20; n++) {
      expect(evaluateDim(pooled('n', size, stride), { n })).toBe(pooled(n, size, stride));
    }
  });
});

test.each<readonly [Dim, Dim]>([
  ['2*floor((n+1)/2)-n', 0],
  ['n-2*floor(n/2)', 0],
  ['6*floor(n/3)', '2*n-4'],
  ['3*floor(n/2)', '3*floor(n/2)'],
  ['n*floor(n/2)', 'floor(n/2)*n'],
])('withoutFloors(%s) is %s, and at most that', (dim, expected) => {
  const least = withoutFloors(dim);
  expect(least).toBe(expected);
  for (let n = 0; n < 30; n++) {
    expect(evaluateDim(least, { n })).toBeLessThanOrEqual(evaluateDim(dim, { n }));
  }
});
