/** Where the rows of a padded batch stand, for remove-padding: joined or apart, and packed. */
import { describe, expect, it } from 'vitest';
import { packedAxis, packedShape, reshapedRows } from '../../src/passes/padding/rows.ts';

const sizes = { batch: 'batch', seq: 'seq' };
const apart = { batch: 2, seq: 3 };
const joined = { batch: 1, seq: 1 };

describe('packed', () => {
  it('rows take the place of their batch, and nothing in front of it moves', () => {
    expect([0, 1, 3, 4].map((axis) => packedAxis(axis, apart))).toEqual([0, 1, 2, 3]);
    expect(packedShape([2, 5, 'batch', 'seq', 4], apart, 'tokens')).toEqual([2, 5, 'tokens', 4]);
  });

  it('joined rows stay on their axis', () => {
    expect([0, 1, 2].map((axis) => packedAxis(axis, joined))).toEqual([0, 1, 2]);
    expect(packedShape([3, 'batch*seq', 4], joined, 'tokens')).toEqual([3, 'tokens', 4]);
  });
});

describe('behind a reshape', () => {
  const leading = { batch: 0, seq: 1 };

  it('rows are joined, or come apart again', () => {
    const one = { batch: 0, seq: 0 };
    expect(reshapedRows(['batch', 'seq', 8], ['batch*seq', 8], leading, sizes)).toEqual(one);
    expect(reshapedRows(['batch*seq', 8], ['batch', 'seq', 2, 4], one, sizes)).toEqual(leading);
    expect(reshapedRows(['batch', 'seq', 8], ['batch', 'seq', 2, 4], leading, sizes)).toEqual(
      leading,
    );
  });

  it('tokens stand behind the same elements, or are none', () => {
    const from = ['batch', 2, 'seq', 'seq'];
    const queries = { batch: 0, seq: 2 };
    expect(reshapedRows(from, ['batch', 'seq', 2, 'seq'], queries, sizes)).toBeNull();
    expect(reshapedRows(from, ['batch', 1, 2, 'seq', 'seq'], queries, sizes)).toEqual({
      batch: 0,
      seq: 3,
    });
  });
});
