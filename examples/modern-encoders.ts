/**
 * Two newer text encoders on the same tokens: ModernBERT, whose second layer is local, and nomic-bert.
 * Both turn queries and keys by their positions and have gated feed-forward networks without biases.
 */
import { bool, dims, i32, model, randomWeights } from 'encompile';
import { meanPool, modernBert, nomicBert, normalize } from 'encompile/models';

const { batch, seq } = dims('batch', 'seq');
const SIZES = { hidden: 32, heads: 4, intermediate: 48, vocab: 200 } as const;

export default model(
  'modern-encoders',
  (g) => {
    const ids = g.input('ids', i32(batch, seq));
    const mask = g.input('mask', bool(batch, seq));
    const attention = ['global', 'local', 'global'] as const;
    const modern = modernBert(g.scope('modern'), { ...SIZES, attention, window: 4 }, { ids, mask });
    const nomic = nomicBert(g.scope('nomic'), { ...SIZES, layers: 2 }, { ids, mask });
    return {
      modern: normalize(g, meanPool(g, modern, mask)),
      nomic: normalize(g, meanPool(g, nomic, mask)),
    };
  },
  { weights: randomWeights({ seed: 14 }) },
);
