/** The encoder of Whisper: frames of a spectrogram are a set of vectors. */
import type { Builder } from '../ir/builder.ts';
import type { Value } from '../ir/graph.ts';
import type { Dim, Shape } from '../ir/types.ts';
import { convolution } from './convolution.ts';
import { encoderBlock } from './encoder-block.ts';
import { layerNorm } from './normalization.ts';
import { timingSignal } from './positions.ts';
import { lastDims, withShape } from './shape.ts';

export interface WhisperEncoderOptions<W extends number> {
  readonly width: W;
  readonly layers: number;
  readonly heads: number;
  /** Width inside the feed-forward networks (4 * width). */
  readonly hidden?: number;
}

/**
 * whisperEncoder: two convolutions of 3 frames with gelu, of which the second takes every other frame,
 * sinusoidal positions, pre-norm blocks and a last norm (Radford et al. 2023, section 2.2)
 *
 * mel [n, channels, frames] -> y [n, floor((frames + 1) / 2), width].
 *
 * Weights: `conv1` and `conv2` with `weight` [width, .., 3] and `bias`, those of `encoderBlock` below
 * `layer.0` .., and `norm`. The keys have a bias here, as queries and values have, and none in Whisper:
 * it adds the same to all scores of a query, of which softmax takes no notice.
 */
export function whisperEncoder<N extends Dim, W extends number>(
  g: Builder,
  mel: Value<'f32', [N, Dim, Dim]>,
  { width, layers, heads, hidden = 4 * width }: WhisperEncoderOptions<W>,
): Value<'f32', [N, Dim, W]> {
  const [n] = mel.shape;
  const conv = (name: string, x: Value<'f32'>, stride: number): Value<'f32'> => {
    const how = { channels: width, size: 3, padding: 1, stride };
    return g.gelu(convolution<Shape, number>(g.scope(name), x, how) as Value<'f32'>);
  };
  const features = conv('conv2', conv('conv1', mel, 1), 2);
  const [seq = 1] = lastDims(features, 1);
  const rows = g.transpose<'f32', Shape, [0, 2, 1]>(features, { permutation: [0, 2, 1] });
  let x: Value<'f32'> = g.add<'f32', Shape, 'f32', Shape>(rows, timingSignal(g, { seq, width }));
  for (let i = 0; i < layers; i++) {
    const layer = g.scope(`layer.${i}`);
    x = encoderBlock<'f32', Shape, number>(layer, x, { heads, hidden, norm: 'pre' });
  }
  return withShape(layerNorm<'f32', Shape>(g.scope('norm'), x), [n, seq, width]);
}
