/**
 * A product with windows, as convolutions are:
 *
 *   for start over rows of windows, which threads divide, for start over columns, blocks of both
 *     band = all channels of what the block's windows meet, padding included (`band.ts`)
 *     for i over rows, for p over panels of 8 columns
 *       for o over rows of a, a tile at a time
 *         sums[height][8] = sum over channels and places of a window, from the band
 *         epilogue, four columns at a time
 *
 * A panel lies within a row of windows, so its columns are neighbours in the band and nothing of b is
 * put together for it: an element of x is copied about once, not once a place of a window.
 */
import {
  add,
  type Dim,
  divideExactly,
  floorDivide,
  multiply,
  substitute,
  subtract,
  symbolsOf,
} from '../../../ir/dims.ts';
import { type Graph, type ValueId, valueOf } from '../../../ir/graph.ts';
import { binary, constant, index as indexOf } from '../../nodes.ts';
import { Band, type Block, bandSize, onlyWindows, overBlocks, type Windows } from '../band.ts';
import type { KernelDraft } from '../schedule.ts';
import type { TiledProduct } from './matmul-simd.ts';
import { emitTile, overTiles, range, tileHeights } from './tile.ts';

/** Windows of a block, rows by columns, the first whose band fits. */
const BLOCKS = [
  [4, 32],
  [2, 32],
  [1, 32],
  [1, 16],
] as const;
/** Elements of a band: 256 KB, of a second cache. */
const LARGEST_BAND = 65_536;
/** Vectors of four columns in a panel. */
const VECTORS = 2;
/**
 * Windows of so many places, or rows of so many, are no loop, in tiles of fused multiply-add. Without it the compiler
 * of Node 20 loads the operands of several steps ahead, and spills the sums: 20 instead of 45 GFLOP/s.
 */
const LONGEST_UNROLLED = 9;
const FUSED_HEIGHT = 6;

/** The windows that are b of a product, and where its channels begin. */
export interface WindowsOfProduct {
  readonly windows: Windows;
  readonly down: number;
  readonly right: number;
  readonly channels: number;
  /** The index of windows in front of channels, and the first of them, given that of b's matrix. */
  readonly outer: (leading: readonly Dim[]) => readonly Dim[];
  readonly first: (leading: readonly Dim[]) => Dim;
}

/**
 * The windows of which b is a view, b[.., (channel, j, k), (row, column)]; null where it is none, or where
 * the smallest band is too large.
 */
export function windowsOf(draft: KernelDraft, b: ValueId): WindowsOfProduct | null {
  const { body } = draft.region;
  const windows = onlyWindows(body);
  if (windows === null || windows.isSingle || !isOnlyFor(body, windows.result, b)) return null;
  const { rows, columns } = windows;
  const shape = valueOf(body, b).shape;
  const channels = divideExactly(shape.at(-2) ?? 1, rows.size * columns.size);
  if (typeof channels !== 'number') return null;
  const fits = ([down, right]: readonly [number, number]) =>
    channels * bandSize(windows, down, right) <= LARGEST_BAND;
  const [down, right] = BLOCKS.find(fits) ?? [0, 0];
  if (down === 0) return null;

  const emitter = draft.emitter();
  const probe = (base: string, extent: Dim): string => {
    const name = emitter.declareFresh(base);
    emitter.ranges.set(name, extent);
    return name;
  };
  const leading = shape.slice(0, -2).map((extent) => probe('h', extent));
  const [c, j, k] = [probe('c', channels), probe('j', rows.size), probe('k', columns.size)];
  const [row, column] = [probe('row', rows.count), probe('column', columns.count)];
  let found: readonly Dim[] = [];
  emitter.override(windows.result, (index) => {
    found = index;
    return constant(0);
  });
  const place = add(multiply(row, columns.count), column);
  const step = add(multiply(add(multiply(c, rows.size), j), columns.size), k);
  emitter.inScope([], true, () => emitter.value(b, [...leading, step, place]));
  const at = windows.leading.length - 1;
  const outer = found.slice(0, at);
  const first = subtract(found[at] ?? 0, c);
  const own = new Set([c, j, k, row, column]);
  const isFree = [...outer, first].every((dim) => symbolsOf(dim).every((name) => !own.has(name)));
  const isInOrder = [row, column, j, k].every((name, i) => found[at + 1 + i] === name);
  if (at < 0 || !isFree || !isInOrder) return null;
  const inside = (dim: Dim, given: readonly Dim[]) =>
    substitute(dim, (name) => given[leading.indexOf(name)]);
  return {
    ...{ windows, down, right, channels },
    outer: (given) => outer.map((dim) => inside(dim, given)),
    first: (given) => inside(first, given),
  };
}

/** Whether all that reads a value is on the way to another. */
function isOnlyFor(body: Graph, value: ValueId, end: ValueId): boolean {
  if (value === end) return true;
  if (body.outputs.some((output) => output.value === value)) return false;
  const users = body.nodes.filter(({ operands }) => operands.includes(value));
  const [user] = users;
  const [next] = user?.results ?? [];
  return users.length === 1 && next !== undefined && isOnlyFor(body, next, end);
}

export function emitWindowPanels(product: TiledProduct, of: WindowsOfProduct): void {
  const { emitter } = product;
  const { rows, columns } = of.windows;
  const leading = product.leadingOfB;
  const channels = { first: of.first(leading), count: of.channels };
  overBlocks(emitter, { count: rows.count, most: of.down, kind: 'split' }, (down) =>
    overBlocks(emitter, { count: columns.count, most: of.right }, (right) => {
      const band = new Band(emitter, of.windows, {
        outer: of.outer(leading),
        channels,
        down,
        right,
      });
      const row = (i: Dim) => new Row(product, of.windows, band, add(down.start, i), right).emit();
      if (down.most === 1) row(0);
      else emitter.loop('parallel', 'i', down.most, row, { to: down.count });
    }),
  );
}

/** The products of a row of windows. */
class Row {
  private readonly product: TiledProduct;
  private readonly windows: Windows;
  private readonly band: Band;
  private readonly row: Dim;
  private readonly right: Block;

  constructor(product: TiledProduct, windows: Windows, band: Band, row: Dim, right: Block) {
    this.product = product;
    this.windows = windows;
    this.band = band;
    this.row = row;
    this.right = right;
  }

  emit(): void {
    const { product, right } = this;
    const { emitter } = product;
    const whole = floorDivide(right.count, 4);
    const vectors = typeof whole === 'number' ? whole : emitter.integer('vectors', whole);
    const bounds = { from: 0, to: vectors, extent: Math.ceil(right.most / 4) };
    overTiles(emitter, tileHeights(VECTORS), bounds, (v, count) =>
      this.panel(multiply(v, 4), { vectors: count, width: 4 * count }),
    );
    const left = subtract(right.count, multiply(vectors, 4));
    if (left === 0) return;
    const rest = typeof left === 'number' ? left : emitter.integer('left', left, 4);
    const last = () => this.panel(multiply(vectors, 4), { vectors: 1, width: rest });
    if (typeof rest === 'number') last();
    else emitter.when(binary('lt', constant(0, 'i32'), indexOf(rest)), last);
  }

  /** All rows of a by the columns behind one. */
  private panel(column: Dim, { vectors, width }: { vectors: number; width: Dim }): void {
    const { product, windows } = this;
    const { emitter } = product;
    const { rows, columns } = windows;
    const start = add(this.right.start, column);
    const place = emitter.integer('place', add(multiply(this.row, columns.count), start));
    product.overRows((row, height) => {
      const sums = emitTile(emitter, {
        ...{ rows: height, vectors, inner: product.inner },
        a: (r, k) => product.elementOfA(add(row, r), k),
        b: (step, v) => {
          const { divide, modulo } = emitter.elements;
          const [c, place] = [divide(step, rows.size * columns.size), divide(step, columns.size)];
          const [j, k] = [modulo(place, rows.size), modulo(step, columns.size)];
          const at = add(start, 4 * v);
          const four = emitter.run((l) => this.band.element(c, [this.row, add(at, l)], [j, k]));
          return four ?? none();
        },
        overInner: (body) => this.overInner(body),
      });
      if (typeof width === 'number') product.finish(row, place, width, sums);
      else product.finishFirst(row, place, width, sums);
    });
  }

  /** Steps of k: channels by places of a window, some of which are no loop. */
  private overInner(body: (k: Dim, which: number) => void): void {
    const { emitter, inner } = this.product;
    const { rows, columns } = this.windows;
    const places = rows.size * columns.size;
    const longest = this.product.height >= FUSED_HEIGHT ? LONGEST_UNROLLED : 1;
    const isWhole = places <= longest;
    const isLong = columns.size > longest && columns.stride === 1;
    const along = (first: Dim, row: number) => {
      if (isLong) emitter.loop('serial', 'k', columns.size, (k) => body(add(first, k), 0));
      else for (const k of range(columns.size)) body(add(first, k), row * columns.size + k);
    };
    emitter.loop('serial', 'c', Math.floor(Number(inner) / places), (c) => {
      const first = multiply(c, places);
      if (isWhole) {
        for (const j of range(rows.size)) along(add(first, j * columns.size), j);
      } else {
        emitter.loop('serial', 'j', rows.size, (j) =>
          along(add(first, multiply(j, columns.size)), 0),
        );
      }
    });
  }
}

function none(): never {
  throw new Error('windows are neighbours in a band');
}
