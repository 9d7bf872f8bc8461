/**
 * A sentence encoder of pre-norm blocks: the norms stand before the sublayers, and one more behind the
 * last block. The mean over the tokens, at unit length, is the sentence's vector.
 */
import { bool, dims, i32, model, randomWeights } from 'encompile';
import {
  encoderBlock,
  layerNorm,
  learnedPositions,
  meanPool,
  normalize,
  tokenEmbedding,
} from 'encompile/models';

const { batch, seq } = dims('batch', 'seq');

export default model(
  'pre-norm',
  (g) => {
    const ids = g.input('ids', i32(batch, seq));
    const mask = g.input('mask', bool(batch, seq));
    const embeddings = g.scope('embeddings');
    const words = tokenEmbedding(embeddings, ids, { vocab: 1000, width: 48 });
    let x = g.add(words, learnedPositions(embeddings, { seq, width: 48, rows: 128 }));
    for (const i of [0, 1, 2]) {
      const layer = g.scope(`layer.${i}`);
      x = encoderBlock(layer, x, { heads: 3, hidden: 192, mask, norm: 'pre', activation: 'silu' });
    }
    const states = layerNorm(g.scope('norm'), x);
    return { embedding: normalize(g, meanPool(g, states, mask)) };
  },
  { weights: randomWeights({ seed: 2 }) },
);
