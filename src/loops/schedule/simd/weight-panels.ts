/**
 * A product with a weight, which lies in memory as the loops read it:
 *
 *   for g over groups of panels, which threads divide    a group of b stays in the second cache
 *     for i over rows, a tile at a time
 *       for block over blocks of k                       the tile's part of a stays in the first
 *         for p over the panels of the group
 *           sums[height][8] += sum over k in the block
 *       epilogue after the last block, four columns at a time
 *
 * Why panels inside rows: a tile reads the group from end to end, as the processor's prefetching
 * expects. With rows inside panels it stops at every panel, and 16 rows took half as long again.
 * Why blocks of k: the rows of a tile and the panel at hand must fit the first cache together; with
 * 1536 steps they do not, and 16 rows took a third longer. Between blocks the sums wait in scratch
 * memory.
 */
import { add, ceilDivide, type Dim, floorDivide, multiply, subtract } from '../../../ir/dims.ts';
import { constant, type Expression, load, read, store } from '../../nodes.ts';
import { panels, type WeightLayout } from '../../weight-layout.ts';
import type { TiledProduct } from './matmul-simd.ts';
import { emitTile } from './tile.ts';

const COLUMNS = 8;
/** Elements of a group of panels: half a megabyte, within most second caches. */
const GROUP = 131_072;
/** Groups come in multiples of it, so that as many threads, or fewer, have equal shares. */
const SHARES = 4;
/** The most steps of k in a block: 6 rows of a and a panel are then 28 KB of a first cache of 32. */
const LONGEST_BLOCK = 512;
/** Shorter blocks would spend more on parking sums than they save. */
const SHORTEST_BLOCK = 128;

/** How a weight of some rows lies. */
export function layoutFor(rows: number): WeightLayout {
  return panels(COLUMNS, blockOf(rows));
}

/** Steps of k in a block: the largest divisor that is no longer than the longest block. */
function blockOf(inner: number): number {
  for (let block = Math.min(LONGEST_BLOCK, inner - 1); block >= SHORTEST_BLOCK; block--) {
    if (inner > LONGEST_BLOCK && inner % block === 0) return block;
  }
  return inner;
}

export function emitWeightPanels(product: TiledProduct): void {
  new WeightPanels(product).emit();
}

/** Panels of 8 columns, from first to before last, `most` of them or fewer; `width` columns of the last are b's. */
export interface Group {
  readonly first: Dim;
  readonly last: Dim;
  readonly most: number;
  readonly width: number;
}

/**
 * Groups of whole panels of about equal size, and the last panel if it is not whole.
 *
 * @param steps of k, each of 8 elements of a panel
 */
export function overPanelGroups(
  product: TiledProduct,
  steps: number,
  body: (group: Group) => void,
): void {
  const { emitter } = product;
  const columns = Number(product.columns);
  const full = Math.floor(columns / COLUMNS);
  if (full > 0) {
    const largest = SHARES * Math.max(1, Math.floor(GROUP / (COLUMNS * steps)));
    const count = Math.min(full, SHARES * Math.ceil(full / largest));
    const start = (g: Dim) => floorDivide(multiply(g, full), count);
    emitter.loop('split', 'g', count, (g) => {
      const first = emitter.integer('first', start(g), full);
      const last = emitter.integer('last', start(add(g, 1)));
      body({ first, last, most: Math.ceil(full / count), width: COLUMNS });
    });
  }
  const width = columns - full * COLUMNS;
  if (width === 0) return;
  // a loop of one iteration: one thread takes the last panel
  emitter.loop('split', 'g', 1, () => body({ first: full, last: full + 1, most: 1, width }));
}

/** The panels of a group, one after another. */
export function overPanelsOf(group: Group, product: TiledProduct, body: (p: Dim) => void): void {
  if (group.most === 1) body(group.first);
  else {
    const bounds = { from: group.first, to: group.last };
    product.emitter.loop('parallel', 'p', ceilDivide(product.columns, COLUMNS), body, bounds);
  }
}

class WeightPanels {
  private readonly product: TiledProduct;
  private readonly inner: number;
  private readonly columns: number;
  private readonly block: number;

  constructor(product: TiledProduct) {
    this.product = product;
    this.inner = Number(product.inner);
    this.columns = Number(product.columns);
    this.block = blockOf(this.inner);
  }

  emit(): void {
    overPanelGroups(this.product, this.inner, (group) =>
      this.product.overRows((row, height) => this.tile(row, height, group)),
    );
  }

  private tile(row: Dim, height: number, group: Group): void {
    const { product, block } = this;
    const { emitter } = product;
    const blocks = this.inner / block;
    const overPanels = (body: (p: Dim) => void) => overPanelsOf(group, product, body);
    const vectors = Math.ceil(group.width / 4);
    const sumsOf = (p: Dim, k0: Dim, initial?: (r: number, v: number) => Expression) =>
      emitTile(emitter, {
        rows: height,
        vectors,
        inner: block,
        a: (r, k) => product.elementOfA(add(row, r), add(k0, k)),
        b: (k, v) =>
          load(
            product.weights,
            add(this.panelAt(p, k0), add(multiply(k, COLUMNS), 4 * v)),
            'f32',
            4,
          ),
        ...(initial === undefined ? {} : { initial }),
      });
    if (blocks === 1) {
      overPanels((p) => product.finish(row, multiply(p, COLUMNS), group.width, sumsOf(p, 0)));
      return;
    }
    const parked = emitter.alloc('sums', group.most * height * COLUMNS, 'scratch');
    const place = (p: Dim, r: number, v: number) =>
      add(multiply(subtract(p, group.first), height * COLUMNS), r * COLUMNS + 4 * v);
    const resume = (p: Dim) => (r: number, v: number) => load(parked, place(p, r, v), 'f32', 4);
    const park = (p: Dim, sums: readonly (readonly string[])[]) =>
      sums.forEach((names, r) => {
        names.forEach((name, v) => {
          emitter.emit(store(parked, place(p, r, v), read(name, 'f32', 4)));
        });
      });
    if (blocks === 2) overPanels((p) => park(p, sumsOf(p, 0)));
    else {
      const count = multiply(subtract(group.last, group.first), height * COLUMNS);
      emitter.loop(
        'parallel',
        'i',
        group.most * height * COLUMNS,
        (i) => emitter.emit(store(parked, i, constant(0))),
        { to: count },
      );
      emitter.loop('serial', 'block', blocks - 1, (index) =>
        overPanels((p) => park(p, sumsOf(p, multiply(index, block), resume(p)))),
      );
    }
    overPanels((p) => {
      const sums = sumsOf(p, (blocks - 1) * block, resume(p));
      product.finish(row, multiply(p, COLUMNS), group.width, sums);
    });
  }

  /** Where a panel's part of a block begins. */
  private panelAt(p: Dim, k0: Dim): Dim {
    const padded = COLUMNS * Math.ceil(this.columns / COLUMNS);
    return add(multiply(k0, padded), multiply(p, this.block * COLUMNS));
  }
}
