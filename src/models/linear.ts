/** The linear layer with weights of its own. */
import type { Builder } from '../ir/builder.ts';
import type { Value } from '../ir/graph.ts';
import type { Dim, FloatType, Shape } from '../ir/types.ts';
import { type Widened, widen, widthOf, withShape } from './shape.ts';

export interface LinearOptions<N extends Dim> {
  /** Width of the result. */
  readonly width: N;
  /** Whether a bias is added (true). */
  readonly bias?: boolean;
}

/**
 * linear: y = x W + b
 *
 * x [.., k] -> y [.., width]. Weights: `weight` [k, width] and, with a bias, `bias` [width].
 */
export function linear<D extends FloatType, S extends Shape, N extends Dim>(
  g: Builder,
  x: Value<D, S>,
  { width, bias = true }: LinearOptions<N>,
): Value<D, Widened<S, N>> {
  const { dtype } = x;
  const weight = g.weight('weight', { dtype, shape: [widthOf<Shape>(x), width] as const });
  const offset = bias ? g.weight('bias', { dtype, shape: [width] as const }) : null;
  return withShape(g.linear(x, weight, offset), widen(x.shape, width));
}
