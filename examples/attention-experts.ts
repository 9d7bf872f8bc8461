/**
 * Mixtures of attention experts: a gate weighs four attentions for every token; in the second layer each
 * token takes two of them. Attention pooling makes one vector of the tokens.
 */
import { bool, dims, f32, model, randomWeights } from 'encompile';
import { attentionPool, mixtureOfExperts, multiHeadAttention, residual } from 'encompile/models';

const { batch, seq } = dims('batch', 'seq');

export default model(
  'attention-experts',
  (g) => {
    const x = g.input('x', f32(batch, seq, 24));
    const mask = g.input('mask', bool(batch, seq));
    const layers = [{ experts: 4 }, { experts: 4, top: 2 }];
    const states = layers.reduce(
      (from, gate, i) =>
        residual(g, from, (y) =>
          mixtureOfExperts(g.scope(`layer.${i}`), y, {
            ...gate,
            expert: (scope, z) => multiHeadAttention(scope, z, { heads: 2, mask }),
          }),
        ),
      x,
    );
    return { states, vector: attentionPool(g.scope('pool'), states, mask) };
  },
  { weights: randomWeights({ seed: 10 }) },
);
