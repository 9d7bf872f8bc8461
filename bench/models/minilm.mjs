import { bertModel } from './bert.mjs';

/** The shape of all-MiniLM-L6-v2 (Wang et al. 2020). */
export default bertModel({
  id: 'minilm',
  title: 'MiniLM-L6',
  sizes: {
    layers: 6,
    hidden: 384,
    heads: 12,
    intermediate: 1536,
    vocab: 30522,
    maxPositions: 512,
    typeVocab: 2,
  },
});
