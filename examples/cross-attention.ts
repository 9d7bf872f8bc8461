/**
 * One block of a Transformer decoder (Vaswani et al. 2017, figure 1, right): the target's positions
 * attend to earlier ones of the target, then to the source, which is of another length and width.
 */
import { bool, dims, f32, model, randomWeights } from 'encompile';
import { feedForward, layerNorm, multiHeadAttention } from 'encompile/models';

const { batch, source, target } = dims('batch', 'source', 'target');

export default model(
  'cross-attention',
  (g) => {
    const x = g.input('target', f32(batch, target, 64));
    const memory = g.input('source', f32(batch, source, 96));
    const mask = g.input('source_mask', bool(batch, source));

    const self = multiHeadAttention(g.scope('self'), x, { heads: 4, causal: true });
    const y = layerNorm(g.scope('self.norm'), g.add(x, self));
    const cross = multiHeadAttention(g.scope('cross'), y, { heads: 4, memory, mask });
    const z = layerNorm(g.scope('cross.norm'), g.add(y, cross));
    const ffn = feedForward(g.scope('ffn'), z, { hidden: 128, activation: 'relu' });
    return { states: layerNorm(g.scope('ffn.norm'), g.add(z, ffn)) };
  },
  { weights: randomWeights({ seed: 4 }) },
);
