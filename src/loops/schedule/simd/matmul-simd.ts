/**
 * The nest of a matmul with its epilogue on CPUs with vectors of four: register tiles of `height`
 * rows by a panel of 8 columns (`tile.ts`).
 *
 * Why 8 columns: a step of k then needs two loads of b for up to 12 products. Why `height` rows:
 * with fused multiply-add 6 x 2 sums, 2 vectors of b and the splat of a fill the 15 registers that V8
 * gives; without it the product needs one more, and 4 rows are the most that fit (`bench/wasm-shapes`).
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
    const rank = valueOf(body, c).shape.length;
    const plan = { a, b, c, height, isPacked };
    const joined = isPacked ? nest(draft, { ...plan, joinFrom: 0 }) : null;
    const isFree = joined !== null && !hasDivision(withoutBounds(joined));
    const statements = isFree ? joined : nest(draft, { ...plan, joinFrom: rank - 2 });
    if (statements !== null && isPacked) {
      draft.layouts[weight] = layoutFor(Number(valueOf(body, b).shape[0]));
    }
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
    const product = new Product(draft, emitter, epilogue, plan, leading, rowShape);
    if (plan.isPacked) emitWeightPanels(product);
    else emitValuePanels(product);
  });
  return emitter.statements;
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

  /** All rows, a tile at a time. */
  overRows(body: (row: Dim, height: number) => void): void {
    const rows = sizeOf(this.rowShape);
    const rowsRange = { from: 0, to: rows, extent: rows };
    overTiles(this.emitter, tileHeights(this.plan.height), rowsRange, body);
  }

  /** Puts a tile's sums through the epilogue; `width` columns of them are the product's. */
  finish(row: Dim, column: Dim, width: number, sums: readonly (readonly string[])[]): void {
    sums.forEach((names, r) => {
      names.forEach((name, v) => {
        const at = { row: add(row, r), column: add(column, 4 * v), width: width - 4 * v };
        this.store(at, name);
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
}
