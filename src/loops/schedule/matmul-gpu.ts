/**
 * The GPU nest of a matmul with its epilogue: tiles of a and b meet in workgroup memory.
 *
 *   a workgroup takes 32 rows x 64 columns of c with 128 invocations, 4 x 4 elements each
 *     for k over blocks of 16
 *       load a[32][16] and b[16][64] together, barrier
 *       sums[4] += a[row][k] * b[k][4 columns], four columns a vector; barrier
 *     epilogue, store
 *
 * Why these sizes: an invocation does 16 products for 8 numbers read from workgroup memory, the
 * tiles take 6 KiB of the 16 that every device has, and a sentence of 32 tokens still fills them.
 */

import { broadcastIndex } from '../../ir/broadcasting.ts';
import {
  add,
  ceilDivide,
  type Dim,
  floorDivide,
  multiply,
  sizeOf,
  subtract,
} from '../../ir/dims.ts';
import { type ValueId, valueOf } from '../../ir/graph.ts';
import type { Emitter } from '../emitter.ts';
import {
  addOf,
  binary,
  constant,
  type Expression,
  index as indexOf,
  lane as laneOf,
  load,
  multiplyOf,
  read,
  type Statement,
  splat,
} from '../nodes.ts';
import { unflatten } from '../row-major.ts';
import { type Epilogue, epilogueOf, onlyContraction } from './anchor.ts';
import type { KernelDraft } from './schedule.ts';
import { loadTile } from './tiles.ts';

const ROWS = 32;
const COLUMNS = 64;
const DEPTH = 16;
const INVOCATIONS = 128;
const QUADS_ACROSS = COLUMNS / 4;

export function matmulGpu(draft: KernelDraft): readonly Statement[] | null {
  const { body } = draft.region;
  const matmul = onlyContraction(body);
  const [a, b] = matmul?.operands ?? [];
  const [c] = matmul?.results ?? [];
  if (a == null || b == null || c === undefined) return null;
  const emitter = draft.emitter();
  const epilogue = epilogueOf(draft, emitter, c);
  if (epilogue === null) return null;
  const shape = valueOf(body, c).shape;
  const sharesB = valueOf(body, b).shape.length === 2;
  const batch = sharesB ? [] : shape.slice(0, -2);
  const rows = sharesB ? shape.slice(0, -1) : shape.slice(-2, -1);
  const columns = shape.at(-1) ?? 1;
  emitter.loop('workgroup', 'gz', sizeOf(batch), (gz) =>
    emitter.loop('workgroup', 'gy', ceilDivide(sizeOf(rows), ROWS), (gy) =>
      emitter.loop('workgroup', 'gx', ceilDivide(columns, COLUMNS), (gx) => {
        const tileA = emitter.alloc('tile_a', ROWS * DEPTH, 'workgroup');
        const tileB = emitter.alloc('tile_b', DEPTH * COLUMNS, 'workgroup');
        emitter.loop(
          'invocation',
          'lane',
          INVOCATIONS,
          (lane) => {
            const indexOfRow = (row: Dim) => [
              ...unflatten(gz, batch, emitter.ranges),
              ...unflatten(row, rows, emitter.ranges),
            ];
            const place = { lane, row: multiply(gy, ROWS), column: multiply(gx, COLUMNS) };
            const counts = { rows: sizeOf(rows), columns };
            new Workgroup(
              emitter,
              epilogue,
              { a, b },
              { tileA, tileB },
              place,
              counts,
              indexOfRow,
            ).emit();
          },
          { fence: true },
        );
      }),
    ),
  );
  return emitter.statements;
}

interface Place {
  readonly lane: Dim;
  /** First row and column of the workgroup's tile of c. */
  readonly row: Dim;
  readonly column: Dim;
}

class Workgroup {
  private readonly emitter: Emitter;
  private readonly epilogue: Epilogue;
  private readonly operands: { readonly a: ValueId; readonly b: ValueId };
  private readonly tiles: { readonly tileA: string; readonly tileB: string };
  private readonly place: Place;
  private readonly counts: { readonly rows: Dim; readonly columns: Dim };
  private readonly indexOfRow: (row: Dim) => readonly Dim[];

  constructor(
    emitter: Emitter,
    epilogue: Epilogue,
    operands: { readonly a: ValueId; readonly b: ValueId },
    tiles: { readonly tileA: string; readonly tileB: string },
    place: Place,
    counts: { readonly rows: Dim; readonly columns: Dim },
    indexOfRow: (row: Dim) => readonly Dim[],
  ) {
    this.emitter = emitter;
    this.epilogue = epilogue;
    this.operands = operands;
    this.tiles = tiles;
    this.place = place;
    this.counts = counts;
    this.indexOfRow = indexOfRow;
  }

  emit(): void {
    const { emitter, place } = this;
    const inner = valueOf(emitter.body, this.operands.a).shape.at(-1) ?? 1;
    const quadRow = emitter.integer('quad_row', floorDivide(place.lane, QUADS_ACROSS), ROWS / 4);
    const across = subtract(place.lane, multiply(quadRow, QUADS_ACROSS));
    const quadColumn = emitter.integer('quad_column', across, QUADS_ACROSS);
    const sums = range(4).map((r) => emitter.variable(`sum${r}`, splat(constant(0))));
    emitter.loop('serial', 'block', ceilDivide(inner, DEPTH), (block) => {
      this.loadTiles(multiply(block, DEPTH), inner);
      emitter.emit({ tag: 'barrier' });
      emitter.loop('serial', 'quad', DEPTH / 4, (quad) =>
        this.multiply(sums, quadRow, quadColumn, multiply(quad, 4)),
      );
      emitter.emit({ tag: 'barrier' });
    });
    this.storeSums(sums, quadRow, quadColumn);
  }

  private loadTiles(k: Dim, inner: Dim): void {
    const { emitter, place, counts, operands } = this;
    const { lane } = place;
    const bShape = valueOf(emitter.body, operands.b).shape;
    const tileA = { buffer: this.tiles.tileA, rows: ROWS, columns: DEPTH, extent: inner };
    const aShape = valueOf(emitter.body, operands.a).shape;
    loadTile(
      emitter,
      tileA,
      lane,
      INVOCATIONS,
      (r, d) => {
        const index = this.indexOfRow(add(place.row, r));
        const leading = broadcastIndex(index.slice(0, -1), aShape.slice(0, -2));
        return emitter.value(operands.a, [...leading, index.at(-1) ?? 0, add(k, d)]);
      },
      (r, d) => both(below(add(place.row, r), counts.rows, ROWS), below(add(k, d), inner, DEPTH)),
    );
    const { columns } = counts;
    const tileB = { buffer: this.tiles.tileB, rows: DEPTH, columns: COLUMNS, extent: columns };
    loadTile(
      emitter,
      tileB,
      lane,
      INVOCATIONS,
      (d, c) => {
        const outer = this.indexOfRow(0).slice(0, -1);
        const leading = broadcastIndex(outer, bShape.slice(0, -2));
        return emitter.value(operands.b, [...leading, add(k, d), add(place.column, c)]);
      },
      (d, c) =>
        both(below(add(k, d), inner, DEPTH), below(add(place.column, c), counts.columns, COLUMNS)),
    );
  }

  private multiply(sums: readonly string[], quadRow: Dim, quadColumn: Dim, d: Dim): void {
    const { emitter } = this;
    const { tileA, tileB } = this.tiles;
    const rows = sums.map((_, r) => {
      const row = add(multiply(quadRow, 4), r);
      return emitter.bind(`a${r}`, load(tileA, add(multiply(row, DEPTH), d), 'f32', 4));
    });
    for (const s of range(4)) {
      const at = add(multiply(add(d, s), COLUMNS), multiply(quadColumn, 4));
      const columns = emitter.bind(`b${s}`, load(tileB, at, 'f32', 4));
      sums.forEach((name, r) => {
        const product = multiplyOf(splat(laneOf(rows[r] ?? columns, s)), columns);
        emitter.emit({ tag: 'set', name, value: addOf(read(name, 'f32', 4), product) });
      });
    }
  }

  private storeSums(sums: readonly string[], quadRow: Dim, quadColumn: Dim): void {
    const { emitter, place, counts } = this;
    const ownRow = add(place.row, multiply(quadRow, 4));
    const ownColumn = add(place.column, multiply(quadColumn, 4));
    const column = emitter.integer('column', ownColumn, counts.columns);
    const isQuadWhole = typeof counts.columns === 'number' && counts.columns % 4 === 0;
    const storeRow = (sum: Expression, row: Dim) => {
      for (const c of range(4)) {
        const at = [...this.indexOfRow(row), add(column, c)];
        const storeOne = () => this.epilogue.store(at, laneOf(sum, c));
        this.within(isQuadWhole ? null : below(add(column, c), counts.columns, COLUMNS), storeOne);
      }
    };
    this.within(isQuadWhole ? below(column, counts.columns, COLUMNS) : null, () => {
      sums.forEach((name, r) => {
        const row = emitter.integer(`row${r}`, add(ownRow, r), counts.rows);
        this.within(below(row, counts.rows, ROWS), () => storeRow(read(name, 'f32', 4), row));
      });
    });
  }

  private within(inside: Expression | null, body: () => void): void {
    if (inside === null) body();
    else this.emitter.when(inside, body);
  }
}

/** x < limit; null where tiles of `tile` fill the limit exactly. */
function below(x: Dim, limit: Dim, tile: number): Expression | null {
  if (typeof limit === 'number' && limit % tile === 0) return null;
  return binary('lt', indexOf(x), indexOf(limit));
}

function both(a: Expression | null, b: Expression | null): Expression | null {
  if (a === null || b === null) return a ?? b;
  return binary('and', a, b);
}

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => i);
}
