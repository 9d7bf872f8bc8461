/** Sizes that nobody gave must be such as the model takes, and given ones must stay. */
import { describe, expect, it } from 'vitest';
import { checkSizes, typicalSizes } from '../../src/check/default-sizes.ts';
import { buildGraph } from '../../src/ir/builder.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { dims, f32 } from '../../src/ir/types.ts';
import { learnedPositions } from '../../src/models/index.ts';

const { batch, seq } = dims('batch', 'seq');

/** Takes sequences of at most `rows` tokens. */
function withPositions(rows: number): Graph {
  return buildGraph('positions', (g) => {
    const x = g.input('x', f32(batch, seq, 8));
    return { y: g.add(x, learnedPositions(g, { seq, width: 8, rows })) };
  });
}

const longOnly = buildGraph('long', (g) => {
  const x = g.input('x', f32(seq, 8));
  return { y: g.slice(x, { starts: [0, 0], ends: [24, 8] }) };
});

describe('sizes of a check', () => {
  it('are small and uneven where the model takes any', () => {
    expect(checkSizes(withPositions(512), {})).toEqual([
      { batch: 2, seq: 7 },
      { batch: 3, seq: 19 },
    ]);
  });

  it('are at most what a table of positions holds', () => {
    const [, large] = checkSizes(withPositions(8), {});
    expect(large).toEqual({ batch: 3, seq: 8 });
    expect(checkSizes(withPositions(1), {}).map((sizes) => sizes.seq)).toEqual([1, 1]);
  });

  it('are at least what a slice takes', () => {
    expect(checkSizes(longOnly, {})).toEqual([{ seq: 24 }, { seq: 24 }]);
  });

  it('stay where they are given, even such as the model does not take', () => {
    expect(checkSizes(withPositions(8), { seq: 9, batch: 1 })).toEqual([{ batch: 1, seq: 9 }]);
  });
});

describe('typical sizes', () => {
  it('are one sample and 128 tokens, or as many as the model takes', () => {
    expect(typicalSizes(withPositions(512), {})).toEqual({ batch: 1, seq: 128 });
    expect(typicalSizes(withPositions(64), {})).toEqual({ batch: 1, seq: 64 });
    expect(typicalSizes(withPositions(64), { batch: 5 })).toEqual({ batch: 5, seq: 64 });
  });
});
