/** fuse-embedding-norm: norm(table[ids] + positions + ..) -> one kernel */
import { describe, expect, test } from 'vitest';
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import { type Value, valueOf } from '../../src/ir/graph.ts';
import { dims, f32, i32 } from '../../src/ir/types.ts';
import { fuseAddNorm } from '../../src/passes/fuse-add-norm.ts';
import { fuseEmbeddingNorm } from '../../src/passes/fuse-embedding-norm.ts';
import { opsInside, runSafely } from '../support/run-pass.ts';

const { batch, seq } = dims('batch', 'seq');
type V = Value<'f32'>;

interface Parts {
  readonly g: Builder;
  readonly words: V;
  norm(x: V): V;
}

function fused(build: (parts: Parts) => Value | { readonly [name: string]: Value }) {
  const graph = buildGraph('embedding', (g) => {
    const ids = g.input('ids', i32(batch, seq));
    const words: V = g.named('words', g.gather(g.weight('table', f32(9, 4)), ids));
    const [gamma, beta] = [g.weight('gamma', f32(4)), g.weight('beta', f32(4))];
    const norm = (x: V): V => g.named('normal', g.layer_norm(x, gamma, beta));
    const built = build({ g, words, norm });
    return 'id' in built ? { y: built as Value } : built;
  });
  return runSafely(graph, fuseEmbeddingNorm, fuseAddNorm);
}

const positions = (g: Builder): V =>
  g.slice(g.weight('positions', f32(16, 4)), { starts: [0, 0], ends: [seq, 4] });

describe('one kernel', () => {
  test('words, positions and token types, normalised', () => {
    const result = fused(({ g, words, norm }) => {
      const types = g.gather(g.weight('types', f32(2, 4)), g.input('segments', i32(batch, seq)));
      return norm(g.add(g.add(words, positions(g)), types));
    });
    expect(result.ops).toEqual(['fused']);
    expect(opsInside(result.graph, 'normal')).toEqual([
      'gather',
      'gather',
      'slice',
      'add',
      'add',
      'layer_norm',
    ]);
  });

  test('with sines of positions, and no norm', () => {
    const result = fused(({ g, words }) => {
      const places = g.cast(g.iota({ shape: [seq, 1], axis: 0 }), { dtype: 'f32' });
      const rates = g.weight('rates', f32(2));
      const angles = g.mul(places, rates);
      return g.add(g.mul(words, 2), g.concat([g.sin(angles), g.cos(angles)], { axis: -1 }));
    });
    expect(result.ops).toEqual(['fused']);
  });

  test('a sum that is used further is one more result', () => {
    const result = fused(({ g, words, norm }) => {
      const sum = g.named('sum', g.add(words, positions(g)));
      const hidden = g.matmul(norm(sum), g.weight('w', f32(4, 4)));
      return g.add(sum, hidden);
    });
    expect(result.ops).toEqual(['fused', 'matmul', 'add']);
    const { graph } = result;
    expect(graph.nodes[0]?.results.map((id) => valueOf(graph, id).name)).toEqual(['sum', 'normal']);
  });

  test('ids that are used twice', () => {
    const graph = buildGraph('twice', (g) => {
      const ids = g.input('ids', i32(batch, seq));
      const [a, b] = ['a', 'b'].map((name): V => g.gather(g.weight(name, f32(9, 4)), ids));
      if (!a || !b) throw new Error();
      return { y: g.rms_norm(g.add(a, b), g.weight('gamma', f32(4))) };
    });
    expect(runSafely(graph, fuseEmbeddingNorm).ops).toEqual(['fused']);
  });

  test('the mean of the words of a context', () => {
    const result = fused(({ g, words }) => g.mul(g.reduce_mean(words, { axes: [1] }), 3));
    expect(result.ops).toEqual(['fused']);
  });
});

describe('leaves', () => {
  test('a matmul in between', () => {
    const result = fused(({ g, words, norm }) => {
      const factorised = g.matmul(words, g.weight('w', f32(4, 4)));
      return norm(g.add(factorised, positions(g)));
    });
    expect(result.ops).toEqual(['gather', 'matmul', 'slice', 'add', 'layer_norm']);
  });

  test('sums without a lookup to fuse-add-norm', () => {
    const result = fused(({ g, words, norm }) => {
      const states: V = g.input('states', f32(batch, seq, 4));
      return { y: norm(g.add(states, g.exp(states))), words };
    });
    expect(result.ops).toEqual(['gather', 'exp', 'add_norm']);
  });

  test('looked-up integers', () => {
    const graph = buildGraph('integers', (g) => {
      const ids = g.input('ids', i32(batch, seq));
      return { y: g.add(g.gather(g.input('table', i32(9)), ids), 1) };
    });
    expect(runSafely(graph, fuseEmbeddingNorm).ops).toEqual(['gather', 'constant', 'add']);
  });

  test('a lookup that a sum over another axis than that of the norm needs too', () => {
    const result = fused(({ g, words, norm }) => {
      return norm(g.mul(words, g.reduce_sum(words, { axes: [1], keep: true })));
    });
    expect(result.ops).toEqual(['gather', 'reduce_sum', 'mul', 'layer_norm']);
  });
});
