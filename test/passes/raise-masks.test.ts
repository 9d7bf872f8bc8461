/** raise: masks, embeddings and eps in the forms of exporters, and beside them what must stay */
import { describe, expect, test } from 'vitest';
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import type { Value } from '../../src/ir/graph.ts';
import { printGraph } from '../../src/ir/print.ts';
import { bool, dims, f32, i64 } from '../../src/ir/types.ts';
import { foldConstants } from '../../src/passes/fold-constants.ts';
import { fuseAttention } from '../../src/passes/fuse-attention.ts';
import { mergeDuplicates } from '../../src/passes/merge-duplicates.ts';
import { raise } from '../../src/passes/raise.ts';
import { simplify } from '../../src/passes/simplify.ts';
import { matches, type PassRun, refusals, runSafely } from '../support/run-pass.ts';

const { batch, seq } = dims('batch', 'seq');
type V = Value<'f32'>;
type B = Value<'bool'>;

interface Given {
  /** [batch, seq, seq] */
  readonly scores: V;
  /** [batch, seq], 0 for padding */
  readonly mask: Value<'i64'>;
  /** [batch, seq, 4] */
  readonly value: V;
}
type Build = (g: Builder, given: Given) => Value;

function raised(build: Build): PassRun {
  return runSafely(declared(build), foldConstants, simplify, mergeDuplicates, raise);
}

function declared(build: Build) {
  return buildGraph('masks', (g) => {
    const [query, key, value]: V[] = ['query', 'key', 'value'].map((name) =>
      g.input(name, f32(batch, seq, 4)),
    );
    if (query === undefined || key === undefined || value === undefined) throw new Error('inputs');
    const mask: Value<'i64'> = g.input('attention_mask', i64(batch, seq));
    const scores: V = g.matmul(query, g.transpose(key, { permutation: [0, 2, 1] }));
    return { y: g.named('y', build(g, { scores, mask, value })) };
  });
}

/** The attention that the scores become, as printed. */
function attentionOf(build: Build): string {
  const passes = [foldConstants, simplify, mergeDuplicates, raise, fuseAttention];
  const { graph } = runSafely(declared(build), ...passes);
  const line = printGraph(graph)
    .split('\n')
    .find((text) => text.includes('= attention '));
  return line?.trim().replace(/ : .*/, '') ?? 'none';
}

const LOWEST = -3.4028234663852886e38;
const weigh = (g: Builder, scores: Value, value: V): V => g.matmul(g.softmax(scores as V), value);
const rows = (g: Builder, x: Value) => g.reshape(x, { shape: [batch, 1, seq] });
const floats = (g: Builder, x: Value): V => g.cast(x, { dtype: 'f32' });

describe('weights that are hidden once more, as DeBERTa was written', () => {
  const pairs = (g: Builder, mask: Value<'i64'>): Value<'i64'> => {
    const column = g.reshape(mask, { shape: [batch, seq, 1] });
    return g.mul(rows(g, mask) as Value<'i64'>, column as Value<'i64'>);
  };
  const twice = (g: Builder, scores: V, hidden: B, again: B, low = LOWEST): V => {
    const weights: V = g.softmax(g.select(hidden, low, scores) as V);
    return g.select(again, g.constant({ value: [0], dtype: 'f32' }), weights);
  };

  test('select(b, 0, softmax(select(b, low, x))) = softmax(x, not b)', () => {
    for (const low of [LOWEST, -1e9]) {
      const build: Build = (g, { scores, mask, value }) => {
        const hidden: B = g.cast(g.sub(1, pairs(g, mask)), { dtype: 'bool' });
        return g.matmul(twice(g, scores, hidden, hidden, low), value);
      };
      expect(raised(build).ops).not.toContain('select');
      const scale = '{scale = 1, causal = false}';
      expect(attentionOf(build)).toMatch(/^%y = attention %query, %key, %value, %\S+ \{/);
      expect(attentionOf(build)).toContain(scale);
    }
  });

  test('not where another mask hides them', () => {
    const result = raised((g, { scores, mask, value }) => {
      const hidden: B = g.equal(rows(g, mask), 0);
      return g.matmul(twice(g, scores, hidden, g.equal(pairs(g, mask), 0)), value);
    });
    expect(result.ops).toContain('select');
  });

  test('not where the weights have another use', () => {
    const result = raised((g, { scores, mask, value }) => {
      const hidden: B = g.equal(rows(g, mask), 0);
      const weights: V = g.softmax(g.select(hidden, LOWEST, scores) as V);
      const chosen: V = g.select(hidden, g.constant({ value: [0], dtype: 'f32' }), weights);
      return g.add(g.matmul(chosen, value), g.reduce_sum(weights, { axes: [-1], keep: true }));
    });
    expect(result.ops.filter((op) => op === 'select')).toHaveLength(2);
  });
});

describe('masks become bools that are true for visible keys', () => {
  test('(1 - mask) with its other values replaced by the lowest float, as transformers writes it', () => {
    const line = attentionOf((g, { scores, mask, value }) => {
      const wide = g.broadcast(rows(g, mask), { shape: [batch, seq, seq] });
      const inverted: V = g.sub(1, floats(g, wide));
      const hidden: B = g.cast(inverted, { dtype: 'bool' });
      return weigh(g, g.add(scores, g.select(hidden, LOWEST, inverted)), value);
    });
    const scale = '{scale = 1, causal = false}';
    expect(line).toBe(`%y = attention %query, %key, %value, %equal.reshape ${scale}`);
  });

  test('select(mask = 0, -inf, scores), as older models write it', () => {
    const build: Build = (g, { scores, mask, value }) =>
      weigh(g, g.select(rows(g, g.equal(mask, 0)) as B, -Infinity, scores), value);
    const scale = '{scale = 1, causal = false}';
    expect(attentionOf(build)).toBe(`%y = attention %query, %key, %value, %reshape_1 ${scale}`);
    expect(raised(build).ops).not.toContain('equal');
  });

  test('select(a = b, low, x) = select(a != b, x, low)', () => {
    const result = raised((g, { scores, mask, value }) =>
      weigh(g, g.select(rows(g, g.equal(mask, 0)) as B, LOWEST, scores), value),
    );
    expect(matches(result)).toContain('%select: hidden where %equal');
    expect(result.ops).toContain('not_equal');
    expect(result.ops).not.toContain('equal');
  });

  test('not a choice between numbers that are not low', () => {
    const result = raised((g, { scores, mask, value }) =>
      weigh(g, g.select(rows(g, g.equal(mask, 0)) as B, -100, scores), value),
    );
    expect(result.ops).toContain('equal');
  });

  test('not (1 - mask) * lowest of integers that need not be 0 and 1', () => {
    const line = attentionOf((g, { scores, mask, value }) =>
      weigh(g, g.add(scores, g.mul(g.sub(1, floats(g, rows(g, mask))), LOWEST)), value),
    );
    expect(line).toMatch(/, _, %/);
  });
});

describe('masks that are added', () => {
  const causal = (g: Builder): V => {
    const later: B = g.greater(
      g.iota({ shape: [1, seq], axis: 1 }),
      g.iota({ shape: [seq, 1], axis: 0 }),
    );
    return g.select(later, g.constant({ value: [-Infinity], dtype: 'f32' }), 0);
  };
  const padding = (g: Builder, mask: Value<'i64'>): V =>
    rows(
      g,
      g.select(g.not_equal(mask, 0), g.constant({ value: [0], dtype: 'f32' }), -Infinity),
    ) as V;

  test('x + (m + n) = (x + m) + n: a causal one and one of padding', () => {
    const line = attentionOf((g, { scores, mask, value }) =>
      weigh(g, g.add(scores, g.add(causal(g), padding(g, mask))), value),
    );
    expect(line).toContain('causal = true');
    expect(line).toMatch(/%value, %[\w.]+ \{/);
  });

  test('not a mask and a bias, which stay one sum', () => {
    const result = raised((g, { scores, mask, value }) =>
      weigh(g, g.add(scores, g.add(g.input('bias', f32(seq, seq)), padding(g, mask))), value),
    );
    expect(matches(result).filter((text) => text.includes('one after the other'))).toEqual([]);
  });
});

describe('NaN of a softmax', () => {
  const guarded = (g: Builder, p: V): V => g.select(g.not(g.equal(p, p)), 0, p);

  test('select(p != p, 0, p) = p, p a softmax', () => {
    const result = raised((g, { scores, value }) => {
      return g.matmul(guarded(g, g.softmax(scores)), value);
    });
    expect(result.ops).toEqual(['transpose', 'matmul', 'softmax', 'matmul']);
  });

  test('select(is_nan(p), 0, p) = p', () => {
    const result = raised((g, { scores, value }) => {
      const p: V = g.softmax(scores);
      return g.matmul(g.select(g.is_nan(p), 0, p), value);
    });
    expect(result.ops).toEqual(['transpose', 'matmul', 'softmax', 'matmul']);
  });

  test('not of another value', () => {
    const result = raised((g, { scores, value }) => g.matmul(guarded(g, g.exp(scores)), value));
    expect(result.ops).toContain('select');
  });

  test('not of another number than 0', () => {
    const result = raised((g, { scores, value }) => {
      const p: V = g.softmax(scores);
      return g.matmul(g.select(g.not_equal(p, p), 1, p), value);
    });
    expect(result.ops).toContain('select');
  });
});

describe('scores that are lowered where a key is hidden, as the attention layers of Keras do', () => {
  const hidden = (g: Builder, mask: Value<'i64'>): B => rows(g, g.equal(mask, 0)) as B;

  test('select(h, x - c, x) = x + select(h, -c, 0)', () => {
    const of = attentionOf((g, { scores, mask, value }) =>
      weigh(g, g.select(hidden(g, mask), g.sub(scores, 1e9), scores), value),
    );
    expect(of).toMatch(/= attention %query, %key, %value, %\w+ /);
  });

  test('select(v, x, x + -c) = x + select(v, 0, -c)', () => {
    const of = attentionOf((g, { scores, mask, value }) => {
      const visible = rows(g, g.not_equal(mask, 0)) as B;
      return weigh(g, g.select(visible, scores, g.add(scores, -1e9)), value);
    });
    expect(of).toMatch(/= attention %query, %key, %value, %\w+ /);
  });

  test('not by a number that hides nothing', () => {
    const result = raised((g, { scores, mask }) =>
      g.select(hidden(g, mask), g.sub(scores, 100), scores),
    );
    expect(result.ops).toContain('sub');
  });

  test('not of other scores', () => {
    const result = raised((g, { scores, mask }) =>
      g.select(hidden(g, mask), g.sub(g.exp(scores), 1e9), scores),
    );
    expect(result.ops).toContain('sub');
  });

  test('not where the lowered scores have a second use', () => {
    const result = raised((g, { scores, mask }) => {
      const low: V = g.sub(scores, 1e9);
      return g.add(low, g.select(hidden(g, mask), low, scores));
    });
    expect(refusals(result).join()).toContain('%sub has a second use');
  });
});

describe('embedding', () => {
  const looked = (
    table: (g: Builder) => V,
    of: (g: Builder, ids: Value<'i64'>) => Value<'i64'>,
    n = 9,
  ) =>
    runSafely(
      buildGraph('embedding', (g) => {
        const ids = of(g, g.input('ids', i64(batch, seq)));
        const guarded = g.select(g.less(ids, 0), g.add(ids, n), ids);
        return { y: g.named('y', g.gather(table(g), guarded)) };
      }),
      simplify,
      raise,
    );
  const weight = (g: Builder): V => g.weight('table', f32(9, 4));

  test('gather(table, select(ids < 0, ids + rows, ids)) = gather(table, ids)', () => {
    const result = looked(weight, (_, ids) => ids);
    expect(result.ops).toEqual(['gather']);
    expect(matches(result)).toEqual(['%y: rows of %table by %ids, which must not be below 0']);
  });

  const counted = (g: Builder, ids: Value<'i64'>, n: number) =>
    g.select(g.less(ids, 0), g.add(ids, n), ids) as Value<'i64'>;

  test('ids that TensorFlow has counted from the end before', () => {
    const result = looked(weight, (g, ids) => counted(g, ids, 9));
    expect(result.ops).toEqual(['gather']);
    expect(matches(result)).toEqual(['%y: rows of %table by %ids, which must not be below 0']);
  });

  test('not ids that were moved by another number before', () => {
    const result = looked(weight, (g, ids) => counted(g, ids, 8));
    expect(refusals(result)).toEqual(['%y: %select is computed, so it may count from the end']);
  });

  test('not by ids that are computed', () => {
    const result = looked(weight, (g, ids) => g.sub(ids, 1));
    expect(refusals(result)).toEqual(['%y: %sub is computed, so it may count from the end']);
  });

  test('not of a table that is computed', () => {
    const result = looked(
      (g) => g.input('table', f32(9, 4)),
      (_, ids) => ids,
    );
    expect(refusals(result)).toEqual(['%y: %table is no weight of two dims, looked up by rows']);
  });

  test('not where another number is added', () => {
    expect(looked(weight, (_, ids) => ids, 8).ops).toContain('select');
  });
});

describe('eps', () => {
  const normed = (eps: number) =>
    runSafely(
      buildGraph('eps', (g) => ({ y: g.layer_norm(g.input('x', f32(batch, 4)), { eps }) })),
      raise,
    ).graph.nodes[0]?.attributes.eps;

  test.each([
    [9.999999960041972e-13, 1e-12],
    [9.999999747378752e-6, 1e-5],
    [Math.fround(1e-6), 1e-6],
  ])('%f is the float32 of %f', (rounded, short) => expect(normed(rounded)).toBe(short));

  test('not what no float32 is, nor what is short', () => {
    expect(normed(1.0000001e-5)).toBe(1.0000001e-5);
    expect(normed(0.5)).toBe(0.5);
  });
});

test('bool masks are left alone', () => {
  const graph = buildGraph('bool', (g) => {
    const scores: V = g.input('scores', f32(batch, seq, seq));
    const mask: B = g.input('mask', bool(batch, seq));
    return { y: g.softmax(scores, g.reshape(mask, { shape: [batch, 1, seq] })) };
  });
  expect(runSafely(graph, raise).entries).toEqual([]);
});

describe('what is put around rows of which nothing is visible', () => {
  const FLOOR = LOWEST / 2;
  const softmax = (g: Builder, x: Value) => g.softmax(x as V);
  const visible = (g: Builder, { mask }: Given): B => rows(g, g.not_equal(mask, 0)) as B;

  test('select(v, softmax(select(v, x, low)), 0) = softmax(x, v)', () => {
    const result = raised((g, given) => {
      const v = visible(g, given);
      return g.select(v, softmax(g, g.select(v, given.scores, LOWEST)), 0);
    });
    expect(matches(result)).toContain('%y: of what is visible of %matmul, zeros where nothing is');
    expect(result.ops).not.toContain('select');
    expect(printGraph(result.graph)).toMatch(/%y = softmax %matmul, %reshape/);
  });

  test('that x is not below FLOOR is what softmax asks itself', () => {
    const result = raised((g, given) => {
      const above: B = g.not(g.less(given.scores, FLOOR));
      const v: B = g.and(visible(g, given), above);
      const first = g.select(v, softmax(g, g.select(v, given.scores, LOWEST)), 0);
      return g.add(first, g.select(above, softmax(g, g.select(above, given.scores, LOWEST)), 0));
    });
    expect(result.ops).not.toContain('select');
    expect(result.ops).not.toContain('less');
    expect(printGraph(result.graph)).toMatch(/softmax %matmul \{/);
  });

  test('not of another condition, a number that is not low, one beside 0, or what is broadcast', () => {
    const others: readonly Build[] = [
      (g, given) => {
        const v: B = g.broadcast(visible(g, given), { shape: [batch, seq, seq] });
        const row: V = g.reduce_sum(given.scores, { axes: [1], keep: true });
        return g.select(v, softmax(g, g.select(v, row, LOWEST)), 0);
      },
      (g, given) => {
        const v = visible(g, given);
        const scores = g.select(g.greater(given.scores, 1), given.scores, LOWEST);
        return g.select(v, softmax(g, scores), 0);
      },
      (g, given) => {
        const v = visible(g, given);
        return g.select(v, softmax(g, g.select(v, given.scores, -100)), 0);
      },
      (g, given) => {
        const v = visible(g, given);
        return g.select(v, softmax(g, g.select(v, given.scores, LOWEST)), 1);
      },
    ];
    for (const build of others) expect(raised(build).ops).toContain('select');
  });

  test('a second use of the softmax is named', () => {
    const result = raised((g, given) => {
      const v = visible(g, given);
      const weights = softmax(g, g.select(v, given.scores, LOWEST));
      return g.add(g.select(v, weights, 0), weights);
    });
    expect(refusals(result).join()).toContain('%softmax has a second use');
  });

  /** An attention by the mask, and zeros where `counted` has no true key. */
  const guarded =
    (counted: (g: Builder, mask: B) => B = (_, mask) => mask, dtype: 'i32' | 'i8' = 'i32'): Build =>
    (g, given) => {
      const mask = visible(g, given);
      const whole: B = g.broadcast(mask, { shape: [batch, seq, seq] });
      const { query, key, value } = heads(g, given);
      const y = g.attention(query, key, value, whole, { scale: 1 });
      const keys: Value<'i32' | 'i8'> = g.cast(counted(g, mask), { dtype });
      const sum: Value<'i32' | 'i8'> = g.reduce_sum(keys, { axes: [-1], keep: true });
      return g.select(g.cast(sum, { dtype: 'bool' }), y, 0);
    };
  const heads = (g: Builder, { scores, value }: Given) => ({
    query: g.slice(scores, { starts: [0, 0, 0], ends: [batch, seq, 1] }) as V,
    key: g.slice(value, { starts: [0, 0, 0], ends: [batch, seq, 1] }) as V,
    value,
  });

  test('select(sum(m) != 0, attention(q, k, v, m), 0) = attention(q, k, v, m)', () => {
    const result = raised(guarded());
    expect(matches(result)).toContain('%y: %attention has zeros where %broadcast hides every key');
    expect(result.ops).not.toContain('select');
  });

  test('not of a count of queries, which as many keys as columns let broadcast', () => {
    const graph = buildGraph('queries', (g) => {
      const [query, key, value] = ['q', 'k', 'v'].map((name) => g.input(name, f32(2, 4, 4)));
      const mask: B = g.input('mask', bool(2, 4, 4));
      const y = g.attention(query as V, key as V, value as V, mask, { scale: 1 });
      const queries = g.reduce_sum(g.cast(mask, { dtype: 'i32' }), { axes: [1], keep: true });
      return { y: g.select(g.cast(queries, { dtype: 'bool' }), y, 0) };
    });
    expect(runSafely(graph, simplify, raise).ops).toContain('select');
  });

  test('not of another mask, or where 256 keys count as none', () => {
    expect(raised(guarded((g, mask) => g.not(mask))).ops).toContain('select');
    expect(raised(guarded(undefined, 'i8')).ops).toContain('select');
  });
});
