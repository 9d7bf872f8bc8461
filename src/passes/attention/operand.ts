/**
 * An operand of an attention that is being matched: a value of the graph, and the steps to do after
 * it, views and factors. Nothing is written before the match is sure.
 */
import { broadcastShapes } from '../../ir/broadcasting.ts';
import { divideExactly } from '../../ir/dims.ts';
import type { Value, ValueId } from '../../ir/graph.ts';
import { type Shape, sameShape } from '../../ir/types.ts';
import type { GraphIndex } from '../graph-index.ts';
import type { GraphWriter, NodeWriting } from '../graph-writer.ts';
import { numbersOf, operandOf, permutationOf, swapLast } from '../node-reading.ts';
import { beforeViews } from './mask.ts';

interface Step extends NodeWriting {
  readonly op: string;
  readonly attributes: { readonly [name: string]: unknown };
  /** What `op` multiplies or divides by; views have none. */
  readonly by?: Operand;
}

export interface Operand {
  readonly source: ValueId;
  readonly steps: readonly Step[];
  readonly shape: Shape;
}

export function operandAt(id: ValueId, index: GraphIndex): Operand {
  return { source: id, steps: [], shape: index.shapeOf(id) };
}

export function writeOperand({ source, steps }: Operand, into: GraphWriter): Value {
  const { name } = into.index.value(source);
  return steps.reduce((value, { op, attributes, by, ...writing }) => {
    const operands = by === undefined ? [value] : [value, writeOperand(by, into)];
    return into.node(op, operands, attributes, { name: `${name}.${op}`, ...writing });
  }, into.get(source));
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
  let steps: readonly Step[] = [];
  let found = operandAt(id, index);
  for (let at = id; ; ) {
    const { source, views } = beforeViews(at, index);
    steps = [...views, ...steps];
    const node = index.producerOf(source);
    const [x, c] = node?.operands ?? [];
    const [numerator, by] = [index.scalarOf(x), index.scalarOf(c)];
    const [scaled, constant] = numerator === null ? [x, by] : [c, numerator];
    const isQuotient = node?.op === 'div' && numerator === null;
    if (scaled == null || constant === null || !(node?.op === 'mul' || isQuotient)) break;
    if (!sameShape(index.shapeOf(scaled), index.shapeOf(source))) break;
    factor *= isQuotient ? 1 / constant : constant;
    at = scaled;
    found = { source: scaled, steps, shape: index.shapeOf(id) };
  }
  return { operand: found, factor };
}

/** The operand with its last two axes swapped; transposes next to one another become one. */
export function swapped(operand: Operand, index: GraphIndex): Operand {
  const { source, steps, shape } = operand;
  const swap = swapLast(shape.length);
  const turned = swap.map((axis) => shape[axis] ?? 1);
  const last = steps.at(-1);
  const producer = index.madeBy(source, 'transpose');
  if (last?.op === 'transpose') {
    const before = numbersOf(last.attributes.permutation as readonly number[]);
    return transposed(source, steps.slice(0, -1), compose(before, swap), turned);
  }
  if (last === undefined && producer !== null) {
    const from = operandOf(producer, 0);
    return transposed(from, [], compose(permutationOf(producer), swap), turned);
  }
  return transposed(source, steps, swap, turned);
}

function compose(first: readonly number[], then: readonly number[]): readonly number[] {
  return then.map((axis) => first[axis] ?? axis);
}

function transposed(
  source: ValueId,
  steps: readonly Step[],
  permutation: readonly number[],
  shape: Shape,
): Operand {
  const isIdentity = permutation.every((axis, i) => axis === i);
  const step = { op: 'transpose', attributes: { permutation } };
  return { source, steps: isIdentity ? steps : [...steps, step], shape };
}

/** The operand broadcast to leading dims `from`, and these reshaped to `to`. */
export function withLeading(operand: Operand, from: Shape, to: Shape): Operand {
  const matrix = operand.shape.slice(-2);
  const whole = [...from, ...matrix];
  const full = sameShape(operand.shape, whole) ? operand : viewed(operand, 'broadcast', whole);
  return sameShape(from, to) ? full : viewed(full, 'reshape', [...to, ...matrix]);
}

/** The operand multiplied or divided by a value that is given the shape first. */
export function multiplied(
  { source, steps, shape }: Operand,
  by: { readonly op: string; readonly value: ValueId; readonly shape: Shape },
  index: GraphIndex,
): Operand {
  const factor = operandAt(by.value, index);
  const fitted = sameShape(factor.shape, by.shape) ? factor : viewed(factor, 'reshape', by.shape);
  const whole = broadcastShapes(shape, by.shape);
  if (whole === null) throw new Error(`${shape} is multiplied by ${by.shape}`);
  return { source, steps: [...steps, { op: by.op, attributes: {}, by: fitted }], shape: whole };
}

function viewed({ source, steps }: Operand, op: string, shape: Shape): Operand {
  return { source, steps: [...steps, { op, attributes: { shape } }], shape };
}

/**
 * Keys or values before their heads are repeated for groups of query heads: in
 * reshape(broadcast(reshape(x [.., hk, m, d]) to [.., hk, 1, m, d]) to [.., hk, t, m, d]) to
 * [.., hk t, m, d], the x; in broadcast(x [.., 1, m, d]) to [.., h, m, d], the x.
 */
export function withoutRepeats(operand: Operand, index: GraphIndex): Operand {
  if (operand.steps.length > 0) return operand;
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
