/** Convolutions with weights of their own, batch norm, and the residual block made of them. */
import type { Builder } from '../ir/builder.ts';
import type { Value } from '../ir/graph.ts';
import type { ConvShape } from '../ir/shape-types.ts';
import { type Dim, f32, type Shape } from '../ir/types.ts';
import { lastDims } from './shape.ts';

export interface ConvolutionOptions<N extends number> {
  /** Channels of the result. */
  readonly channels: N;
  /** Elements of the window along each axis. */
  readonly size: number;
  /** Elements between one window and the next (1). */
  readonly stride?: number;
  /** Elements between those of a window (1). */
  readonly dilation?: number;
  /** Zeros on either side of each axis (0). */
  readonly padding?: number;
  /** Groups of channels that do not meet (1). */
  readonly groups?: number;
  /** Whether a bias is added (true). */
  readonly bias?: boolean;
}

/**
 * convolution: y[n, o, p..] = bias[o] + sum over c, j.. of x[n, c, p * stride + j * dilation - padding ..]
 * * weight[o, c, j..], the same along all axes
 *
 * x [n, c, ..d] -> y [n, channels, ..counts]. Weights: `weight` [channels, c / groups, ..size] and, with
 * a bias, `bias` [channels].
 */
export function convolution<S extends Shape, N extends number>(
  g: Builder,
  x: Value<'f32', S>,
  options: ConvolutionOptions<N>,
): Value<'f32', ConvShape<S, [N]>> {
  const { channels, size, stride = 1, dilation = 1, padding = 0, groups = 1 } = options;
  const axes = x.shape.length - 2;
  const [, given = 1] = lastDims(x, axes + 2);
  const along = (value: number) => Array.from({ length: axes }, () => value);
  const weight = g.weight('weight', f32(channels, Number(given) / groups, ...along(size)));
  const bias = options.bias === false ? null : g.weight('bias', f32(channels));
  const y: Value<'f32'> = g.conv<'f32', Shape, 'f32', Shape>(x, weight, bias, {
    strides: along(stride),
    dilations: along(dilation),
    before: along(padding),
    after: along(padding),
    groups,
  });
  return y as Value<'f32', ConvShape<S, [N]>>;
}

/**
 * batchNorm: y = (x - mean) / sqrt(variance + eps) * gamma + beta, a number each a channel (Ioffe and
 * Szegedy 2015, algorithm 2)
 *
 * x [n, c, ..d] -> y as x. Weights: `gamma`, `beta`, `mean` and `variance` [c]; eps is 1e-5 where it is
 * left out. Behind a convolution it becomes part of its weights.
 */
export function batchNorm<S extends Shape>(
  g: Builder,
  x: Value<'f32', S>,
  { eps = 1e-5 }: { readonly eps?: number } = {},
): Value<'f32', S> {
  const [, channels = 1] = x.shape as readonly Dim[];
  const vector = (name: string): Value<'f32'> => g.weight(name, f32(channels));
  const [gamma, beta] = [vector('gamma'), vector('beta')];
  return g.batch_norm(x, gamma, beta, vector('mean'), vector('variance'), { eps });
}

export interface ResidualBlockOptions {
  /** Channels of the result (those of x). */
  readonly channels?: number;
  /** Of the first convolution (1). */
  readonly stride?: number;
  /** Of the batch norms (1e-5). */
  readonly eps?: number;
}

/**
 * residualBlock: y = relu(norm(conv(relu(norm(conv(x))))) + x), with windows of 3 (He et al. 2016,
 * figure 2); where the shape changes, norm(conv(x)) with windows of 1 stands for the second x
 *
 * x [n, c, ..d] -> y [n, channels, ..d / stride]. Weights: those of the convolutions, which have no
 * bias, and of the batch norms below `first`, `second` and, where the shape changes, `shortcut`.
 */
export function residualBlock(
  g: Builder,
  x: Value<'f32'>,
  options: ResidualBlockOptions = {},
): Value<'f32'> {
  const [, given = 1] = x.shape;
  const { channels = Number(given), stride = 1, eps = 1e-5 } = options;
  const layer = (name: string, from: Value<'f32'>, size: number, step: number): Value<'f32'> => {
    const scope = g.scope(name);
    const padding = (size - 1) / 2;
    const sum = convolution<Shape, number>(scope, from, {
      channels,
      size,
      stride: step,
      padding,
      bias: false,
    });
    return batchNorm<Shape>(scope.scope('norm'), sum, { eps });
  };
  const inner = g.relu(layer('first', x, 3, stride));
  const isSame = stride === 1 && channels === given;
  const shortcut = isSame ? x : layer('shortcut', x, 1, stride);
  return g.relu(g.named('sum', g.add(layer('second', inner, 3, 1), shortcut)));
}
