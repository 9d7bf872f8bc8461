/**
 * slice: y[i] = x[start + step * i] along every axis
 *
 * x [..s] -> y of which a dim is ceil((end - start) / step). `starts`, `ends` and `steps` have one
 * entry an axis; `steps` left out are 1. Ends are exclusive. Negative numbers do not count from the
 * end: with a negative step an axis runs backwards, from start = n - 1 down to end = -1.
 * - c1: one start, one end and one step an axis
 * - c2: no step is 0
 * - c3: start and end lie within the axis: 0 <= start <= end <= n, and backwards
 *   -1 <= end <= start < n. Symbolic bounds are refused where this holds for no size; a size for
 *   which it does not hold is an error when the model runs.
 */
import { EncompileError } from '../../errors.ts';
import { dimList, integers } from '../attributes.ts';
import { add, ceilDivide, type Dim, isAtLeast, multiply, subtract } from '../dims.ts';
import type { Value } from '../graph.ts';
import { at, tabulate } from '../nd-array.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { EntriesOk, SliceOk, SliceShape } from '../shape-types.ts';
import type { DType, Shape } from '../types.ts';

export type Slice = <
  D extends DType,
  S extends Shape,
  const Starts extends Shape,
  const Ends extends Shape,
  const Steps extends readonly number[] = [],
>(
  x: Value<D, S>,
  attributes: {
    readonly starts: Starts & EntriesOk<'slice_c1', S, Starts>;
    readonly ends: Ends & SliceOk<S, Starts, Ends, Steps>;
    readonly steps?: Steps;
  },
) => Value<D, SliceShape<S, Starts, Ends, Steps>>;

export const slice: OpDefinition<Slice> = defineOp({
  kind: 'view',
  summary: 'y[i] = x[start + step * i] along every axis',
  operands: [{ name: 'x' }],
  attributes: { starts: dimList(), ends: dimList(), steps: integers([]) },
  infer: ({ operand, attributes: { starts, ends, steps }, require }) => {
    const { dtype, shape } = operand(0);
    const rank = shape.length;
    const complete =
      starts.length === rank && ends.length === rank && [0, rank].includes(steps.length);
    require('c1', complete, () => `${rank} starts, ends and steps are needed, one an axis`);
    require('c2', !steps.includes(0), () => 'a step is 0');
    const sizes = shape.map((dim, axis) => {
      const [start, end, step] = [starts[axis] ?? 0, ends[axis] ?? dim, steps[axis] ?? 1];
      const outside = boundsOf(start, end, step, dim).find(([a, b]) => isAtLeast(a, add(b, 1)));
      require('c3', outside === undefined, () => {
        return `${start} to ${end} by ${step} does not lie in axis ${axis} of ${dim} elements`;
      });
      return step > 0
        ? ceilDivide(subtract(end, start), step)
        : ceilDivide(subtract(start, end), -step);
    });
    return [{ dtype, shape: sizes }];
  },
  evaluate: ({ operand, attributes: { starts, ends, steps }, result, size }) => {
    const x = operand(0);
    const from = starts.map(size);
    x.shape.forEach((dim, axis) => {
      const [start = 0, end, step] = [from[axis], size(ends[axis] ?? dim), steps[axis] ?? 1];
      if (boundsOf(start, end, step, dim).every(([a, b]) => a <= b)) return;
      throw new EncompileError(
        `slice_c3: ${start} to ${end} by ${step} does not lie in axis ${axis}, which has ${dim} ` +
          'elements in this run. Give inputs of a size for which it does.',
      );
    });
    const place = (index: readonly number[]) =>
      index.map((i, axis) => (from[axis] ?? 0) + (steps[axis] ?? 1) * i);
    return [tabulate(result, (index) => at(x, place(index)))];
  },
  bounds: ({ types: [x], attributes: { starts, ends, steps } }) =>
    (x?.shape ?? []).flatMap((dim, axis) =>
      boundsOf(starts[axis] ?? 0, ends[axis] ?? dim, steps[axis] ?? 1, dim),
    ),
  lower: ({ index, attributes: { starts, steps }, operand }) => {
    const place = index.map((i, axis) => add(starts[axis] ?? 0, multiply(steps[axis] ?? 1, i)));
    return operand(0, place);
  },
});

/** Pairs of which the first must be at most the second. */
function boundsOf<D extends Dim>(start: D, end: D, step: number, size: D) {
  const pairs: readonly (readonly [Dim, Dim])[] =
    step > 0
      ? [
          [0, start],
          [start, end],
          [end, size],
        ]
      : [
          [-1, end],
          [end, start],
          [add(start, 1), size],
        ];
  return pairs;
}
