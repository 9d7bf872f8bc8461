/** Ops that choose as many elements as the data says, of known data, and counts of n-grams. */
import { describe, expect, it } from 'vitest';
import { f32, nd } from '../../support/op-runs.ts';
import { imported, info, node } from './made-model.ts';
import { type Call, describeCalls, describeRefusals, expectCall } from './one-node.ts';

const floats = (...numbers: readonly number[]) => f32([numbers.length], numbers);
const ints = (...numbers: readonly number[]) => nd('i32', [numbers.length], numbers);
const longs = (...numbers: readonly number[]) => nd('i64', [numbers.length], numbers);
const long = (number: number) => nd('i64', [1], [number]);

const sixes = floats(2, 1, 1, 3, 4, 3);
const columns = f32([2, 3, 1], [5, 1, 5, 2, 0, 2]);

const chosen: readonly Call[] = [
  [
    ...(['Unique', [sixes], {}] as const),
    ...[floats(1, 2, 3, 4), longs(1, 0, 3, 4), longs(1, 0, 0, 2, 3, 2), longs(2, 1, 2, 1)],
  ],
  [
    ...(['Unique', [sixes], { sorted: 0 }] as const),
    ...[floats(2, 1, 3, 4), longs(0, 1, 3, 4), longs(0, 1, 1, 2, 3, 2), longs(1, 2, 2, 1)],
  ],
  [
    ...(['Unique', [columns], { axis: -2 }] as const),
    ...[f32([2, 2, 1], [1, 5, 0, 2]), longs(1, 0), longs(1, 0, 1), longs(1, 2)],
  ],
];
describeCalls('Unique', chosen);

/** Two boxes that share 0.9 / 1.1 of their area, and one beside them. */
const boxes = f32([1, 3, 4], [0, 0, 1, 1, 0, 0.1, 1, 1.1, 0, 2, 1, 3]);
const scores = f32([1, 1, 3], [0.5, 0.9, 0.3]);
const picked = (...rows: readonly number[]) => nd('i64', [rows.length / 3, 3], rows);

describeCalls('NonMaxSuppression', [
  ['NonMaxSuppression', [boxes, scores, long(3), floats(0.5)], {}, picked(0, 0, 1, 0, 0, 2)],
  ['NonMaxSuppression', [boxes, scores, long(1), floats(0.5)], {}, picked(0, 0, 1)],
  // 0.818 is no more than 0.82
  [
    'NonMaxSuppression',
    [boxes, scores, long(3), floats(0.82)],
    {},
    picked(0, 0, 1, 0, 0, 0, 0, 0, 2),
  ],
  ['NonMaxSuppression', [boxes, scores, long(3), floats(0.5), floats(0.4)], {}, picked(0, 0, 1)],
  ['NonMaxSuppression', [boxes, scores], {}, nd('i64', [0, 3], [])],
  // [x, y, width, height] around the centre
  [
    'NonMaxSuppression',
    [
      f32([1, 2, 4], [0.5, 0.5, 1, 1, 0.5, 0.5, 1, 0.4]),
      f32([1, 1, 2], [1, 2]),
      long(2),
      floats(0.39),
    ],
    { center_point_box: 1 },
    picked(0, 0, 1),
  ],
  // two items of two classes
  [
    'NonMaxSuppression',
    [f32([2, 1, 4], [0, 0, 1, 1, 1, 1, 0, 0]), f32([2, 2, 1], [1, 2, 3, 4]), long(1)],
    {},
    picked(0, 0, 0, 0, 1, 0, 1, 0, 0, 1, 1, 0),
  ],
]);

describe('of an input', () => {
  it.each(['Unique', 'NonMaxSuppression'])('%s is left to the caller', (op) => {
    const graph = {
      node: [node(op, ['x', 'x'].slice(0, op === 'Unique' ? 1 : 2), ['y'])],
      input: [info('x', [1, 2, 4])],
      output: [info('y', [null])],
    };
    expect(() => imported(graph)).toThrow(/number of results depends on .* "x".*leave it out/s);
  });
});

/** 1-grams 2 and 3, 2-grams 5 4, 5 6 and 7 8. */
const pool = { pool_int64s: [2, 3, 5, 4, 5, 6, 7, 8], ngram_counts: [0, 2] };
const lengths = { min_gram_length: 1, max_gram_length: 2 };
const inOrder = { ...pool, ...lengths, ngram_indexes: [0, 1, 2, 3, 4] };
const ids = ints(2, 5, 4, 2, 7, 8, 6);

describeCalls('TfIdfVectorizer', [
  ['TfIdfVectorizer', [ids], { ...inOrder, mode: 'TF' }, floats(2, 0, 1, 0, 1)],
  // 5 and 6 stand five apart, 4 others between them
  ['TfIdfVectorizer', [ids], { ...inOrder, max_skip_count: 4 }, floats(2, 0, 1, 1, 1)],
  ['TfIdfVectorizer', [ids], { ...inOrder, max_skip_count: 3 }, floats(2, 0, 1, 0, 1)],
  ['TfIdfVectorizer', [ids], { ...inOrder, min_gram_length: 2 }, floats(0, 0, 1, 0, 1)],
  // a row each, and a result that no n-gram gives
  [
    'TfIdfVectorizer',
    [nd('i64', [2, 3], [5, 4, 2, 2, 3, 2])],
    { ...inOrder, ngram_indexes: [5, 1, 0, 2, 3] },
    f32([2, 6], [1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 2]),
  ],
  ['TfIdfVectorizer', [ints(5)], { ...inOrder, min_gram_length: 2 }, floats(0, 0, 0, 0, 0)],
  [
    'TfIdfVectorizer',
    [ids],
    { ...inOrder, mode: 'IDF', weights: { floats: [2, 3, 5, 7, 11] } },
    floats(2, 0, 5, 0, 11),
  ],
  [
    'TfIdfVectorizer',
    [ids],
    { ...inOrder, mode: 'TFIDF', weights: { floats: [2, 3, 5, 7, 11] } },
    floats(4, 0, 5, 0, 11),
  ],
]);

describeRefusals([
  [/are strings/, ['TfIdfVectorizer', [ids], { ...lengths, ngram_indexes: [0] }, floats(0)]],
  [
    /counted as one/,
    ['TfIdfVectorizer', [ids], { ...inOrder, ngram_indexes: [0, 0, 1, 2, 3] }, floats(0)],
  ],
  [
    /skips up to 1000 ids/,
    ['TfIdfVectorizer', [ids], { ...inOrder, max_skip_count: 1000 }, floats(0)],
  ],
]);

it('TfIdfVectorizer counts in rows of any length', () =>
  expectCall(['TfIdfVectorizer', [ids], inOrder, floats(2, 0, 1, 0, 1)], {
    symbols: { x0: ['n'] },
  }));
