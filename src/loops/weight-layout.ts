/** How a weight's numbers lie in memory: decided by a schedule, done once when compiling. */
import { EncompileError } from '../errors.ts';
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
        let to = (b * count * block + (r - b * block)) * width;
        const end = (r + 1) * n;
        for (let from = r * n; from < end; to += block * width) {
          const stop = Math.min(from + width, end);
          for (let at = to; from < stop; from++) packed[at++] = data[from] as number;
        }
      }
      return packed;
    },
  };
}

const BYTES_IN_WORD = 4;
/** Makes -64 .. 63 a number of seven bits. */
export const BYTE_OFFSET = 64;

/**
 * A [k, n] matrix of whole numbers from -64 to 63 as panels of `width` columns, four bytes of k in an
 * i32: with r = 4 * s + i and c = p * width + j, byte i of element (p * steps + s) * width + j is
 * [r, c] + 64, with steps = k / 4 rounded up. What lies beyond k or n is 0.
 */
export function bytePanels(width: number): WeightLayout {
  return {
    name: `bytes in panels of ${width} columns`,
    size: ([k = 1, n = 1]) =>
      multiply(multiply(ceilDivide(n, width), ceilDivide(k, BYTES_IN_WORD)), width),
    pack: (data, [k = 1, n = 1]) => {
      const steps = Math.ceil(k / BYTES_IN_WORD);
      const packed = new Int32Array(Math.ceil(n / width) * steps * width);
      for (let r = 0; r < k; r++) {
        const s = r >> 2;
        const shift = 8 * (r & 3);
        for (let c = 0; c < n; c++) {
          const p = Math.floor(c / width);
          const at = (p * steps + s) * width + (c - p * width);
          packed[at] = (packed[at] ?? 0) | (sevenBits(data[r * n + c] ?? 0) << shift);
        }
      }
      return packed;
    },
  };
}

function sevenBits(x: number): number {
  const moved = x + BYTE_OFFSET;
  if (moved >= 0 && moved < 2 * BYTE_OFFSET) return moved;
  throw new EncompileError(
    `A quantised weight holds ${x}, but its numbers lie in -63 to 63: divide it by a larger scale.`,
  );
}
