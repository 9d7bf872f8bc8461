/** One layer of a Transformer decoder, and an encoder and a decoder as one model. */
import type { Builder } from '../ir/builder.ts';
import type { Value } from '../ir/graph.ts';
import type { FloatType, Shape } from '../ir/types.ts';
import type { Activation } from './activations.ts';
import { type EncoderBlockOptions, encoderBlock } from './encoder-block.ts';
import { feedForward } from './feed-forward.ts';
import { multiHeadAttention } from './multi-head-attention.ts';
import { type NormOrder, residualNorm } from './residual.ts';
import { withShape } from './shape.ts';

export interface DecoderBlockOptions<D extends FloatType> {
  /** The states of the source [.., m, e], of any width. */
  readonly memory: Value<D>;
  /** bool[.., m], true for the source's tokens. */
  readonly memoryMask?: Value<'bool'> | undefined;
  /** bool[.., n], true for the target's tokens. */
  readonly mask?: Value<'bool'> | undefined;
  /** Number of attention heads; it divides the width of x. */
  readonly heads: number;
  /** Width inside the feed-forward network. */
  readonly hidden: number;
  /** Of the feed-forward network (relu). */
  readonly activation?: Activation;
  /** Whether the layer norms stand after the sums or before the sublayers (post). */
  readonly norm?: NormOrder;
  /** Of the layer norms (1e-5). */
  readonly eps?: number;
}

/**
 * decoderBlock: causal self-attention, attention to the source, and a feed-forward network, each with a
 * residual and a layer norm (Vaswani et al. 2017, section 3.1 and figure 1, right)
 *
 * x [.., n, d] -> y as x. Weights: those of `multiHeadAttention` below `attention` and `cross`, those of
 * `feedForward` below `ffn`, and each one's `norm`.
 */
export function decoderBlock<D extends FloatType, S extends Shape>(
  g: Builder,
  x: Value<D, S>,
  options: DecoderBlockOptions<D>,
): Value<D, S> {
  const { heads, hidden, activation = 'relu', norm, eps, memory, mask, memoryMask } = options;
  const order = { norm, eps };
  const y = residualNorm<D, Shape>(
    g.scope('attention'),
    x,
    (from) =>
      multiHeadAttention<D, Shape, number, Shape, Shape>(g.scope('attention'), from, {
        heads,
        mask,
        causal: true,
      }),
    order,
  );
  const z = residualNorm<D, Shape>(
    g.scope('cross'),
    y,
    (from) =>
      multiHeadAttention<D, Shape, number, Shape, Shape>(g.scope('cross'), from, {
        heads,
        memory,
        mask: memoryMask,
      }),
    order,
  );
  const ffn = (from: Value<D>) => feedForward(g.scope('ffn'), from, { hidden, activation });
  return withShape(residualNorm(g.scope('ffn'), z, ffn, order), x.shape);
}

export interface EncoderDecoderOptions<D extends FloatType>
  extends Omit<DecoderBlockOptions<D>, 'memory' | 'memoryMask' | 'mask'> {
  readonly layers: number;
  /** bool[.., m], true for the source's tokens. */
  readonly sourceMask?: Value<'bool'> | undefined;
  /** bool[.., n], true for the target's tokens. */
  readonly targetMask?: Value<'bool'> | undefined;
}

/**
 * encoderDecoder: `layers` encoder blocks over the source, then `layers` decoder blocks over the target,
 * which attend to the encoder's states (Vaswani et al. 2017, figure 1); with `norm: 'pre'` usually one
 * more norm follows each
 *
 * source [.., m, d], target [.., n, d], both with their positions -> the decoder's states, as target.
 * Weights: those of `encoderBlock` below `encoder.<i>`, those of `decoderBlock` below `decoder.<i>`.
 */
export function encoderDecoder<D extends FloatType, S extends Shape>(
  g: Builder,
  source: Value<D>,
  target: Value<D, S>,
  { layers, sourceMask, targetMask, activation = 'relu', ...block }: EncoderDecoderOptions<D>,
): Value<D, S> {
  let memory = source;
  let y: Value<D> = target;
  for (let i = 0; i < layers; i++) {
    const options: EncoderBlockOptions<Shape, number, Shape, D> = {
      ...block,
      activation,
      mask: sourceMask,
    };
    memory = encoderBlock<D, Shape, number>(g.scope(`encoder.${i}`), memory, options);
  }
  for (let i = 0; i < layers; i++) {
    const masks = { memory, memoryMask: sourceMask, mask: targetMask };
    y = decoderBlock(g.scope(`decoder.${i}`), y, { ...block, ...masks, activation });
  }
  return withShape(y, target.shape);
}
