/**
 * word2vec: scores of the word in the middle of a context (CBOW), of the words around a word (skip-gram),
 * and the three words nearest to a word by cosine, itself first.
 */
import { bool, dims, f32, i32, model, randomWeights } from 'encompile';
import { cbow, cosines, skipGram } from 'encompile/models';

const { batch, window } = dims('batch', 'window');
const SIZES = { vocab: 40, width: 12 } as const;

export default model(
  'word2vec',
  (g) => {
    const word = g.input('word', i32(batch));
    const context = g.input('context', i32(batch, window));
    const mask = g.input('mask', bool(batch, window));
    const table = g.weight('vectors', f32(SIZES.vocab, SIZES.width));
    const [cosine, nearest] = g.top_k(cosines(g, g.gather(table, word), table), { k: 3 });
    return {
      middle: g.softmax(cbow(g.scope('cbow'), context, mask, SIZES)),
      around: g.softmax(skipGram(g.scope('skip_gram'), word, SIZES)),
      nearest,
      cosine,
    };
  },
  { weights: randomWeights({ seed: 13 }) },
);
