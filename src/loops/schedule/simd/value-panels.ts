/**
 * A product with a computed b:
 *
 *   for p over panels of 8 columns, which threads divide    the panel stays in the first cache
 *     pack the panel, where its columns are no neighbours in memory
 *     for i over rows, a tile at a time
 *       sums[height][8] = sum over k
 *       epilogue, four columns at a time
 */
import { add, type Dim, floorDivide, multiply, subtract } from '../../../ir/dims.ts';
import { constant, type Expression, load, store, vector } from '../../nodes.ts';
import type { TiledProduct } from './matmul-simd.ts';
import { emitTile, range } from './tile.ts';

const COLUMNS = 8;

/** Four lanes of b. */
type Columns = (k: Dim, vector: number) => Expression;

export function emitValuePanels(product: TiledProduct): void {
  const { emitter, columns } = product;
  const full = floorDivide(columns, COLUMNS);
  const covered = multiply(full, COLUMNS);
  const left = subtract(columns, covered);
  emitter.loop('split', 'p', full, (p) => panel(product, multiply(p, COLUMNS), COLUMNS));
  if (typeof left !== 'number') {
    emitter.loop('split', 'j', columns, (j) => panel(product, j, 1), { from: covered });
  } else if (left > 0) {
    // a loop of one iteration: one thread takes the last panel
    emitter.loop('split', 'p', 1, () => panel(product, covered, left));
  }
}

/** All rows by some columns. */
function panel(product: TiledProduct, column: Dim, width: number): void {
  const b = columnsOf(product, column, width);
  product.overRows((row, height) => {
    const sums = emitTile(product.emitter, {
      rows: height,
      vectors: Math.ceil(width / 4),
      inner: product.inner,
      a: (r, k) => product.elementOfA(add(row, r), k),
      b,
    });
    product.finish(row, column, width, sums);
  });
}

/** Columns read in place, packed here and now, or put together load by load. */
function columnsOf(product: TiledProduct, column: Dim, width: number): Columns {
  if (width % 4 === 0 && isContiguous(product, column, width)) {
    return (k, v) => neighbours(product, k, add(column, 4 * v)) ?? none();
  }
  const vectors = Math.ceil(width / 4);
  const panel = product.pack(4 * vectors, column, (to, k, place) =>
    packRow(product, { to, k, place }, column, width),
  );
  if (panel === null) {
    return (k, v) => gathered(product, k, add(column, 4 * v), width - 4 * v);
  }
  return (k, v) => load(panel, add(multiply(k, 4 * vectors), 4 * v), 'f32', 4);
}

/** Stores a row of a panel, four columns at once where they are neighbours. */
function packRow(
  product: TiledProduct,
  { to, k, place }: { readonly to: string; readonly k: Dim; readonly place: Dim },
  column: Dim,
  width: number,
): void {
  const { emitter } = product;
  for (const v of range(Math.ceil(width / 4))) {
    const first = add(column, 4 * v);
    const four = width - 4 * v >= 4 ? neighbours(product, k, first) : null;
    if (four !== null) emitter.emit(store(to, add(place, 4 * v), four));
    for (const c of four === null ? range(4) : []) {
      const isInside = 4 * v + c < width;
      const element = isInside ? product.elementOfB(k, add(first, c)) : constant(0);
      emitter.emit(store(to, add(place, 4 * v + c), element));
    }
  }
}

/** Whether every four columns of the panel are neighbours: a view may part some of them. */
function isContiguous(product: TiledProduct, column: Dim, width: number): boolean {
  const { emitter } = product;
  const k = emitter.fresh('k');
  emitter.ranges.set(k, product.inner);
  const found: (Expression | null)[] = [];
  emitter.inScope([k], true, () => {
    for (const v of range(width / 4)) found.push(neighbours(product, k, add(column, 4 * v)));
  });
  return found.every((run) => run !== null);
}

function neighbours(product: TiledProduct, k: Dim, column: Dim): Expression | null {
  return product.emitter.run((l) => product.elementOfB(k, add(column, l)));
}

function gathered(product: TiledProduct, k: Dim, column: Dim, width: number): Expression {
  const element = (l: number) => (l < width ? product.elementOfB(k, add(column, l)) : constant(0));
  return vector(range(4).map(element));
}

function none(): never {
  throw new Error('columns that were neighbours no longer are');
}
