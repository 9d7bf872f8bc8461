/** Where the elements of a weight stand, by the formula of its layout. */
import { describe, expect, it } from 'vitest';
import { panels } from '../../src/loops/weight-layout.ts';

describe('panels', () => {
  it.each([
    [3, 6, 9, undefined],
    [3, 6, 10, undefined],
    [3, 6, 2, 6],
    [8, 6, 17, 3],
    [8, 4, 8, 2],
    [4, 1, 1, 1],
  ])('of %i columns of a [%i, %i] matrix, blocks of %s rows', (width, k, n, rows) => {
    const { pack, size } = panels(width, rows);
    const data = Float32Array.from({ length: k * n }, (_, i) => i + 1);
    const count = Math.ceil(n / width);
    const block = rows ?? k;
    const expected = new Float32Array(count * k * width);
    data.forEach((element, at) => {
      const [r, c] = [Math.floor(at / n), at % n];
      const [b, i] = [Math.floor(r / block), r % block];
      const [p, j] = [Math.floor(c / width), c % width];
      expected[((b * count + p) * block + i) * width + j] = element;
    });
    expect(size([k, n])).toBe(expected.length);
    expect(pack(data, [k, n])).toEqual(expected);
  });
});
