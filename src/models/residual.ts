/** The residual connection, and where the norm stands beside it. */
import type { Builder } from '../ir/builder.ts';
import type { Value } from '../ir/graph.ts';
import type { FloatType, Shape } from '../ir/types.ts';
import { layerNorm } from './normalization.ts';
import { withShape } from './shape.ts';

/** - post: norm(x + f(x)); - pre: x + f(norm(x)) */
export type NormOrder = 'post' | 'pre';

export interface ResidualNormOptions {
  /** Where the norm stands (post). */
  readonly norm?: NormOrder | undefined;
  /** Of the layer norm (1e-5). */
  readonly eps?: number | undefined;
  /** Whether the layer norm has a beta (true). */
  readonly beta?: boolean | undefined;
}

/** residual: y = x + f(x) (He et al. 2016, eq. 1), for any f that keeps the shape: x [..] -> y as x. */
export function residual<D extends FloatType, S extends Shape>(
  g: Builder,
  x: Value<D, S>,
  f: (x: Value<D, S>) => Value<D>,
): Value<D, S> {
  const sum: Value<D> = g.add<D, Shape, D, Shape>(x, f(x));
  return withShape(g.named('sum', sum), x.shape);
}

/**
 * residualNorm: a residual and a layer norm
 *
 * - post: y = norm(x + f(x)) (Vaswani et al. 2017, section 3.1)
 * - pre: y = x + f(norm(x)) (Xiong et al. 2020, table 1)
 *
 * x [.., d] -> y as x. Weights: `norm.gamma` and `norm.beta` [d], beside those of f.
 */
export function residualNorm<D extends FloatType, S extends Shape>(
  g: Builder,
  x: Value<D, S>,
  f: (x: Value<D, S>) => Value<D>,
  { norm = 'post', eps = 1e-5, beta = true }: ResidualNormOptions = {},
): Value<D, S> {
  const normalise = (y: Value<D, S>) => layerNorm(g.scope('norm'), y, { eps, beta });
  if (norm === 'pre') return residual(g, x, (from) => f(normalise(from)));
  return normalise(residual(g, x, f));
}
