/**
 * The whole Transformer (Vaswani et al. 2017, figure 1) with its three attentions: the source to itself,
 * the target to what stands before, and the target to the source. Scores come from the target's table.
 */
import { bool, dims, f32, i32, model, randomWeights } from 'encompile';
import { encoderDecoder, sinusoidalPositions } from 'encompile/models';

const { batch, source, target } = dims('batch', 'source', 'target');

export default model(
  'encoder-decoder',
  (g) => {
    const sourceIds = g.input('source', i32(batch, source));
    const targetIds = g.input('target', i32(batch, target));
    const sourceMask = g.input('source_mask', bool(batch, source));
    const table = g.weight('embeddings', f32(200, 32));
    const from = g.add(
      g.gather(table, sourceIds),
      sinusoidalPositions(g, { seq: source, width: 32 }),
    );
    const to = g.add(
      g.gather(table, targetIds),
      sinusoidalPositions(g, { seq: target, width: 32 }),
    );
    const sizes = { layers: 2, heads: 4, hidden: 64 };
    const states = encoderDecoder(g, from, to, { ...sizes, sourceMask });
    return { scores: g.matmul(states, g.transpose(table, { permutation: [1, 0] })) };
  },
  { weights: randomWeights({ seed: 12 }) },
);
