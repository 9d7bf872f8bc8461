/** Encoder blocks and their parts against their formulas in float64. */
import { describe, expect, it } from 'vitest';
import { bool, dims, f32, i32 } from '../../src/ir/types.ts';
import {
  type Activation,
  encoderBlock,
  feedForward,
  layerNorm,
  linear,
  normalize,
  tokenEmbedding,
} from '../../src/models/index.ts';
import { bools, expectClose, interpretModel, matrixOf } from '../support/interpret-model.ts';
import { seededArray } from '../support/seeded-numbers.ts';
import {
  ACTIVATIONS,
  feedForward as feedForwardReference,
  layerNorm as layerNormReference,
  linear as linearReference,
  encoderBlock as reference,
} from '../support/transformer-reference.ts';

const { batch, seq } = dims('batch', 'seq');
const x = seededArray(200, [2, 4, 8]);
const mask = bools([
  [true, true, true, false],
  [true, true, true, true],
]);

describe('encoderBlock', () => {
  it.each(['post', 'pre'] as const)('computes the %s-norm block', (order) => {
    const { outputs, weights } = interpretModel({ x, mask }, (g) => ({
      y: encoderBlock(g.scope('layer.0'), g.input('x', f32(batch, seq, 8)), {
        heads: 2,
        hidden: 12,
        mask: g.input('mask', bool(batch, seq)),
        norm: order,
        eps: 1e-3,
      }),
    }));
    for (let b = 0; b < 2; b++) {
      const expected = reference(weights, 'layer.0.', matrixOf(x, b), {
        heads: 2,
        sees: (_, j) => j < 3 + b,
        norm: order,
        eps: 1e-3,
      });
      const output = outputs.get('y');
      expectClose(output ? matrixOf(output, b) : [], expected);
    }
  });

  it('has 16 weights under readable names', () => {
    const { weightNames } = interpretModel({ x }, (g) => ({
      y: encoderBlock(g.scope('layer.0'), g.input('x', f32(batch, seq, 8)), {
        heads: 2,
        hidden: 12,
      }),
    }));
    expect(weightNames.filter((name) => !name.includes('.bias'))).toEqual([
      'layer.0.attention.query.weight [8, 8]',
      'layer.0.attention.key.weight [8, 8]',
      'layer.0.attention.value.weight [8, 8]',
      'layer.0.attention.output.weight [8, 8]',
      'layer.0.attention.norm.gamma [8]',
      'layer.0.attention.norm.beta [8]',
      'layer.0.ffn.hidden.weight [8, 12]',
      'layer.0.ffn.output.weight [12, 8]',
      'layer.0.ffn.norm.gamma [8]',
      'layer.0.ffn.norm.beta [8]',
    ]);
    expect(weightNames).toHaveLength(16);
  });
});

describe('feedForward', () => {
  it.each(Object.keys(ACTIVATIONS) as Activation[])('with %s', (activation) => {
    const { outputs, weights } = interpretModel({ x }, (g) => ({
      y: feedForward(g.scope('ffn'), g.input('x', f32(batch, seq, 8)), { hidden: 12, activation }),
    }));
    const output = outputs.get('y');
    const expected = feedForwardReference(weights, 'ffn.', matrixOf(x), ACTIVATIONS[activation]);
    expectClose(output ? matrixOf(output) : [], expected);
  });
});

describe('layers', () => {
  it('linear multiplies the row by the weight from the right', () => {
    const { outputs, weights, weightNames } = interpretModel({ x }, (g) => {
      const input = g.input('x', f32(batch, seq, 8));
      return {
        y: linear(g.scope('a'), input, { width: 3 }),
        unbiased: linear(g.scope('b'), input, { width: 3, bias: false }),
      };
    });
    expect(weightNames).toEqual(['a.weight [8, 3]', 'a.bias [3]', 'b.weight [8, 3]']);
    const [y, unbiased] = [outputs.get('y'), outputs.get('unbiased')];
    expectClose(y ? matrixOf(y) : [], linearReference(weights, 'a', matrixOf(x)));
    const plain = linearReference(weights, 'b', matrixOf(x), false);
    expectClose(unbiased ? matrixOf(unbiased) : [], plain);
  });

  it('layerNorm takes eps inside the root, 1e-5 where none is given', () => {
    const { outputs, weights } = interpretModel({ x }, (g) => {
      const input = g.input('x', f32(batch, seq, 8));
      return {
        usual: layerNorm(g.scope('a'), input),
        given: layerNorm(g.scope('b'), input, { eps: 2 }),
      };
    });
    const [usual, given] = [outputs.get('usual'), outputs.get('given')];
    expectClose(usual ? matrixOf(usual) : [], layerNormReference(weights, 'a', matrixOf(x), 1e-5));
    expectClose(given ? matrixOf(given) : [], layerNormReference(weights, 'b', matrixOf(x), 2));
  });

  it('normalize gives unit norm, and 0 for 0', () => {
    const vectors: typeof x = {
      dtype: 'f32',
      shape: [3, 2],
      data: Float64Array.of(3, -4, 0, 0, 3e-4, 4e-4),
    };
    const { outputs } = interpretModel({ vectors }, (g) => {
      const input = g.input('vectors', f32(batch, 2));
      return { unit: normalize(g, input), bounded: normalize(g, input, { eps: 1e-3 }) };
    });
    const [unit, bounded] = [outputs.get('unit'), outputs.get('bounded')];
    expectClose(unit ? matrixOf(unit) : [], [
      [0.6, -0.8],
      [0, 0],
      [0.6, 0.8],
    ]);
    expectClose(bounded ? matrixOf(bounded) : [], [
      [0.6, -0.8],
      [0, 0],
      [0.3, 0.4],
    ]);
  });

  it('tokenEmbedding takes rows of its table', () => {
    const ids: typeof x = { dtype: 'i32', shape: [1, 3], data: Float64Array.of(4, 0, 4) };
    const { outputs, weights, weightNames } = interpretModel({ ids }, (g) => ({
      y: tokenEmbedding(g.scope('embeddings'), g.input('ids', i32(batch, seq)), {
        vocab: 5,
        width: 2,
      }),
    }));
    expect(weightNames).toEqual(['embeddings.word [5, 2]']);
    const table = weights('embeddings.word');
    const y = outputs.get('y');
    expectClose(
      y ? matrixOf(y) : [],
      [4, 0, 4].map((id) => table[id] ?? []),
    );
  });
});
