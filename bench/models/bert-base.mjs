import { bertModel } from './bert.mjs';

/** The shape of BERT-base (Devlin et al. 2019). */
export default bertModel({
  id: 'bert-base',
  title: 'BERT-base',
  sizes: {
    layers: 12,
    hidden: 768,
    heads: 12,
    intermediate: 3072,
    vocab: 30522,
    maxPositions: 512,
    typeVocab: 2,
  },
});
