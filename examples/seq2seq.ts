/**
 * Sequence to sequence with attention (Bahdanau et al. 2015): a step of the decoder as a model of its own,
 * and greedy decoding, in plain JavaScript, which drives it. The encoder is `seq2seq-encoder.ts`. Weights
 * are random, so the words mean nothing; with the same weights they are the same words everywhere.
 *
 *     encompile compile examples/seq2seq-encoder.ts -o encoder
 *     encompile compile examples/seq2seq.ts -o step
 *
 *     const encoder = await (await import('./encoder/model.mjs')).load();
 *     const step = await (await import('./step/model.mjs')).load();
 *     const { words, attention } = await translate(encoder, step, [7, 3, 21]);
 */
import { bool, dims, f32, i32, model, randomWeights } from 'encompile';
import { additiveScores, decoderStep, gru } from 'encompile/models';

const TARGET_WORDS = 30;
const HIDDEN = 32;

const { batch, source } = dims('batch', 'source');

export default model(
  'seq2seq-step',
  (g) => {
    const token = g.input('token', i32(batch));
    const memory = g.input('memory', f32(batch, source, 2 * HIDDEN));
    const mask = g.input('mask', bool(batch, source));
    const h = g.input('h', f32(batch, HIDDEN));
    const step = decoderStep(g.scope('decoder'), token, memory, [{ h }], {
      ...{ cell: gru, vocab: TARGET_WORDS, width: 24, hidden: HIDDEN, mask },
      score: (g, { query, memory }) => additiveScores(g, query, memory, { units: 16 }),
    });
    return { scores: step.scores, next: step.states[0]?.h ?? h, attention: step.weights };
  },
  { weights: randomWeights({ seed: 16 }) },
);

/** The word with which a target begins, and that with which it ends. */
const [BEGIN, END] = [0, 1];

interface Tensor {
  readonly data: ArrayLike<number>;
  readonly shape: readonly number[];
}

/** What an artifact's `load` gives. */
interface Loaded {
  run(inputs: { readonly [name: string]: Tensor }): Promise<{ readonly [name: string]: Tensor }>;
}

/** The words, and for each how much every word of the source was attended to. */
export interface Translation {
  readonly words: readonly number[];
  readonly attention: readonly (readonly number[])[];
}

/** Greedy decoding: after each step the likeliest word is the next token, until it is END. */
export async function translate(
  encoder: Loaded,
  step: Loaded,
  ids: readonly number[],
  longest = 12,
): Promise<Translation> {
  const n = ids.length;
  const encoded = await encoder.run({
    ids: { data: ids, shape: [1, n] },
    lengths: { data: [n], shape: [1] },
  });
  const [memory, mask] = [encoded.memory, { data: Array<number>(n).fill(1), shape: [1, n] }];
  let [h, word] = [encoded.h, BEGIN];
  const words: number[] = [];
  const attention: (readonly number[])[] = [];
  while (words.length < longest) {
    if (memory === undefined || h === undefined) throw new Error('the encoder gave no states');
    const token = { data: [word], shape: [1] };
    const made = await step.run({ token, memory, mask, h });
    word = largest(made.scores?.data ?? []);
    if (word === END) break;
    words.push(word);
    attention.push(Array.from(made.attention?.data ?? []));
    h = made.next;
  }
  return { words, attention };
}

/** The place of the largest number, the first of equal ones. */
function largest(numbers: ArrayLike<number>): number {
  return Array.from(numbers).reduce(
    (best, x, i, all) => (x > (all[best] ?? -Infinity) ? i : best),
    0,
  );
}
