/**
 * Attention that knows positions by a bias on its scores: T5's buckets of distances, ALiBi's slopes, and
 * Swin's table for the patches of a window, here of 3 x 4.
 */
import { bool, dims, f32, model, randomWeights } from 'encompile';
import { bucketBias, multiHeadAttention, slopeBias, windowBias } from 'encompile/models';

const { batch, seq } = dims('batch', 'seq');

export default model(
  'position-bias',
  (g) => {
    const x = g.input('x', f32(batch, seq, 32));
    const mask = g.input('mask', bool(batch, seq));
    const patches = g.input('patches', f32(batch, 12, 32));
    const sizes = { queries: seq, keys: seq, heads: 4 } as const;
    const buckets = bucketBias(g.scope('buckets'), { ...sizes, buckets: 8, maxDistance: 16 });
    const slopes = slopeBias(g, sizes);
    const window = windowBias(g.scope('window'), { rows: 3, columns: 4, heads: 4 });
    const attention = { heads: 4, mask } as const;
    return {
      t5: multiHeadAttention(g.scope('t5'), x, { ...attention, scoreBias: buckets }),
      alibi: multiHeadAttention(g.scope('alibi'), x, { ...attention, scoreBias: slopes }),
      swin: multiHeadAttention(g.scope('swin'), patches, { heads: 4, scoreBias: window }),
    };
  },
  { weights: randomWeights({ seed: 8 }) },
);
