/**
 * The encoder of `seq2seq.ts`: reads the source in both directions. Its outputs H are what the decoder
 * attends over; the last state of the way back, which has seen the first word last, is where it begins.
 */
import { dims, f32, i32, model, randomWeights } from 'encompile';
import { gru, sequenceEncoder } from 'encompile/models';

export const SOURCE_WORDS = 40;
export const HIDDEN = 32;

const { batch, source } = dims('batch', 'source');

export default model(
  'seq2seq-encoder',
  (g) => {
    const ids = g.input('ids', i32(batch, source));
    const lengths = g.input('lengths', i32(batch));
    const encoded = sequenceEncoder(g.scope('encoder'), ids, {
      ...{
        cell: gru,
        vocab: SOURCE_WORDS,
        width: 24,
        hidden: HIDDEN,
        bidirectional: true,
        lengths,
      },
    });
    const [, backward] = encoded.states;
    const start = backward?.h ?? g.constant({ value: [0], dtype: 'f32', shape: [batch, HIDDEN] });
    const weight = g.weight('bridge.weight', f32(HIDDEN, HIDDEN));
    return { memory: encoded.memory, h: g.tanh(g.linear(start, weight)) };
  },
  { weights: randomWeights({ seed: 15 }) },
);
