/**
 * The register tile of all products on a CPU with vectors of four: rows of a by four-wide columns of
 * b, one step of k after another:
 *
 *   for k: b0 = b[k, 0..4], b1 = b[k, 4..8]
 *     for each row r: x = splat(a[r, k]); c[r][0] += x * b0; c[r][1] += x * b1
 *
 * Of bytes a step of k is four of them, and sums are i32.
 *
 * Every sum stays in a register. The processor adds to one sum only every fourth cycle or so, two in
 * a cycle to different ones: a tile of few sums takes several steps of k at once, each into its own.
 * An exact tile does not, for its sums have one order, and rounds products before it adds them.
 */
import { add, type Dim, divideExactly, floorDivide, multiply, subtract } from '../../../ir/dims.ts';
import type { Emitter } from '../../emitter.ts';
import {
  addOf,
  binary,
  constant,
  dot4,
  type Expression,
  multiplyAdd,
  multiplyOf,
  read,
  splat,
} from '../../nodes.ts';

/** Sums that hide the latency of an addition. */
const SUMS_IN_FLIGHT = 8;

export interface TileProduct {
  readonly rows: number;
  /** Vectors of four columns. */
  readonly vectors: number;
  /** The extent of k. */
  readonly inner: Dim;
  /** What is multiplied: numbers, or i32s of four bytes, of which b's are those that dot4 takes. */
  readonly of?: 'f32' | 'bytes';
  /** One lane of a. */
  readonly a: (row: number, k: Dim) => Expression;
  /** Four lanes of b. */
  readonly b: (k: Dim, vector: number) => Expression;
  /** What a sum starts from, four lanes; zeros where there is none. */
  readonly initial?: (row: number, vector: number) => Expression;
  /** The steps of k, where they are more than one loop; `which` of those in a row it is. */
  readonly overInner?: (body: (k: Dim, which: number) => void) => void;
}

/** Emits the product; gives the names of the sums, four lanes each, by row and vector. */
export function emitTile(emitter: Emitter, tile: TileProduct): readonly (readonly string[])[] {
  const { rows, vectors, inner } = tile;
  const { exact } = emitter;
  const type = tile.of === 'bytes' ? 'i32' : 'f32';
  const wanted = exact ? 1 : Math.max(1, Math.floor(SUMS_IN_FLIGHT / (rows * vectors)));
  const isDivided = tile.overInner !== undefined || divideExactly(inner, wanted) !== null;
  const copies = isDivided ? wanted : 1;
  const sums = range(copies).map((copy) =>
    range(rows).map((r) =>
      range(vectors).map((v) => {
        const zero = splat(constant(0, type));
        const initial = copy === 0 ? (tile.initial?.(r, v) ?? zero) : zero;
        return emitter.variable(copy === 0 ? `c${r}${v}` : `c${r}${v}_${copy}`, initial);
      }),
    ),
  );
  const sumWith = (x: Expression, y: Expression, sum: Expression) => {
    if (type === 'i32') return dot4(x, y, sum);
    return exact ? addOf(sum, multiplyOf(x, y)) : multiplyAdd(x, y, sum);
  };
  const step = (k: Dim, names: readonly (readonly string[])[]) => {
    const b = range(vectors).map((v) => emitter.bindHere(`b${v}`, tile.b(k, v)));
    names.forEach((row, r) => {
      const x = emitter.bindHere(`x${r}`, splat(tile.a(r, k)));
      row.forEach((name, v) => {
        const [sum, y] = [read(name, type, 4), b[v] ?? x];
        emitter.emit({ tag: 'set', name, value: sumWith(x, y, sum) });
      });
    });
  };
  const each = (k: Dim) =>
    sums.forEach((names, copy) => {
      step(add(k, copy), names);
    });
  if (tile.overInner === undefined) emitter.loop('serial', 'k', inner, each, { step: copies });
  else tile.overInner((k, which) => step(k, sums[which % copies] ?? []));
  const [first = [], ...others] = sums;
  for (const names of others) {
    names.forEach((row, r) => {
      row.forEach((name, v) => {
        const sum = first[r]?.[v] ?? '';
        const value = binary('add', read(sum, type, 4), read(name, type, 4));
        emitter.emit({ tag: 'set', name: sum, value });
      });
    });
  }
  return first;
}

/** Heights of tiles that cover any number of rows: the full one, then each half of the last. */
export function tileHeights(full: number): readonly number[] {
  const heights = [full];
  for (let height = 1; height < full; height *= 2) heights.splice(1, 0, height);
  return heights;
}

/** Rows from .. to in tiles, the tallest first. `body` emits a tile of some rows from `row` on. */
export function overTiles(
  emitter: Emitter,
  heights: readonly number[],
  range: { readonly from: Dim; readonly to: Dim; readonly extent: Dim },
  body: (row: Dim, height: number) => void,
): void {
  const { to, extent } = range;
  let { from } = range;
  for (const height of heights) {
    const count = subtract(to, from);
    if (count === 0 || (typeof count === 'number' && count < height)) continue;
    const covered = multiply(floorDivide(count, height), height);
    if (count === height) body(from, height);
    else {
      emitter.loop('parallel', 'i', extent, (row) => body(row, height), {
        from,
        to: height === 1 ? to : subtract(to, height - 1),
        step: height,
      });
    }
    if (height === 1) return;
    const next = add(from, covered);
    from = typeof next === 'number' ? next : emitter.integer('next', next);
  }
}

export function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => i);
}
