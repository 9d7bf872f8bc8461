/**
 * The CPU nest of a matmul with its epilogue: a register tile of 2 rows by 3 columns, two steps of k
 * summed before they reach an accumulator.
 *
 *   for start over rows, blocks of 64          the block of a stays in the cache
 *     for p over panels of 3 columns           weights stream by once a block
 *       for i over pairs of rows in the block
 *         c[2][3] = sum over k, two at a time
 *         epilogue, store
 *
 * Why 2 x 3: V8 checks each load's bounds and widens float32 to float64, so instructions are the
 * limit; a larger tile spills its accumulators from the 16 registers (`bench/js-shapes`). Weights
 * are packed in panels of 3 columns, so that the loop over k reads them in order. An exact matmul
 * takes one step of k at a time: each product is added to the sum of all before it.
 */

import { broadcastIndex } from '../../ir/broadcasting.ts';
import { add, type Dim, floorDivide, minimum, multiply, sizeOf, subtract } from '../../ir/dims.ts';
import { type Graph, type ValueId, valueOf } from '../../ir/graph.ts';
import type { Shape } from '../../ir/types.ts';
import type { Emitter } from '../emitter.ts';
import {
  addOf,
  constant,
  type Expression,
  load,
  multiplyOf,
  read,
  type Statement,
} from '../nodes.ts';
import { unflatten } from '../row-major.ts';
import { panels } from '../weight-layout.ts';
import { type Epilogue, epilogueOf, onlyContraction } from './anchor.ts';
import { hasDivision, leadingNames, overGroups } from './map.ts';
import type { KernelDraft } from './schedule.ts';

const ROWS_IN_TILE = 2;
const COLUMNS_IN_TILE = 3;
const STEPS_OF_K = 2;
const ROWS_IN_BLOCK = 64;
const PANELS = panels(COLUMNS_IN_TILE);

export function matmulCpu(draft: KernelDraft): readonly Statement[] | null {
  const matmul = onlyContraction(draft.region.body);
  const [a, b] = matmul?.operands ?? [];
  const [c] = matmul?.results ?? [];
  if (a == null || b == null || c === undefined) return null;
  const { body, operands } = draft.region;
  const weight = body.inputs.indexOf(b);
  const isWeight = operands[weight]?.parameter != null;
  const packed = isWeight && operands[weight]?.type.shape.length === 2 && isReadOnce(body, b);
  const rank = valueOf(body, c).shape.length;
  const joined = packed ? nest(draft, { a, b, c, packed, joinFrom: 0 }) : null;
  const isFree = joined !== null && !hasDivision(withoutBounds(joined));
  const statements = isFree ? joined : nest(draft, { a, b, c, packed, joinFrom: rank - 2 });
  if (statements !== null && packed) draft.layouts[weight] = PANELS;
  return statements;
}

/** Whether nothing but one operand of one node reads a value: else it must stay row-major. */
export function isReadOnce(body: Graph, id: ValueId): boolean {
  const reads = body.nodes.flatMap((node) => node.operands).filter((operand) => operand === id);
  return reads.length === 1 && body.outputs.every(({ value }) => value !== id);
}

interface Plan {
  readonly a: ValueId;
  readonly b: ValueId;
  readonly c: ValueId;
  readonly packed: boolean;
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
    new TileNest(draft, emitter, epilogue, plan, leading, rowShape).emit();
  });
  return emitter.statements;
}

class TileNest {
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
    const { emitter } = this;
    const rows = sizeOf(this.rowShape);
    const block = (start: Dim, end: Dim) => this.overPanels(start, end);
    if (typeof rows === 'number' && rows <= ROWS_IN_BLOCK) block(0, rows);
    else {
      emitter.loop(
        'parallel',
        'start',
        rows,
        (start) => block(start, emitter.integer('end', minimum(rows, add(start, ROWS_IN_BLOCK)))),
        { step: ROWS_IN_BLOCK },
      );
    }
  }

  private overPanels(start: Dim, end: Dim): void {
    const full = floorDivide(this.columns, COLUMNS_IN_TILE);
    const covered = multiply(full, COLUMNS_IN_TILE);
    const left = subtract(this.columns, covered);
    this.emitter.loop('parallel', 'p', full, (p) =>
      this.overRows(start, end, multiply(p, COLUMNS_IN_TILE), COLUMNS_IN_TILE),
    );
    if (typeof left === 'number') {
      if (left > 0) this.overRows(start, end, covered, left);
      return;
    }
    this.emitter.loop('parallel', 'j', this.columns, (j) => this.overRows(start, end, j, 1), {
      from: covered,
    });
  }

  private overRows(start: Dim, end: Dim, column: Dim, width: number): void {
    const rows = sizeOf(this.rowShape);
    const count = subtract(end, start);
    const paired = add(start, multiply(floorDivide(count, ROWS_IN_TILE), ROWS_IN_TILE));
    if (count !== 1) {
      this.emitter.loop('parallel', 'i', rows, (i) => this.tile(i, ROWS_IN_TILE, column, width), {
        from: start,
        to: subtract(end, ROWS_IN_TILE - 1),
        step: ROWS_IN_TILE,
      });
    }
    if (paired === end) return;
    this.emitter.loop('parallel', 'i', rows, (i) => this.tile(i, 1, column, width), {
      from: paired,
      to: end,
    });
  }

  private tile(row: Dim, height: number, column: Dim, width: number): void {
    const { emitter } = this;
    const rows = range(height);
    const columns = range(width);
    const sums = rows.map((r) => columns.map((c) => emitter.variable(`c${r}${c}`, constant(0))));
    const stepsAtOnce = emitter.exact ? 1 : STEPS_OF_K;
    const even = multiply(floorDivide(this.inner, stepsAtOnce), stepsAtOnce);
    const steps = (k: Dim, count: number) => {
      const x = rows.map((r) =>
        range(count).map((s) => emitter.bind(`x${r}${s}`, this.elementOfA(add(row, r), add(k, s)))),
      );
      for (const c of columns) {
        const w = range(count).map((s) =>
          emitter.bind(`w${c}${s}`, this.elementOfB(add(k, s), column, c)),
        );
        for (const r of rows) {
          const products = w.map((ws, s) => multiplyOf(x[r]?.[s] ?? ws, ws));
          const name = sums[r]?.[c] ?? '';
          const value = addOf(read(name), products.reduce(addOf));
          emitter.emit({ tag: 'set', name, value });
        }
      }
    };
    emitter.loop('serial', 'k', this.inner, (k) => steps(k, stepsAtOnce), {
      to: even,
      step: stepsAtOnce,
    });
    if (even !== this.inner) {
      if (typeof this.inner === 'number') steps(even, this.inner - Number(even));
      else emitter.loop('serial', 'k', this.inner, (k) => steps(k, 1), { from: even });
    }
    for (const r of rows) {
      for (const c of columns) {
        this.epilogue.store([...this.indexOfRow(add(row, r)), add(column, c)], sumAt(sums, r, c));
      }
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

  private elementOfB(k: Dim, column: Dim, c: number): Expression {
    if (this.plan.packed) {
      return load(
        this.weights,
        add(multiply(column, this.inner), add(multiply(k, COLUMNS_IN_TILE), c)),
      );
    }
    const leading = broadcastIndex(this.leading, this.bShape.slice(0, -2));
    return this.emitter.value(this.plan.b, [...leading, k, add(column, c)]);
  }
}

function sumAt(sums: readonly (readonly string[])[], row: number, column: number): Expression {
  return read(sums[row]?.[column] ?? '');
}

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => i);
}

/** The statements without the bounds of loops: a division there costs nothing. */
export function withoutBounds(statements: readonly Statement[]): readonly Statement[] {
  return statements.flatMap((s): readonly Statement[] => {
    if (s.tag === 'for') return [{ ...s, from: 0, to: 0, body: withoutBounds(s.body) }];
    return s.tag === 'let' && s.value.tag === 'index' ? [] : [s];
  });
}
