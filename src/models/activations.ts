/** Activation functions by name. */
import type { Builder } from '../ir/builder.ts';
import type { Value } from '../ir/graph.ts';
import type { FloatType, Shape } from '../ir/types.ts';

/** `gelu` is exact, `gelu_tanh` its tanh approximation (Hendrycks and Gimpel 2016). */
export type Activation = 'relu' | 'gelu' | 'gelu_tanh' | 'silu' | 'tanh' | 'sigmoid';

const APPLY: {
  readonly [A in Activation]: <D extends FloatType, S extends Shape>(
    g: Builder,
    x: Value<D, S>,
  ) => Value<D, S>;
} = {
  relu: (g, x) => g.relu(x),
  gelu: (g, x) => g.gelu(x),
  gelu_tanh: (g, x) => g.gelu(x, { approximation: 'tanh' }),
  silu: (g, x) => g.silu(x),
  tanh: (g, x) => g.tanh(x),
  sigmoid: (g, x) => g.sigmoid(x),
};

/** activate: y[i] = activation(x[i]), of the type of x. */
export function activate<D extends FloatType, S extends Shape>(
  g: Builder,
  x: Value<D, S>,
  activation: Activation,
): Value<D, S> {
  return APPLY[activation](g, x);
}
