/**
 * windows: y[.., o.., j..] = x[.., o * stride + j * dilation ..] for each of the last axes
 *
 * x [..p, ..n] -> y [..p, ..counts, ..sizes], with as many axes in n as there are sizes and
 * floor((n - (size - 1) * dilation - 1) / stride) + 1 windows along each. Strides and dilations left
 * out are 1.
 * - c1: one size, stride and dilation an axis, and x has these axes
 * - c2: all of them are at least 1
 * - c3: a window lies within its axis. For symbolic axes this is refused where it holds for no size;
 *   a size for which it does not hold is an error when the model runs.
 */
import { EncompileError } from '../../errors.ts';
import { integers } from '../attributes.ts';
import { add, type Dim, multiply } from '../dims.ts';
import type { Value } from '../graph.ts';
import { at, tabulate } from '../nd-array.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { WindowsShape } from '../shape-types.ts';
import { requireWindows, type Sliding, slidingOf, spanOf, windowCounts } from '../sliding.ts';
import type { DType, Shape } from '../types.ts';

export type Windows = <D extends DType, S extends Shape, const K extends readonly number[]>(
  x: Value<D, S>,
  attributes: {
    readonly sizes: K;
    readonly strides?: readonly number[];
    readonly dilations?: readonly number[];
  },
) => Value<D, WindowsShape<S, K>>;

export const windows: OpDefinition<Windows> = defineOp({
  kind: 'view',
  summary: 'y[.., o.., j..] = x[.., o * stride + j * dilation ..] for each of the last axes',
  operands: [{ name: 'x' }],
  attributes: { sizes: integers(), strides: integers([]), dilations: integers([]) },
  infer: (args) => {
    const { dtype, shape } = args.operand(0);
    const sliding = slidingOf(args.attributes);
    const { sizes } = sliding;
    args.require('c1', sizes.length <= shape.length, () => {
      return `${sizes.length} sizes are given for a value of ${shape.length} axes`;
    });
    const [leading, axes] = split(shape, sizes.length);
    requireWindows(args, axes, sliding);
    return [{ dtype, shape: [...leading, ...windowCounts(axes, sliding), ...sizes] }];
  },
  evaluate: ({ operand, attributes, result }) => {
    const x = operand(0);
    const sliding = slidingOf(attributes);
    split(x.shape, sliding.sizes.length)[1].forEach((n, axis) => {
      const span = spanOf(sliding, axis);
      if (span <= n) return;
      throw new EncompileError(
        `windows_c3: a window spans ${span} elements of an axis that has ${n} in this run. Give ` +
          'inputs of a size for which it fits.',
      );
    });
    const place = (index: readonly number[]): readonly number[] => {
      const [leading, starts, steps] = parts(index, sliding);
      const along = starts.map((o, axis) => {
        return (
          o * (sliding.strides[axis] ?? 1) + (steps[axis] ?? 0) * (sliding.dilations[axis] ?? 1)
        );
      });
      return [...leading, ...along];
    };
    return [tabulate(result, (index) => at(x, place(index)))];
  },
  bounds: ({ types: [x], attributes }) => {
    const sliding = slidingOf(attributes);
    const axes = split(x?.shape ?? [], sliding.sizes.length)[1];
    return axes.map((n, axis) => [spanOf(sliding, axis), n]);
  },
  isRereading: ({ sizes, strides }) => sizes.some((size, axis) => size > (strides[axis] ?? 1)),
  lower: ({ index, attributes, operand }) => {
    const sliding = slidingOf(attributes);
    const [leading, starts, steps] = parts(index, sliding);
    const along = starts.map((o, axis) => {
      const start = multiply(o, sliding.strides[axis] ?? 1);
      return add(start, multiply(steps[axis] ?? 0, sliding.dilations[axis] ?? 1));
    });
    return operand(0, [...leading, ...along]);
  },
});

/** The last `count` entries, and those in front of them. */
function split<T>(list: readonly T[], count: number): readonly [readonly T[], readonly T[]] {
  const start = list.length - count;
  return [list.slice(0, start), list.slice(start)];
}

/** An index of the result: leading axes, windows, places inside them. */
function parts<D extends Dim>(index: readonly D[], { sizes }: Sliding) {
  const [outer, steps] = split(index, sizes.length);
  const [leading, starts] = split(outer, sizes.length);
  return [leading, starts, steps] as const;
}
