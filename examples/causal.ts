/**
 * A causal encoder, as language models are: each token sees itself and those before it, and the scores
 * of the token that follows come from the table of embeddings once more.
 */
import { dims, f32, i32, model, randomWeights } from 'encompile';
import { encoderBlock, layerNorm, sinusoidalPositions } from 'encompile/models';

const { batch, seq } = dims('batch', 'seq');

export default model(
  'causal',
  (g) => {
    const ids = g.input('ids', i32(batch, seq));
    const table = g.weight('embeddings', f32(500, 64));
    let x = g.add(g.gather(table, ids), sinusoidalPositions(g, { seq, width: 64 }));
    for (const i of [0, 1]) {
      const layer = g.scope(`layer.${i}`);
      x = encoderBlock(layer, x, { heads: 4, hidden: 256, norm: 'pre', causal: true });
    }
    const states = layerNorm(g.scope('norm'), x);
    return { scores: g.matmul(states, g.transpose(table, { permutation: [1, 0] })) };
  },
  { weights: randomWeights({ seed: 5 }) },
);
