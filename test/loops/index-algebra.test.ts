/** Division of indices against all values that their loop variables take. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Dim, evaluateDim, normalise } from '../../src/ir/dims.ts';
import { bound, divideIndex, isBelow, moduloIndex } from '../../src/loops/index-algebra.ts';

const ranges = new Map<string, Dim>([
  ['i', 3],
  ['j', 4],
  ['k', 'n'],
]);

/** Every assignment of the loop variables for some sizes of n. */
function* assignments() {
  for (const n of [1, 2, 5]) {
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 4; j++) {
        for (let k = 0; k < n; k++) yield { n, i, j, k };
      }
    }
  }
}

describe('a floor of a floor', () => {
  const down = (x: number, by: number) => Math.floor(x / by);
  test.each<[nested: string, flat: string, of: (n: number) => number]>([
    ['floor((floor(n/5)+1)/2)', 'floor((n+5)/10)', (n) => down(down(n, 5) + 1, 2)],
    ['floor(floor((n+3)/4)/2)', 'floor((n+3)/8)', (n) => down(down(n + 3, 4), 2)],
    ['floor((2*floor(n/5)+1)/4)', 'floor(n/10)', (n) => down(2 * down(n, 5) + 1, 4)],
    ['floor((floor((n-7)/5)-3)/2)', 'floor((n-22)/10)', (n) => down(down(n - 7, 5) - 3, 2)],
  ])('%s is %s', (nested, flat, of) => {
    expect(normalise(nested)).toBe(normalise(flat));
    for (let n = 0; n < 45; n++) expect(evaluateDim(flat, { n })).toBe(of(n));
  });

  test.each([
    'floor((3*floor(n/5)+1)/4)',
    'floor((floor(n/5)+m)/2)',
    'floor((floor(n/m)+1)/2)',
    'floor((floor(m/5)*floor(n/5))/2)',
  ])('%s stays', (nested) => {
    expect(normalise(nested)).toBe(nested);
  });
});

describe('divideIndex', () => {
  test.each([
    ['4*i + j', 4, 'i', 'j'],
    ['n*i + k', 'n', 'i', 'k'],
    ['12*k + 4*i + j', 12, 'k', '4*i+j'],
    ['j', 4, 0, 'j'],
    ['k', 'n', 0, 'k'],
  ] as const)('%s by %s is %s, rest %s', (x, by, quotient, rest) => {
    expect(divideIndex(normalise(x), by, ranges)).toBe(quotient);
    expect(moduloIndex(normalise(x), by, ranges)).toBe(rest);
  });

  test.each([
    ['4*i + j + 1', 4],
    ['j', 3],
    ['n*i + k + 1', 'n'],
    ['4*i - j', 4],
    ['k', 4],
  ] as const)('%s by %s stays a floor: the rest may not fit', (x, by) => {
    expect(String(divideIndex(normalise(x), by, ranges))).toContain('floor');
  });

  test('is the floor of the quotient for all values of the loop variables', () => {
    const coefficient = fc.integer({ min: -2, max: 13 });
    const index = fc
      .tuple(coefficient, coefficient, coefficient, fc.integer({ min: -3, max: 15 }))
      .map(([a, b, c, d]) => normalise(`${a}*i + ${b}*j + ${c}*k + ${d}`.replaceAll('+ -', '- ')));
    const by = fc.constantFrom<Dim>(1, 2, 3, 4, 5, 12, 'n');
    fc.assert(
      fc.property(index, by, (x, divisor) => {
        const [quotient, rest] = [divideIndex(x, divisor, ranges), moduloIndex(x, divisor, ranges)];
        for (const values of assignments()) {
          const [whole, part] = [evaluateDim(x, values), evaluateDim(divisor, values)];
          expect(evaluateDim(quotient, values)).toBe(Math.floor(whole / part));
          expect(evaluateDim(rest, values)).toBe(whole - part * Math.floor(whole / part));
        }
      }),
      { seed: 5, numRuns: 400 },
    );
  });
});

test('bounds hold for all values of the loop variables, and are reached', () => {
  const x = normalise('4*i - j + k');
  const [lower, upper] = [bound(x, ranges, 'lower'), bound(x, ranges, 'upper')];
  const values = [...assignments()].filter(({ n }) => n === 5);
  expect(evaluateDim(lower, { n: 5 })).toBe(Math.min(...values.map((v) => evaluateDim(x, v))));
  expect(evaluateDim(upper, { n: 5 })).toBe(Math.max(...values.map((v) => evaluateDim(x, v))));
  expect(isBelow('j', 4, ranges)).toBe(true);
  expect(isBelow('j', 3, ranges)).toBe(false);
  expect(isBelow('k', 'n', ranges)).toBe(true);
  expect(isBelow(normalise('k+1'), 'n', ranges)).toBe(false);
});
