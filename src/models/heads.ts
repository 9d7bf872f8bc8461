/** Attention heads: slices of the features, set apart and put together again. */
import { EncompileError } from '../errors.ts';
import type { Builder } from '../ir/builder.ts';
import { divideExactly, multiply } from '../ir/dims.ts';
import type { Value } from '../ir/graph.ts';
import type { HeadsOk, MergeHeads, SplitHeads } from '../ir/shape-types.ts';
import { type Dim, type DType, printType, type Shape } from '../ir/types.ts';
import { lastDims, withShape } from './shape.ts';

/**
 * splitHeads: y[.., h, i, j] = x[.., i, h * d / heads + j]
 *
 * x [.., n, d] -> y [.., heads, n, d / heads].
 * @throws EncompileError where the heads do not divide d
 */
export function splitHeads<D extends DType, S extends Shape, H extends number>(
  g: Builder,
  x: Value<D, S>,
  heads: H & HeadsOk<'split_heads_c1', S, H>,
): Value<D, SplitHeads<S, H>> {
  const [n = 1, width = 1] = lastDims(x, 2);
  const leading = x.shape.slice(0, -2);
  const headWidth = heads > 0 ? divideExactly(width, heads) : null;
  if (headWidth === null || !Number.isInteger(headWidth)) {
    throw new EncompileError(
      `split_heads_c1: ${heads} heads do not divide the width of '${x.name}', which is ` +
        `${printType(x)}. Take a number of heads that divides ${width}.`,
    );
  }
  const shape: Dim[] = [...leading, n, heads, headWidth];
  const apart = g.reshape(x, { shape });
  const swapped = g.transpose(apart, { permutation: swap(leading.length, apart.shape.length) });
  return withShape(swapped, [...leading, heads, n, headWidth] as SplitHeads<S, H>);
}

/**
 * mergeHeads: y[.., i, h * d + j] = x[.., h, i, j], the inverse of splitHeads
 *
 * x [.., h, n, d] -> y [.., n, h * d].
 */
export function mergeHeads<D extends DType, S extends Shape>(
  g: Builder,
  x: Value<D, S>,
): Value<D, MergeHeads<S>> {
  const [heads = 1, n = 1, headWidth = 1] = lastDims(x, 3);
  const leading = x.shape.slice(0, -3);
  const swapped = g.transpose(x, {
    permutation: swap(leading.length, x.shape.length),
  });
  const merged: Dim[] = [...leading, n, multiply(heads, headWidth)];
  return withShape(g.reshape(swapped, { shape: merged }), merged as MergeHeads<S>);
}

/** All axes in order, but `axis` and the one behind it exchanged. */
function swap(axis: number, rank: number): number[] {
  const order = [...Array(rank).keys()];
  return [...order.slice(0, axis), axis + 1, axis, ...order.slice(axis + 2)];
}
