/**
 * A small Vision Transformer: patches by a convolution with a stride, the class's token, positions,
 * pre-norm blocks, and the chances of ten classes. An image may be of any size up to 64 patches.
 */
import { dims, f32, model, randomWeights } from 'encompile';
import { firstToken, linear, vit } from 'encompile/models';

const { batch, height, width } = dims('batch', 'height', 'width');

export default model(
  'vit',
  (g) => {
    const image = g.input('image', f32(batch, 3, height, width));
    const options = { patch: 16, width: 48, layers: 2, heads: 3, hidden: 96, maxPositions: 65 };
    const states = vit(g, image, options);
    const logits = linear(g.scope('head'), firstToken(g, states), { width: 10 });
    return { chances: g.softmax(logits) };
  },
  { weights: randomWeights({ seed: 5 }) },
);
