// jax-js: the models' layers in its own API, under `jit`, on its backend in WebAssembly. Its functions
// use their arguments up; `ref` gives an array for one more use.

import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readWeights } from '../models/stored.mjs';

export const jax = {
  id: 'jax-js',
  name: 'jax-js wasm',
  threads: 1,
  limit: 'wasm',
  // It calls methods of iterators.
  oldestNode: 22,
  read: readWeights,
  async open(stored, model) {
    const { defaultDevice, init, jit, nn, numpy: np } = await import('@jax-js/jax');
    await init('wasm');
    defaultDevice('wasm');
    const weights = Object.fromEntries(
      stored.map(({ name, shape, data }) => [name, np.array(data, { shape })]),
    );
    const encode = jit((given, ids, mask) => {
      const [, seq] = ids.shape;
      const layers = jaxLayers(np, nn, (name) => given[name].ref);
      const result = model.encode(layers, { ids, mask, seq });
      mask.dispose();
      for (const array of Object.values(given)) array.dispose();
      return result;
    });
    return {
      run: async ({ ids, mask, batch, seq }) => {
        const given = Object.fromEntries(
          Object.entries(weights).map(([name, array]) => [name, array.ref]),
        );
        const shape = [batch, seq];
        const visible = np.array(Float32Array.from(mask), { shape });
        return encode(given, np.array(ids, { shape, dtype: np.int32 }), visible).data();
      },
    };
  },
  files: () => {
    const folder = dirname(fileURLToPath(import.meta.resolve('@jax-js/jax')));
    return readdirSync(folder)
      .filter((name) => /^(index|backend|rolldown).*\.js$/.test(name))
      .map((name) => join(folder, name));
  },
};

function jaxLayers(np, nn, weight) {
  const linear = (name, x) => np.matmul(x, weight(`${name}.weight`)).add(weight(`${name}.bias`));
  return {
    again: (x) => x.ref,
    add: (x, y) => x.add(y),
    scale: (x, factor) => x.mul(factor),
    constant: (data, shape) => np.array(data, { shape }),
    gather: (name, ids) => np.take(weight(name), ids, 0),
    rows: (name, count) => weight(name).slice([0, count]),
    linear,
    relu: (x) => nn.relu(x),
    tanh: (x) => np.tanh(x),
    gelu: (x) => nn.gelu(x, { approximate: false }),
    layerNorm: (name, x, eps) =>
      nn
        .standardize(x, -1, { epsilon: eps })
        .mul(weight(`${name}.gamma`))
        .add(weight(`${name}.beta`)),
    attention(name, x, mask, heads) {
      const [batch, seq, hidden] = x.shape;
      const split = (part, from) =>
        linear(`${name}.${part}`, from).reshape([batch, seq, heads, hidden / heads]);
      const query = split('query', x.ref);
      const key = split('key', x.ref);
      const value = split('value', x);
      const bias = mask.ref.sub(1).mul(1e9).reshape([batch, 1, 1, seq]);
      const context = nn.dotProductAttention(query, key, value, { bias });
      return linear(`${name}.output`, context.reshape([batch, seq, hidden]));
    },
    meanPool(x, mask) {
      const [batch, seq] = mask.shape;
      const sum = np.sum(x.mul(mask.ref.reshape([batch, seq, 1])), 1);
      return sum.div(np.sum(mask.ref, 1).reshape([batch, 1]));
    },
    unit(x, eps) {
      const [batch] = x.shape;
      const squares = np.sum(x.ref.mul(x.ref), -1).reshape([batch, 1]);
      return x.div(np.sqrt(np.maximum(squares, eps * eps)));
    },
  };
}
