/**
 * The nest of a matmul with its epilogue on CPUs with vectors of four: register tiles of `height`
 * rows by a panel of 8 columns (`tile.ts`).
 *
 *   for g over groups of panels, which threads divide    a group of b stays in the second cache
 *     for i over rows, a tile at a time                  the tile's rows of a stay in the first
 *       for p over the panels of the group
 *         c[height][8] = sum over k
 *         epilogue, four columns at a time
 *
 * Why 8 columns: a step of k then needs two loads of b for up to 12 products. Why `height` rows:
 * with fused multiply-add 6 x 2 sums, 2 vectors of b and the splat of a fill the 15 registers that V8
 * gives; without it the product needs one more, and 4 rows are the most that fit (`bench/wasm-shapes`).
 * Why panels inside rows: a tile reads the group from end to end, as the processor's prefetching
 * expects. With rows inside panels it stops at every panel, and 16 rows took half as long again.
 *
 * Weights are packed in panels, filled with zeros. Another b is taken panel by panel, all rows of a
 * each: read in place where its columns are neighbours in memory, else packed first.
 */
import { broadcastIndex } from '../../../ir/broadcasting.ts';
import { add, type Dim, floorDivide, multiply, sizeOf, subtract } from '../../../ir/dims.ts';
import { type ValueId, valueOf } from '../../../ir/graph.ts';
import type { Shape } from '../../../ir/types.ts';
import type { Emitter } from '../../emitter.ts';
import {
  constant,
  type Expression,
  lane,
  load,
  read,
  type Statement,
  store,
  vector,
} from '../../nodes.ts';
import { unflatten } from '../../row-major.ts';
import { panels } from '../../weight-layout.ts';
import { type Epilogue, epilogueOf, onlyContraction } from '../anchor.ts';
import { hasDivision, leadingNames, overGroups } from '../map.ts';
import { isReadOnce, withoutBounds } from '../matmul-cpu.ts';
import type { KernelDraft, Nest } from '../schedule.ts';
import { emitTile, overTiles, range, tileHeights } from './tile.ts';
import { widen } from './widen.ts';

const COLUMNS = 8;
const PANELS = panels(COLUMNS);
/** Elements of a group of panels: half a megabyte, within most second caches. */
const GROUP = 131_072;
/** Groups come in multiples of it, so that as many threads, or fewer, have equal shares. */
const SHARES = 4;
/** The longest panel that is packed on the way, in rows. */
const LONGEST_PANEL = 4096;

/** @param height rows of a full tile */
export function matmulSimd(height: number): Nest {
  return (draft) => {
    const matmul = onlyContraction(draft.region.body);
    const [a, b] = matmul?.operands ?? [];
    const [c] = matmul?.results ?? [];
    if (a == null || b == null || c === undefined) return null;
    const { body, operands } = draft.region;
    const weight = body.inputs.indexOf(b);
    const isWeight = operands[weight]?.parameter != null;
    const isMatrix = operands[weight]?.type.shape.length === 2;
    const isPacked = isWeight && isMatrix && isReadOnce(body, b);
    const rank = valueOf(body, c).shape.length;
    const plan = { a, b, c, height, isPacked };
    const joined = isPacked ? nest(draft, { ...plan, joinFrom: 0 }) : null;
    const isFree = joined !== null && !hasDivision(withoutBounds(joined));
    const statements = isFree ? joined : nest(draft, { ...plan, joinFrom: rank - 2 });
    if (statements !== null && isPacked) draft.layouts[weight] = PANELS;
    return statements;
  };
}

interface Plan {
  readonly a: ValueId;
  readonly b: ValueId;
  readonly c: ValueId;
  readonly height: number;
  /** Whether b is a weight in panels. */
  readonly isPacked: boolean;
  /** Axes of c from here to the last but one are one loop over rows; those before, loops around. */
  readonly joinFrom: number;
}

function nest(draft: KernelDraft, plan: Plan): readonly Statement[] | null {
  const emitter = draft.emitter();
  const epilogue = epilogueOf(draft, emitter, plan.c);
  if (epilogue === null) return null;
  const shape = valueOf(draft.region.body, plan.c).shape;
  const rowShape = shape.slice(plan.joinFrom, -1);
  const outer = shape.slice(0, plan.joinFrom).map((dim) => [dim]);
  overGroups(emitter, outer, leadingNames(outer.length), (leading) => {
    new PanelNest(draft, emitter, epilogue, plan, leading, rowShape).emit();
  });
  return emitter.statements;
}

/** Where the tiles of a panel find their columns of b. */
type Columns = (k: Dim, vector: number) => Expression;

class PanelNest {
  private readonly emitter: Emitter;
  private readonly epilogue: Epilogue;
  private readonly plan: Plan;
  private readonly leading: readonly Dim[];
  private readonly rowShape: Shape;
  private readonly aShape: Shape;
  private readonly bShape: Shape;
  private readonly weights: string;
  private readonly inner: Dim;
  private readonly columns: Dim;

  constructor(
    draft: KernelDraft,
    emitter: Emitter,
    epilogue: Epilogue,
    plan: Plan,
    leading: readonly Dim[],
    rowShape: Shape,
  ) {
    const { body } = draft.region;
    this.emitter = emitter;
    this.epilogue = epilogue;
    this.plan = plan;
    this.leading = leading;
    this.rowShape = rowShape;
    this.aShape = valueOf(body, plan.a).shape;
    this.bShape = valueOf(body, plan.b).shape;
    this.weights = draft.inputs[body.inputs.indexOf(plan.b)] ?? '';
    this.inner = this.aShape.at(-1) ?? 1;
    this.columns = this.bShape.at(-1) ?? 1;
  }

  emit(): void {
    const { emitter, columns } = this;
    const full = floorDivide(columns, COLUMNS);
    const covered = multiply(full, COLUMNS);
    const left = subtract(columns, covered);
    if (this.plan.isPacked) this.groups(Number(full));
    else {
      emitter.loop('split', 'p', full, (p) => this.panel(multiply(p, COLUMNS), COLUMNS));
    }
    if (typeof left !== 'number') {
      emitter.loop('split', 'j', columns, (j) => this.panel(j, 1), { from: covered });
    } else if (left > 0) {
      // a loop of one iteration: one thread takes the last panel
      emitter.loop('split', 'p', 1, () => this.panel(covered, left));
    }
  }

  /** Whole panels of weights, in groups of about equal size. */
  private groups(panels: number): void {
    if (panels === 0) return;
    const { emitter } = this;
    const largest = SHARES * Math.max(1, Math.floor(GROUP / (COLUMNS * Number(this.inner))));
    const count = Math.min(panels, SHARES * Math.ceil(panels / largest));
    const start = (g: Dim) => floorDivide(multiply(g, panels), count);
    emitter.loop('split', 'g', count, (g) => {
      const first = emitter.integer('first', start(g), panels);
      const last = emitter.integer('last', start(add(g, 1)));
      this.overRows((row, height) =>
        emitter.loop(
          'parallel',
          'p',
          panels,
          (p) => {
            const column = multiply(p, COLUMNS);
            this.tile(row, height, column, COLUMNS, this.columnsOf(column, COLUMNS));
          },
          { from: first, to: last },
        ),
      );
    });
  }

  private overRows(body: (row: Dim, height: number) => void): void {
    const rows = sizeOf(this.rowShape);
    const range = { from: 0, to: rows, extent: rows };
    overTiles(this.emitter, tileHeights(this.plan.height), range, body);
  }

  /** All rows by some columns. */
  private panel(column: Dim, width: number): void {
    const b = this.columnsOf(column, width);
    this.overRows((row, height) => this.tile(row, height, column, width, b));
  }

  private tile(row: Dim, height: number, column: Dim, width: number, b: Columns): void {
    const vectors = Math.ceil(width / 4);
    const sums = emitTile(this.emitter, {
      rows: height,
      vectors,
      inner: this.inner,
      a: (r, k) => this.elementOfA(add(row, r), k),
      b,
    });
    for (const r of range(height)) {
      for (const v of range(vectors)) {
        const at = { row: add(row, r), column: add(column, 4 * v), width: width - 4 * v };
        this.store(at, sums[r]?.[v] ?? '');
      }
    }
  }

  /** Four lanes of b at a time: packed, read in place, or packed here and now. */
  private columnsOf(column: Dim, width: number): Columns {
    if (this.plan.isPacked) {
      return (k, v) => {
        const panel = multiply(column, this.inner);
        return load(this.weights, add(panel, add(multiply(k, COLUMNS), 4 * v)), 'f32', 4);
      };
    }
    if (width % 4 === 0 && this.isContiguous(column)) {
      return (k, v) => this.neighbours(k, add(column, 4 * v)) ?? this.none();
    }
    const vectors = Math.ceil(width / 4);
    if (typeof this.inner !== 'number' || this.inner > LONGEST_PANEL) {
      return (k, v) => this.gathered(k, add(column, 4 * v), width - 4 * v);
    }
    const panel = this.packed(column, width, this.inner, 4 * vectors);
    return (k, v) => load(panel, add(multiply(k, 4 * vectors), 4 * v), 'f32', 4);
  }

  private packed(column: Dim, width: number, inner: number, stride: number): string {
    const { emitter } = this;
    const panel = emitter.alloc('panel', inner * stride, 'scratch');
    emitter.loop('parallel', 'k', inner, (k) => {
      for (const c of range(stride)) {
        const element = c < width ? this.elementOfB(k, add(column, c)) : constant(0);
        emitter.emit(store(panel, add(multiply(k, stride), c), element));
      }
    });
    return panel;
  }

  private isContiguous(column: Dim): boolean {
    const { emitter } = this;
    const k = emitter.fresh('k');
    emitter.ranges.set(k, this.inner);
    let found: Expression | null = null;
    emitter.inScope([k], true, () => {
      found = this.neighbours(k, column);
    });
    return found !== null;
  }

  private neighbours(k: Dim, column: Dim): Expression | null {
    return this.emitter.run((l) => this.elementOfB(k, add(column, l)));
  }

  private gathered(k: Dim, column: Dim, width: number): Expression {
    return vector(
      range(4).map((l) => (l < width ? this.elementOfB(k, add(column, l)) : constant(0))),
    );
  }

  private none(): never {
    throw new Error('columns that were neighbours no longer are');
  }

  /** Stores up to four sums of a row behind the epilogue: together, or the last ones one by one. */
  private store(at: { row: Dim; column: Dim; width: number }, sums: string): void {
    const { emitter } = this;
    const row = this.indexOfRow(at.row);
    if (at.width >= 4) {
      const l = emitter.fresh('l');
      emitter.ranges.set(l, 4);
      const one = emitter.inScope([l], true, () =>
        this.epilogue.store([...row, add(at.column, l)], read(sums)),
      );
      const rename = (name: string) => {
        const fresh = emitter.fresh(name);
        emitter.declare(fresh);
        return fresh;
      };
      const four = widen(one, { variable: l, at: 0, wide: new Set([sums]), rename, gathers: true });
      if (four !== null) {
        for (const statement of four) emitter.emit(statement);
        return;
      }
    }
    for (const l of range(Math.min(4, at.width))) {
      this.epilogue.store([...row, add(at.column, l)], lane(read(sums, 'f32', 4), l));
    }
  }

  /** Index of a row in c, without the column. */
  private indexOfRow(row: Dim): readonly Dim[] {
    return [...this.leading, ...unflatten(row, this.rowShape, this.emitter.ranges)];
  }

  private elementOfA(row: Dim, k: Dim): Expression {
    const index = this.indexOfRow(row);
    const leading = broadcastIndex(index.slice(0, -1), this.aShape.slice(0, -2));
    return this.emitter.value(this.plan.a, [...leading, index.at(-1) ?? 0, k]);
  }

  private elementOfB(k: Dim, column: Dim): Expression {
    const leading = broadcastIndex(this.leading, this.bShape.slice(0, -2));
    return this.emitter.value(this.plan.b, [...leading, k, column]);
  }
}
