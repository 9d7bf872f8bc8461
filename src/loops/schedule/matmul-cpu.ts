/**
 * The CPU nest of a matmul with its epilogue: a register tile of 2 rows by 3 columns, two steps of k
 * summed before they reach an accumulator.
 *
 *   for start over rows, blocks of 64          the block of a stays in the cache
 *     for p over panels of 3 columns           weights stream by once a block
 *       for i over pairs of rows in the block
 *         c[2][3] = sum over k, two at a time
 *         epilogue, store
 *
 * Why 2 x 3: V8 checks each load's bounds and widens float32 to float64, so instructions are the
 * limit; a larger tile spills its accumulators from the 16 registers (`bench/js-shapes`). Weights
 * are packed in panels of 3 columns, so that the loop over k reads them in order. An exact matmul
 * takes one step of k at a time: each product is added to the sum of all before it.
 *
 * A computed b whose elements are dear, such as the windows of a convolution, is put together panel by
 * panel in scratch memory, and all rows meet a panel then.
 */

import { add, type Dim, floorDivide, minimum, multiply, subtract } from '../../ir/dims.ts';
import {
  addOf,
  constant,
  type Expression,
  letOf,
  load,
  multiplyOf,
  read,
  type Statement,
  store,
} from '../nodes.ts';
import { panels } from '../weight-layout.ts';
import { hasDivision } from './map.ts';
import { matmulNest, Product, type ProductPlace } from './product.ts';
import type { KernelDraft } from './schedule.ts';

const ROWS_IN_TILE = 2;
const COLUMNS_IN_TILE = 3;
const STEPS_OF_K = 2;
const ROWS_IN_BLOCK = 64;
/** Fewer rows read elements of b in place, however dear they are. */
const ROWS_WORTH_A_PANEL = 4;
const PANELS = panels(COLUMNS_IN_TILE);

export function matmulCpu(draft: KernelDraft): readonly Statement[] | null {
  return matmulNest(
    draft,
    () => PANELS,
    (place) => new TileNest(place).emit(),
  );
}

class TileNest extends Product {
  /** Whether columns of b are put together in scratch memory before rows meet them. */
  private readonly isDear: boolean;

  constructor(place: ProductPlace) {
    super(place);
    const isLong = typeof this.rows !== 'number' || this.rows >= ROWS_WORTH_A_PANEL;
    const isKnown = typeof this.inner === 'number';
    this.isDear = !place.plan.isPacked && isKnown && isLong && isDear(this);
  }

  emit(): void {
    const { emitter, rows } = this;
    const block = (start: Dim, end: Dim) => this.overPanels(start, end);
    // a panel that is put together here serves all rows
    if (this.isDear) block(0, rows);
    else if (typeof rows === 'number' && rows <= ROWS_IN_BLOCK) block(0, rows);
    else {
      emitter.loop(
        'parallel',
        'start',
        rows,
        (start) => block(start, emitter.integer('end', minimum(rows, add(start, ROWS_IN_BLOCK)))),
        { step: ROWS_IN_BLOCK },
      );
    }
  }

  private overPanels(start: Dim, end: Dim): void {
    const full = floorDivide(this.columns, COLUMNS_IN_TILE);
    const covered = multiply(full, COLUMNS_IN_TILE);
    const left = subtract(this.columns, covered);
    this.emitter.loop('parallel', 'p', full, (p) =>
      this.overRows(start, end, multiply(p, COLUMNS_IN_TILE), COLUMNS_IN_TILE),
    );
    if (typeof left === 'number') {
      if (left > 0) this.overRows(start, end, covered, left);
      return;
    }
    this.emitter.loop('parallel', 'j', this.columns, (j) => this.overRows(start, end, j, 1), {
      from: covered,
    });
  }

  private overRows(start: Dim, end: Dim, column: Dim, width: number): void {
    const { rows } = this;
    const count = subtract(end, start);
    const weightAt = this.columnsFrom(column, width);
    const paired = add(start, multiply(floorDivide(count, ROWS_IN_TILE), ROWS_IN_TILE));
    if (count !== 1) {
      this.emitter.loop(
        'parallel',
        'i',
        rows,
        (i) => this.tile(i, ROWS_IN_TILE, column, width, weightAt),
        {
          from: start,
          to: subtract(end, ROWS_IN_TILE - 1),
          step: ROWS_IN_TILE,
        },
      );
    }
    if (paired === end) return;
    this.emitter.loop('parallel', 'i', rows, (i) => this.tile(i, 1, column, width, weightAt), {
      from: paired,
      to: end,
    });
  }

  private tile(row: Dim, height: number, column: Dim, width: number, weightAt: WeightAt): void {
    const { emitter } = this;
    const rows = range(height);
    const columns = range(width);
    const sums = rows.map((r) => columns.map((c) => emitter.variable(`c${r}${c}`, constant(0))));
    const stepsAtOnce = emitter.exact ? 1 : STEPS_OF_K;
    const even = multiply(floorDivide(this.inner, stepsAtOnce), stepsAtOnce);
    const steps = (k: Dim, count: number) => {
      const x = rows.map((r) =>
        range(count).map((s) => emitter.bind(`x${r}${s}`, this.elementOfA(add(row, r), add(k, s)))),
      );
      for (const c of columns) {
        const w = range(count).map((s) => emitter.bind(`w${c}${s}`, weightAt(add(k, s), c)));
        for (const r of rows) {
          const products = w.map((ws, s) => multiplyOf(x[r]?.[s] ?? ws, ws));
          const name = sums[r]?.[c] ?? '';
          const value = addOf(read(name), products.reduce(addOf));
          emitter.emit({ tag: 'set', name, value });
        }
      }
    };
    emitter.loop('serial', 'k', this.inner, (k) => steps(k, stepsAtOnce), {
      to: even,
      step: stepsAtOnce,
    });
    if (even !== this.inner) {
      if (typeof this.inner === 'number') steps(even, this.inner - Number(even));
      else emitter.loop('serial', 'k', this.inner, (k) => steps(k, 1), { from: even });
    }
    for (const r of rows) {
      for (const c of columns) {
        this.storeElement(add(row, r), add(column, c), sumAt(sums, r, c));
      }
    }
  }

  /** Elements [k, column + c] of b, from a panel where one is there or worth putting together. */
  private columnsFrom(column: Dim, width: number): WeightAt {
    if (this.place.plan.isPacked) {
      const panel = multiply(column, this.inner);
      return (k, c) => load(this.weights, add(panel, add(multiply(k, COLUMNS_IN_TILE), c)));
    }
    const inPlace: WeightAt = (k, c) => this.elementOfB(k, add(column, c));
    if (!this.isDear) return inPlace;
    const panel = this.pack(width, column, (to, k, place) => {
      for (const c of range(width)) {
        this.emitter.emit(store(to, add(place, c), this.elementOfB(k, add(column, c))));
      }
    });
    return panel === null ? inPlace : (k, c) => load(panel, add(multiply(k, width), c));
  }
}

/** The element of b at a row and at a column of the tile. */
type WeightAt = (k: Dim, c: number) => Expression;

/** Whether an element of b takes more than a load from a place without divisions. */
function isDear(product: Product): boolean {
  const { emitter } = product;
  const [k, column] = [emitter.fresh('k'), emitter.fresh('j')];
  emitter.ranges.set(k, product.inner);
  emitter.ranges.set(column, product.columns);
  let element: Expression | null = null;
  const before = emitter.inScope([k, column], true, () => {
    element = product.elementOfB(k, column);
  });
  return before.length > 0 || hasDivision([letOf(k, element ?? constant(0))]);
}

function sumAt(sums: readonly (readonly string[])[], row: number, column: number): Expression {
  return read(sums[row]?.[column] ?? '');
}

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => i);
}
