/** fuse-attention: softmax(scale * query key^T + bias, over the visible keys) value -> attention */
import { describe, expect, test } from 'vitest';
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import type { Value } from '../../src/ir/graph.ts';
import { bool, dims, f32 } from '../../src/ir/types.ts';
import { fuseAttention } from '../../src/passes/fuse-attention.ts';
import { simplify } from '../../src/passes/simplify.ts';
import {
  attentionGraph,
  attentionOf,
  type Parts,
  product,
  turned,
  type V,
} from '../support/attention-graph.ts';
import { opsOf, refusals, run, runSafely } from '../support/run-pass.ts';

const { batch, seq, keys } = dims('batch', 'seq', 'keys');

describe('matches', () => {
  test('softmax(query key^T) value', () => {
    const { graph, ops } = runSafely(
      attentionGraph((p) => p.g.matmul(p.g.softmax(product(p)), p.value)),
      fuseAttention,
    );
    expect(ops).toEqual(['attention']);
    expect(attentionOf(graph)).toEqual({
      scale: 1,
      causal: false,
      window: null,
      operands: ['query', 'key', 'value', null, null],
    });
  });

  const scaled: { readonly [how: string]: (p: Parts) => V } = {
    'behind the product, by mul': (p) => p.g.mul(product(p), 0.5),
    'behind the product, by div': (p) => p.g.div(product(p), 2),
    'before the product, on the query': ({ g, query, key }) =>
      g.matmul(g.mul(query, 0.5), turned(g, key)),
    'before the product, on the key': ({ g, query, key }) =>
      g.matmul(query, turned(g, g.div(key, 2))),
    'behind the transpose of the key': ({ g, query, key }) =>
      g.matmul(query, g.mul(turned(g, key), 0.5)),
    'halved and halved and doubled': ({ g, query, key }) =>
      g.mul(g.matmul(g.mul(query, 0.5), g.mul(turned(g, key), 0.5)), 2),
  };
  for (const [how, scores] of Object.entries(scaled)) {
    test(`scale ${how}`, () => {
      const { graph, ops } = runSafely(
        attentionGraph((p) => p.g.matmul(p.g.softmax(scores(p)), p.value)),
        fuseAttention,
      );
      expect(ops).toEqual(['attention']);
      expect(attentionOf(graph)).toMatchObject({ scale: 0.5 });
    });
  }

  const multiplied: {
    readonly [how: string]: readonly [(p: Parts) => V, readonly (string | null)[]];
  } = {
    'a factor a head goes to the query': [
      (p) => p.g.mul(product(p), p.g.input('c', f32(2, 1, 1))),
      ['query.mul', 'key', 'value', null, null],
    ],
    'a factor a query goes to the query': [
      (p) => p.g.mul(p.g.input('c', f32(batch, 1, seq, 1)), product(p)),
      ['query.mul', 'key', 'value', null, null],
    ],
    'a factor a key goes to the key': [
      (p) => p.g.mul(product(p), p.g.input('c', f32(batch, 1, 1, seq))),
      ['query', 'key.mul', 'value', null, null],
    ],
    'a factor of a row of keys goes to the key': [
      (p) => p.g.mul(product(p), p.g.input('c', f32(seq))),
      ['query', 'key.mul', 'value', null, null],
    ],
    'scores divided by a temperature a head, before a bias': [
      (p) => {
        const warm = p.g.div(product(p), p.g.exp(p.g.input('c', f32(1, 2, 1, 1))));
        return p.g.add(warm, p.g.input('bias', f32(2, seq, seq)));
      },
      ['query.div', 'key', 'value', null, 'bias'],
    ],
    'two factors beside a scale': [
      (p) => {
        const once = p.g.mul(p.g.mul(product(p), p.g.input('c', f32(2, 1, 1))), 0.5);
        return p.g.mul(once, p.g.input('d', f32(2, 1, seq)));
      },
      ['query.mul', 'key.mul', 'value', null, null],
    ],
  };
  for (const [how, [scores, operands]] of Object.entries(multiplied)) {
    test(how, () => {
      const { graph } = runSafely(
        attentionGraph((p) => p.g.matmul(p.g.softmax(scores(p)), p.value)),
        fuseAttention,
      );
      expect(attentionOf(graph)).toMatchObject({ operands });
      expect(opsOf(graph)).not.toContain('softmax');
    });
  }

  test('a factor a head where the heads are joined with the batch', () => {
    const graph = buildGraph('windows', (g) => {
      const [query, key] = ['query', 'key'].map((name) => g.input(name, f32(6, seq, 4)));
      if (!query || !key) throw new Error('no inputs');
      const turnedKey = g.transpose(key, { permutation: [0, 2, 1] });
      const products: V = g.reshape(g.matmul(query, turnedKey), { shape: [3, 2, seq, seq] });
      const warm: V = g.mul(products, g.input('c', f32(3, 2, 1, 1)));
      const probs = g.softmax(g.reshape(warm, { shape: [6, seq, seq] }));
      return { context: g.matmul(probs, key) };
    });
    const { graph: after } = runSafely(graph, fuseAttention, simplify);
    expect(attentionOf(after)).toMatchObject({ operands: ['query.mul', 'key', 'key', null, null] });
  });

  /** Scores of an image of 2 x 3 places, split for terms that are added. */
  const ofImage = (
    build: (g: Builder, split: V, term: (name: string, h: 1 | 2, w: 1 | 3) => V) => V,
  ) =>
    buildGraph('image', (g) => {
      const [query, key] = ['query', 'key'].map((name) => g.input(name, f32(batch, 6, 4)));
      if (!query || !key) throw new Error('no inputs');
      const products = g.matmul(query, g.transpose(key, { permutation: [0, 2, 1] }));
      const split: V = g.reshape(products, { shape: [batch, 2, 3, 2, 3] });
      const term = (name: string, h: 1 | 2, w: 1 | 3): V => g.input(name, f32(batch, 2, 3, h, w));
      const all = g.named('all', build(g, split, term));
      const scores: V = g.reshape(all, { shape: [batch, 6, 6] });
      return { context: g.matmul(g.softmax(scores), key) };
    });

  test('positions of rows and columns, added to scores that are split for them', () => {
    const graph = ofImage((g, split, term) =>
      g.add(g.add(split, term('rows', 2, 1)), term('columns', 1, 3)),
    );
    const { graph: after, ops } = runSafely(graph, fuseAttention);
    expect(ops).toEqual(['add', 'reshape', 'attention']);
    expect(attentionOf(after).operands.at(-1)).toBe('add_1.reshape');
  });

  test('positions of rows alone, added to scores that are split for them', () => {
    const graph = ofImage((g, split, term) => g.add(term('rows', 2, 1), split));
    expect(runSafely(graph, fuseAttention).ops).toEqual(['broadcast', 'reshape', 'attention']);
  });

  const nearSplits: readonly (readonly [string, (g: Builder, split: V, rows: V) => V, RegExp])[] = [
    ['a product', (g, split, rows) => g.mul(split, rows), /is made by reshape in a way/],
    [
      'a term below a factor',
      (g, split, rows) => g.mul(g.add(split, rows), g.input('c', f32(batch, 1, 1, 1, 1))),
      /is made by reshape in a way/,
    ],
    [
      'scores of another order',
      (g, split, rows) => g.add(g.transpose(split, { permutation: [0, 3, 4, 1, 2] }), rows),
      /is made by reshape in a way/,
    ],
  ];
  for (const [difference, build, reason] of nearSplits) {
    test(`near split scores: ${difference}`, () => {
      const graph = ofImage((g, split, term) => build(g, split, term('rows', 2, 1)));
      const result = runSafely(graph, fuseAttention);
      expect(result.ops).not.toContain('attention');
      expect(refusals(result).join('\n')).toMatch(reason);
    });
  }

  test('the key that a permutation has turned already', () => {
    const graph = buildGraph('split', (g) => {
      const states = g.input('states', f32(batch, seq, 2, 4));
      const query = g.transpose(states, { permutation: [0, 2, 1, 3] });
      const key = g.transpose(states, { permutation: [0, 2, 3, 1] });
      return { context: g.matmul(g.softmax(g.matmul(query, key)), query) };
    });
    const { ops } = runSafely(graph, fuseAttention);
    expect(ops).toEqual(['transpose', 'transpose', 'attention']);
  });

  test('a second factor that is no transpose gets one', () => {
    const graph = buildGraph('plain', (g) => {
      const query = g.input('query', f32(batch, 2, seq, 4));
      const key = g.input('key', f32(batch, 2, 4, keys));
      const value = g.input('value', f32(batch, 2, keys, 4));
      return { context: g.matmul(g.softmax(g.matmul(query, key)), value) };
    });
    expect(runSafely(graph, fuseAttention).ops).toEqual(['transpose', 'attention']);
  });

  test('heads joined with the batch, as bmm has them', () => {
    const graph = buildGraph('joined', (g) => {
      const [query, key, value] = ['query', 'key', 'value'].map((name): V => {
        const states = g.input(name, f32(batch, 2, seq, 4));
        return g.reshape(states, { shape: ['2*batch', seq, 4] });
      });
      const mask = g.input('mask', bool(batch, 1, 1, seq));
      if (!query || !key || !value) throw new Error('no inputs');
      const products = g.matmul(query, g.transpose(key, { permutation: [0, 2, 1] }));
      const apart = g.reshape(products, { shape: [batch, 2, seq, seq] });
      const hidden = g.select(mask, apart, -1e9);
      const probs = g.softmax(g.reshape(hidden, { shape: ['2*batch', seq, seq] }));
      return { context: g.matmul(probs, value) };
    });
    const { graph: after } = runSafely(graph, fuseAttention, simplify);
    expect(opsOf(after)).toEqual(['attention', 'reshape']);
    expect(attentionOf(after)).toMatchObject({ operands: ['query', 'key', 'value', 'mask', null] });
  });

  test('a matrix without heads', () => {
    const graph = buildGraph('matrix', (g) => {
      const query = g.input('query', f32(seq, 4));
      const key = g.input('key', f32(keys, 4));
      const mask = g.input('mask', bool(seq, keys));
      const products = g.matmul(query, g.transpose(key, { permutation: [1, 0] }));
      return { context: g.matmul(g.softmax(products, mask), key) };
    });
    const { ops } = runSafely(graph, fuseAttention);
    expect(ops).toEqual(['reshape', 'reshape', 'reshape', 'attention', 'reshape']);
  });

  test('values of another width, keys of another length', () => {
    const graph = buildGraph('cross', (g) => {
      const query = g.input('query', f32(batch, 2, seq, 4));
      const key = g.input('key', f32(batch, 2, keys, 4));
      const value = g.input('value', f32(batch, 2, keys, 6));
      return { context: g.matmul(g.softmax(g.matmul(query, turned(g, key))), value) };
    });
    expect(runSafely(graph, fuseAttention).ops).toEqual(['attention']);
  });
});

describe('grouped heads', () => {
  const repeated = (g: Builder, x: V, isTurned = false): V => {
    const [from, to] = isTurned ? [4, seq] : [seq, 4];
    const apart: V = g.reshape(x, { shape: [batch, 2, 1, from, to] });
    const all: V = g.broadcast(apart, { shape: [batch, 2, 3, from, to] });
    return g.reshape(all, { shape: [batch, 6, from, to] });
  };
  const grouped = (build: (g: Builder, query: V, key: V) => V) =>
    buildGraph('grouped', (g) => {
      const query = g.input('query', f32(batch, 6, seq, 4));
      return { context: build(g, query, g.input('key', f32(batch, 2, seq, 4))) };
    });

  test('keys and values that are repeated for each query head are given once', () => {
    const graph = grouped((g, query, key) => {
      const all = repeated(g, key);
      return g.matmul(g.softmax(g.matmul(query, turned(g, all))), all);
    });
    const { graph: after, ops } = runSafely(graph, fuseAttention);
    expect(ops).toEqual(['attention']);
    expect(attentionOf(after)).toMatchObject({ operands: ['query', 'key', 'key', null, null] });
  });

  test('keys that are repeated after the transpose are repeated still', () => {
    const graph = grouped((g, query, key) => {
      const scores = g.matmul(query, repeated(g, turned(g, key), true));
      return g.matmul(g.softmax(scores), repeated(g, key));
    });
    expect(runSafely(graph, fuseAttention).ops).toContain('attention');
  });

  test('one key head for all, by broadcasting', () => {
    const graph = buildGraph('multi-query', (g) => {
      const query = g.input('query', f32(batch, 6, seq, 4));
      const key = g.input('key', f32(batch, 1, seq, 4));
      return { context: g.matmul(g.softmax(g.matmul(query, turned(g, key))), key) };
    });
    const { ops } = runSafely(graph, fuseAttention);
    expect(ops).toEqual(['attention']);
  });
});

describe('refuses', () => {
  const near: {
    readonly [difference: string]: readonly [(p: Parts) => ReturnType<typeof of>, RegExp];
  } = {
    'the wrong axis': [
      (p) => of(p, p.g.softmax(product(p), { axis: 1 })),
      /the softmax axis is 1, not the key axis \(3\)/,
    ],
    'a second use of the probabilities': [
      (p) => {
        const probs = p.g.named('probs', p.g.softmax(product(p)));
        return { ...of(p, probs), probe: p.g.named('probe', p.g.exp(probs)) };
      },
      /%probs has a second use: %probe/,
    ],
    'probabilities that are an output': [
      (p) => {
        const probs = p.g.named('probs', p.g.softmax(product(p)));
        return { ...of(p, probs), weights: probs };
      },
      /%probs is the output 'weights'/,
    ],
    'a second use of the scores': [
      (p) => {
        const scores = p.g.named('scores', p.g.mul(product(p), 0.5));
        return { ...of(p, p.g.softmax(scores)), probe: p.g.named('probe', p.g.exp(scores)) };
      },
      /%scores has a second use: %probe/,
    ],
    'probabilities that are transposed': [
      (p) => of(p, p.g.named('turned', turned(p.g, p.g.softmax(product(p))))),
      /%softmax goes into transpose \(%turned\), not into a matmul with the value/,
    ],
    'probabilities behind the value': [
      (p) => ({
        context: p.g.named('context', p.g.matmul(turned(p.g, p.value), p.g.softmax(product(p)))),
      }),
      /%softmax is the second factor of %context, not the first/,
    ],
    'scores of a reduction (additive attention)': [
      (p) => {
        const units: V = p.g.add(
          p.g.reshape(p.query, { shape: [batch, 2, seq, 1, 4] }),
          p.g.reshape(p.key, { shape: [batch, 2, 1, seq, 4] }),
        );
        const scores = p.g.reduce_sum(p.g.tanh(units), { axes: [-1] });
        return of(p, p.g.softmax(p.g.named('scores', scores)));
      },
      /%scores is made by reduce_sum, not by a matmul of query and key/,
    ],
    'a factor that varies with both query and key': [
      (p) => {
        const c = p.g.input('c', f32(2, seq, seq));
        return of(p, p.g.softmax(p.g.named('gated', p.g.mul(product(p), c))));
      },
      /%gated is made by mul in a way that attention has no place for/,
    ],
    'a number divided by scores': [
      (p) =>
        of(p, p.g.softmax(p.g.named('inverse', p.g.div(p.g.input('c', f32(2, 1, 1)), product(p))))),
      /%inverse is made by div in a way that attention has no place for/,
    ],
    'a bias below a factor a head': [
      (p) => {
        const biased = p.g.add(product(p), p.g.input('bias', f32(seq, seq)));
        const c = p.g.input('c', f32(2, 1, 1));
        return of(p, p.g.softmax(p.g.mul(p.g.named('biased', biased), c)));
      },
      /%biased has a term that would be multiplied by %c, too/,
    ],
    'a mask below a factor a head': [
      (p) => {
        const mask = p.g.input('mask', bool(batch, 1, 1, seq));
        const hidden = p.g.named('hidden', p.g.select(mask, product(p), -1e9));
        return of(p, p.g.softmax(p.g.mul(hidden, p.g.input('c', f32(2, 1, 1)))));
      },
      /%hidden has a term that would be multiplied by %c, too/,
    ],
    'a second use of scores below a factor': [
      (p) => {
        const scores = p.g.named('scores', product(p));
        const warm = p.g.mul(scores, p.g.input('c', f32(2, 1, 1)));
        return { ...of(p, p.g.softmax(warm)), probe: p.g.named('probe', p.g.exp(scores)) };
      },
      /%scores has a second use: %probe/,
    ],
    'attention between channels, whose width is the number of tokens': [
      (p) => {
        const [query, key] = [turned(p.g, p.query), p.key];
        const probs = p.g.softmax(p.g.matmul(query, key));
        return { context: p.g.matmul(probs, turned(p.g, p.value)) };
      },
      /%transpose and their values have the width seq, which is no number/,
    ],
    'heads that are wider than there are keys': [
      (p) => {
        const tokens = p.g.input('tokens', f32(2, 4, 300));
        return {
          context: p.g.matmul(p.g.softmax(p.g.matmul(tokens, turnedOnce(p, tokens))), tokens),
        };
      },
      /%tokens and their values are 300 wide for 4 keys, so the scores are small/,
    ],
    'an activation between': [
      (p) => of(p, p.g.softmax(p.g.named('squashed', p.g.tanh(product(p))))),
      /%squashed is made by tanh, not by a matmul/,
    ],
    'scores that are transposed': [
      (p) => of(p, p.g.softmax(p.g.named('turned', turned(p.g, product(p))))),
      /%turned is made by transpose, not by a matmul/,
    ],
    'hidden scores that are not low': [
      (p) => {
        const mask = p.g.input('mask', bool(batch, 1, 1, seq));
        return of(p, p.g.softmax(p.g.named('hidden', p.g.select(mask, product(p), -9))));
      },
      /%hidden hides scores with -9, which is not as low as -10000/,
    ],
    'hidden scores that are no constant': [
      (p) => {
        const mask = p.g.input('mask', bool(batch, 1, 1, seq));
        const low = p.g.input('low', f32(1, 1, 1, 1));
        return of(p, p.g.softmax(p.g.select(mask, product(p), low)));
      },
      /%select chooses between %matmul and %low, of which none is a constant/,
    ],
    'a value with more leading dims': [
      (p) => {
        const probs = p.g.softmax(product(p));
        const value: V = p.g.input('values', f32(3, 1, 1, seq, 4));
        return { context: p.g.matmul(probs, value) };
      },
      /%values has more leading dims than the probabilities/,
    ],
  };
  const turnedOnce = ({ g }: Parts, x: V): V => g.transpose(x, { permutation: [0, 2, 1] });
  function of(p: Parts, probs: V): { readonly [name: string]: Value } {
    return { context: p.g.matmul(probs, p.value) };
  }
  for (const [difference, [build, reason]] of Object.entries(near)) {
    test(difference, () => {
      const result = runSafely(
        attentionGraph((p) => build(p)),
        fuseAttention,
      );
      expect(result.ops).not.toContain('attention');
      expect(refusals(result).join('\n')).toMatch(reason);
    });
  }

  test('a softmax that no matmul follows', () => {
    const graph = buildGraph('classes', (g) => ({ y: g.softmax(g.input('x', f32(batch, 4))) }));
    expect(refusals(runSafely(graph, fuseAttention))).toEqual([
      "%softmax: %softmax is the output 'y'",
    ]);
  });

  test('says where the pattern stands', () => {
    const graph = attentionGraph((p) => p.g.exp(p.g.softmax(product(p))));
    const [entry] = run(graph, fuseAttention).entries;
    expect(entry).toMatchObject({ pass: 'fuse-attention', pattern: 'attention', at: 'softmax' });
    expect(entry?.location()).toMatch(/fuse-attention\.test\.ts:\d+:\d+$/);
  });
});
