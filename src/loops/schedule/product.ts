/**
 * What the nests of a matmul on every CPU have in common: which region is one, the loops around its
 * products, and the elements of a product. The nests differ in their tiles.
 */
import { broadcastIndex } from '../../ir/broadcasting.ts';
import { type Dim, multiply, sizeOf } from '../../ir/dims.ts';
import { type Graph, type ValueId, valueOf } from '../../ir/graph.ts';
import type { Shape } from '../../ir/types.ts';
import type { Emitter } from '../emitter.ts';
import type { Expression, Statement } from '../nodes.ts';
import { unflatten } from '../row-major.ts';
import type { WeightLayout } from '../weight-layout.ts';
import { type Epilogue, epilogueOf, onlyContraction } from './anchor.ts';
import { overParts } from './divided.ts';
import { hasDivision, leadingNames, overGroups } from './map.ts';
import type { KernelDraft } from './schedule.ts';

/** The longest panel of a computed b that is packed, in rows. */
const LONGEST_PANEL = 4096;

/** c = a b. */
export interface ProductPlan {
  readonly a: ValueId;
  readonly b: ValueId;
  readonly c: ValueId;
  /** Whether b is a weight in panels. */
  readonly isPacked: boolean;
}

/** A product that stands somewhere in the loops around it. */
export interface ProductPlace {
  readonly draft: KernelDraft;
  readonly emitter: Emitter;
  readonly epilogue: Epilogue;
  readonly plan: ProductPlan;
  /** Of the loops around. */
  readonly leading: readonly Dim[];
  /** The axes of c that are one loop over rows. */
  readonly rowShape: Shape;
}

/**
 * The nest of a region with one matmul; null for others. A weight that it alone reads is packed.
 *
 * @param layoutFor how a weight of some rows is packed
 */
export function matmulNest(
  draft: KernelDraft,
  layoutFor: (rows: number) => WeightLayout,
  emit: (place: ProductPlace) => void,
): readonly Statement[] | null {
  const matmul = onlyContraction(draft.region.body);
  const [a, b] = matmul?.operands ?? [];
  const [c] = matmul?.results ?? [];
  if (a == null || b == null || c === undefined) return null;
  const { body, operands } = draft.region;
  const weight = body.inputs.indexOf(b);
  const isWeight = operands[weight]?.parameter != null;
  const isMatrix = operands[weight]?.type.shape.length === 2;
  const isPacked = isWeight && isMatrix && isReadOnce(body, b);
  const statements = productNest(draft, { a, b, c, isPacked }, emit);
  if (statements !== null && isPacked) {
    draft.layouts[weight] = layoutFor(Number(valueOf(body, b).shape[0]));
  }
  return statements;
}

/** Whether nothing but one operand of one node reads a value: else it must stay row-major. */
export function isReadOnce(body: Graph, id: ValueId): boolean {
  const reads = body.nodes.flatMap((node) => node.operands).filter((operand) => operand === id);
  return reads.length === 1 && body.outputs.every(({ value }) => value !== id);
}

/**
 * The loops around products that `emit` makes; null where results are not reached from c. With a
 * packed b all rows are one loop where that keeps indices free of divisions; the last but one axis of
 * c alone is it else, and those before are loops around.
 */
export function productNest(
  draft: KernelDraft,
  plan: ProductPlan,
  emit: (place: ProductPlace) => void,
): readonly Statement[] | null {
  const rank = valueOf(draft.region.body, plan.c).shape.length;
  const joined = plan.isPacked ? nest(draft, plan, 0, emit) : null;
  const isFree = joined !== null && !hasDivision(withoutBounds(joined));
  return isFree ? joined : nest(draft, plan, rank - 2, emit);
}

function nest(
  draft: KernelDraft,
  plan: ProductPlan,
  joinFrom: number,
  emit: (place: ProductPlace) => void,
): readonly Statement[] | null {
  const emitter = draft.emitter();
  const epilogue = epilogueOf(draft, emitter, plan.c);
  if (epilogue === null) return null;
  const shape = valueOf(draft.region.body, plan.c).shape;
  const rowShape = shape.slice(joinFrom, -1);
  const outer = shape.slice(0, joinFrom).map((dim) => [dim]);
  overGroups(emitter, outer, leadingNames(outer.length), (leading) => {
    emit({ draft, emitter, epilogue, plan, leading, rowShape });
  });
  return emitter.statements;
}

/** The statements without the bounds of loops: a division there costs nothing. */
function withoutBounds(statements: readonly Statement[]): readonly Statement[] {
  return statements.flatMap((s): readonly Statement[] => {
    if (s.tag === 'for') return [{ ...s, from: 0, to: 0, body: withoutBounds(s.body) }];
    return s.tag === 'let' && s.value.tag === 'index' ? [] : [s];
  });
}

/** One matrix product: its elements, and where those of c go. */
export class Product {
  readonly emitter: Emitter;
  /** The buffer of b, where that is a weight. */
  readonly weights: string;
  /** The extent of k. */
  readonly inner: Dim;
  readonly columns: Dim;
  protected readonly place: ProductPlace;
  private readonly aShape: Shape;
  private readonly bShape: Shape;

  constructor(place: ProductPlace) {
    const { draft, emitter, plan } = place;
    const { body } = draft.region;
    this.emitter = emitter;
    this.place = place;
    this.aShape = valueOf(body, plan.a).shape;
    this.bShape = valueOf(body, plan.b).shape;
    this.weights = draft.inputs[body.inputs.indexOf(plan.b)] ?? '';
    this.inner = this.aShape.at(-1) ?? 1;
    this.columns = this.bShape.at(-1) ?? 1;
  }

  get rows(): Dim {
    return sizeOf(this.place.rowShape);
  }

  elementOfA(row: Dim, k: Dim): Expression {
    const index = this.indexOfRow(row);
    const leading = broadcastIndex(index.slice(0, -1), this.aShape.slice(0, -2));
    return this.emitter.value(this.place.plan.a, [...leading, index.at(-1) ?? 0, k]);
  }

  elementOfB(k: Dim, column: Dim): Expression {
    return this.emitter.value(this.place.plan.b, [...this.leadingOfB, k, column]);
  }

  /** The index of b's matrix. */
  get leadingOfB(): readonly Dim[] {
    return broadcastIndex(this.place.leading, this.bShape.slice(0, -2));
  }

  /**
   * Some columns of b in scratch memory, one row after another, as many numbers each as `stride` says;
   * `store` puts a row's numbers there. Null where b is too long for it, or of unknown length.
   */
  pack(
    stride: number,
    column: Dim,
    storeRow: (panel: string, k: Dim, place: Dim) => void,
  ): string | null {
    const { emitter, inner } = this;
    if (typeof inner !== 'number' || inner > LONGEST_PANEL) return null;
    const panel = emitter.alloc('panel', inner * stride, 'scratch');
    overParts(
      emitter,
      inner,
      (k) => this.elementOfB(k, column),
      (k) => storeRow(panel, k, multiply(k, stride)),
    );
    return panel;
  }

  /** Stores an element of c behind the epilogue. */
  protected storeElement(row: Dim, column: Dim, element: Expression): void {
    this.place.epilogue.store([...this.indexOfRow(row), column], element);
  }

  /** Index of a row in c, without the column. */
  private indexOfRow(row: Dim): readonly Dim[] {
    const { leading, rowShape } = this.place;
    return [...leading, ...unflatten(row, rowShape, this.emitter.ranges)];
  }
}
