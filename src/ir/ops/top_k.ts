/**
 * top_k: the k largest elements along the axis, in falling order, and their places; of equal elements
 * the first comes first. With `largest = false` the smallest, in rising order.
 *
 * x [..p, n, ..q] -> values as x and indices i64, both [..p, k, ..q]
 *
 * An element's rank is the number of elements that come before it in that order; the element whose
 * rank is r stands at place r. That takes n^2 comparisons a row, all independent, and no sorting.
 * Where elements are NaN, which have no order, the places are some of 0 .. n-1.
 * - c1: x is a number
 * - c2: the axis exists
 * - c3: 0 <= k <= n; of a symbolic n this is an error when the model runs
 */
import { flag, integer } from '../attributes.ts';
import { resolveAxis } from '../broadcasting.ts';
import type { UntypedBuilder } from '../builder.ts';
import { type Dim, isAtLeast } from '../dims.ts';
import type { Value } from '../graph.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { AxisOk, DTypeOk, ReplaceDim } from '../shape-types.ts';
import type { DType, NumericType, Shape } from '../types.ts';

/** `const [values, indices] = g.top_k(x, { k: 3 })`. */
export type TopK = <D extends DType, S extends Shape, K extends number, Axis extends number = -1>(
  x: Value<D, S> & DTypeOk<'top_k_c1', NumericType, D>,
  attributes: {
    readonly k: K;
    readonly axis?: Axis & AxisOk<'top_k_c2', S, Axis>;
    readonly largest?: boolean;
  },
) => readonly [
  values: Value<D, ReplaceDim<S, Axis, K>>,
  indices: Value<'i64', ReplaceDim<S, Axis, K>>,
];

export const top_k: OpDefinition<TopK> = defineOp({
  kind: 'composite',
  keep: false,
  summary: 'the k largest elements along the axis, in falling order, and their places',
  operands: [{ name: 'x' }],
  attributes: { k: integer(), axis: integer(-1), largest: flag(true) },
  infer: ({ operand, attributes: { k, axis: given }, require }) => {
    const { dtype, shape } = operand(0);
    require('c1', dtype !== 'bool', () => 'defined on numbers, not on bool');
    const axis = resolveAxis(given, shape.length);
    require('c2', axis !== null, () => {
      return `axis ${given} is not an axis of a value with ${shape.length} dims`;
    });
    const size = shape[axis ?? 0] ?? 1;
    require('c3', k >= 0 && !isAtLeast(k - 1, size), () => `${k} of ${size} elements`);
    const chosen = shape.map((dim, a) => (a === axis ? k : dim));
    return [
      { dtype, shape: chosen },
      { dtype: 'i64', shape: chosen },
    ];
  },
  expand: ({ g, operand, attributes: { k, axis: given, largest } }) => {
    const x = operand(0);
    return expandTopK(g, x, { k, axis: resolveAxis(given, x.shape.length) ?? 0, largest });
  },
});

/** The values and the places of the k first; of a symbolic k, too, as a sort of a symbolic axis has. */
export function expandTopK(
  g: UntypedBuilder,
  x: Value,
  { k, axis, largest }: { readonly k: Dim; readonly axis: number; readonly largest: boolean },
): readonly [values: Value, indices: Value] {
  const size = x.shape[axis] ?? 1;
  const [before, behind] = [x.shape.slice(0, axis), x.shape.slice(axis + 1)];
  const ones = behind.map(() => 1);
  const column = g.reshape(x, { shape: [...before, size, 1, ...behind] });
  const row = g.reshape(x, { shape: [...before, 1, size, ...behind] });
  const places = (length: typeof size, at: 0 | 1) =>
    g.iota({ shape: [at === 0 ? length : 1, at === 0 ? 1 : length, ...ones], axis: at });
  const isBetter = largest ? g.greater(row, column) : g.less(row, column);
  const isEarlier = g.and(g.equal(row, column), g.less(places(size, 1), places(size, 0)));
  const comesBefore = g.cast(g.or(isBetter, isEarlier), { dtype: 'i32' });
  const rank = g.reduce_sum(comesBefore, { axes: [axis + 1] });
  const ranks = g.reshape(rank, { shape: [...before, 1, size, ...behind] });
  // of a symbolic n the slice asks, when the model runs, that there are k elements
  const chosen = g.slice(places(size, 0), {
    starts: [0, 0, ...behind.map(() => 0)],
    ends: [k, 1, ...ones],
  });
  const isAtPlace = g.equal(ranks, chosen);
  const found = g.select(isAtPlace, places(size, 1), 0);
  const indices = g.cast(g.reduce_max(found, { axes: [axis + 1] }), { dtype: 'i64' });
  return [g.gather_elements(x, indices, { axis }), indices];
}
