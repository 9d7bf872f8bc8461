/**
 * An operand of an attention that is being matched: a value of the graph, and the views to do after
 * it. Nothing is written before the match is sure.
 */
import { divideExactly } from '../../ir/dims.ts';
import type { Value, ValueId } from '../../ir/graph.ts';
import { type Shape, sameShape } from '../../ir/types.ts';
import type { GraphIndex } from '../graph-index.ts';
import type { GraphWriter, NodeWriting } from '../graph-writer.ts';
import { numbersOf, operandOf, permutationOf, swapLast } from '../node-reading.ts';
import { beforeViews } from './mask.ts';

interface ViewStep extends NodeWriting {
  readonly op: string;
  readonly attributes: { readonly [name: string]: unknown };
}

export interface Operand {
  readonly source: ValueId;
  readonly views: readonly ViewStep[];
  readonly shape: Shape;
}

export function operandAt(id: ValueId, index: GraphIndex): Operand {
  return { source: id, views: [], shape: index.shapeOf(id) };
}

export function writeOperand({ source, views }: Operand, into: GraphWriter): Value {
  const { name } = into.index.value(source);
  return views.reduce(
    (value, { op, attributes, ...writing }) =>
      into.node(op, [value], attributes, { name: `${name}.${op}`, ...writing }),
    into.get(source),
  );
}

/**
 * x and c where the value is c * x after some views: they stand after x just as well.
 * views(x * c) = views(x) * c
 */
export function withoutScale(
  id: ValueId,
  index: GraphIndex,
): { readonly operand: Operand; readonly factor: number } {
  let factor = 1;
  let views: readonly ViewStep[] = [];
  let found = operandAt(id, index);
  for (let at = id; ; ) {
    const { source, views: passed } = beforeViews(at, index);
    views = [...passed, ...views];
    const node = index.producerOf(source);
    const [x, c] = node?.operands ?? [];
    const [numerator, by] = [index.scalarOf(x), index.scalarOf(c)];
    const [scaled, constant] = numerator === null ? [x, by] : [c, numerator];
    const isQuotient = node?.op === 'div' && numerator === null;
    if (scaled == null || constant === null || !(node?.op === 'mul' || isQuotient)) break;
    if (!sameShape(index.shapeOf(scaled), index.shapeOf(source))) break;
    factor *= isQuotient ? 1 / constant : constant;
    at = scaled;
    found = { source: scaled, views, shape: index.shapeOf(id) };
  }
  return { operand: found, factor };
}

/** The operand with its last two axes swapped; transposes next to one another become one. */
export function swapped(operand: Operand, index: GraphIndex): Operand {
  const { source, views, shape } = operand;
  const swap = swapLast(shape.length);
  const turned = swap.map((axis) => shape[axis] ?? 1);
  const last = views.at(-1);
  const producer = index.madeBy(source, 'transpose');
  if (last?.op === 'transpose') {
    const before = numbersOf(last.attributes.permutation as readonly number[]);
    return transposed(source, views.slice(0, -1), compose(before, swap), turned);
  }
  if (last === undefined && producer !== null) {
    const from = operandOf(producer, 0);
    return transposed(from, [], compose(permutationOf(producer), swap), turned);
  }
  return transposed(source, views, swap, turned);
}

function compose(first: readonly number[], then: readonly number[]): readonly number[] {
  return then.map((axis) => first[axis] ?? axis);
}

function transposed(
  source: ValueId,
  views: readonly ViewStep[],
  permutation: readonly number[],
  shape: Shape,
): Operand {
  const isIdentity = permutation.every((axis, i) => axis === i);
  const step = { op: 'transpose', attributes: { permutation } };
  return { source, views: isIdentity ? views : [...views, step], shape };
}

/** The operand broadcast to leading dims `from`, and these reshaped to `to`. */
export function withLeading(operand: Operand, from: Shape, to: Shape): Operand {
  const matrix = operand.shape.slice(-2);
  const whole = [...from, ...matrix];
  const full = sameShape(operand.shape, whole) ? operand : viewed(operand, 'broadcast', whole);
  return sameShape(from, to) ? full : viewed(full, 'reshape', [...to, ...matrix]);
}

function viewed({ source, views }: Operand, op: string, shape: Shape): Operand {
  return { source, views: [...views, { op, attributes: { shape } }], shape };
}

/**
 * Keys or values before their heads are repeated for groups of query heads: in
 * reshape(broadcast(reshape(x [.., hk, m, d]) to [.., hk, 1, m, d]) to [.., hk, t, m, d]) to
 * [.., hk t, m, d], the x; in broadcast(x [.., 1, m, d]) to [.., h, m, d], the x.
 */
export function withoutRepeats(operand: Operand, index: GraphIndex): Operand {
  if (operand.views.length > 0) return operand;
  const { source, shape } = operand;
  const direct = index.madeBy(source, 'broadcast')?.operands[0];
  if (direct != null) {
    const from = index.shapeOf(direct);
    const expected = [...shape.slice(0, -3), 1, ...shape.slice(-2)];
    return sameShape(from, expected) ? operandAt(direct, index) : operand;
  }
  const joined = index.madeBy(source, 'reshape')?.operands[0];
  const apart = index.madeBy(joined, 'broadcast')?.operands[0];
  if (joined == null || apart == null) return operand;
  const [heads = 1, times = 1] = index.shapeOf(joined).slice(-4, -2);
  const compact = [...shape.slice(0, -3), heads, ...shape.slice(-2)];
  const spread = [...shape.slice(0, -3), heads, 1, ...shape.slice(-2)];
  const isRepeat =
    divideExactly(shape.at(-3) ?? 1, heads) === times && sameShape(index.shapeOf(apart), spread);
  if (!isRepeat) return operand;
  const from = index.madeBy(apart, 'reshape')?.operands[0];
  if (from != null && sameShape(index.shapeOf(from), compact)) return operandAt(from, index);
  return viewed(operandAt(apart, index), 'reshape', compact);
}
