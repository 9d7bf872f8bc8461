/**
 * Shapes inside the library's generic functions. There the checker sees only `S`, so each function
 * here computes with the shape what its type computes with `S`, and `withShape` ties a value to it.
 */
import { EncompileError } from '../errors.ts';
import type { Value } from '../ir/graph.ts';
import type { LastDim, Rows } from '../ir/shape-types.ts';
import { type Dim, type DType, printType, type Shape, sameShape } from '../ir/types.ts';

/** S with N for its last dim; S itself where no N is given. */
export type Widened<S extends Shape, N extends Dim | undefined> = [N] extends [Dim]
  ? [...Rows<S>, N]
  : S;

/** [..p, n, d] -> [..p, d]. */
export type Pooled<S extends Shape> = [...Rows<Rows<S>>, LastDim<S>];

/** The last dim: the width of each vector. */
export function widthOf<S extends Shape>(x: Value<DType, S>): LastDim<S> {
  return lastDims(x, 1)[0] as LastDim<S>;
}

export function widen<S extends Shape, N extends Dim | undefined>(
  shape: S,
  width: N,
): Widened<S, N> {
  return (width === undefined ? shape : [...shape.slice(0, -1), width]) as Widened<S, N>;
}

export function pooled<S extends Shape>(x: Value<DType, S>): Pooled<S> {
  const last = lastDims(x, 2).slice(1);
  return [...x.shape.slice(0, -2), ...last] as Pooled<S>;
}

/**
 * The last `count` dims of a value.
 * @throws EncompileError where it has fewer
 */
export function lastDims(x: Value, count: number): readonly Dim[] {
  if (x.shape.length >= count) return x.shape.slice(x.shape.length - count);
  throw new EncompileError(
    `'${x.name}' is ${printType(x)}, where at least ${count} dims were expected.`,
  );
}

/**
 * The same value, its shape in its type.
 * @throws EncompileError where it has another shape
 */
export function withShape<D extends DType, T extends Shape | []>(
  value: Value<D>,
  shape: T,
): Value<D, T> {
  if (hasShape(value, shape)) return value;
  throw new EncompileError(
    `'${value.name}' is ${printType(value)}, where the shape [${shape.join(', ')}] was expected.`,
  );
}

function hasShape<D extends DType, T extends Shape>(
  value: Value<D>,
  shape: T,
): value is Value<D, T> {
  return sameShape(value.shape, shape);
}
