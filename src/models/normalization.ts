/** Normalisation layers, and the unit norm of embeddings. */
import type { Builder } from '../ir/builder.ts';
import type { Value } from '../ir/graph.ts';
import type { FloatType, Shape } from '../ir/types.ts';
import { widthOf, withShape } from './shape.ts';

/**
 * layerNorm: y = (x - mean) / sqrt(variance + eps) * gamma + beta, over the last axis, with the
 * biased variance (Ba et al. 2016, eq. 3)
 *
 * x [.., d] -> y as x. Weights: `gamma` and, unless `beta` is false, `beta` [d]; eps is 1e-5 where it
 * is left out.
 */
export function layerNorm<D extends FloatType, S extends Shape>(
  g: Builder,
  x: Value<D, S>,
  { eps = 1e-5, beta = true }: { readonly eps?: number; readonly beta?: boolean } = {},
): Value<D, S> {
  const vector = { dtype: x.dtype, shape: [widthOf(x)] as const };
  const gamma = g.weight('gamma', vector);
  return g.layer_norm(x, gamma, beta ? g.weight('beta', vector) : null, { eps });
}

/**
 * normalize: y = x / max(|x|, eps), with |x| the Euclidean norm over the last axis
 *
 * x [.., d] -> y as x. Where x is 0, so is y; eps is 1e-12 where it is left out.
 */
export function normalize<D extends FloatType, S extends Shape>(
  g: Builder,
  x: Value<D, S>,
  { eps = 1e-12 }: { readonly eps?: number } = {},
): Value<D, S> {
  const squares = g.reduce_sum<D, Shape, [number], true>(g.mul(x, x), { axes: [-1], keep: true });
  const norm = g.sqrt(g.maximum(squares, eps * eps));
  return withShape(g.named('normalized', g.div(x, norm)), x.shape);
}
