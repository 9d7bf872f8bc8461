/**
 * The arithmetic of windows that slide along axes: convolutions, pooling.
 *
 * Window o of an axis of n elements holds elements o * stride + j * dilation, with j in 0 .. size - 1:
 * it spans (size - 1) * dilation + 1 of them.
 */
import {
  add,
  ceilDivide,
  type Dim,
  floorDivide,
  isAtLeast,
  maximum,
  minimum,
  multiply,
  subtract,
  withoutFloors,
} from './dims.ts';
import type { InferArguments } from './op-arguments.ts';

/** How windows slide; one entry an axis each. */
export interface Sliding {
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
}

/** Elements put around the axes before windows slide over them; one entry an axis each. */
export interface Padding {
  readonly before: readonly Dim[];
  readonly after: readonly Dim[];
}

/** As attributes give it: a list left out, which is empty, means `value` along every axis. */
export function entriesOr<T>(list: readonly T[], axes: number, value: T): readonly T[] {
  return list.length === 0 ? Array.from({ length: axes }, () => value) : list;
}

/** The attributes of windows with what was left out filled in: strides and dilations of 1. */
export function slidingOf(given: Sliding): Sliding {
  const { length } = given.sizes;
  return {
    sizes: given.sizes,
    strides: entriesOr(given.strides, length, 1),
    dilations: entriesOr(given.dilations, length, 1),
  };
}

/** The same of padding: none. */
export function paddingOf(given: Padding, axes: number): Padding {
  return { before: entriesOr(given.before, axes, 0), after: entriesOr(given.after, axes, 0) };
}

export function spanOf({ sizes, dilations }: Sliding, axis: number): number {
  return ((sizes[axis] ?? 1) - 1) * (dilations[axis] ?? 1) + 1;
}

/** How many windows lie within each axis: floor((n - span) / stride) + 1. */
export function windowCounts(dims: readonly Dim[], sliding: Sliding): readonly Dim[] {
  return dims.map((n, axis) => {
    const steps = floorDivide(subtract(n, spanOf(sliding, axis)), sliding.strides[axis] ?? 1);
    return add(steps, 1);
  });
}

/** Each axis with its padding. */
export function paddedDims(dims: readonly Dim[], { before, after }: Padding): readonly Dim[] {
  return dims.map((n, axis) => add(add(before[axis] ?? 0, n), after[axis] ?? 0));
}

/**
 * The padding with which the last window may end behind the axis, as pooling with `ceil` has it:
 * ceil((n - span) / stride) + 1 windows of the padded axis, but none that begins behind the elements
 * and the padding before them. `after` then ends where the last window does.
 */
export function ceilPadding(dims: readonly Dim[], sliding: Sliding, padding: Padding): Padding {
  const padded = paddedDims(dims, padding);
  const after = dims.map((n, axis) => {
    const elements = add(padding.before[axis] ?? 0, n);
    const whole = padded[axis] ?? n;
    const stride = sliding.strides[axis] ?? 1;
    const span = spanOf(sliding, axis);
    const begun = floorDivide(subtract(elements, 1), stride);
    const last = minimum(ceilDivide(subtract(whole, span), stride), begun);
    const behind = subtract(add(multiply(last, stride), span), elements);
    return isAtLeast(withoutFloors(behind), 0) ? behind : maximum(behind, 0);
  });
  return { before: padding.before, after };
}

/** What a window says of itself: entries for each axis, of at least 1, and windows that fit. */
export function requireWindows(
  { require }: Pick<InferArguments<unknown>, 'require'>,
  dims: readonly Dim[],
  sliding: Sliding,
): void {
  const { sizes, strides, dilations } = sliding;
  const axes = dims.length;
  const complete = [sizes, strides, dilations].every((list) => list.length === axes);
  require('c1', complete, () => `${axes} sizes, strides and dilations are needed, one an axis`);
  const small = [...sizes, ...strides, ...dilations].find((entry) => entry < 1);
  require('c2', small === undefined, () => `${small} is less than 1`);
  dims.forEach((n, axis) => {
    const span = spanOf(sliding, axis);
    require('c3', !isAtLeast(span - 1, n), () => {
      return `a window spans ${span} elements of an axis of ${n}`;
    });
  });
}

/** Padding has an entry an axis, none of them negative. */
export function requirePadding(
  { require }: Pick<InferArguments<unknown>, 'require'>,
  axes: number,
  { before, after }: Padding,
): void {
  const complete = before.length === axes && after.length === axes;
  require('c4', complete, () => `${axes} entries of padding are needed on either side`);
  const negative = [...before, ...after].find((entry) => isAtLeast(-1, entry));
  require('c4', negative === undefined, () => `the padding ${negative} is negative`);
}

/** The most elements that a window of `isCompact` spans along an axis, and its longest stride. */
const LONGEST_SPAN = 32;
const LONGEST_STRIDE = 4;

/** Whether what a block of neighbouring windows meets is small: it is copied together then. */
export function isCompact(sliding: Sliding): boolean {
  const { sizes, strides } = sliding;
  return (
    sizes.length <= 2 &&
    sizes.every((_, axis) => spanOf(sliding, axis) <= LONGEST_SPAN) &&
    strides.every((stride) => stride <= LONGEST_STRIDE)
  );
}
