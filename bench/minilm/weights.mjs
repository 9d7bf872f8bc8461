// A BERT encoder of MiniLM-L6's shape with random weights: its sizes, its numbers by the names that
// encompile's declaration gives them, and the work of a run.

export const sizes = {
  layers: 6,
  hidden: 384,
  heads: 12,
  intermediate: 1536,
  vocab: 30522,
  maxPositions: 512,
  typeVocab: 2,
};

/** Floating-point operations of the matrix products; the rest, about 1 %, is not counted. */
export function flopsOf(tokens) {
  const { layers, hidden, intermediate } = sizes;
  const projections = 2 * tokens * hidden * (4 * hidden + 2 * intermediate);
  return layers * (projections + 4 * tokens * tokens * hidden);
}

/**
 * Weights by name, the same in every run: matrices normally distributed with variance 1 / fan-in,
 * tables with variance 1, vectors near 1 (gamma) or 0.
 */
export function makeWeights() {
  const next = normal(1);
  const weights = new Map();
  const add = (name, shape, center, deviation) => {
    const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
    for (let i = 0; i < data.length; i++) data[i] = center + deviation * next();
    weights.set(name, { dtype: 'f32', shape, data });
  };
  const { layers, hidden, intermediate, vocab, maxPositions, typeVocab } = sizes;
  const linear = (name, from, to) => {
    add(`${name}.weight`, [from, to], 0, 1 / Math.sqrt(from));
    add(`${name}.bias`, [to], 0, 0.1);
  };
  const norm = (name) => {
    add(`${name}.gamma`, [hidden], 1, 0.1);
    add(`${name}.beta`, [hidden], 0, 0.1);
  };
  add('embeddings.word', [vocab, hidden], 0, 1);
  add('embeddings.token_type', [typeVocab, hidden], 0, 1);
  add('embeddings.position', [maxPositions, hidden], 0, 1);
  norm('embeddings.norm');
  for (let i = 0; i < layers; i++) {
    for (const part of ['query', 'key', 'value', 'output']) {
      linear(`layer.${i}.attention.${part}`, hidden, hidden);
    }
    norm(`layer.${i}.attention.norm`);
    linear(`layer.${i}.ffn.hidden`, hidden, intermediate);
    linear(`layer.${i}.ffn.output`, intermediate, hidden);
    norm(`layer.${i}.ffn.norm`);
  }
  return weights;
}

/** One text: its token ids, and a mask under which all of it is visible but the last token. */
export function makeText(tokens) {
  const ids = Int32Array.from({ length: tokens }, (_, i) => (i * 7919 + 101) % sizes.vocab);
  const mask = new Uint8Array(tokens).fill(1);
  mask[tokens - 1] = 0;
  return { ids, mask };
}

/** Normally distributed numbers by Box and Muller's method. */
function normal(seed) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
