/** Multi-head attention in all its uses, against its formula written out in float64. */
import { describe, expect, it } from 'vitest';
import { valueOf } from '../../src/ir/graph.ts';
import { bool, dims, f32, printType } from '../../src/ir/types.ts';
import { multiHeadAttention, scaledDotProductAttention } from '../../src/models/index.ts';
import { bools, expectClose, interpretModel, matrixOf } from '../support/interpret-model.ts';
import { seededArray } from '../support/seeded-numbers.ts';
import {
  type AttentionShape,
  multiHeadAttention as reference,
} from '../support/transformer-reference.ts';

const { batch, seq, memory } = dims('batch', 'seq', 'memory');

describe('self-attention', () => {
  const x = seededArray(100, [2, 5, 8]);

  it('has the weights of its paper, under readable names', () => {
    const { weightNames, graph } = interpretModel({ x }, (g) => ({
      y: multiHeadAttention(g.scope('attention'), g.input('x', f32(batch, seq, 8)), { heads: 2 }),
    }));
    expect(weightNames).toEqual([
      'attention.query.weight [8, 8]',
      'attention.query.bias [8]',
      'attention.key.weight [8, 8]',
      'attention.key.bias [8]',
      'attention.value.weight [8, 8]',
      'attention.value.bias [8]',
      'attention.output.weight [8, 8]',
      'attention.output.bias [8]',
    ]);
    const output = graph.outputs[0];
    expect(output && printType(valueOf(graph, output.value))).toBe('f32[batch, seq, 8]');
    const names = [...graph.values.values()].map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining(
        ['query', 'key', 'value', 'scores', 'probs', 'context'].map((name) => `attention.${name}`),
      ),
    );
  });

  it.each([1, 2, 4, 8])('agrees with the formula for %i heads', (heads) => {
    const { outputs, weights } = interpretModel({ x }, (g) => ({
      y: multiHeadAttention(g, g.input('x', f32(batch, seq, 8)), { heads: heads as number }),
    }));
    expectBatch(outputs.get('y'), (b) =>
      reference(weights, '', matrixOf(x, b), { heads, sees: () => true }),
    );
  });

  it('gives a masked key no weight, and a query that sees no key the bias', () => {
    const mask = bools([
      [true, true, true, false, false],
      [false, false, false, false, false],
    ]);
    const { outputs, weights } = interpretModel({ x, mask }, (g) => ({
      y: multiHeadAttention(g, g.input('x', f32(batch, seq, 8)), {
        heads: 2,
        mask: g.input('mask', bool(batch, seq)),
      }),
    }));
    const sees: readonly AttentionShape['sees'][] = [(_, j) => j < 3, () => false];
    expectBatch(outputs.get('y'), (b) =>
      reference(weights, '', matrixOf(x, b), { heads: 2, sees: sees[b] ?? (() => true) }),
    );
  });

  it('takes a mask for each query, and for each head', () => {
    const mask: typeof x = {
      dtype: 'bool',
      shape: [2, 5, 5],
      data: Float64Array.from({ length: 50 }, (_, k) => Number((k * 7) % 5 < 3)),
    };
    const sees = (b: number) => (i: number, j: number) => mask.data[b * 25 + i * 5 + j] === 1;
    const { outputs, weights } = interpretModel({ x, mask }, (g) => {
      const input = g.input('x', f32(batch, seq, 8));
      const visible = g.input('mask', bool(batch, seq, seq));
      const heads = g.reshape(visible, { shape: [batch, 1, seq, seq] });
      return {
        queries: multiHeadAttention(g.scope('a'), input, { heads: 2, mask: visible }),
        heads: multiHeadAttention(g.scope('b'), input, { heads: 2, mask: heads }),
      };
    });
    for (const [output, scope] of [
      ['queries', 'a.'],
      ['heads', 'b.'],
    ] as const) {
      expectBatch(outputs.get(output), (b) =>
        reference(weights, scope, matrixOf(x, b), { heads: 2, sees: sees(b) }),
      );
    }
  });

  it('sees no later key when causal, also with padding', () => {
    const mask = bools([
      [true, true, true, true, true],
      [true, true, true, false, false],
    ]);
    const { outputs, weights } = interpretModel({ x, mask }, (g) => {
      const input = g.input('x', f32(batch, seq, 8));
      const visible = g.input('mask', bool(batch, seq));
      return {
        causal: multiHeadAttention(g.scope('a'), input, { heads: 2, causal: true }),
        padded: multiHeadAttention(g.scope('b'), input, { heads: 2, causal: true, mask: visible }),
      };
    });
    expectBatch(outputs.get('causal'), (b) =>
      reference(weights, 'a.', matrixOf(x, b), { heads: 2, sees: (i, j) => j <= i }),
    );
    expectBatch(outputs.get('padded'), (b) =>
      reference(weights, 'b.', matrixOf(x, b), {
        heads: 2,
        sees: (i, j) => j <= i && j < 5 - 2 * b,
      }),
    );
  });

  it.each([1, 2])('shares %i key and value heads among 4 query heads', (keyValueHeads) => {
    const { outputs, weights, weightNames } = interpretModel({ x }, (g) => ({
      y: multiHeadAttention(g, g.input('x', f32(batch, seq, 8)), { heads: 4, keyValueHeads }),
    }));
    expect(weightNames).toContain(`key.weight [8, ${2 * keyValueHeads}]`);
    expectBatch(outputs.get('y'), (b) =>
      reference(weights, '', matrixOf(x, b), {
        heads: 4,
        keyHeads: keyValueHeads,
        sees: () => true,
      }),
    );
  });

  it('can change the width and leave out the bias', () => {
    const { outputs, weightNames } = interpretModel({ x }, (g) => ({
      y: multiHeadAttention(g, g.input('x', f32(batch, seq, 8)), {
        heads: 2,
        width: 3,
        bias: false,
      }),
    }));
    expect(outputs.get('y')?.shape).toEqual([2, 5, 3]);
    expect(weightNames).toEqual([
      'query.weight [8, 8]',
      'key.weight [8, 8]',
      'value.weight [8, 8]',
      'output.weight [8, 3]',
    ]);
  });
});

describe('cross-attention', () => {
  it('takes keys, values and the mask from the memory', () => {
    const x = seededArray(101, [2, 3, 8]);
    const encoded = seededArray(102, [2, 4, 6]);
    const mask = bools([
      [true, true, false, false],
      [false, true, true, true],
    ]);
    const { outputs, weights, weightNames } = interpretModel({ x, encoded, mask }, (g) => ({
      y: multiHeadAttention(g, g.input('x', f32(batch, seq, 8)), {
        heads: 2,
        memory: g.input('encoded', f32(batch, memory, 6)),
        mask: g.input('mask', bool(batch, memory)),
      }),
    }));
    expect(weightNames).toContain('key.weight [6, 8]');
    const sees: readonly AttentionShape['sees'][] = [(_, j) => j < 2, (_, j) => j > 0];
    expectBatch(outputs.get('y'), (b) =>
      reference(
        weights,
        '',
        matrixOf(x, b),
        { heads: 2, sees: sees[b] ?? (() => true) },
        matrixOf(encoded, b),
      ),
    );
  });

  it('lines up the last query with the last key when causal', () => {
    const query = seededArray(103, [1, 2, 2]);
    const key = seededArray(104, [1, 5, 2]);
    const value: typeof key = {
      dtype: 'f32',
      shape: [1, 5, 5],
      data: Float64Array.from({ length: 25 }, (_, k) => Number(k % 6 === 0)),
    };
    const { outputs } = interpretModel({ query, key, value }, (g) => ({
      probs: scaledDotProductAttention(
        g,
        g.input('query', f32(1, seq, 2)),
        g.input('key', f32(1, memory, 2)),
        g.input('value', f32(1, memory, 5)),
        { causal: true },
      ),
    }));
    const probs = outputs.get('probs');
    expect(probs?.data[4]).toBe(0);
    expect(Array.from(probs?.data ?? []).every((p, k) => k === 4 || p > 0)).toBe(true);
  });
});

describe('is refused', () => {
  it.each([
    ['heads that do not divide the width', { heads: 3 }, /multi_head_attention_c1: 3 heads do not/],
    ['no heads', { heads: 0 }, /multi_head_attention_c1: 0 heads/],
    [
      'key heads that do not divide the heads',
      { heads: 4, keyValueHeads: 3 },
      /attention_c3: 4 query heads cannot share the 3/,
    ],
  ] as const)('for %s', (_, options: { readonly heads: number }, message) => {
    const run = () =>
      interpretModel({}, (g) => ({
        y: multiHeadAttention(g, g.input('x', f32(batch, seq, 8)), options),
      }));
    expect(run).toThrow(message);
  });

  it('for a mask that fits neither keys nor queries nor heads', () => {
    const build = (shape: readonly (string | number)[]) => () =>
      interpretModel({}, (g) => ({
        y: multiHeadAttention(g, g.input('x', f32(batch, seq, 8)), {
          heads: 2,
          mask: g.input('mask', bool(...shape)),
        }),
      }));
    expect(build([seq])).toThrow(
      /key_mask: the mask 'mask' is bool\[seq\], where bool\[batch, seq\]/,
    );
    expect(build([batch, memory])).toThrow(/softmax_c3/);
  });
});

type Output = Parameters<typeof matrixOf>[0] | undefined;

function expectBatch(output: Output, expected: (b: number) => ReturnType<typeof matrixOf>): void {
  if (output === undefined) throw new Error('there is no such output');
  for (let b = 0; b < 2; b++) expectClose(matrixOf(output, b), expected(b));
}
