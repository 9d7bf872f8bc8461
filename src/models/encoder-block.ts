/** One layer of a Transformer encoder. */
import type { Builder } from '../ir/builder.ts';
import type { Value } from '../ir/graph.ts';
import type { HeadsOk } from '../ir/shape-types.ts';
import type { FloatType, Shape } from '../ir/types.ts';
import type { Activation } from './activations.ts';
import { feedForward } from './feed-forward.ts';
import type { KeyMaskOk, VisibleKeys } from './masks.ts';
import { type HeadOptions, multiHeadAttention } from './multi-head-attention.ts';
import { type NormOrder, residualNorm } from './residual.ts';
import { withShape } from './shape.ts';

export interface EncoderBlockOptions<
  S extends Shape,
  H extends number,
  M extends Shape,
  D extends FloatType = FloatType,
> extends VisibleKeys<Value<'bool', M> & KeyMaskOk<S, M>>,
    HeadOptions<D> {
  /** Number of attention heads; it divides the width of x. */
  readonly heads: H & HeadsOk<'encoder_block_c1', S, H>;
  /** Heads of keys and values (as many as `heads`). */
  readonly keyValueHeads?: number;
  /** Width inside the feed-forward network. */
  readonly hidden: number;
  /** Of the feed-forward network (gelu). */
  readonly activation?: Activation;
  /** Whether the feed-forward network has a gate (false). */
  readonly gated?: boolean;
  /** Whether the layer norms stand after the sums or before the sublayers (post). */
  readonly norm?: NormOrder;
  /** Of the layer norms (1e-5). */
  readonly eps?: number;
  /** Whether the linear layers have a bias (true). */
  readonly bias?: boolean;
}

/**
 * encoderBlock: self-attention and a feed-forward network, each with a residual and a layer norm
 *
 * - post: y = norm(x + attention(x)), z = norm(y + ffn(y)) (Vaswani et al. 2017, section 3.1)
 * - pre: y = x + attention(norm(x)), z = y + ffn(norm(y)) (Xiong et al. 2020, table 1); behind the
 *   last block usually stands one more norm
 *
 * x [.., n, d] -> z as x. The mask is that of `multiHeadAttention`: bool[.., n], true for tokens.
 * Weights: those of `multiHeadAttention` below `attention`, those of `feedForward` below `ffn`, and
 * `attention.norm` and `ffn.norm`, each with `gamma` and `beta`.
 */
export function encoderBlock<
  D extends FloatType,
  S extends Shape,
  H extends number,
  M extends Shape = Shape,
>(g: Builder, x: Value<D, S>, options: EncoderBlockOptions<S, H, M, D>): Value<D, S> {
  const { hidden, activation = 'gelu', gated = false, norm, eps, bias = true } = options;
  const { heads, keyValueHeads = heads, ...visibilityAndHeads } = options;
  const attention = (from: Value<D>) =>
    multiHeadAttention<D, Shape, number, Shape, Shape>(g.scope('attention'), from, {
      ...visibilityAndHeads,
      heads,
      keyValueHeads,
      bias,
    });
  const ffn = (from: Value<D>) =>
    feedForward(g.scope('ffn'), from, { hidden, activation, gated, bias });
  const order = { norm, eps };
  const y = residualNorm<D, Shape>(g.scope('attention'), x, attention, order);
  return withShape(residualNorm(g.scope('ffn'), y, ffn, order), x.shape);
}
