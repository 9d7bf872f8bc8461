// The same layers in TensorFlow.js's own API, on its backend in plain JS.

import tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { sizes } from './weights.mjs';

const { layers, hidden, heads } = sizes;
const width = hidden / heads;

/** The token vectors of one text, [tokens, hidden]. */
export async function openTfjs(weights) {
  tf.enableProdMode();
  await tf.setBackend('cpu');
  const tensors = new Map(
    [...weights].map(([name, { data, shape }]) => [name, tf.tensor(data, shape, 'float32')]),
  );
  const weight = (name) => tensors.get(name);
  return {
    name: `tfjs ${tf.version_core} cpu`,
    run: async ({ ids, mask }) => {
      const states = tf.tidy(() => encode(weight, tf.tensor1d(ids, 'int32'), mask));
      const data = await states.data();
      states.dispose();
      return data;
    },
  };
}

function encode(weight, ids, mask) {
  const [tokens] = ids.shape;
  const words = tf.gather(weight('embeddings.word'), ids);
  const types = tf.slice(weight('embeddings.token_type'), [0, 0], [1, hidden]);
  const positions = tf.slice(weight('embeddings.position'), [0, 0], [tokens, hidden]);
  let x = layerNorm(weight, 'embeddings.norm', tf.add(tf.add(words, types), positions));
  const hide = tf.mul(tf.sub(1, tf.tensor1d(mask, 'float32')), -1e9);
  for (let i = 0; i < layers; i++) {
    const layer = `layer.${i}`;
    const attended = attention(weight, `${layer}.attention`, x, hide);
    x = layerNorm(weight, `${layer}.attention.norm`, tf.add(x, attended));
    const expanded = gelu(linear(weight, `${layer}.ffn.hidden`, x));
    const contracted = linear(weight, `${layer}.ffn.output`, expanded);
    x = layerNorm(weight, `${layer}.ffn.norm`, tf.add(x, contracted));
  }
  return x;
}

function linear(weight, name, x) {
  return tf.fused.matMul({ a: x, b: weight(`${name}.weight`), bias: weight(`${name}.bias`) });
}

function attention(weight, name, x, hide) {
  const [tokens] = x.shape;
  const split = (part) =>
    tf.transpose(
      tf.reshape(linear(weight, `${name}.${part}`, x), [tokens, heads, width]),
      [1, 0, 2],
    );
  const scores = tf.mul(tf.matMul(split('query'), split('key'), false, true), 1 / Math.sqrt(width));
  const context = tf.matMul(tf.softmax(tf.add(scores, hide)), split('value'));
  const joined = tf.reshape(tf.transpose(context, [1, 0, 2]), [tokens, hidden]);
  return linear(weight, `${name}.output`, joined);
}

function layerNorm(weight, name, x) {
  const { mean, variance } = tf.moments(x, -1, true);
  const unit = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-12)));
  return tf.add(tf.mul(unit, weight(`${name}.gamma`)), weight(`${name}.beta`));
}

function gelu(x) {
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
}
