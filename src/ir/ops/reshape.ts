/**
 * reshape: the elements of x in row-major order, in another shape
 *
 * x [..s] -> y [..shape]
 * - c1: both shapes have the same number of elements
 */
import { dimList } from '../attributes.ts';
import { add, type Dim, multiply, sizeOf } from '../dims.ts';
import type { Value } from '../graph.ts';
import { defineOp, type OpDefinition, present } from '../op.ts';
import type { ElementEmitter } from '../op-arguments.ts';
import type { ReshapeOk, ReshapeShape } from '../shape-types.ts';
import type { DType, Shape } from '../types.ts';

export type Reshape = <D extends DType, S extends Shape, const T extends Shape>(
  x: Value<D, S>,
  attributes: { readonly shape: T & ReshapeOk<'reshape_c1', S, T> },
) => Value<D, ReshapeShape<T>>;

export const reshape: OpDefinition<Reshape> = defineOp({
  kind: 'view',
  summary: 'the elements of x in row-major order, in another shape',
  operands: [{ name: 'x' }],
  attributes: { shape: dimList() },
  infer: ({ operand, attributes: { shape }, require }) => {
    const x = operand(0);
    const [from, to] = [sizeOf(x.shape), sizeOf(shape)];
    require('c1', from === to, () => `${from} elements cannot take a shape of ${to}`);
    return [{ dtype: x.dtype, shape }];
  },
  evaluate: ({ operand, result }) => [{ ...result, data: operand(0).data }],
  lower: ({ index, types, type, operand, emit }) => {
    const { shape } = present(types, 0);
    return operand(0, reindex(index, type.shape, shape, emit));
  },
  push: ({ index, from, type, emit }) => reindex(index, from.shape, type.shape, emit),
});

/**
 * The index in shape `to` of the element that stands at `index` in shape `from`. Only dims that
 * differ are taken apart: [b, s, 384] and [b, s, 12, 32] share b and s, and 384 alone is divided.
 */
function reindex(
  index: readonly Dim[],
  from: Shape,
  to: Shape,
  emit: Pick<ElementEmitter, 'divide' | 'modulo'>,
): readonly Dim[] {
  const result: Dim[] = to.map(() => 0);
  for (const group of matchingGroups(from, to)) {
    let rest: Dim = 0;
    for (const axis of group.from) {
      rest = add(multiply(rest, from[axis] ?? 1), index[axis] ?? 0);
    }
    const [first, ...others] = group.to;
    for (const axis of others.reverse()) {
      const dim = to[axis] ?? 1;
      result[axis] = emit.modulo(rest, dim);
      rest = emit.divide(rest, dim);
    }
    if (first !== undefined) result[first] = rest;
  }
  return result;
}

interface Group {
  readonly from: readonly number[];
  readonly to: readonly number[];
}

/** Splits the axes of both shapes, those of dim 1 left out, into the shortest runs of equal size. */
function matchingGroups(from: Shape, to: Shape): readonly Group[] {
  const groups: Group[] = [];
  let a = wideAxes(from);
  let b = wideAxes(to);
  while (a.length > 0 && b.length > 0) {
    const [countA, countB] = shortestMatch(
      a.map((axis) => from[axis] ?? 1),
      b.map((axis) => to[axis] ?? 1),
    );
    groups.push({ from: a.slice(0, countA), to: b.slice(0, countB) });
    a = a.slice(countA);
    b = b.slice(countB);
  }
  return groups;
}

function wideAxes(shape: Shape): readonly number[] {
  return shape.flatMap((dim, axis) => (dim === 1 ? [] : [axis]));
}

/** How many leading dims of each have the same product; all of them where no fewer have. */
function shortestMatch(a: Shape, b: Shape): readonly [number, number] {
  for (let total = 2; total < a.length + b.length; total++) {
    for (let i = Math.max(1, total - b.length); i <= Math.min(a.length, total - 1); i++) {
      if (sizeOf(a.slice(0, i)) === sizeOf(b.slice(0, total - i))) return [i, total - i];
    }
  }
  return [a.length, b.length];
}
