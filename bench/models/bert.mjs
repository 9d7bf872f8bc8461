// BERT encoders with random weights: as encompile declares them, and as layers of another runtime.

import { bool, dims, i32, model } from '../../dist/index.js';
import { bert } from '../../dist/models/index.js';
import { randomWeights } from './random.mjs';

const NORM_EPS = 1e-12;

/** A model of the benchmark; `sizes` are those of `BertOptions`. */
export function bertModel({ id, title, sizes }) {
  return {
    id,
    title,
    vocab: sizes.vocab,
    /** One result row for every token, padding included. */
    rowsPerToken: true,
    declare: (options) => declareBert(id, sizes, options),
    makeWeights: () => bertWeights(sizes),
    flops: (lengths) => lengths.reduce((sum, tokens) => sum + bertFlops(sizes, tokens), 0),
    encode: (layers, text) => encodeBert(sizes, layers, text),
  };
}

/** The declaration, of any depth and with weights or without. */
function declareBert(name, sizes, { layers = sizes.layers, weights } = {}) {
  const { batch, seq } = dims('batch', 'seq');
  return model(
    name,
    (g) => {
      const ids = g.input('ids', i32(batch, seq));
      const mask = g.input('mask', bool(batch, seq));
      const states = bert(g, { ...sizes, layers }, { ids, mask });
      // nobody reads the rows of padding, and what says so need not compute them
      const isToken = g.reshape(mask, { shape: [batch, seq, 1] });
      return { states: g.select(isToken, states, 0) };
    },
    weights === undefined ? {} : { weights },
  );
}

function bertWeights({ layers, hidden, intermediate, vocab, maxPositions, typeVocab }) {
  const { weights, table, linear, norm } = randomWeights();
  table('embeddings.word', vocab, hidden);
  table('embeddings.token_type', typeVocab, hidden);
  table('embeddings.position', maxPositions, hidden);
  norm('embeddings.norm', hidden);
  for (let i = 0; i < layers; i++) {
    for (const part of ['query', 'key', 'value', 'output']) {
      linear(`layer.${i}.attention.${part}`, hidden, hidden);
    }
    norm(`layer.${i}.attention.norm`, hidden);
    linear(`layer.${i}.ffn.hidden`, hidden, intermediate);
    linear(`layer.${i}.ffn.output`, intermediate, hidden);
    norm(`layer.${i}.ffn.norm`, hidden);
  }
  return weights;
}

/** Floating-point operations of the matrix products; the rest, about 1 %, is not counted. */
function bertFlops({ layers, hidden, intermediate }, tokens) {
  const projections = 2 * tokens * hidden * (4 * hidden + 2 * intermediate);
  return layers * (projections + 4 * tokens * tokens * hidden);
}

function encodeBert({ layers: depth, heads }, layers, { ids, mask, seq }) {
  const { add, again, attention, gather, gelu, layerNorm, linear, rows } = layers;
  const words = gather('embeddings.word', ids);
  const places = add(rows('embeddings.token_type', 1), rows('embeddings.position', seq));
  let x = layerNorm('embeddings.norm', add(words, places), NORM_EPS);
  for (let i = 0; i < depth; i++) {
    const layer = `layer.${i}`;
    const attended = attention(`${layer}.attention`, again(x), mask, heads);
    x = layerNorm(`${layer}.attention.norm`, add(x, attended), NORM_EPS);
    const expanded = gelu(linear(`${layer}.ffn.hidden`, again(x)));
    x = layerNorm(`${layer}.ffn.norm`, add(x, linear(`${layer}.ffn.output`, expanded)), NORM_EPS);
  }
  return x;
}
