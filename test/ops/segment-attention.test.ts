import { describe, expect, it, test } from 'vitest';
import type { NdArray } from '../../src/ir/nd-array.ts';
import { bool, f32 as f32Type, i32 } from '../../src/ir/types.ts';
import { f32, infer, nd, run, some } from '../support/op-runs.ts';

const HEADS = 2;
const LENGTHS = [2, 0, 3, 1];
const ROWS = 6;
const query = some([HEADS, ROWS, 3], 1);
const key = some([1, ROWS, 3], 2);
const value = some([1, ROWS, 2], 3);
const segments = nd('i32', [ROWS], [0, 0, 2, 2, 2, 3]);
const offsets = nd('i32', [LENGTHS.length + 1], [0, 2, 2, 5, 6]);
const mask = nd('bool', [ROWS], [1, 1, 0, 1, 1, 0]);

/** Rows of the second axis. */
function rowsOf({ dtype, shape, data }: NdArray, from: number, to: number): NdArray {
  const [heads = 1, rows = 1, width = 1] = shape;
  const parts = Array.from({ length: heads }, (_, h) => [
    ...data.slice((h * rows + from) * width, (h * rows + to) * width),
  ]);
  return nd(dtype, [heads, to - from, width], parts.flat());
}

describe.each([
  ['keys that are all seen', null],
  ['keys that the mask hides, all of a segment among them', mask],
])('%s', (_, visible) => {
  it.each([false, true])('each segment attends to itself, causal: %s', (causal) => {
    const attributes = { scale: 0.7, causal };
    const operands = [query, key, value, segments, offsets, visible];
    const [y] = run('segment_attention', operands, attributes);
    expect(y?.shape).toEqual([HEADS, ROWS, 2]);
    let from = 0;
    for (const length of LENGTHS) {
      const to = from + length;
      const own = [query, key, value].map((x) => rowsOf(x, from, to));
      const seen = visible && nd('bool', [1, 1, length], [...visible.data.slice(from, to)]);
      const [alone] = run('attention', [...own, seen, null], attributes);
      expect(y && rowsOf(y, from, to)).toEqual(alone);
      from = to;
    }
  });
});

describe('constraints', () => {
  const q = f32Type(2, 't', 3);
  const [ids, places] = [i32('t'), i32('s+1')];
  test.each([
    ['c1', [q, f32Type(2, 'u', 3), q, ids, places]],
    ['c1', [f32Type(1, 2, 't', 3), q, q, ids, places]],
    ['c2', [q, f32Type(2, 't', 4), q, ids, places]],
    ['c3', [q, f32Type(3, 't', 3), f32Type(3, 't', 3), ids, places]],
    ['c3', [q, q, f32Type(1, 't', 3), ids, places]],
    ['c4', [q, q, q, f32Type('t'), places]],
    ['c4', [q, q, q, ids, i32('s+1', 1)]],
    ['c5', [q, q, q, ids, places, bool(1, 't')]],
    ['c6', [q, q, { dtype: 'f16', shape: q.shape } as const, ids, places]],
  ])('segment_attention_%s', (label, operands) => {
    const all = operands.length < 6 ? [...operands, null] : operands;
    expect(() => infer('segment_attention', all, { scale: 1 })).toThrow(
      `segment_attention_${label}: `,
    );
  });
});

test('no rows at all', () => {
  const none = f32([HEADS, 0, 3], []);
  const empty = nd('i32', [0], []);
  const [y] = run('segment_attention', [none, none, none, empty, nd('i32', [3], [0, 0, 0]), null], {
    scale: 1,
  });
  expect(y).toEqual(none);
});
