/**
 * Six ways to score queries against keys; each goes through the same `attend`, with the same padding
 * mask. The last is the attention of sequence-to-sequence tutorials: its scores depend on places alone,
 * so there are as many as the source may be long.
 */
import { bool, dims, f32, model, randomWeights } from 'encompile';
import {
  additiveScores,
  attend,
  concatLinearScores,
  concatTanhScores,
  dotScores,
  generalScores,
  joinContext,
  maskOfKeys,
  scaledDotScores,
} from 'encompile/models';

const { batch, source, target } = dims('batch', 'source', 'target');
const LONGEST = 8;

export default model(
  'attention-scores',
  (g) => {
    const query = g.input('query', f32(batch, target, 24));
    const key = g.input('key', f32(batch, source, 24));
    const value = g.input('value', f32(batch, source, 12));
    const mask = maskOfKeys(g, g.input('mask', bool(batch, source)));
    const places = g.input('places', f32(batch, LONGEST, 12));
    const state = g.input('state', f32(batch, target, 16));

    const additive = additiveScores(g.scope('additive'), query, key, { units: 10 });
    const concatTanh = concatTanhScores(g.scope('concat_tanh'), query, key, { units: 10 });
    const tutorial = g.scope('concat_linear');
    const byPlace = concatLinearScores(tutorial, query, state, { keys: LONGEST });
    const context = attend(g, byPlace, places);
    return {
      scaled_dot: attend(g, scaledDotScores(g, query, key), value, { mask }),
      dot: attend(g, dotScores(g, query, key), value, { mask }),
      general: attend(g, generalScores(g.scope('general'), query, key), value, { mask }),
      additive: attend(g, additive, value, { mask }),
      concat_tanh: attend(g, concatTanh, value, { mask }),
      concat_linear: joinContext(tutorial.scope('output'), query, context, { width: 24 }),
    };
  },
  { weights: randomWeights({ seed: 7 }) },
);
