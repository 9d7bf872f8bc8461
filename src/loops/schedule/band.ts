/**
 * What the windows of a block meet, together in scratch memory: padding costs once an element there, not
 * once a place of every window it is in, and so does what makes x. Columns lie in it by their rest after
 * division by the stride, so that neighbouring windows read neighbours, whatever the stride:
 *
 *   band[channel][row][rest][quotient] = x[.., channel, row, quotient * stride + rest]
 */
import { add, ceilDivide, type Dim, maximum, minimum, multiply, subtract } from '../../ir/dims.ts';
import { type Graph, type Node, type ValueId, valueOf } from '../../ir/graph.ts';
import { isCompact, type Sliding, slidingOf } from '../../ir/sliding.ts';
import type { Shape } from '../../ir/types.ts';
import type { Emitter } from '../emitter.ts';
import { constant, type Expression, load, store } from '../nodes.ts';
import { range } from './simd/tile.ts';

/** How windows lie along an axis of the result. */
export interface Axis {
  readonly count: Dim;
  readonly size: number;
  readonly stride: number;
  readonly dilation: number;
  /** Elements of x, and of padding in front of them. */
  readonly extent: Dim;
  readonly before: Dim;
}

/** Windows along one axis or two, with the padding in front of them. */
export interface Windows {
  /** [..leading, ..counts, ..sizes]. */
  readonly result: ValueId;
  /** What they are taken of, without padding. */
  readonly source: ValueId;
  /** What stands where padding is. */
  readonly fill: number;
  readonly leading: Shape;
  /** Along a single axis there is one row. */
  readonly rows: Axis;
  readonly columns: Axis;
  readonly isSingle: boolean;
}

const ONE_ROW: Axis = { count: 1, size: 1, stride: 1, dilation: 1, extent: 1, before: 0 };

/** The windows of a body, where there are one kind, small and of f32; else null. */
export function onlyWindows(body: Graph): Windows | null {
  const [node, ...more] = body.nodes.filter(({ op }) => op === 'windows');
  const [result] = node?.results ?? [];
  if (node === undefined || result === undefined || more.length > 0) return null;
  const { dtype, shape } = valueOf(body, result);
  const sliding = slidingOf(node.attributes as unknown as Sliding);
  const rank = sliding.sizes.length;
  const from = shape.length - 2 * rank;
  const padded = paddingOf(body, node, from);
  if (dtype !== 'f32' || rank === 0 || !isCompact(sliding) || padded === null) return null;
  const extents = valueOf(body, padded.source).shape;
  const axes = range(rank).map((axis): Axis => {
    const at = from + axis;
    return {
      ...{ count: shape[at] ?? 1, extent: extents[at] ?? 1, before: padded.before[at] ?? 0 },
      ...{ size: sliding.sizes[axis] ?? 1, stride: sliding.strides[axis] ?? 1 },
      dilation: sliding.dilations[axis] ?? 1,
    };
  });
  const [rows = ONE_ROW, columns = ONE_ROW] = rank === 1 ? [ONE_ROW, ...axes] : axes;
  const { source, fill } = padded;
  const leading = shape.slice(0, from);
  return { result, source, fill, leading, rows, columns, isSingle: rank === 1 };
}

/** What windows are taken of: behind a pad of their axes, what that pads. Null for a pad of others. */
function paddingOf(
  body: Graph,
  windows: Node,
  from: number,
): { readonly source: ValueId; readonly before: readonly Dim[]; readonly fill: number } | null {
  const [source] = windows.operands;
  if (source == null) return null;
  const pad = body.nodes.find(({ op, results }) => op === 'pad' && results.includes(source));
  const [inner] = pad?.operands ?? [];
  if (pad === undefined || inner == null) return { source, before: [], fill: 0 };
  const { before, after, value } = pad.attributes as unknown as {
    readonly before: readonly Dim[];
    readonly after: readonly Dim[];
    readonly value: number;
  };
  const isOfWindows = [before, after].every((dims) => dims.slice(0, from).every((d) => d === 0));
  return isOfWindows ? { source: inner, before, fill: value } : null;
}

/** Neighbouring windows along an axis: where the first is, how many, and how many there are at most. */
export interface Block {
  readonly start: Dim;
  readonly count: Dim;
  readonly most: number;
}

interface Blocks {
  readonly count: Dim;
  readonly most: number;
  readonly kind?: 'parallel' | 'split';
}

/** Loops over windows along an axis, `most` of them or fewer at a time. */
export function overBlocks(
  emitter: Emitter,
  { count, most, kind = 'parallel' }: Blocks,
  body: (block: Block) => void,
): void {
  if (kind === 'parallel' && typeof count === 'number' && count <= most) {
    body({ start: 0, count, most: count });
    return;
  }
  const each = (start: Dim) => {
    const left = minimum(most, subtract(count, start));
    body({ start, count: emitter.integer('count', left, most + 1), most });
  };
  emitter.loop(kind, 'start', count, each, { step: most });
}

/** Elements of a band of one channel. */
export function bandSize({ rows, columns }: Windows, down: number, right: number): number {
  return rowsOf(rows, down) * columns.stride * quotientsOf(columns, right);
}

/** Rows that some windows meet. */
function rowsOf({ size, stride, dilation }: Axis, windows: number): number {
  return (windows - 1) * stride + (size - 1) * dilation + 1;
}

/** Columns with the same rest that some windows meet, four lanes at a time. */
function quotientsOf({ size, stride, dilation }: Axis, windows: number): number {
  return 4 * Math.ceil(windows / 4) + Math.floor(((size - 1) * dilation) / stride);
}

/** Which elements of x a band holds. */
export interface BandPlace {
  /** The index in front of channels, or of rows where there are none. */
  readonly outer: readonly Dim[];
  readonly channels?: { readonly first: Dim; readonly count: number };
  readonly down: Block;
  readonly right: Block;
}

export class Band {
  private readonly emitter: Emitter;
  private readonly windows: Windows;
  private readonly place: BandPlace;
  private readonly buffer: string;
  private readonly rows: number;
  private readonly quotients: number;

  /** Emits its copying. */
  constructor(emitter: Emitter, windows: Windows, place: BandPlace) {
    this.emitter = emitter;
    this.windows = windows;
    this.place = place;
    this.rows = rowsOf(windows.rows, place.down.most);
    this.quotients = quotientsOf(windows.columns, place.right.most);
    const channels = place.channels?.count ?? 1;
    this.buffer = emitter.alloc('band', channels * this.rows * this.width, 'scratch');
    this.fill();
  }

  /** Place (j, k) of the window at a row and a column, in a channel counted from the first. */
  element(
    channel: Dim,
    [row, column]: readonly [Dim, Dim],
    [j, k]: readonly [Dim, Dim],
  ): Expression {
    const { rows } = this.windows;
    const down = subtract(row, this.place.down.start);
    const right = subtract(column, this.place.right.start);
    const line = add(multiply(down, rows.stride), multiply(j, rows.dilation));
    return load(this.buffer, add(this.lineAt(channel, line), add(right, this.behind(k))));
  }

  private get width(): number {
    return this.windows.columns.stride * this.quotients;
  }

  private lineAt(channel: Dim, row: Dim): Dim {
    return multiply(add(multiply(channel, this.rows), row), this.width);
  }

  /** How far place k of a window lies behind its first; places that are no numbers need a stride of 1. */
  private behind(k: Dim): Dim {
    const { stride, dilation } = this.windows.columns;
    const offset = multiply(k, dilation);
    if (typeof offset !== 'number') return offset;
    return (offset % stride) * this.quotients + Math.floor(offset / stride);
  }

  private fill(): void {
    const { emitter, place, quotients, windows } = this;
    const { columns } = windows;
    const top = subtract(multiply(place.down.start, windows.rows.stride), windows.rows.before);
    const below = subtract(windows.rows.extent, top);
    const lines = this.span(subtract(0, top), below, this.rows);
    const used = new Set(range(columns.size).map((k) => (k * columns.dilation) % columns.stride));
    const parts = [...used].map((rest) => {
      // quotient q holds the column of x at (start + q) * stride + rest - before
      const inFront = subtract(columns.before, rest);
      const first = subtract(ceilDivide(inFront, columns.stride), place.right.start);
      const end = ceilDivide(add(columns.extent, inFront), columns.stride);
      return { rest, span: this.span(first, subtract(end, place.right.start), quotients) };
    });
    const fillChannel = (channel: Dim, index: readonly Dim[]) =>
      this.overSpan('r', this.rows, lines, {
        outside: (r) => this.blank(this.lineAt(channel, r), this.width),
        inside: (r) => {
          for (const { rest, span } of parts) {
            const to = add(this.lineAt(channel, r), rest * quotients);
            const x = (q: Dim) => {
              const column = multiply(add(place.right.start, q), columns.stride);
              const along = subtract(add(column, rest), columns.before);
              const whole = windows.isSingle ? [...index, along] : [...index, add(top, r), along];
              return emitter.value(windows.source, whole);
            };
            this.overSpan('q', quotients, span, {
              outside: (q) => emitter.emit(store(this.buffer, add(to, q), this.empty)),
              inside: (q) => emitter.emit(store(this.buffer, add(to, q), x(q))),
            });
          }
        },
      });
    if (place.channels === undefined) fillChannel(0, place.outer);
    else {
      const { first, count } = place.channels;
      emitter.loop('parallel', 'c', count, (c) => fillChannel(c, [...place.outer, add(first, c)]));
    }
  }

  private get empty(): Expression {
    return constant(this.windows.fill);
  }

  private blank(from: Dim, count: number): void {
    const { emitter } = this;
    const one = (q: Dim) => emitter.emit(store(this.buffer, add(from, q), this.empty));
    emitter.loop('parallel', 'q', count, one);
  }

  /** first .. end within 0 .. most. */
  private span(first: Dim, end: Dim, most: number): Span {
    const from = within(first, most);
    const to = maximum(from, within(end, most));
    const named = (name: string, dim: Dim) =>
      typeof dim === 'number' ? dim : this.emitter.integer(name, dim, most + 1);
    const begin = named('from', from);
    return { from: begin, to: named('to', to) };
  }

  private overSpan(
    name: string,
    extent: number,
    { from, to }: Span,
    body: { readonly inside: (i: Dim) => void; readonly outside: (i: Dim) => void },
  ): void {
    const part = (bounds: Span, inner: (i: Dim) => void) => {
      if (bounds.from !== bounds.to) this.emitter.loop('parallel', name, extent, inner, bounds);
    };
    part({ from: 0, to: from }, body.outside);
    part({ from, to }, body.inside);
    part({ from: to, to: extent }, body.outside);
  }
}

interface Span {
  readonly from: Dim;
  readonly to: Dim;
}

function within(dim: Dim, most: number): Dim {
  return maximum(0, minimum(most, dim));
}
