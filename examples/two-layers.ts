/**
 * The smallest whole encoder: token and position embeddings, then two Transformer layers. The weights
 * are random, to try the compiler out; trained ones come from `safetensors('./two-layers.safetensors')`.
 */
import { bool, dims, f32, i32, model, randomWeights } from 'encompile';
import { encoderBlock, sinusoidalPositions } from 'encompile/models';

const { batch, seq } = dims('batch', 'seq');

export default model(
  'two-layers',
  (g) => {
    const ids = g.input('ids', i32(batch, seq));
    const mask = g.input('mask', bool(batch, seq));
    const table = g.weight('embeddings', f32(8000, 64));
    let x = g.add(g.gather(table, ids), sinusoidalPositions(g, { seq, width: 64 }));
    for (const i of [0, 1]) {
      x = encoderBlock(g.scope(`layer.${i}`), x, { heads: 4, hidden: 256, mask });
    }
    return { states: x };
  },
  { weights: randomWeights({ seed: 1 }) },
);
