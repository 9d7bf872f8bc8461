// TensorFlow.js: the models' layers in its own API, on its backends in plain JS and in WebAssembly
// (with SIMD; in Node it takes one thread).

import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readWeights } from '../models/stored.mjs';

const distOf = (name) => {
  const entry = dirname(fileURLToPath(import.meta.resolve(`@tensorflow/${name}/package.json`)));
  return join(entry, 'dist');
};

export const tfjsCpu = tfjs({
  id: 'tfjs-cpu',
  backend: 'cpu',
  limit: 'js',
  start: () => import('@tensorflow/tfjs-backend-cpu'),
  files: () => [join(distOf('tfjs-backend-cpu'), 'tf-backend-cpu.min.js')],
});

export const tfjsWasm = tfjs({
  id: 'tfjs-wasm',
  backend: 'wasm',
  limit: 'wasm',
  start: async () => {
    const { default: backend } = await import('@tensorflow/tfjs-backend-wasm');
    backend.setWasmPaths(`${distOf('tfjs-backend-wasm')}/`);
  },
  files: () =>
    ['tf-backend-wasm.min.js', 'tfjs-backend-wasm-simd.wasm'].map((name) =>
      join(distOf('tfjs-backend-wasm'), name),
    ),
});

function tfjs({ id, backend, limit, start, files }) {
  return {
    id,
    name: `tfjs ${backend}`,
    threads: 1,
    limit,
    read: readWeights,
    async open(weights, model) {
      const { default: tf } = await import('@tensorflow/tfjs-core');
      await start();
      tf.enableProdMode();
      await tf.setBackend(backend);
      await tf.ready();
      const tensors = new Map(
        weights.map(({ name, shape, data }) => [name, tf.tensor(data, shape, 'float32')]),
      );
      const layers = tfjsLayers(tf, (name) => tensors.get(name));
      return {
        run: async ({ ids, mask, batch, seq }) => {
          const result = tf.tidy(() =>
            model.encode(layers, {
              ids: tf.tensor(ids, [batch, seq], 'int32'),
              mask: tf.tensor(Float32Array.from(mask), [batch, seq], 'float32'),
              seq,
            }),
          );
          const data = await result.data();
          result.dispose();
          return data;
        },
      };
    },
    files: () => [join(distOf('tfjs-core'), 'tf-core.min.js'), ...files()],
  };
}

function tfjsLayers(tf, weight) {
  const linear = (name, x) => {
    const [from, to] = weight(`${name}.weight`).shape;
    // Two dims: a product with a batch would run its kernel once a text.
    const product = tf.fused.matMul({
      a: tf.reshape(x, [-1, from]),
      b: weight(`${name}.weight`),
      bias: weight(`${name}.bias`),
    });
    return tf.reshape(product, [...x.shape.slice(0, -1), to]);
  };
  return {
    again: (x) => x,
    add: tf.add,
    scale: (x, factor) => tf.mul(x, factor),
    constant: (data, shape) => tf.tensor(data, shape, 'float32'),
    gather: (name, ids) => tf.gather(weight(name), ids),
    rows: (name, count) => tf.slice(weight(name), [0, 0], [count, -1]),
    linear,
    relu: tf.relu,
    tanh: tf.tanh,
    gelu: (x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1)),
    layerNorm(name, x, eps) {
      const { mean, variance } = tf.moments(x, -1, true);
      const unit = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, eps)));
      return tf.add(tf.mul(unit, weight(`${name}.gamma`)), weight(`${name}.beta`));
    },
    attention(name, x, mask, heads) {
      const [batch, seq, hidden] = x.shape;
      const width = hidden / heads;
      const split = (part) =>
        tf.transpose(
          tf.reshape(linear(`${name}.${part}`, x), [batch, seq, heads, width]),
          [0, 2, 1, 3],
        );
      const products = tf.matMul(split('query'), split('key'), false, true);
      const hide = tf.reshape(tf.mul(tf.sub(1, mask), -1e9), [batch, 1, 1, seq]);
      const scores = tf.add(tf.mul(products, 1 / Math.sqrt(width)), hide);
      const context = tf.matMul(tf.softmax(scores), split('value'));
      const joined = tf.reshape(tf.transpose(context, [0, 2, 1, 3]), [batch, seq, hidden]);
      return linear(`${name}.output`, joined);
    },
    meanPool(x, mask) {
      const sum = tf.sum(tf.mul(x, tf.expandDims(mask, -1)), 1);
      return tf.div(sum, tf.sum(mask, 1, true));
    },
    unit: (x, eps) => tf.div(x, tf.sqrt(tf.maximum(tf.sum(tf.mul(x, x), -1, true), eps * eps))),
  };
}
