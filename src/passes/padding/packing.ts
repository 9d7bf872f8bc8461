/**
 * Writes values on packed rows, for remove-padding: which rows are kept and where they lie, how padded
 * values are packed and packed ones padded again. What is written for one node serves all.
 */
import type { GraphConstruction } from '../../ir/builder.ts';
import { add, type Dim, multiply } from '../../ir/dims.ts';
import { NO_ORIGIN, type Value } from '../../ir/graph.ts';
import type { Shape } from '../../ir/types.ts';
import { type Places, ROWS_OF_MASK } from './analysis.ts';
import { type Batch, isJoined, packedAxis, type Rows, withoutBatch } from './rows.ts';

export interface PackedRows {
  readonly mask: Value;
  readonly sizes: Batch;
  /** The symbol that counts the rows. */
  readonly tokens: string;
  /** Places of each sequence that are kept though the mask may hide them. */
  readonly always: readonly Dim[];
}

type Attributes = { readonly [name: string]: unknown };

export class Packing {
  private readonly into: GraphConstruction;
  private readonly of: PackedRows;
  private readonly made = new Map<string, Value>();

  constructor(into: GraphConstruction, of: PackedRows) {
    this.into = into;
    this.of = of;
  }

  /** The position in the padded batch of each packed row. */
  get index(): Value {
    const { mask, tokens: symbol, always } = this.of;
    return this.once('index', () => this.node('nonzero', [mask], { symbol, always }, 'index'));
  }

  /** The sample of each packed row. */
  get segments(): Value {
    return this.once('segments', () => this.ofEach(0, 'segments'));
  }

  /** The place of each packed row in its sequence. */
  get places(): Value {
    return this.once('places', () => this.ofEach(1, 'places'));
  }

  /** How many rows are kept of the samples before each, i32[batch + 1]. */
  get offsets(): Value {
    return this.once('offsets', () => {
      const { sizes, tokens } = this.of;
      const samples = add(sizes.batch, 1);
      const sample = this.node('iota', [], { shape: [samples, 1], axis: 0 });
      const segments = this.node('reshape', [this.segments], { shape: [1, tokens] });
      const isBefore = this.node('less', [segments, sample]);
      const counted = this.node('cast', [isBefore], { dtype: 'i32' });
      return this.node('reduce_sum', [counted], { axes: [1] }, 'offsets');
    });
  }

  /** Which packed rows the mask shows; null where all are. */
  get visible(): Value | null {
    if (this.of.always.length === 0) return null;
    return this.once('visible', () => this.packed(this.shown, { batch: 0, seq: 1 }, 'visible'));
  }

  /** Which packed rows a mask bool[batch, 1, 1, keys] shows. */
  shownBy(mask: Value): Value {
    return this.once(`shown by ${mask.id}`, () => {
      const packed = this.packed(mask, ROWS_OF_MASK);
      return this.node('reshape', [packed], { shape: [this.of.tokens] }, 'visible');
    });
  }

  /**
   * A value on packed rows. `rows` are the axes that meet those of the result, which the value may lack
   * (negative) or have with the size 1.
   */
  packed(value: Value, rows: Rows, name = `${value.name}.packed`): Value {
    const { sizes } = this.of;
    return this.once(`${value.id} at ${rows.batch}, ${rows.seq}`, () => {
      const { shape } = value;
      if (isJoined(rows)) {
        const isWhole = shape[rows.seq] === multiply(sizes.batch, sizes.seq);
        return isWhole ? this.gather(value, this.index, rows.seq, name) : value;
      }
      const hasBatch = rows.batch >= 0 && shape[rows.batch] === sizes.batch;
      const hasSeq = rows.seq >= 0 && shape[rows.seq] === sizes.seq;
      if (hasBatch && hasSeq) return this.gatherBoth(value, rows, name);
      if (hasBatch && sizes.batch !== 1) return this.gatherSamples(value, rows, name);
      const alone = rows.batch >= 0 ? this.withoutAxis(value, rows.batch) : value;
      const isSeq = hasSeq && sizes.seq !== 1;
      return isSeq ? this.gather(alone, this.places, packedAxisOf(rows), name) : alone;
    });
  }

  /** The padded value of a packed one: zeros, or false, where a row is not kept. */
  padded(packed: Value, rows: Rows, name: string): Value {
    const axis = packedAxis(rows.seq, rows);
    const none = packed.shape.map(() => 0);
    const after = none.map((_, a) => (a === axis ? 1 : 0));
    const longer = this.node('pad', [packed], { before: none, after, value: 0 });
    const { batch, seq } = this.of.sizes;
    const positions = isJoined(rows)
      ? this.node('reshape', [this.positions], { shape: [multiply(batch, seq)] })
      : this.positions;
    return this.gathered(longer, positions, rows, axis, name);
  }

  /** Some places of every sequence of a packed value, all of them kept. */
  placesOf(packed: Value, rows: Rows, { first, count }: Places, name: string): Value {
    const { batch } = this.of.sizes;
    const isStart = first === 0 && count === 1;
    const positions = isStart
      ? this.node('reshape', [this.slice(this.offsets, [0], [batch])], { shape: [batch, 1] })
      : this.slice(this.positions, [0, first], [batch, add(first, count)]);
    return this.gathered(packed, positions, rows, packedAxis(rows.seq, rows), name);
  }

  node(
    op: string,
    operands: readonly (Value | null)[],
    attributes: Attributes = {},
    name?: string,
  ) {
    const names = name === undefined ? {} : { names: [name] };
    const [result] = this.into.addNode(op, operands, attributes, { ...names, origin: NO_ORIGIN });
    if (result === undefined) throw new Error(`${op} has no result`);
    return result;
  }

  /** The packed row at each place of the padded batch; behind the last where it is not kept. */
  private get positions(): Value {
    return this.once('positions', () => {
      const { sizes, tokens } = this.of;
      const { batch, seq } = sizes;
      const counted = this.node('cast', [this.kept], { dtype: 'i32' });
      const before = this.node('cumsum', [counted], { axis: 1, exclusive: true });
      const starts = this.node('reshape', [this.slice(this.offsets, [0], [batch])], {
        shape: [batch, 1],
      });
      const place = this.node('add', [starts, before]);
      const none = this.node('iota', [], { shape: [1, 1], axis: 0, start: tokens });
      const nowhere = this.node('broadcast', [none], { shape: [batch, seq] });
      return this.node('select', [this.kept, place, nowhere], {}, 'positions');
    });
  }

  /** The mask as bools. */
  private get shown(): Value {
    const { mask } = this.of;
    if (mask.dtype === 'bool') return mask;
    return this.once('shown', () => this.node('cast', [mask], { dtype: 'bool' }));
  }

  private get kept(): Value {
    const { sizes, always } = this.of;
    if (always.length === 0) return this.shown;
    return this.once('kept', () => {
      const place = this.node('iota', [], { shape: [1, sizes.seq], axis: 1 });
      return always.reduce<Value>((kept, at) => {
        const fixed = this.node('iota', [], { shape: [1, 1], axis: 0, start: at });
        return this.node('or', [kept, this.node('equal', [place, fixed])]);
      }, this.shown);
    });
  }

  /** Of each packed row the index along an axis of [batch, seq]. */
  private ofEach(axis: number, name: string): Value {
    const { batch, seq } = this.of.sizes;
    const indices = this.node('iota', [], { shape: [batch, seq], axis });
    return this.packed(indices, { batch: 0, seq: 1 }, name);
  }

  private gatherBoth(value: Value, rows: Rows, name: string): Value {
    const axis = packedAxisOf(rows);
    const rest = withoutBatch([...value.shape.keys()], rows);
    const order = rest.flatMap((a) => (a === rows.seq ? [rows.batch, a] : [a]));
    const isInOrder = order.every((a, i) => a === i);
    const beside = isInOrder ? value : this.node('transpose', [value], { permutation: order });
    const { batch, seq } = this.of.sizes;
    const shape = rest.map((a) => (a === rows.seq ? multiply(batch, seq) : (value.shape[a] ?? 1)));
    return this.gather(this.node('reshape', [beside], { shape }), this.index, axis, name);
  }

  /** A value that is the same at all places of a sample. */
  private gatherSamples(value: Value, rows: Rows, name: string): Value {
    if (rows.seq < 0) throw new Error(`%${value.name} has no axis of places behind its samples`);
    const each = this.gather(value, this.segments, rows.batch, name);
    if (rows.seq === rows.batch + 1) return this.withoutAxis(each, rows.seq);
    const rest = [...each.shape.keys()].filter((a) => a !== rows.batch);
    const order = rest.map((a) => (a === rows.seq ? rows.batch : a));
    const behind = this.withoutAxis(each, rows.seq);
    const moved = order.map((a) => (a > rows.seq ? a - 1 : a));
    return this.node('transpose', [behind], { permutation: moved });
  }

  /** The gathered rows with their two axes where the padded value has them. */
  private gathered(packed: Value, positions: Value, rows: Rows, axis: number, name: string): Value {
    if (isJoined(rows) || rows.seq === rows.batch + 1) {
      return this.gather(packed, positions, axis, name);
    }
    const both = this.gather(packed, positions, axis, `${name}.gathered`);
    const permutation = both.shape.map((_, a) => {
      if (a === rows.batch) return axis;
      if (a === rows.seq) return axis + 1;
      const before = packedAxis(a, rows);
      return before < axis ? before : before + 1;
    });
    return this.node('transpose', [both], { permutation }, name);
  }

  private gather(table: Value, indices: Value, axis: number, name: string): Value {
    return this.node('gather', [table, indices], { axis }, name);
  }

  private slice(value: Value, starts: Shape, ends: Shape): Value {
    return this.node('slice', [value], { starts, ends });
  }

  /** Without an axis of size 1. */
  private withoutAxis(value: Value, axis: number): Value {
    const shape = value.shape.filter((_, a) => a !== axis);
    return this.node('reshape', [value], { shape });
  }

  private once(key: string, make: () => Value): Value {
    const known = this.made.get(key) ?? make();
    this.made.set(key, known);
    return known;
  }
}

/** The axis of packed rows where the value has no axis of samples, too. */
function packedAxisOf({ batch, seq }: Rows): number {
  return batch >= 0 && seq > batch ? seq - 1 : seq;
}
