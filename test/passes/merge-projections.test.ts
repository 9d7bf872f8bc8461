/** merge-projections: x W1 + b1 and x W2 + b2 -> slices of x [W1 W2] + [b1 b2] */
import { describe, expect, test } from 'vitest';
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import { type Value, valueOf } from '../../src/ir/graph.ts';
import { dims, f32 } from '../../src/ir/types.ts';
import { joinNames, mergeProjections } from '../../src/passes/merge-projections.ts';
import { matches, opsOf, refusals, run, runSafely } from '../support/run-pass.ts';

const { batch, seq } = dims('batch', 'seq');
type V = Value<'f32'>;

const states = (g: Builder, name = 'x'): V => g.input(name, f32(batch, seq, 4));

function merged(build: (g: Builder) => { readonly [name: string]: Value }) {
  return runSafely(buildGraph('projections', build), mergeProjections);
}

function parameters({ graph }: ReturnType<typeof merged>): readonly string[] {
  return graph.parameters.map(({ value }) => {
    const { name, shape } = valueOf(graph, value);
    return `${name} [${shape.join(', ')}]`;
  });
}

const projection = (g: Builder, x: V, name: string, width: number, isBiased = true): V => {
  const product = g.matmul(x, g.weight(`${name}.weight`, f32(4, width)));
  return isBiased ? g.add(product, g.weight(`${name}.bias`, f32(width))) : product;
};

const heads = (g: Builder, x: V): V => g.reshape(x, { shape: [batch, seq, 2, 2] });

describe('matches', () => {
  test('query, key and value with their biases', () => {
    const result = merged((g) => {
      const x = states(g);
      const [q, k, v] = ['layer.query', 'layer.key', 'layer.value'].map((n) =>
        projection(g, x, n, 4),
      );
      if (!q || !k || !v) throw new Error();
      return { q: heads(g, q), k: heads(g, k), v: heads(g, v) };
    });
    expect(result.ops).toEqual(
      ['matmul', 'add', 'slice', 'slice', 'slice'].concat(Array(3).fill('reshape')),
    );
    expect(parameters(result)).toEqual([
      'layer.query_key_value.weight [4, 12]',
      'layer.query_key_value.bias [12]',
    ]);
    expect(matches(result)[0]).toContain('%add, %add_1, %add_2 are one matmul of %x');
  });

  test('projections of different widths, without a bias', () => {
    const result = merged((g) => {
      const x = states(g);
      return { k: projection(g, x, 'key', 2, false), v: projection(g, x, 'value', 6, false) };
    });
    expect(result.ops).toEqual(['matmul', 'slice', 'slice']);
    expect(parameters(result)).toEqual(['key_value.weight [4, 8]']);
  });

  test('a projection without a bias beside others that have one', () => {
    const result = merged((g) => {
      const x = states(g);
      return { q: projection(g, x, 'query', 4), k: projection(g, x, 'key', 4, false) };
    });
    expect(result.ops).toEqual(['matmul', 'add', 'slice', 'slice']);
    expect(parameters(result)[1]).toBe('query_key.bias [8]');
  });

  test('cross-attention: key and value of the memory, the query apart', () => {
    const result = merged((g) => {
      const [x, memory] = [states(g), states(g, 'memory')];
      return {
        q: projection(g, x, 'query', 4),
        k: projection(g, memory, 'key', 4),
        v: projection(g, memory, 'value', 4),
      };
    });
    expect(result.ops.filter((op) => op === 'matmul')).toHaveLength(2);
  });

  test('weights without numbers give one without numbers', () => {
    const graph = buildGraph('unbound', (g) => {
      const x = states(g);
      return { q: projection(g, x, 'query', 4), k: projection(g, x, 'key', 4) };
    });
    const { graph: after } = run(graph, mergeProjections);
    expect(opsOf(after)).toEqual(['matmul', 'add', 'slice', 'slice']);
    expect(after.parameters.map(({ data }) => data)).toEqual([null, null]);
  });
});

describe('refuses', () => {
  const other = (g: Builder, x: V) => ({
    k: projection(g, x, 'key', 4),
    v: projection(g, x, 'value', 4),
  });

  test('a weight with a second use', () => {
    const result = merged((g) => {
      const x = states(g);
      const shared = g.weight('shared', f32(4, 4));
      const probe = g.named('probe', g.exp(shared));
      return { ...other(g, x), q: g.matmul(x, shared), probe };
    });
    expect(result.ops.filter((op) => op === 'matmul')).toHaveLength(2);
    expect(refusals(result)).toEqual(['%matmul_2: %shared has a second use: %probe']);
  });

  test('a second factor that is computed', () => {
    const result = merged((g) => {
      const x = states(g);
      const made = g.named('made', g.exp(g.input('w', f32(4, 4))));
      return { ...other(g, x), q: g.matmul(x, made) };
    });
    expect(refusals(result)).toEqual(['%matmul_2: %made is no weight']);
  });

  test('a weight of three dims', () => {
    const result = merged((g) => {
      const x = states(g);
      return { ...other(g, x), q: g.matmul(x, g.weight('deep', f32(1, 4, 4))) };
    });
    expect(refusals(result)).toEqual(['%matmul_2: %deep has 3 dims, not 2']);
  });

  test('what an activation follows: the epilogue is its place', () => {
    const result = merged((g) => {
      const x = states(g);
      return { ...other(g, x), h: g.named('h', g.gelu(projection(g, x, 'hidden', 8))) };
    });
    expect(refusals(result)).toEqual(["%matmul_2: gelu (%h) is done in the matmul's own epilogue"]);
  });

  test('a gate and what it gates: each with its epilogue', () => {
    const result = merged((g) => {
      const x = states(g);
      return { y: g.mul(g.silu(projection(g, x, 'gate', 8)), projection(g, x, 'up', 8)) };
    });
    expect(result.ops.filter((op) => op === 'matmul')).toHaveLength(2);
  });

  test('projections of different values', () => {
    const result = merged((g) => ({
      q: projection(g, states(g), 'query', 4),
      k: projection(g, states(g, 'y'), 'key', 4),
    }));
    expect(result.entries).toEqual([]);
  });

  test('a bias that something else uses: it is added to the slice', () => {
    const result = merged((g) => {
      const x = states(g);
      const bias = g.weight('shared', f32(4));
      const [k, v] = ['key', 'value'].map((name) => g.matmul(x, g.weight(name, f32(4, 4))));
      if (!k || !v) throw new Error();
      return { k: g.reshape(g.add(k, bias), { shape: [batch, seq, 2, 2] }), v: g.add(v, bias) };
    });
    expect(result.ops.filter((op) => op === 'matmul')).toHaveLength(2);
  });
});

test('names of merged weights share what they have in common', () => {
  expect(joinNames(['layer.0.query.weight', 'layer.0.key.weight'])).toBe(
    'layer.0.query_key.weight',
  );
  expect(joinNames(['a', 'b'])).toBe('a_b');
  expect(joinNames(['x.a', 'x.b'])).toBe('x.a_b');
  expect(joinNames(['a.w', 'b.c.w'])).toBe('a_b.c.w');
});
