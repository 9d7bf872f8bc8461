/**
 * The nest of a matmul with its epilogue on CPUs with vectors of four: register tiles of `height`
 * rows by a panel of 8 columns (`tile.ts`).
 *
 * Why 8 columns: a step of k then needs two loads of b for up to 12 products. Why `height` rows:
 * with fused multiply-add 6 x 2 sums, 2 vectors of b and the splat of a fill the 15 registers that V8
 * gives; without it the product needs one more, and 4 rows are the most that fit (`bench/limits` measures them).
 *
 * Weights are packed when compiling (`weight-panels.ts`); another b is taken panel by panel
 * (`value-panels.ts`), windows from what they meet (`window-panels.ts`).
 */
import { add, type Dim } from '../../../ir/dims.ts';
import { binary, constant, type Expression, index as indexOf, lane, read } from '../../nodes.ts';
import { matmulNest, Product, type ProductPlace } from '../product.ts';
import type { Nest } from '../schedule.ts';
import { overTiles, range, tileHeights } from './tile.ts';
import { emitValuePanels } from './value-panels.ts';
import { emitWeightPanels, layoutFor } from './weight-panels.ts';
import { widen } from './widen.ts';
import { emitWindowPanels, windowsOf } from './window-panels.ts';

/** @param height rows of a full tile */
export function matmulSimd(height: number): Nest {
  return (draft) =>
    matmulNest(draft, layoutFor, (place) => {
      const product = new TiledProduct(place, height);
      const windows = place.plan.isPacked ? null : windowsOf(draft, place.plan.b);
      if (windows !== null) emitWindowPanels(product, windows);
      else if (place.plan.isPacked) emitWeightPanels(product);
      else emitValuePanels(product);
    });
}

/** An element of c from a sum, given the row of the tile and the column of c. */
export type ElementOf = (sum: Expression, row: number, column: Dim) => Expression;

interface Sums {
  readonly name: string;
  readonly row: number;
  readonly type: 'f32' | 'i32';
  readonly elementOf: ElementOf;
}

/** A product in register tiles, and where their sums go. */
export class TiledProduct extends Product {
  /** Rows of a full tile. */
  readonly height: number;

  constructor(place: ProductPlace, height: number) {
    super(place);
    this.height = height;
  }

  /** Rows, all where none are named, a tile at a time. */
  overRows(
    body: (row: Dim, height: number) => void,
    { from = 0, to = this.rows }: { readonly from?: Dim; readonly to?: Dim } = {},
  ): void {
    const heights = tileHeights(this.height);
    overTiles(this.emitter, heights, { from, to, extent: this.rows }, body);
  }

  /**
   * Puts a tile's sums through the epilogue; `width` columns of them are the product's.
   *
   * @param elementOf of sums that are i32; others are elements of c
   */
  finish(
    row: Dim,
    column: Dim,
    width: number,
    sums: readonly (readonly string[])[],
    elementOf?: ElementOf,
  ): void {
    const type = elementOf === undefined ? 'f32' : 'i32';
    sums.forEach((names, r) => {
      names.forEach((name, v) => {
        const at = { row: add(row, r), column: add(column, 4 * v), width: width - 4 * v };
        this.store(at, { name, row: r, type, elementOf: elementOf ?? ((sum) => sum) });
      });
    });
  }

  /** Puts the first columns of a tile's only vectors through the epilogue, 1 to 3 of them. */
  finishFirst(row: Dim, column: Dim, count: Dim, sums: readonly (readonly string[])[]): void {
    for (const l of range(3)) {
      this.emitter.when(binary('lt', constant(l, 'i32'), indexOf(count)), () =>
        sums.forEach(([name = ''], r) => {
          this.storeElement(add(row, r), add(column, l), lane(read(name, 'f32', 4), l));
        }),
      );
    }
  }

  /** Stores up to four sums of a row behind the epilogue: together, or the last ones one by one. */
  private store(at: { row: Dim; column: Dim; width: number }, sums: Sums): void {
    const { emitter } = this;
    const { name, type } = sums;
    if (at.width >= 4) {
      const l = emitter.fresh('l');
      emitter.ranges.set(l, 4);
      const one = emitter.inScope([l], true, () =>
        this.storeOne(at.row, add(at.column, l), read(name, type), sums),
      );
      const rename = (base: string) => emitter.declareFresh(base);
      const four = widen(one, { variable: l, at: 0, wide: new Set([name]), rename, gathers: true });
      if (four !== null) {
        for (const statement of four) emitter.emit(statement);
        return;
      }
    }
    for (const l of range(Math.min(4, at.width))) {
      this.storeOne(at.row, add(at.column, l), lane(read(name, type, 4), l), sums);
    }
  }

  private storeOne(row: Dim, column: Dim, sum: Expression, sums: Sums): void {
    this.storeElement(row, column, sums.elementOf(sum, sums.row, column));
  }
}
