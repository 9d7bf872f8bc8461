/**
 * A convolution is attention whose pattern is fixed: one head for each place of the window, whose every
 * query sees the key that stands there. Both are computed here, with the same weight.
 */
import { dims, f32, model, randomWeights } from 'encompile';
import { attendAtOffsets, mergeHeads } from 'encompile/models';

const { batch, seq } = dims('batch', 'seq');
const OFFSETS = [-1, 0, 1];

export default model(
  'convolution-as-attention',
  (g) => {
    const x = g.input('x', f32(batch, seq, 8));
    const weight = g.weight('weight', f32(24, 12));
    const attention = g.matmul(mergeHeads(g, attendAtOffsets(g, x, OFFSETS)), weight);

    const places = g.reshape(weight, { shape: [3, 8, 12] });
    const kernel = g.transpose(places, { permutation: [2, 1, 0] });
    const channels = g.transpose(x, { permutation: [0, 2, 1] });
    const sums = g.conv(channels, kernel, { before: [1], after: [1] });
    return { attention, convolution: g.transpose(sums, { permutation: [0, 2, 1] }) };
  },
  { weights: randomWeights({ seed: 8 }) },
);
