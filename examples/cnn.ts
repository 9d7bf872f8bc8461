/**
 * A residual network in small: convolutions with batch norm, which become part of their weights, a
 * maximum over windows, two residual blocks, the mean of each channel, and a classifier.
 */
import { dims, f32, model, randomWeights } from 'encompile';
import { batchNorm, convolution, linear, residualBlock } from 'encompile/models';

const { batch, height, width } = dims('batch', 'height', 'width');

export default model(
  'cnn',
  (g) => {
    const image = g.input('image', f32(batch, 3, height, width));
    const stem = g.scope('stem');
    const edges = convolution(stem, image, { channels: 8, size: 3, padding: 1, bias: false });
    const active = g.relu(batchNorm(stem.scope('norm'), edges));
    const smaller = g.max_pool(active, {
      sizes: [3, 3],
      strides: [2, 2],
      before: [1, 1],
      after: [1, 1],
    });
    const first = residualBlock(g.scope('block.0'), smaller);
    const second = residualBlock(g.scope('block.1'), first, { channels: 12, stride: 2 });
    const features = g.reduce_mean(second, { axes: [-1, -2] });
    return { scores: linear(g.scope('head'), features, { width: 10 }) };
  },
  { weights: randomWeights({ seed: 7 }) },
);
