/**
 * The parts that encoders are declared from, on every backend, against what PyTorch and transformers
 * compute with the same weights (`test/oracles/catalogue.py`).
 */
import { describe, expect, it } from 'vitest';
import type { Builder } from '../../src/ir/builder.ts';
import { bool, dims, f32, i32 } from '../../src/ir/types.ts';
import {
  additiveScores,
  attend,
  attentionPool,
  bucketBias,
  cbow,
  concatTanhScores,
  cosines,
  dotScores,
  encoderBlock,
  encoderDecoder,
  feedForward,
  generalScores,
  maskedLmHead,
  maskOfKeys,
  mixtureOfExperts,
  multiHeadAttention,
  rotaryPositions,
  scaledDotProductAttention,
  scaledDotScores,
  skipGram,
  slopeBias,
  whisperEncoder,
  windowBias,
} from '../../src/models/index.ts';
import { expectOracle, readOracle } from '../support/oracle.ts';

const { batch, seq, source, target } = dims('batch', 'seq', 'source', 'target');

describe('attention', () => {
  it('scores: scaled dot, dot, general, additive, concat and tanh', async () => {
    const oracle = await readOracle('scores');
    await expectOracle(oracle, (g) => {
      const query = g.input('query', f32(batch, target, 8));
      const key = g.input('key', f32(batch, source, 8));
      const value = g.input('value', f32(batch, source, 6));
      const mask = maskOfKeys(g, g.input('mask', bool(batch, source)));
      const units = { units: 7 };
      const additive = additiveScores(g.scope('additive'), query, key, units);
      const concatTanh = concatTanhScores(g.scope('concat_tanh'), query, key, units);
      return {
        scaled_dot: attend(g, scaledDotScores(g, query, key), value, { mask }),
        dot: attend(g, dotScores(g, query, key), value, { mask }),
        general: attend(g, generalScores(g.scope('general'), query, key), value, { mask }),
        additive: attend(g, additive, value, { mask }),
        concat_tanh: attend(g, concatTanh, value, { mask }),
      };
    });
  });

  it('visibility: all, padding, causal, window, and all of them together', async () => {
    const oracle = await readOracle('visibility');
    const options = {
      none: {},
      causal: { causal: true },
      window: { window: 2 },
      both: { causal: true, window: 2 },
    };
    await expectOracle(oracle, (g) => {
      const x = g.input('x', f32(batch, seq, 8));
      const mask = g.input('mask', bool(batch, seq));
      const weights = new SharedWeights(g);
      const outputs = Object.entries(options).flatMap(([name, rules]) => {
        const seen = multiHeadAttention(weights.builder, x, { heads: 2, ...rules });
        const padded = multiHeadAttention(weights.builder, x, { heads: 2, mask, ...rules });
        return [
          [name, seen],
          [name === 'none' ? 'padding' : `${name}_padding`, padded],
        ] as const;
      });
      return Object.fromEntries(outputs);
    });
  });

  it('grouped and single heads of keys', async () => {
    await expectOracle(await readOracle('grouped'), (g) => {
      const query = g.input('query', f32(batch, 6, seq, 4));
      const key = g.input('key', f32(batch, 2, seq, 4));
      const value = g.input('value', f32(batch, 2, seq, 4));
      const first = { starts: [0, 0, 0, 0], ends: [batch, 1, seq, 4] } as const;
      const [oneKey, oneValue] = [g.slice(key, first), g.slice(value, first)];
      return {
        grouped: scaledDotProductAttention(g, query, key, value),
        single: scaledDotProductAttention(g, query, oneKey, oneValue),
      };
    });
  });

  it('experts: all of them, the best two, and attention pooling', async () => {
    await expectOracle(await readOracle('experts'), (g) => {
      const x = g.input('x', f32(batch, seq, 8));
      const mask = g.input('mask', bool(batch, seq));
      const { builder } = new SharedWeights(g);
      const expert = (scope: Builder, y: typeof x) =>
        multiHeadAttention(scope, y, { heads: 2, mask });
      const options = { experts: 4, expert: (scope: Builder) => expert(scope, x) };
      return {
        all: mixtureOfExperts(builder, x, options),
        top: mixtureOfExperts(builder, x, { ...options, top: 2 }),
        pooled: attentionPool(g.scope('pool'), x, mask),
      };
    });
  });
});

describe('positions', () => {
  it('biases: the buckets of T5, the slopes of ALiBi, the window of Swin', async () => {
    const oracle = await readOracle('biases');
    await expectOracle(oracle, (g) => {
      const sizes = { queries: 20, keys: 20, heads: 4 } as const;
      const near = { buckets: 8, maxDistance: 16 };
      const onesided = { bidirectional: false };
      return {
        t5: bucketBias(g.scope('t5'), sizes),
        t5_decoder: bucketBias(g.scope('t5_decoder'), { ...sizes, ...onesided }),
        t5_near: bucketBias(g.scope('t5_near'), { ...sizes, ...near }),
        t5_near_decoder: bucketBias(g.scope('t5_near_decoder'), { ...sizes, ...near, ...onesided }),
        alibi_4: slopeBias(g, sizes),
        alibi_6: slopeBias(g, { ...sizes, heads: 6 }),
        swin: windowBias(g.scope('swin'), { rows: 2, columns: 3, heads: 4 }),
      };
    });
  });

  it("buckets: T5's own at every distance to 300", async () => {
    const { outputs } = await readOracle('biases');
    const numbers = Float32Array.from({ length: 32 }, (_, bucket) => bucket);
    const weights = new Map([['weight', { dtype: 'f32', shape: [32, 1], data: numbers }]] as const);
    const want = outputs.get('buckets')?.data ?? [];
    const row = { dtype: 'f32' as const, shape: [1, 301, 301] };
    const data = Float32Array.from({ length: 301 * 301 }, (_, k) =>
      Number(want[(k % 301) - Math.floor(k / 301) + 300]),
    );
    const oracle = { inputs: new Map(), weights, outputs: new Map([['y', { ...row, data }]]) };
    const worst = await expectOracle(oracle, (g) => ({
      y: bucketBias(g, { queries: 301, keys: 301, heads: 1 }),
    }));
    expect(worst).toBe(0);
  });

  it('rotary: halves, a part of the features, and interleaved pairs', async () => {
    await expectOracle(await readOracle('rotary'), (g) => {
      const x = g.input('x', f32(batch, 3, seq, 8));
      return {
        halves: rotaryPositions(g, x),
        partial: rotaryPositions(g, x, { features: 4 }),
        interleaved: rotaryPositions(g, x, { pairs: 'interleaved' }),
      };
    });
  });
});

describe('blocks', () => {
  it.each(['post', 'pre'] as const)(
    'the %s-norm encoder and decoder of nn.Transformer',
    async (norm) => {
      await expectOracle(await readOracle(`transformer_${norm}`), (g) => {
        const from = g.input('source', f32(batch, source, 16));
        const to = g.input('target', f32(batch, target, 16));
        const sourceMask = g.input('mask', bool(batch, source));
        const { builder } = new SharedWeights(g);
        const block = { heads: 2, hidden: 24, norm, activation: 'relu' } as const;
        let memory = from;
        for (const i of [0, 1]) {
          memory = encoderBlock(builder.scope(`encoder.${i}`), memory, {
            ...block,
            mask: sourceMask,
          });
        }
        return {
          memory,
          states: encoderDecoder(builder, from, to, { layers: 2, ...block, sourceMask }),
        };
      });
    },
  );

  it('feed-forward networks, plain and gated', async () => {
    await expectOracle(await readOracle('feed_forward'), (g) => {
      const x = g.input('x', f32(batch, seq, 8));
      const outputs = (['relu', 'gelu', 'gelu_tanh', 'silu'] as const).flatMap((activation) =>
        [false, true].map((gated) => {
          const name = gated ? `${activation}_gated` : activation;
          return [name, feedForward(g.scope(name), x, { hidden: 12, activation, gated })] as const;
        }),
      );
      return Object.fromEntries(outputs);
    });
  });
});

describe('word2vec', () => {
  it('CBOW, skip-gram and cosines', async () => {
    await expectOracle(await readOracle('word2vec'), (g) => {
      const context = g.input('context', i32(batch, seq));
      const mask = g.input('mask', bool(batch, seq));
      const { builder } = new SharedWeights(g);
      const options = { vocab: 12, width: 6 };
      const table = builder.weight('word', f32(12, 6));
      const first = g.slice(context, { starts: [0, 0], ends: [batch, 1] });
      const words = g.gather(table, g.reshape(first, { shape: [batch] }));
      return {
        cbow: cbow(builder, context, mask, options),
        skip_gram: skipGram(builder, context, options),
        cosines: cosines(g, words, table),
      };
    });
  });
});

describe('heads and whole encoders', () => {
  it('scores of the words behind masks, with the table of BERT', async () => {
    await expectOracle(await readOracle('masked_lm'), (g) => {
      const x = g.input('x', f32(batch, seq, 8));
      return { scores: maskedLmHead(g, x, { table: g.input('table', f32(13, 8)), eps: 1e-5 }) };
    });
  });

  it('the encoder of Whisper', async () => {
    await expectOracle(await readOracle('whisper'), (g) => ({
      states: whisperEncoder(g, g.input('mel', f32(batch, 5, 'frames')), {
        ...{ width: 16, layers: 2, heads: 4, hidden: 24 },
      }),
    }));
  });
});

/** Weights by name, so that parts of one graph may share them. */
class SharedWeights {
  readonly builder: Builder;
  private readonly found = new Map<string, unknown>();

  constructor(g: Builder) {
    this.builder = this.within(g, '');
  }

  private within(g: Builder, prefix: string): Builder {
    const weight = (
      name: string,
      ...rest: Parameters<Builder['weight']> extends [string, ...infer R] ? R : never
    ) => {
      const key = prefix + name;
      const known = this.found.get(key) ?? g.weight(name, ...rest);
      this.found.set(key, known);
      return known;
    };
    const scope = (inner: string) => this.within(g.scope(inner), `${prefix}${inner}.`);
    return { ...g, weight, scope } as Builder;
  }
}
