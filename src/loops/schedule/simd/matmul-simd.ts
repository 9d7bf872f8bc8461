/**
 * The nest of a matmul with its epilogue on CPUs with vectors of four: register tiles of `height`
 * rows by a panel of 8 columns (`tile.ts`).
 *
 * Why 8 columns: a step of k then needs two loads of b for up to 12 products. Why `height` rows:
 * with fused multiply-add 6 x 2 sums, 2 vectors of b and the splat of a fill the 15 registers that V8
 * gives; without it the product needs one more, and 4 rows are the most that fit (`bench/limits` measures them).
 *
 * Weights are packed when compiling (`weight-panels.ts`); another b is taken panel by panel
 * (`value-panels.ts`).
 */
import { broadcastIndex } from '../../../ir/broadcasting.ts';
import { add, type Dim, sizeOf } from '../../../ir/dims.ts';
import { type ValueId, valueOf } from '../../../ir/graph.ts';
import type { Shape } from '../../../ir/types.ts';
import type { Emitter } from '../../emitter.ts';
import { type Expression, lane, read, type Statement } from '../../nodes.ts';
import { unflatten } from '../../row-major.ts';
import { type Epilogue, epilogueOf, onlyContraction } from '../anchor.ts';
import { hasDivision, leadingNames, overGroups } from '../map.ts';
import { isReadOnce, withoutBounds } from '../matmul-cpu.ts';
import type { KernelDraft, Nest } from '../schedule.ts';
import { overTiles, range, tileHeights } from './tile.ts';
import { emitValuePanels } from './value-panels.ts';
import { emitWeightPanels, layoutFor } from './weight-panels.ts';
import { widen } from './widen.ts';

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
    const emit = isPacked ? emitWeightPanels : emitValuePanels;
    const statements = productNest(draft, { a, b, c, height, isPacked }, emit);
    if (statements !== null && isPacked) {
      draft.layouts[weight] = layoutFor(Number(valueOf(body, b).shape[0]));
    }
    return statements;
  };
}

/** c = a b, and how. */
export interface Plan {
  readonly a: ValueId;
  readonly b: ValueId;
  readonly c: ValueId;
  /** Rows of a full tile. */
  readonly height: number;
  /** Whether b is a weight in panels. */
  readonly isPacked: boolean;
}

/**
 * The loops around products that `emit` makes; null where results are not reached from c. With a
 * packed b all rows are one loop where that keeps indices free of divisions; the last but one axis of
 * c alone is it else, and those before are loops around.
 */
export function productNest(
  draft: KernelDraft,
  plan: Plan,
  emit: (product: Product) => void,
): readonly Statement[] | null {
  const rank = valueOf(draft.region.body, plan.c).shape.length;
  const joined = plan.isPacked ? nest(draft, plan, 0, emit) : null;
  const isFree = joined !== null && !hasDivision(withoutBounds(joined));
  return isFree ? joined : nest(draft, plan, rank - 2, emit);
}

function nest(
  draft: KernelDraft,
  plan: Plan,
  joinFrom: number,
  emit: (product: Product) => void,
): readonly Statement[] | null {
  const emitter = draft.emitter();
  const epilogue = epilogueOf(draft, emitter, plan.c);
  if (epilogue === null) return null;
  const shape = valueOf(draft.region.body, plan.c).shape;
  const rowShape = shape.slice(joinFrom, -1);
  const outer = shape.slice(0, joinFrom).map((dim) => [dim]);
  overGroups(emitter, outer, leadingNames(outer.length), (leading) => {
    emit(new Product(draft, emitter, epilogue, plan, leading, rowShape));
  });
  return emitter.statements;
}

/** An element of c from a sum, given the row of the tile and the column of c. */
export type ElementOf = (sum: Expression, row: number, column: Dim) => Expression;

interface Sums {
  readonly name: string;
  readonly row: number;
  readonly type: 'f32' | 'i32';
  readonly elementOf: ElementOf;
}

/** One matrix product: its elements, and where its sums go. */
export class Product {
  readonly emitter: Emitter;
  /** The buffer of b, where that is a weight. */
  readonly weights: string;
  /** The extent of k. */
  readonly inner: Dim;
  readonly columns: Dim;
  private readonly epilogue: Epilogue;
  private readonly plan: Plan;
  private readonly leading: readonly Dim[];
  private readonly rowShape: Shape;
  private readonly aShape: Shape;
  private readonly bShape: Shape;

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

  get rows(): Dim {
    return sizeOf(this.rowShape);
  }

  /** Rows, all where none are named, a tile at a time. */
  overRows(
    body: (row: Dim, height: number) => void,
    { from = 0, to = this.rows }: { readonly from?: Dim; readonly to?: Dim } = {},
  ): void {
    const heights = tileHeights(this.plan.height);
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

  elementOfA(row: Dim, k: Dim): Expression {
    const index = this.indexOfRow(row);
    const leading = broadcastIndex(index.slice(0, -1), this.aShape.slice(0, -2));
    return this.emitter.value(this.plan.a, [...leading, index.at(-1) ?? 0, k]);
  }

  elementOfB(k: Dim, column: Dim): Expression {
    const leading = broadcastIndex(this.leading, this.bShape.slice(0, -2));
    return this.emitter.value(this.plan.b, [...leading, k, column]);
  }

  /** Stores up to four sums of a row behind the epilogue: together, or the last ones one by one. */
  private store(at: { row: Dim; column: Dim; width: number }, sums: Sums): void {
    const { emitter } = this;
    const { name, type } = sums;
    const row = this.indexOfRow(at.row);
    if (at.width >= 4) {
      const l = emitter.fresh('l');
      emitter.ranges.set(l, 4);
      const one = emitter.inScope([l], true, () =>
        this.storeOne(row, add(at.column, l), read(name, type), sums),
      );
      const rename = (base: string) => {
        const fresh = emitter.fresh(base);
        emitter.declare(fresh);
        return fresh;
      };
      const four = widen(one, { variable: l, at: 0, wide: new Set([name]), rename, gathers: true });
      if (four !== null) {
        for (const statement of four) emitter.emit(statement);
        return;
      }
    }
    for (const l of range(Math.min(4, at.width))) {
      this.storeOne(row, add(at.column, l), lane(read(name, type, 4), l), sums);
    }
  }

  private storeOne(row: readonly Dim[], column: Dim, sum: Expression, sums: Sums): void {
    this.epilogue.store([...row, column], sums.elementOf(sum, sums.row, column));
  }

  /** Index of a row in c, without the column. */
  private indexOfRow(row: Dim): readonly Dim[] {
    return [...this.leading, ...unflatten(row, this.rowShape, this.emitter.ranges)];
  }
}
