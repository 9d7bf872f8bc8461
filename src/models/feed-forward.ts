/** The position-wise feed-forward network. */
import type { Builder } from '../ir/builder.ts';
import type { Value } from '../ir/graph.ts';
import type { Dim, FloatType, Shape } from '../ir/types.ts';
import { type Activation, activate } from './activations.ts';
import { linear } from './linear.ts';
import { widthOf, withShape } from './shape.ts';

export interface FeedForwardOptions {
  /** Width between the two layers. */
  readonly hidden: number;
  /** Between the two layers (gelu). */
  readonly activation?: Activation;
  /** Whether the activation goes to a layer of its own, which the hidden layer is multiplied by (false). */
  readonly gated?: boolean;
  /** Whether the layers have a bias (true). */
  readonly bias?: boolean;
}

/**
 * feedForward: y = activation(x W_hidden + b_hidden) W_output + b_output (Vaswani et al. 2017, eq. 2),
 * or, gated, y = (activation(x W_gate + b_gate) * (x W_hidden + b_hidden)) W_output + b_output: with gelu
 * GEGLU, with silu SwiGLU (Shazeer 2020, eq. 6)
 *
 * x [.., d] -> y as x. Weights: `hidden.weight` [d, hidden], if gated `gate.weight` as well,
 * `output.weight` [hidden, d], and the `bias` of each.
 */
export function feedForward<D extends FloatType, S extends Shape>(
  g: Builder,
  x: Value<D, S>,
  { hidden, activation = 'gelu', gated = false, bias = true }: FeedForwardOptions,
): Value<D, S> {
  const layer = (name: string): Value<D> =>
    linear<D, Shape, number>(g.scope(name), x, { width: hidden, bias });
  const inner = gated
    ? g.mul<D, Shape, D, Shape>(activate(g, layer('gate'), activation), layer('hidden'))
    : activate(g, layer('hidden'), activation);
  const width = widthOf<Shape>(x);
  return withShape(linear<D, Shape, Dim>(g.scope('output'), inner, { width, bias }), x.shape);
}
