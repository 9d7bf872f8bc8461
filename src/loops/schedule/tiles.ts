/** Cooperative loading of tiles into workgroup memory, four elements at a time where they lie side by side. */
import { add, type Dim, divideExactly, floorDivide, multiply, subtract } from '../../ir/dims.ts';
import type { Emitter } from '../emitter.ts';
import { constant, type Expression, read, splat, store } from '../nodes.ts';

export interface Tile {
  readonly buffer: string;
  readonly rows: number;
  readonly columns: number;
  /** How many columns there are to load from: four at once where none of them can lie behind it. */
  readonly extent: Dim;
}

/**
 * Fills a row-major tile; what `isInside` refuses is 0. `element` gives the value that stands at a
 * row and column of the tile. All invocations take part; a barrier must follow.
 */
export function loadTile(
  emitter: Emitter,
  tile: Tile,
  lane: Dim,
  width: number,
  element: (row: Dim, column: Dim) => Expression,
  isInside: (row: Dim, column: Dim) => Expression | null,
): void {
  const isWhole = tile.columns % 4 === 0 && divideExactly(tile.extent, 4) !== null;
  const wide = isWhole && isWide(emitter, element);
  const step = wide ? 4 : 1;
  const across = tile.columns / step;
  const count = tile.rows * across;
  const place = (slot: Dim) => {
    const row = emitter.integer('r', floorDivide(slot, across), tile.rows);
    const quarter = emitter.integer('q', subtract(slot, multiply(row, across)), across);
    const column = multiply(quarter, step);
    const zero = wide ? splat(constant(0)) : constant(0);
    const name = emitter.variable('x', zero);
    const fill = () => {
      const at = (offset: number) => element(row, add(column, offset));
      const value = wide ? emitter.quad(at) : at(0);
      if (value === null) throw new Error('a tile that was wide is no longer');
      emitter.emit({ tag: 'set', name, value });
    };
    const inside = isInside(row, column);
    if (inside === null) fill();
    else emitter.when(inside, fill);
    const target = add(multiply(row, tile.columns), column);
    emitter.emit(store(tile.buffer, target, read(name, 'f32', wide ? 4 : 1)));
  };
  emitter.loop('serial', 't', count, (slot) => place(slot), { from: lane, step: width });
}

/** Whether four neighbouring columns are one load, tried on names of their own. */
function isWide(emitter: Emitter, element: (row: Dim, column: Dim) => Expression): boolean {
  const row = emitter.fresh('r');
  const quarter = emitter.fresh('q');
  let wide = false;
  emitter.inScope([row, quarter], true, () => {
    const at = (offset: number) => element(row, add(multiply(quarter, 4), offset));
    wide = emitter.quad(at) !== null;
  });
  return wide;
}
