/**
 * The nest of a reduction over windows: a convolution of single channels, a pooling.
 *
 *   for leading axes, for start over rows of the result, blocks of 8
 *     for left over columns of the result, blocks of 64
 *       band = the elements of x that the block's windows meet, padding included
 *       for i over rows, for j over vectors of columns, up to 4 of them at a time
 *         sums[4] = combine over all places of the window, from the band
 *         epilogue
 *
 * Padding costs once an element of the band, not once a place of every window it is in, and what makes x
 * is computed there. Columns lie in the band by their rest after division by the stride, so that a
 * vector of windows reads neighbours, whatever the stride:
 *
 *   band[row][rest][quotient] = x[.., row, quotient * stride + rest]
 *
 * Why 8 rows: windows of 3 to 5 rows then copy 1.25 to 1.5 rows for each of theirs; with 64 columns a band takes
 * a few kilobytes of the first cache.
 */
import { add, ceilDivide, type Dim, maximum, minimum, multiply, subtract } from '../../ir/dims.ts';
import { type Graph, type Node, type ValueId, valueOf } from '../../ir/graph.ts';
import { opDefinition } from '../../ir/ops/index.ts';
import { isCompact, type Sliding, slidingOf } from '../../ir/sliding.ts';
import { type Shape, sameShape } from '../../ir/types.ts';
import { type Combine, identityOf } from '../element-loops.ts';
import type { Emitter } from '../emitter.ts';
import {
  binary,
  constant,
  type Expression,
  type Lanes,
  letOf,
  load,
  multiplyAdd,
  read,
  type Statement,
  splat,
  store,
} from '../nodes.ts';
import { type Epilogue, epilogueOf } from './anchor.ts';
import { leadingNames, overGroups } from './map.ts';
import type { KernelDraft, Nest } from './schedule.ts';
import { overTiles, range, tileHeights } from './simd/tile.ts';
import { widen } from './simd/widen.ts';

const ROWS = 8;
const COLUMNS = 64;
const VECTORS = 4;
/** Windows of more columns are a loop, where their elements are neighbours. */
const LONGEST_UNROLLED = 8;

export function sliding(lanes: Lanes): Nest {
  return (draft) => {
    const plan = planOf(draft.region.body);
    return plan === null ? null : new SlidingNest(draft, plan, lanes).emit();
  };
}

/** How windows lie along an axis of the result. */
interface Axis {
  readonly count: Dim;
  readonly size: number;
  readonly stride: number;
  readonly dilation: number;
  /** Elements of x, and of padding in front of them. */
  readonly extent: Dim;
  readonly before: Dim;
  /** Windows of a block. */
  readonly block: number;
}

interface Plan {
  readonly reduction: Node;
  /** What is reduced, [..leading, ..counts, ..sizes]. */
  readonly terms: ValueId;
  readonly windows: ValueId;
  /** What windows are taken of, without padding. */
  readonly source: ValueId;
  /** What stands where padding is. */
  readonly fill: number;
  readonly leading: Shape;
  /** Rows and columns; along a single axis there is one row. */
  readonly axes: readonly [Axis, Axis];
  readonly isSingle: boolean;
}

const NO_ROWS: Axis = {
  ...{ count: 1, size: 1, stride: 1, dilation: 1, extent: 1, before: 0, block: 1 },
};

/** Null where the region is no reduction over windows along one or two axes. */
function planOf(body: Graph): Plan | null {
  const kinds = body.nodes.map((node) => opDefinition(node.op).meaning.kind);
  const isPlain = kinds.every((kind) =>
    ['elementwise', 'view', 'source', 'reduction'].includes(kind),
  );
  const [reduction, ...others] = body.nodes.filter((_, i) => kinds[i] === 'reduction');
  const [windows, ...more] = body.nodes.filter(({ op }) => op === 'windows');
  if (!isPlain || reduction === undefined || others.length > 0) return null;
  if (windows === undefined || more.length > 0) return null;
  const [terms, [taken]] = [reduction.operands[0], windows.results];
  if (terms == null || taken === undefined) return null;
  const shape = valueOf(body, taken).shape;
  const given = slidingOf(windows.attributes as unknown as Sliding);
  const { sizes, strides, dilations } = given;
  const [rank, from] = [sizes.length, shape.length - 2 * sizes.length];
  const isOverWindows =
    sameShape(valueOf(body, terms).shape, shape) &&
    reduction.attributes.keep === false &&
    isLast(reduction.attributes.axes, rank, shape.length) &&
    body.inputs.concat(body.nodes.flatMap(({ results }) => results)).every((id) => isF32(body, id));
  if (!isOverWindows || rank === 0 || !isCompact(given)) return null;
  const padded = paddingOf(body, windows, from);
  if (padded === null) return null;
  const axes = range(rank).map((axis): Axis => {
    const [count, extent] = [
      shape[from + axis] ?? 1,
      valueOf(body, padded.source).shape[from + axis],
    ];
    const most = axis === rank - 1 ? COLUMNS : ROWS;
    return {
      ...{ count, extent: extent ?? 1, before: padded.before[from + axis] ?? 0 },
      ...{ size: sizes[axis] ?? 1, stride: strides[axis] ?? 1, dilation: dilations[axis] ?? 1 },
      block: typeof count === 'number' ? Math.min(most, 4 * Math.ceil(count / 4)) : most,
    };
  });
  const [rows, columns] = axes.length === 1 ? [NO_ROWS, axes[0]] : axes;
  if (rows === undefined || columns === undefined) return null;
  return {
    ...{ reduction, terms, windows: taken, source: padded.source, fill: padded.fill },
    ...{ leading: shape.slice(0, from), axes: [rows, columns], isSingle: rank === 1 },
  };
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

function isLast(axes: unknown, count: number, rank: number): boolean {
  const given = Array.isArray(axes) ? axes.map((axis) => (axis < 0 ? axis + rank : axis)) : [];
  return given.length === count && range(count).every((i) => given.includes(rank - 1 - i));
}

function isF32(body: Graph, id: ValueId): boolean {
  return valueOf(body, id).dtype === 'f32';
}

/** Rows of a band. */
function rowsOf({ block, size, stride, dilation }: Axis): number {
  return (block - 1) * stride + (size - 1) * dilation + 1;
}

/** Columns of a band with the same rest. */
function quotientsOf({ block, size, stride, dilation }: Axis): number {
  return block + Math.floor(((size - 1) * dilation) / stride);
}

/** Where a block begins, and its windows. */
interface Block {
  readonly start: Dim;
  readonly count: Dim;
}

class SlidingNest {
  private readonly draft: KernelDraft;
  private readonly plan: Plan;
  private readonly lanes: Lanes;
  private readonly emitter: Emitter;
  private readonly epilogue: Epilogue | null;
  private readonly quotients: number;

  constructor(draft: KernelDraft, plan: Plan, lanes: Lanes) {
    this.draft = draft;
    this.plan = plan;
    this.lanes = lanes;
    this.emitter = draft.emitter();
    this.epilogue = epilogueOf(draft, this.emitter, plan.reduction.results[0] ?? plan.terms);
    this.quotients = quotientsOf(plan.axes[1]);
  }

  emit(): readonly Statement[] | null {
    if (this.epilogue === null) return null;
    const { leading, axes } = this.plan;
    const [rows, columns] = axes;
    const groups = leading.map((dim) => [dim]);
    overGroups(this.emitter, groups, leadingNames(groups.length), (at) =>
      this.overBlocks('start', rows, (down) =>
        this.overBlocks('left', columns, (right) => this.block(at, down, right)),
      ),
    );
    return this.emitter.statements;
  }

  private overBlocks(name: string, { count, block }: Axis, body: (block: Block) => void): void {
    if (typeof count === 'number' && count <= block) {
      body({ start: 0, count });
      return;
    }
    const { emitter } = this;
    emitter.loop(
      'parallel',
      name,
      count,
      (start) => {
        const left = minimum(block, subtract(count, start));
        body({ start, count: emitter.integer('count', left, block + 1) });
      },
      { step: block },
    );
  }

  private block(at: readonly Dim[], down: Block, right: Block): void {
    const { emitter, plan } = this;
    const [rows, columns] = plan.axes;
    const stride = columns.stride * this.quotients;
    const band = emitter.alloc('band', rowsOf(rows) * stride, 'scratch');
    this.fill(band, at, down, right);
    emitter.override(plan.windows, (index) => {
      const [o, j] = [index.slice(at.length), index.slice(-1)[0] ?? 0];
      const [row, o0] = plan.isSingle
        ? [0, o[0] ?? 0]
        : [this.bandRow(subtract(o[0] ?? 0, down.start), o[2] ?? 0), o[1] ?? 0];
      const place = this.bandColumn(multiply(j, columns.dilation), subtract(o0, right.start));
      return load(band, add(multiply(row, stride), place));
    });
    const row = (i: Dim) => this.row(at, add(down.start, i), right);
    if (rows.block === 1) row(0);
    else emitter.loop('parallel', 'i', rows.block, row, { to: down.count });
  }

  private bandRow(row: Dim, step: Dim): Dim {
    const [{ stride, dilation }] = this.plan.axes;
    return add(multiply(row, stride), multiply(step, dilation));
  }

  /** Where the element of a window lies in a row of the band, `offset` behind where the window begins. */
  private bandColumn(offset: Dim, column: Dim): Dim {
    const { stride } = this.plan.axes[1];
    if (typeof offset !== 'number') return add(column, offset);
    return add(column, (offset % stride) * this.quotients + Math.floor(offset / stride));
  }

  /** Copies what the windows of a block meet, with padding around. */
  private fill(band: string, at: readonly Dim[], down: Block, right: Block): void {
    const { emitter, plan, quotients } = this;
    const [rows, columns] = plan.axes;
    const stride = columns.stride * quotients;
    const empty = constant(plan.fill);
    const blank = (place: Dim) => emitter.emit(store(band, place, empty));
    const top = subtract(multiply(down.start, rows.stride), rows.before);
    const parts = range(columns.stride).map((rest) => {
      // the element at quotient q is x's at (start + q) * stride + rest - before
      const first = ceilDivide(subtract(columns.before, rest), columns.stride);
      const end = ceilDivide(add(columns.extent, subtract(columns.before, rest)), columns.stride);
      return { rest, span: this.span(first, end, right.start, quotients) };
    });
    const inside = this.span(subtract(0, top), subtract(rows.extent, top), 0, rowsOf(rows));
    this.overSpan('r', rowsOf(rows), inside, {
      outside: (r) =>
        emitter.loop('parallel', 'q', stride, (q) => blank(add(multiply(r, stride), q))),
      inside: (r) => {
        for (const { rest, span } of parts) {
          const to = (q: Dim) => add(add(multiply(r, stride), rest * quotients), q);
          this.overSpan('q', quotients, span, {
            outside: (q) => blank(to(q)),
            inside: (q) => {
              const column = multiply(add(right.start, q), columns.stride);
              const x = subtract(add(column, rest), columns.before);
              const index = plan.isSingle ? [x] : [add(top, r), x];
              emitter.emit(store(band, to(q), emitter.value(plan.source, [...at, ...index])));
            },
          });
        }
      },
    });
  }

  /** first .. end, less `start`, within 0 .. most. */
  private span(first: Dim, end: Dim, start: Dim, most: number): Span {
    const from = within(subtract(first, start), most);
    const to = maximum(from, within(subtract(end, start), most));
    const { emitter } = this;
    const named = (name: string, dim: Dim) =>
      typeof dim === 'number' ? dim : emitter.integer(name, dim, most + 1);
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

  /** A row of the result: its sums, then its elements. */
  private row(at: readonly Dim[], row: Dim, right: Block): void {
    const { emitter, lanes, plan } = this;
    const { block } = plan.axes[1];
    const sums = emitter.alloc('sums', block, 'scratch');
    const to = ceilDivide(right.count, lanes);
    const vectors = typeof to === 'number' ? to : emitter.integer('vectors', to, block / lanes + 1);
    overTiles(
      emitter,
      tileHeights(VECTORS),
      { from: 0, to: vectors, extent: block / lanes },
      (vector, count) =>
        this.tile(at, row, right, { sums, column: multiply(vector, lanes), count }),
    );
    emitter.loop(
      'parallel',
      'j',
      block,
      (j) => {
        const place = plan.isSingle ? [] : [row];
        const index = [...at, ...place, add(right.start, j)];
        this.epilogue?.store(index, this.reduced(index, load(sums, j)).element);
      },
      { to: right.count },
    );
  }

  private tile(
    at: readonly Dim[],
    row: Dim,
    right: Block,
    into: { readonly sums: string; readonly column: Dim; readonly count: number },
  ): void {
    const { emitter, lanes, plan } = this;
    const [rows, columns] = plan.axes;
    const { combine } = this.reduced([], constant(0));
    const identity = constant(identityOf(combine, 'f32'));
    const initial = lanes === 4 ? splat(identity) : identity;
    const names = range(into.count).map((v) => emitter.variable(`c${v}`, initial));
    const first = add(right.start, into.column);
    const step = (kh: Dim) => {
      const one = (kw: Dim) =>
        names.forEach((name, v) => {
          const column = add(first, lanes * v);
          const index = (j: Dim) => (plan.isSingle ? [j, kw] : [row, j, kh, kw]);
          const term = this.term((l) => [...at, ...index(add(column, l))]);
          const sum = read(name, 'f32', lanes);
          emitter.emit({ tag: 'set', name, value: this.combined(combine, sum, term) });
        });
      const isLong = columns.size > LONGEST_UNROLLED && columns.stride === 1;
      if (isLong) emitter.loop('serial', 'k', columns.size, one);
      else range(columns.size).forEach(one);
    };
    if (rows.size === 1) step(0);
    else emitter.loop('serial', 'k', rows.size, step);
    names.forEach((name, v) => {
      const place = add(into.column, lanes * v);
      emitter.emit(store(into.sums, place, read(name, 'f32', lanes)));
    });
  }

  private combined(combine: Combine, sum: Expression, term: Expression): Expression {
    const isProduct = combine === 'add' && term.tag === 'binary' && term.op === 'mul';
    if (this.lanes === 1 || !isProduct || this.emitter.exact) return binary(combine, sum, term);
    return multiplyAdd(term.a, term.b, sum);
  }

  /** The term at an index, given the lane. */
  private term(index: (l: Dim) => readonly Dim[]): Expression {
    const { emitter, plan } = this;
    if (this.lanes === 1) return emitter.value(plan.terms, index(0));
    const l = emitter.fresh('l');
    emitter.ranges.set(l, 4);
    const one = emitter.inScope([l], false, () => {
      emitter.emit(letOf('term', emitter.value(plan.terms, index(l))));
    });
    const rename = (base: string) => {
      const fresh = emitter.fresh(base);
      emitter.declare(fresh);
      return fresh;
    };
    const four = widen(one, { variable: l, at: 0, rename });
    const last = four?.at(-1);
    if (four == null || last?.tag !== 'let') throw new Error('windows are neighbours in a band');
    for (const statement of four.slice(0, -1)) emitter.emit(statement);
    return last.value;
  }

  /** How the reduction combines, and its element where `sum` is what all terms make. */
  private reduced(
    index: readonly Dim[],
    sum: Expression,
  ): { readonly combine: Combine; readonly element: Expression } {
    const { body } = this.draft.region;
    const { reduction, terms } = this.plan;
    const { meaning } = opDefinition(reduction.op);
    if (!('lower' in meaning)) throw new Error(`${reduction.op} is no primitive`);
    let combine: Combine = 'add';
    const element = meaning.lower({
      index,
      type: valueOf(body, reduction.results[0] ?? terms),
      types: [valueOf(body, terms)],
      attributes: reduction.attributes,
      operand: () => sum,
      emit: {
        ...this.emitter.elements,
        reduce: (by) => {
          combine = by;
          return sum;
        },
      },
    });
    return { combine, element };
  }
}

interface Span {
  readonly from: Dim;
  readonly to: Dim;
}

function within(dim: Dim, most: number): Dim {
  return maximum(0, minimum(most, dim));
}
