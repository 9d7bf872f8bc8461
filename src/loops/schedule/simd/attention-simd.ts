/**
 * The nest of attention on CPUs with vectors of four: online softmax (Milakov and Gimelshein 2018;
 * FlashAttention, Dao et al. 2022) over blocks of queries and keys, so that memory does not grow with
 * queries x keys.
 *
 *   for every head, for 48 queries at a time
 *     for 64 keys at a time
 *       pack the keys: d x 64, so that neighbouring keys are neighbours in memory
 *       for a tile of queries: scores[48][64] = query . key * scale
 *       for a query
 *         scores += bias, or the lowest number where the key is hidden
 *         top = the largest score so far; what was summed before is rescaled by exp(max - top)
 *         scores = exp(scores - top)
 *       for a tile of queries: sums[48][value width] = sums * rescale + scores . values
 *     context = sums / total, 0 where no key was visible
 *
 * Why 64 keys: their packed form and the values they weigh stay in the first cache up to a width of
 * 64. Why 48 queries: packing a key costs about as much as half a query's products with it. The scores
 * of a block are 12 KB, so that each product has what it needs in the first cache; tiles come in
 * several heights, and what lies between the products is emitted once and not for each height.
 */
import { add, ceilDivide, type Dim, minimum, multiply, subtract } from '../../../ir/dims.ts';
import { FLOOR, LOWEST } from '../../../ir/ops/softmax.ts';
import type { Emitter } from '../../emitter.ts';
import {
  addOf,
  binary,
  constant,
  type Expression,
  load,
  multiplyOf,
  read,
  select,
  splat,
  store,
  unary,
  vector,
} from '../../nodes.ts';
import { type Epilogue, epilogueOf, onlyOf } from '../anchor.ts';
import {
  AttentionOperands,
  KEYS_IN_BLOCK,
  QUERIES_IN_BLOCK,
  type Rows,
} from '../attention-operands.ts';
import type { Nest } from '../schedule.ts';
import { emitTile, overTiles, range, tileHeights } from './tile.ts';

const QUERIES = QUERIES_IN_BLOCK;
const KEYS = KEYS_IN_BLOCK;
const COLUMNS = 8;

/** @param height rows of a full tile */
export function attentionSimd(height: number): Nest {
  return (draft) => {
    const node = onlyOf('attention', draft.region.body);
    const [result] = node?.results ?? [];
    if (node === null || result === undefined) return null;
    const emitter = draft.emitter();
    const epilogue = epilogueOf(draft, emitter, result);
    const operands = new AttentionOperands(emitter, node);
    if (epilogue === null || !operands.isStatic) return null;
    operands.overSequences((leading, { from, to }, keys) => {
      emitter.loop(
        'parallel',
        'first',
        operands.queries,
        (first) => {
          const last = emitter.integer('last', minimum(to, add(first, QUERIES)));
          const place = { leading, keys, first, last, height };
          new QueryBlock(emitter, operands, epilogue, place).emit();
        },
        { from, to, step: QUERIES },
      );
    });
    return emitter.statements;
  };
}

interface Place {
  readonly leading: readonly Dim[];
  /** Of the sequence. */
  readonly keys: Rows;
  /** Queries from first to before last. */
  readonly first: Dim;
  readonly last: Dim;
  readonly height: number;
}

/** Keys from start on, `count` of them. */
interface KeyBlock {
  readonly start: Dim;
  readonly count: Dim;
}

/** A tile of a block's queries. */
interface Tile {
  readonly row: Dim;
  readonly height: number;
}

class QueryBlock {
  private readonly emitter: Emitter;
  private readonly operands: AttentionOperands;
  private readonly epilogue: Epilogue;
  private readonly place: Place;
  private readonly keys: string;
  private readonly scores: string;
  private readonly rescales: string;
  private readonly sums: string;
  private readonly largest: string;
  private readonly totals: string;
  /** Columns of the sums, in whole vectors. */
  private readonly width: number;

  constructor(emitter: Emitter, operands: AttentionOperands, epilogue: Epilogue, place: Place) {
    this.emitter = emitter;
    this.operands = operands;
    this.epilogue = epilogue;
    this.place = place;
    this.width = 4 * Math.ceil(operands.valueWidth / 4);
    this.keys = emitter.alloc('keys', operands.width * KEYS, 'scratch');
    this.scores = emitter.alloc('scores', QUERIES * KEYS, 'scratch');
    this.rescales = emitter.alloc('rescales', QUERIES, 'scratch');
    this.sums = emitter.alloc('sums', QUERIES * this.width, 'scratch');
    this.largest = emitter.alloc('largest', QUERIES, 'scratch');
    this.totals = emitter.alloc('totals', QUERIES, 'scratch');
  }

  emit(): void {
    const { emitter, operands, place } = this;
    const { first, last, height, keys } = place;
    const rows = { from: first, to: last, extent: operands.queries };
    const count = subtract(last, first);
    emitter.loop('parallel', 'i', QUERIES, (i) => this.begin(i), { to: count });
    const { causal, window } = operands;
    const { from, to } = operands.keysOf(first, last, keys);
    const seen = causal || window !== null ? emitter.integer('seen', to) : to;
    emitter.loop(
      'serial',
      'start',
      operands.keys,
      (start) => {
        const end = minimum(KEYS, subtract(seen, start));
        const block = { start, count: emitter.integer('count', end) };
        this.packKeys(block);
        const overRows = (body: (tile: Tile) => void) =>
          overTiles(emitter, tileHeights(height), rows, (row, tall) => body({ row, height: tall }));
        overRows((tile) => this.multiplyKeys(tile, block));
        emitter.loop('parallel', 'i', QUERIES, (i) => this.exponentials(i, block), { to: count });
        overRows((tile) => this.addValues(tile, block));
      },
      { from, to: seen, step: KEYS },
    );
    emitter.loop('parallel', 'i', QUERIES, (i) => this.finish(i), { to: count });
  }

  private begin(i: Dim): void {
    const { emitter } = this;
    emitter.emit(store(this.largest, i, constant(FLOOR)));
    emitter.emit(store(this.totals, i, constant(0)));
    emitter.loop('parallel', 'v', this.width, (v) =>
      emitter.emit(store(this.sums, add(multiply(i, this.width), v), constant(0))),
    );
  }

  private finish(i: Dim): void {
    const { emitter, operands, place } = this;
    const total = emitter.bindHere('total', load(this.totals, i));
    const share = binary('div', constant(1), binary('max', total, constant(1e-30)));
    const isSeen = binary('lt', constant(0), total);
    const inverse = emitter.bindHere('inverse', select(isSeen, share, constant(0)));
    emitter.loop('parallel', 'v', operands.valueWidth, (v) => {
      const sum = load(this.sums, add(multiply(i, this.width), v));
      this.epilogue.store([...place.leading, add(place.first, i), v], multiplyOf(sum, inverse));
    });
  }

  /** keys[d][slot] = key(start + slot, d), zeros up to a whole panel. */
  private packKeys({ start, count }: KeyBlock): void {
    const { emitter, operands, place } = this;
    const filled = multiply(ceilDivide(count, COLUMNS), COLUMNS);
    emitter.loop('parallel', 'd', operands.width, (d) => {
      const at = (slot: Dim) => add(multiply(d, KEYS), slot);
      emitter.loop(
        'parallel',
        'slot',
        KEYS,
        (slot) => {
          const key = operands.key(place.leading, add(start, slot), d);
          emitter.emit(store(this.keys, at(slot), key));
        },
        { to: count },
      );
      emitter.loop(
        'parallel',
        'slot',
        KEYS,
        (slot) => emitter.emit(store(this.keys, at(slot), constant(0))),
        { from: count, to: filled },
      );
    });
  }

  /** Where a query of the block stands in it. */
  private slotOf(query: Dim): Dim {
    return subtract(query, this.place.first);
  }

  /** scores = query . key * scale, a panel of keys at a time. */
  private multiplyKeys({ row, height }: Tile, { count }: KeyBlock): void {
    const { emitter, operands, place } = this;
    emitter.loop(
      'parallel',
      'p',
      KEYS / COLUMNS,
      (p) => {
        const sums = emitTile(emitter, {
          rows: height,
          vectors: 2,
          inner: operands.width,
          a: (r, d) => operands.query(place.leading, add(row, r), d),
          b: (d, v) =>
            load(this.keys, add(multiply(d, KEYS), add(multiply(p, COLUMNS), 4 * v)), 'f32', 4),
        });
        sums.forEach((names, r) => {
          names.forEach((name, v) => {
            const score = multiplyOf(read(name, 'f32', 4), splat(constant(operands.scale)));
            const slot = add(multiply(p, COLUMNS), 4 * v);
            const at = add(multiply(this.slotOf(add(row, r)), KEYS), slot);
            emitter.emit(store(this.scores, at, score));
          });
        });
      },
      { to: ceilDivide(count, COLUMNS) },
    );
  }

  /** Turns a query's scores of a block into weights, and what was summed before with them. */
  private exponentials(i: Dim, { start, count }: KeyBlock): void {
    const { emitter, place, scores } = this;
    const query = add(place.first, i);
    const before = emitter.bindHere('before', load(this.largest, i));
    const top = emitter.variable('top', before);
    const at = (slot: Dim) => add(multiply(i, KEYS), slot);
    const overSlots = (body: (slot: Dim) => void) =>
      emitter.loop('serial', 'slot', KEYS, body, { to: count });
    overSlots((slot) => {
      const product = load(scores, at(slot));
      const score = emitter.bindHere('score', this.masked(product, query, add(start, slot)));
      emitter.emit(store(scores, at(slot), score));
      emitter.emit({ tag: 'set', name: top, value: binary('max', read(top), score) });
    });
    const rescale = emitter.bindHere('rescale', unary('exp', binary('sub', before, read(top))));
    const total = emitter.variable('total', multiplyOf(load(this.totals, i), rescale));
    overSlots((slot) => {
      const above = binary('sub', load(scores, at(slot)), read(top));
      const weight = emitter.bindHere('weight', unary('exp', above));
      emitter.emit(store(scores, at(slot), weight));
      emitter.emit({ tag: 'set', name: total, value: addOf(read(total), weight) });
    });
    emitter.emit(store(this.largest, i, read(top)));
    emitter.emit(store(this.totals, i, read(total)));
    emitter.emit(store(this.rescales, i, rescale));
  }

  private masked(product: Expression, query: Dim, key: Dim): Expression {
    const { operands, place } = this;
    const score = operands.hasBias
      ? addOf(product, operands.bias(place.leading, query, key))
      : product;
    const isVisible = operands.visible(place.leading, query, key);
    return isVisible === null ? score : select(isVisible, score, constant(LOWEST));
  }

  /** sums = sums * rescale + weights . values. */
  private addValues({ row, height }: Tile, { start, count }: KeyBlock): void {
    const { emitter, operands } = this;
    const slotAt = (r: number) => this.slotOf(add(row, r));
    const sumAt = (r: number, column: Dim) => add(multiply(slotAt(r), this.width), column);
    const panel = (column: Dim, vectors: number, valid: number) => {
      const sums = emitTile(emitter, {
        rows: height,
        vectors,
        inner: count,
        a: (r, j) => load(this.scores, add(multiply(slotAt(r), KEYS), j)),
        b: (j, v) => this.values(add(start, j), add(column, 4 * v), valid - 4 * v),
        initial: (r, v) => {
          const before = load(this.sums, sumAt(r, add(column, 4 * v)), 'f32', 4);
          return multiplyOf(before, load(this.rescales, slotAt(r)));
        },
      });
      sums.forEach((names, r) => {
        names.forEach((name, v) => {
          emitter.emit(store(this.sums, sumAt(r, add(column, 4 * v)), read(name, 'f32', 4)));
        });
      });
    };
    const full = Math.floor(operands.valueWidth / COLUMNS);
    if (full > 0) {
      emitter.loop('parallel', 'p', full, (p) => panel(multiply(p, COLUMNS), 2, COLUMNS));
    }
    const left = operands.valueWidth - full * COLUMNS;
    if (left > 0) panel(full * COLUMNS, Math.ceil(left / 4), left);
  }

  /** Four columns of a value; zeros from the `valid`-th on. */
  private values(key: Dim, column: Dim, valid: number): Expression {
    const { emitter, operands, place } = this;
    const element = (l: number) => operands.value(place.leading, key, add(column, l));
    const run = valid >= 4 ? emitter.run(element) : null;
    return run ?? vector(range(4).map((l) => (l < valid ? element(l) : constant(0))));
  }
}
