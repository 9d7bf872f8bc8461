/** Pooling: what sentences of the BERT family are pooled by is tested in bert.test.ts too. */
import { describe, expect, it } from 'vitest';
import { bool, dims, f32 } from '../../src/ir/types.ts';
import { firstToken, meanPool, poolTokens, type TokenPooling } from '../../src/models/index.ts';
import { bools, expectClose, interpretModel, rows } from '../support/interpret-model.ts';

const { batch, seq } = dims('batch', 'seq');

/** Three texts of three tokens: padded on the left, on the right, and with no token at all. */
const x = {
  dtype: 'f32',
  shape: [3, 3, 2],
  data: Float64Array.of(Number.NaN, 7, 1, -2, 4, 8, 5, 6, 2, 0, Number.NaN, 9, 1, 2, 3, 4, 5, 6),
} as const;
const mask = bools([
  [false, true, true],
  [true, true, false],
  [false, false, false],
]);

function pool(mode: TokenPooling) {
  const { outputs } = interpretModel({ x, mask }, (g) => ({
    y: poolTokens(g, g.input('x', f32(batch, seq, 2)), g.input('mask', bool(batch, seq)), mode),
  }));
  return rows(2, Array.from(outputs.get('y')?.data ?? []));
}

describe('poolTokens', () => {
  it.each<[TokenPooling, number[][]]>([
    [
      'lasttoken',
      [
        [4, 8],
        [2, 0],
        [0, 0],
      ],
    ],
    [
      'max',
      [
        [4, 8],
        [5, 6],
        [-1e9, -1e9],
      ],
    ],
    [
      'mean',
      [
        [2.5, 3],
        [3.5, 3],
        [0, 0],
      ],
    ],
    [
      'mean_sqrt_len_tokens',
      [
        [5 / Math.SQRT2, 6 / Math.SQRT2],
        [7 / Math.SQRT2, 6 / Math.SQRT2],
        [0, 0],
      ],
    ],
    [
      'weightedmean',
      [
        [(2 * 1 + 3 * 4) / 5, (2 * -2 + 3 * 8) / 5],
        [3, 2],
        [0, 0],
      ],
    ],
  ])('as %s leaves padding out, on either side, even where it is NaN', (mode, expected) => {
    expectClose(pool(mode), expected);
  });

  it('as cls takes the first, padding or not', () => {
    expect(pool('cls')).toEqual([
      [Number.NaN, 7],
      [5, 6],
      [1, 2],
    ]);
  });
});

describe('meanPool', () => {
  it('is the mean over tokens, of all where there is no mask', () => {
    const { outputs } = interpretModel({ x, mask }, (g) => {
      const input = g.input('x', f32(batch, seq, 2));
      return {
        all: meanPool(g, input),
        tokens: meanPool(g, input, g.input('mask', bool(batch, seq))),
      };
    });
    expect(outputs.get('all')?.data.slice(-2)).toEqual(Float64Array.of(3, 4));
    expectClose(rows(2, Array.from(outputs.get('tokens')?.data ?? [])), pool('mean'));
  });
});

it('firstToken is the vector of the first token', () => {
  const { outputs } = interpretModel({ x }, (g) => ({
    y: firstToken(g, g.input('x', f32(batch, seq, 2))),
  }));
  expect(outputs.get('y')).toMatchObject({ shape: [3, 2] });
  expect(outputs.get('y')?.data).toEqual(Float64Array.of(Number.NaN, 7, 5, 6, 1, 2));
});
