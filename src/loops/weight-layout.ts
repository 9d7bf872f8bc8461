/** How a weight's numbers lie in memory: decided by a schedule, done once when compiling. */
import { ceilDivide, type Dim, multiply, sizeOf } from '../ir/dims.ts';
import type { Shape } from '../ir/types.ts';

type Numbers = Float32Array | Int32Array;

export interface WeightLayout {
  /** As the manifest shows it; equal names mean equal layouts. */
  readonly name: string;
  /** Elements, padding included. */
  readonly size: (shape: Shape) => Dim;
  readonly pack: (data: Numbers, shape: readonly number[]) => Numbers;
}

/** Row-major, as declared. */
export const ROWS: WeightLayout = { name: 'rows', size: sizeOf, pack: (data) => data };

/**
 * A [k, n] matrix as panels of `width` columns, block by block of `rows` rows: with r = b * rows + i
 * and c = p * width + j, element [r, c] stands at ((b * panels + p) * rows + i) * width + j. The last
 * panel is filled with zeros.
 *
 * @param rows of a block, which divides k; all of them where it is left out
 */
export function panels(width: number, rows?: number): WeightLayout {
  return {
    name: `panels of ${width} columns${rows === undefined ? '' : `, blocks of ${rows} rows`}`,
    size: ([k = 1, n = 1]) => multiply(multiply(ceilDivide(n, width), k), width),
    pack: (data, [k = 1, n = 1]) => {
      const count = Math.ceil(n / width);
      const block = rows ?? k;
      const packed = new Float32Array(count * k * width);
      for (let r = 0; r < k; r++) {
        const b = Math.floor(r / block);
        const i = r - b * block;
        for (let c = 0; c < n; c++) {
          const p = Math.floor(c / width);
          packed[((b * count + p) * block + i) * width + (c - p * width)] = data[r * n + c] ?? 0;
        }
      }
      return packed;
    },
  };
}
