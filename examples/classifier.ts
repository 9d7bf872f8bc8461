/**
 * A small BERT with a classifier on its first token: the chances of three classes for a text, or for
 * a pair of texts that `types` tells apart.
 */
import { bool, dims, i32, model, randomWeights } from 'encompile';
import { bert, sequenceClassifier } from 'encompile/models';

const { batch, seq } = dims('batch', 'seq');

export default model(
  'classifier',
  (g) => {
    const ids = g.input('ids', i32(batch, seq));
    const types = g.input('types', i32(batch, seq));
    const mask = g.input('mask', bool(batch, seq));
    const states = bert(
      g,
      {
        layers: 2,
        hidden: 64,
        heads: 4,
        intermediate: 128,
        vocab: 2000,
        maxPositions: 256,
        typeVocab: 2,
      },
      { ids, mask, tokenTypes: types },
    );
    const logits = sequenceClassifier(g.scope('classifier'), states, { classes: 3 });
    return { chances: g.softmax(logits) };
  },
  { weights: randomWeights({ seed: 3 }) },
);
