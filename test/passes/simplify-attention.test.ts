/** simplify: attention of one item, to which an exporter has added a batch, and what only looks like it */
import { describe, expect, test } from 'vitest';
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import type { Value } from '../../src/ir/graph.ts';
import { bool, type Dim, dims, f32 } from '../../src/ir/types.ts';
import { simplify } from '../../src/passes/simplify.ts';
import { runSafely } from '../support/run-pass.ts';

const EQUATION = 'attention(x with a batch of 1) = attention(x) with a batch of 1';
const { seq, keys } = dims('seq', 'keys');
const SCALE = { scale: 0.5 };

type Heads = readonly [query: Value, key: Value, value: Value];

function simplified(build: (g: Builder, heads: Heads) => Value) {
  const graph = buildGraph('heads', (g) => {
    const query: Value = g.input('query', f32(2, seq, 4));
    const key: Value = g.input('key', f32(2, keys, 4));
    const value: Value = g.input('value', f32(2, keys, 4));
    return { y: build(g, [query, key, value]) };
  });
  const result = runSafely(graph, simplify);
  return { ops: result.ops, isFound: result.entries.some(({ pattern }) => pattern === EQUATION) };
}

const reshaped = (g: Builder, x: Value, shape: readonly Dim[]): Value<'f32'> =>
  g.reshape(x, { shape }) as Value<'f32'>;

/** Over a batch of one, and of the result the one item. */
function attended(
  g: Builder,
  heads: Heads,
  mask: Value<'bool'> | null = null,
  bias: Value | null = null,
) {
  const [q, k, v] = heads.map((x) => reshaped(g, x, [1, ...x.shape])) as [Value, Value, Value];
  return reshaped(g, g.attention(q, k, v, mask, bias, SCALE), heads[0].shape);
}

describe(EQUATION, () => {
  test('leaves nothing behind', () => {
    const found = simplified((g, heads) => attended(g, heads));
    expect(found).toEqual({ ops: ['attention'], isFound: true });
  });

  test('keeps masks and biases that broadcast to one item', () => {
    const found = simplified((g, heads) => {
      return attended(g, heads, g.input('mask', bool(keys)), g.input('bias', f32(2, seq, keys)));
    });
    expect(found).toEqual({ ops: ['attention'], isFound: true });
  });

  test('takes the batch from a mask that has one', () => {
    const found = simplified((g, heads) => attended(g, heads, g.input('m', bool(1, 1, seq, keys))));
    expect(found).toEqual({ ops: ['reshape', 'attention'], isFound: true });
  });
});

describe('not', () => {
  test('heads that were no heads before', () => {
    const split = simplified((g, [query, key, value]) => {
      const apart = [query, key, value].map((x) => reshaped(g, x, [1, 4, x.shape[1] ?? 1, 2]));
      const [q, k, v] = apart as [Value, Value, Value];
      return g.exp(g.attention(q, k, v, null, null, SCALE));
    });
    expect(split.isFound).toBe(false);
  });

  test('one operand that had a batch', () => {
    const given = simplified((g, [query, key]) => {
      const [q, k] = [query, key].map((x) => reshaped(g, x, [1, ...x.shape])) as [Value, Value];
      const v = g.input('batched', f32(1, 2, keys, 4));
      return reshaped(g, g.attention(q, k, v, null, null, SCALE), query.shape);
    });
    expect(given.isFound).toBe(false);
  });

  test('an output of its own', () => {
    const found = simplified((g, heads) => {
      const [q, k, v] = heads.map((x) => reshaped(g, x, [1, ...x.shape])) as [Value, Value, Value];
      return g.attention(q, k, v, null, null, SCALE);
    });
    expect(found.isFound).toBe(false);
  });
});
