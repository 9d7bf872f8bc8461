/** The position-wise feed-forward network. */
import type { Builder } from '../ir/builder.ts';
import type { Value } from '../ir/graph.ts';
import type { FloatType, Shape } from '../ir/types.ts';
import { type Activation, activate } from './activations.ts';
import { linear } from './linear.ts';
import { widthOf, withShape } from './shape.ts';

export interface FeedForwardOptions {
  /** Width between the two layers. */
  readonly hidden: number;
  /** Between the two layers (gelu). */
  readonly activation?: Activation;
  /** Whether the two layers have a bias (true). */
  readonly bias?: boolean;
}

/**
 * feedForward: y = activation(x W_hidden + b_hidden) W_output + b_output (Vaswani et al. 2017, eq. 2)
 *
 * x [.., d] -> y as x. Weights: `hidden.weight` [d, hidden], `output.weight` [hidden, d], and the
 * `bias` of each.
 */
export function feedForward<D extends FloatType, S extends Shape>(
  g: Builder,
  x: Value<D, S>,
  { hidden, activation = 'gelu', bias = true }: FeedForwardOptions,
): Value<D, S> {
  const inner = activate(g, linear(g.scope('hidden'), x, { width: hidden, bias }), activation);
  const width = widthOf<Shape>(x);
  return withShape(linear(g.scope('output'), inner, { width, bias }), x.shape);
}
