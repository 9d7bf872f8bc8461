/**
 * Shapes of what meets scores, for fuse-attention: a term stands where the scores have some leading
 * dims, and goes where they have others of the same size.
 */
import { sizeOf } from '../../ir/dims.ts';
import { type Dim, type Shape, sameShape } from '../../ir/types.ts';

/**
 * The shape that a term gets in front of scores with these leading dims; null where it has none. It is
 * split like the dims at which it meets the scores, and dims of 1 are dropped where the scores have fewer.
 */
export function fittedShape(shape: Shape, frame: Shape, leading: Shape): Shape | null {
  const matrix = shape.slice(-2);
  if (isMatrix(shape)) return shape.length > leading.length + 2 ? matrix : shape;
  const own = frame.slice(0, -2);
  if (sameShape(own, leading)) return shape;
  if (isWhole(shape, frame)) return [...leading, ...matrix];
  const ones: Shape = Array(frame.length - shape.length).fill(1);
  const split = splitLike([...ones, ...shape.slice(0, -2)], own, leading);
  return split && [...split, ...matrix];
}

/** Dims that broadcast to `from`, where each dim of `from` is a product of some of `to`: [1, h] as [1, 1, h]. */
function splitLike(dims: Shape, from: Shape, to: Shape): Shape | null {
  const split: Dim[] = [];
  let next = 0;
  for (const [axis, whole] of from.entries()) {
    const parts: Dim[] = [];
    do {
      const part = to[next++];
      if (part === undefined) return null;
      parts.push(part);
    } while (sizeOf(parts) !== whole);
    split.push(...(dims[axis] === 1 ? parts.map(() => 1) : parts));
  }
  return next === to.length ? split : null;
}

/** Whether a term has no leading dims, or only such of 1. */
export function isMatrix(shape: Shape): boolean {
  return shape.slice(0, -2).every((dim) => dim === 1);
}

/** Whether a term is not broadcast along the leading dims of its place. */
export function isWhole(shape: Shape, frame: Shape): boolean {
  return sameShape(shape.slice(0, -2), frame.slice(0, -2));
}
