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
 * A [k, n] matrix as panels of `width` columns: element [r, c] stands at
 * (floor(c / width) * k + r) * width + c mod width. The last panel is filled with zeros.
 */
export function panels(width: number): WeightLayout {
  return {
    name: `panels of ${width} columns`,
    size: ([k = 1, n = 1]) => multiply(multiply(ceilDivide(n, width), k), width),
    pack: (data, [k = 1, n = 1]) => {
      const packed = new Float32Array(Math.ceil(n / width) * k * width);
      for (let r = 0; r < k; r++) {
        for (let c = 0; c < n; c++) {
          const panel = Math.floor(c / width);
          packed[(panel * k + r) * width + (c - panel * width)] = data[r * n + c] ?? 0;
        }
      }
      return packed;
    },
  };
}
