/**
 * Grouped-query attention (Ainslie et al. 2023): 8 query heads share 2 heads of keys and values, which
 * makes their projections a quarter as large. With `keyValueHeads: 1` it is multi-query attention.
 */
import { bool, dims, f32, model, randomWeights } from 'encompile';
import { encoderBlock } from 'encompile/models';

const { batch, seq } = dims('batch', 'seq');

export default model(
  'grouped-heads',
  (g) => {
    let x = g.input('x', f32(batch, seq, 64));
    const mask = g.input('mask', bool(batch, seq));
    for (const i of [0, 1]) {
      const layer = g.scope(`layer.${i}`);
      x = encoderBlock(layer, x, { heads: 8, keyValueHeads: 2, hidden: 128, mask });
    }
    return { states: x };
  },
  { weights: randomWeights({ seed: 6 }) },
);
