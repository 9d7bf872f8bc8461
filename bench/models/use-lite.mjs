// Universal Sentence Encoder Lite's shape with random weights: two pre-norm layers, of which the first
// widens 256 to 512, and one vector for a text. docs/use-lite.md has its equations.

import { bool, dims, f32, i32, model } from '../../dist/index.js';
import {
  feedForward,
  layerNorm,
  linear,
  meanPool,
  multiHeadAttention,
  normalize,
  timingSignal,
} from '../../dist/models/index.js';
import { randomWeights } from './random.mjs';

const VOCAB = 8002;
const EMBEDDING = 256;
const WIDTH = 512;
const HIDDEN = 1536;
const HEADS = 4;
const EPS = 1e-6;
/** Width of the input of each layer, and of its queries, keys and values. */
const LAYERS = [EMBEDDING, WIDTH];

export default {
  id: 'use-lite',
  title: 'USE-lite',
  vocab: VOCAB,
  rowsPerToken: false,
  declare: ({ weights } = {}) => model('use-lite', build, weights === undefined ? {} : { weights }),
  makeWeights,
  flops: (lengths) => lengths.reduce((sum, tokens) => sum + flops(tokens), 0),
  encode,
};

function build(g) {
  const { batch, seq } = dims('batch', 'seq');
  const ids = g.input('ids', i32(batch, seq));
  const mask = g.input('mask', bool(batch, seq));
  const words = g.gather(g.weight('embeddings', f32(VOCAB, EMBEDDING)), ids);
  const x = g.add(g.mul(words, 2), timingSignal(g, { seq, width: EMBEDDING }));
  const widened = linear(g.scope('layer.0.residual'), x, { width: WIDTH });
  const first = declareLayer(g.scope('layer.0'), x, widened, mask);
  const second = declareLayer(g.scope('layer.1'), first, first, mask);
  const embedding = g.tanh(linear(g.scope('tanh'), meanPool(g, second, mask), { width: WIDTH }));
  return { embedding: normalize(g, embedding, { eps: EPS }) };
}

function declareLayer(g, x, residual, mask) {
  const normed = layerNorm(g.scope('attention.norm'), x, { eps: EPS });
  const options = { heads: HEADS, width: WIDTH, mask };
  const y = g.add(residual, multiHeadAttention(g.scope('attention'), normed, options));
  const inner = layerNorm(g.scope('ffn.norm'), y, { eps: EPS });
  return g.add(y, feedForward(g.scope('ffn'), inner, { hidden: HIDDEN, activation: 'relu' }));
}

function makeWeights() {
  const { weights, table, linear: matrix, norm } = randomWeights();
  table('embeddings', VOCAB, EMBEDDING);
  matrix('layer.0.residual', EMBEDDING, WIDTH);
  for (const [i, width] of LAYERS.entries()) {
    norm(`layer.${i}.attention.norm`, width);
    for (const part of ['query', 'key', 'value']) {
      matrix(`layer.${i}.attention.${part}`, width, width);
    }
    matrix(`layer.${i}.attention.output`, width, WIDTH);
    norm(`layer.${i}.ffn.norm`, WIDTH);
    matrix(`layer.${i}.ffn.hidden`, WIDTH, HIDDEN);
    matrix(`layer.${i}.ffn.output`, HIDDEN, WIDTH);
  }
  matrix('tanh', WIDTH, WIDTH);
  return weights;
}

/** Floating-point operations of the matrix products. */
function flops(tokens) {
  let sum = 2 * tokens * EMBEDDING * WIDTH + 2 * WIDTH * WIDTH;
  for (const width of LAYERS) {
    const projections = 2 * tokens * (3 * width * width + width * WIDTH + 2 * WIDTH * HIDDEN);
    sum += projections + 4 * tokens * tokens * width;
  }
  return sum;
}

function encode(layers, { ids, mask, seq }) {
  const { add, again, constant, gather, linear: dense, meanPool: pool, scale, tanh, unit } = layers;
  const words = scale(gather('embeddings', ids), 2);
  const x = add(words, constant(timing(seq), [1, seq, EMBEDDING]));
  const widened = dense('layer.0.residual', again(x));
  const first = encodeLayer(layers, 'layer.0', x, widened, mask);
  const second = encodeLayer(layers, 'layer.1', again(first), first, mask);
  return unit(tanh(dense('tanh', pool(second, mask))), EPS);
}

function encodeLayer(layers, name, x, residual, mask) {
  const { add, again, attention, layerNorm: norm, linear: dense, relu } = layers;
  const normed = norm(`${name}.attention.norm`, x, EPS);
  const y = add(residual, attention(`${name}.attention`, normed, mask, HEADS));
  const inner = relu(dense(`${name}.ffn.hidden`, norm(`${name}.ffn.norm`, again(y), EPS)));
  return add(y, dense(`${name}.ffn.output`, inner));
}

/** y[p, i] = sin(p / scale_i), y[p, width / 2 + i] = cos(the same), scales from 1 to 10000. */
function timing(seq) {
  const half = EMBEDDING / 2;
  const signal = new Float32Array(seq * EMBEDDING);
  for (let p = 0; p < seq; p++) {
    for (let i = 0; i < half; i++) {
      const angle = p * Math.exp((-i * Math.log(10_000)) / (half - 1));
      signal[p * EMBEDDING + i] = Math.sin(angle);
      signal[p * EMBEDDING + half + i] = Math.cos(angle);
    }
  }
  return signal;
}
