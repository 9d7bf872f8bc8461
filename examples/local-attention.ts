/**
 * Local attention: a token sees those at most 4 places away, so the kernels visit n * 9 pairs and not
 * n * n. The second layer looks to the left alone.
 */
import { bool, dims, f32, model, randomWeights } from 'encompile';
import { encoderBlock } from 'encompile/models';

const { batch, seq } = dims('batch', 'seq');

export default model(
  'local-attention',
  (g) => {
    const x = g.input('x', f32(batch, seq, 32));
    const mask = g.input('mask', bool(batch, seq));
    const block = { heads: 2, hidden: 64, mask, window: 4 } as const;
    const near = encoderBlock(g.scope('layer.0'), x, block);
    return { states: encoderBlock(g.scope('layer.1'), near, { ...block, causal: true }) };
  },
  { weights: randomWeights({ seed: 9 }) },
);
