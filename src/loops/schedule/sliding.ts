/**
 * The nest of a reduction over windows: a convolution of single channels, a pooling.
 *
 *   for leading axes, for start over rows of the result, blocks of 8
 *     for start over columns of the result, blocks of 64
 *       band = the elements of x that the block's windows meet, padding included (`band.ts`)
 *       for i over rows, for j over vectors of columns, up to 4 of them at a time
 *         sums[4] = combine over all places of the window, from the band
 *         epilogue
 *
 * Why 8 rows: windows of 3 to 5 rows then copy 1.25 to 1.5 rows for each of theirs; with 64 columns a band takes
 * a few kilobytes of the first cache.
 */
import { add, ceilDivide, type Dim, multiply } from '../../ir/dims.ts';
import { type Graph, type Node, type ValueId, valueOf } from '../../ir/graph.ts';
import { opDefinition } from '../../ir/ops/index.ts';
import { sameShape } from '../../ir/types.ts';
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
import { Band, type Block, onlyWindows, overBlocks, type Windows } from './band.ts';
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

interface Plan {
  readonly reduction: Node;
  /** What is reduced, of the windows' shape. */
  readonly terms: ValueId;
  readonly windows: Windows;
}

/** Null where the region is no reduction over windows. */
function planOf(body: Graph): Plan | null {
  const kinds = body.nodes.map((node) => opDefinition(node.op).meaning.kind);
  const isPlain = kinds.every((kind) =>
    ['elementwise', 'view', 'source', 'reduction'].includes(kind),
  );
  const [reduction, ...others] = body.nodes.filter((_, i) => kinds[i] === 'reduction');
  const [terms] = reduction?.operands ?? [];
  const windows = onlyWindows(body);
  if (!isPlain || reduction === undefined || others.length > 0) return null;
  if (windows === null || terms == null) return null;
  const { shape } = valueOf(body, windows.result);
  const [rank, from] = [shape.length, windows.leading.length];
  const isOverWindows =
    sameShape(valueOf(body, terms).shape, shape) &&
    reduction.attributes.keep === false &&
    isLast(reduction.attributes.axes, (rank - from) / 2, rank) &&
    body.inputs.concat(body.nodes.flatMap(({ results }) => results)).every((id) => isF32(body, id));
  return isOverWindows ? { reduction, terms, windows } : null;
}

function isLast(axes: unknown, count: number, rank: number): boolean {
  const given = Array.isArray(axes) ? axes.map((axis) => (axis < 0 ? axis + rank : axis)) : [];
  return given.length === count && range(count).every((i) => given.includes(rank - 1 - i));
}

function isF32(body: Graph, id: ValueId): boolean {
  return valueOf(body, id).dtype === 'f32';
}

class SlidingNest {
  private readonly draft: KernelDraft;
  private readonly plan: Plan;
  private readonly lanes: Lanes;
  private readonly emitter: Emitter;
  private readonly epilogue: Epilogue | null;

  constructor(draft: KernelDraft, plan: Plan, lanes: Lanes) {
    this.draft = draft;
    this.plan = plan;
    this.lanes = lanes;
    this.emitter = draft.emitter();
    this.epilogue = epilogueOf(draft, this.emitter, plan.reduction.results[0] ?? plan.terms);
  }

  emit(): readonly Statement[] | null {
    if (this.epilogue === null) return null;
    const { emitter } = this;
    const { leading, rows, columns } = this.plan.windows;
    const groups = leading.map((dim) => [dim]);
    overGroups(emitter, groups, leadingNames(groups.length), (at) =>
      overBlocks(emitter, { count: rows.count, most: ROWS }, (down) =>
        overBlocks(emitter, { count: columns.count, most: COLUMNS }, (right) =>
          this.block(at, down, right),
        ),
      ),
    );
    return emitter.statements;
  }

  private block(at: readonly Dim[], down: Block, right: Block): void {
    const { emitter } = this;
    const { windows } = this.plan;
    const band = new Band(emitter, windows, { outer: at, down, right });
    emitter.override(windows.result, (index) => {
      const [o, p = 0, j = 0, k = 0] = index.slice(at.length);
      return windows.isSingle
        ? band.element(0, [0, o ?? 0], [0, p])
        : band.element(0, [o ?? 0, p], [j, k]);
    });
    const row = (i: Dim) => this.row(at, add(down.start, i), right);
    if (down.most === 1) row(0);
    else emitter.loop('parallel', 'i', down.most, row, { to: down.count });
  }

  /** A row of the result: its sums, then its elements. */
  private row(at: readonly Dim[], row: Dim, right: Block): void {
    const { emitter, lanes } = this;
    const most = Math.ceil(right.most / lanes);
    const sums = emitter.alloc('sums', most * lanes, 'scratch');
    const to = ceilDivide(right.count, lanes);
    const vectors = typeof to === 'number' ? to : emitter.integer('vectors', to, most + 1);
    const bounds = { from: 0, to: vectors, extent: most };
    overTiles(emitter, tileHeights(VECTORS), bounds, (vector, count) =>
      this.tile([...at, row], right, { sums, column: multiply(vector, lanes), count }),
    );
    const finish = (j: Dim) => {
      const place = add(right.start, j);
      const index = this.plan.windows.isSingle ? [...at, place] : [...at, row, place];
      this.epilogue?.store(index, this.reduced(index, load(sums, j)).element);
    };
    emitter.loop('parallel', 'j', right.most, finish, { to: right.count });
  }

  private tile(
    row: readonly Dim[],
    right: Block,
    into: { readonly sums: string; readonly column: Dim; readonly count: number },
  ): void {
    const { emitter, lanes } = this;
    const { rows, columns, isSingle } = this.plan.windows;
    const { combine } = this.reduced([], constant(0));
    const identity = constant(identityOf(combine, 'f32'));
    const initial = lanes === 4 ? splat(identity) : identity;
    const names = range(into.count).map((v) => emitter.variable(`c${v}`, initial));
    const first = add(right.start, into.column);
    const step = (j: Dim) => {
      const one = (k: Dim) =>
        names.forEach((name, v) => {
          const term = this.term((l) => {
            const column = add(first, add(lanes * v, l));
            return isSingle ? [...row.slice(0, -1), column, k] : [...row, column, j, k];
          });
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
    const rename = (base: string) => emitter.declareFresh(base);
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
