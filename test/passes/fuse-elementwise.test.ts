/** fuse-elementwise: f(g(x), ..) -> one kernel */
import { describe, expect, test } from 'vitest';
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import { type Value, valueOf } from '../../src/ir/graph.ts';
import { bool, type Dim, dims, f32, i32 } from '../../src/ir/types.ts';
import { fuseElementwise } from '../../src/passes/fuse-elementwise.ts';
import { matches, opsInside, refusals, runSafely } from '../support/run-pass.ts';

const { batch, seq } = dims('batch', 'seq');
type V = Value<'f32'>;
type Built = Value | { readonly [name: string]: Value };

function fused(build: (g: Builder, x: V, y: V) => Built, shape: readonly Dim[] = [batch, seq, 4]) {
  const graph = buildGraph('elementwise', (g) => {
    const built = build(g, g.input('x', f32(...shape)), g.input('y', f32(...shape)));
    return 'id' in built ? { out: built as Value } : built;
  });
  return runSafely(graph, fuseElementwise);
}

const sum = (g: Builder, x: V, axis: number, keep = true): V =>
  g.reduce_sum(x, { axes: [axis], keep });

describe('one kernel', () => {
  test('a chain of elementwise ops with its constants', () => {
    const result = fused((g, x, y) => g.mul(g.exp(g.add(x, y)), 2));
    expect(result.ops).toEqual(['fused']);
    expect(matches(result)).toEqual(['%mul: add, exp, mul']);
  });

  test('a single op with a constant: constants are no kernels', () => {
    const result = fused((g, x) => g.named('scaled', g.mul(x, 2)));
    expect(opsInside(result.graph, 'scaled')).toEqual(['constant', 'mul']);
  });

  test('views between elementwise ops, and at the end', () => {
    const result = fused((g, x, y) => {
      const turned: V = g.transpose(g.exp(x), { permutation: [1, 0, 2] });
      return g.concat([g.neg(turned), g.transpose(y, { permutation: [1, 0, 2] })], { axis: 2 });
    });
    expect(result.ops).toEqual(['fused']);
  });

  test('a unit vector: x / |x|', () => {
    const result = fused((g, x) => g.div(x, g.sqrt(g.maximum(sum(g, g.mul(x, x), -1), 1e-12))));
    expect(result.ops).toEqual(['fused']);
  });

  test('a layer norm that is written out', () => {
    const result = fused((g, x) => {
      const centred = g.sub(x, g.reduce_mean(x, { axes: [-1], keep: true }));
      const variance = g.reduce_mean(g.mul(centred, centred), { axes: [-1], keep: true });
      const normal = g.mul(centred, g.rsqrt(g.add(variance, 1e-5)));
      return g.add(g.mul(normal, g.weight('gamma', f32(4))), g.weight('beta', f32(4)));
    });
    expect(result.ops).toEqual(['fused']);
  });

  test('a softmax with the scale and the mask in front', () => {
    const result = fused((g, x) => {
      const mask = g.input('mask', bool(seq, 4));
      return g.softmax(g.select(mask, g.mul(x, 0.5), -1e9));
    });
    expect(result.ops).toEqual(['fused']);
  });

  test('an RMS norm of a sum that is used further: two results', () => {
    const result = fused((g, x, y) => {
      const total: V = g.named('total', g.add(g.exp(x), y));
      const normal = g.rms_norm(total, g.weight('gamma', f32(4)));
      return {
        normal,
        next: g.named('next', g.exp(g.transpose(total, { permutation: [1, 0, 2] }))),
      };
    });
    const { graph } = result;
    const [first] = graph.nodes;
    expect(first?.results.map((id) => valueOf(graph, id).name)).toEqual(['total', 'rms_norm']);
    expect(result.ops).toEqual(['fused', 'fused']);
  });

  test('a row once: its sum, and what is made of it', () => {
    const result = fused((g, x) => g.log(g.add(sum(g, g.exp(x), -1, false), 1)));
    expect(result.ops).toEqual(['fused']);
  });

  test('a sum over another axis, with elementwise ops on both sides', () => {
    const result = fused((g, x, y) => g.tanh(g.div(sum(g, g.mul(x, y), 1, false), 3)));
    expect(result.ops).toEqual(['fused']);
  });

  test('add_norm, and what its operands are made of', () => {
    const result = fused((g, x, y) => {
      const [gamma, beta] = [g.weight('gamma', f32(4)), g.weight('beta', f32(4))];
      return g.add_norm(g.mul(x, 2), y, gamma, beta)[0];
    });
    expect(result.ops).toEqual(['fused']);
    expect(result.graph.nodes[0]?.results).toHaveLength(1);
  });

  test('a row that is turned around in front of a norm', () => {
    const result = fused((g, x) => g.rms_norm(g.transpose(x, { permutation: [1, 0, 2] })));
    expect(result.ops).toEqual(['fused']);
  });
});

describe('copies', () => {
  test('a cheap op on what is in memory into each user', () => {
    const graph = buildGraph('copies', (g) => {
      const x = g.input('x', f32(batch, seq, 4));
      const mask = g.cast(g.input('mask', bool(batch, seq, 4)), { dtype: 'f32' });
      return { total: sum(g, g.mul(x, mask), 1, false), count: sum(g, mask, 1, false) };
    });
    const { graph: after, ops } = runSafely(graph, fuseElementwise);
    expect(ops).toEqual(['fused', 'fused']);
    for (const node of after.nodes) expect(node.body?.nodes[0]?.op).toBe('cast');
  });

  test('a view into each user, and not for a matmul', () => {
    const result = fused(
      (g, x) => {
        const turned: V = g.transpose(x, { permutation: [0, 2, 1] });
        return { a: g.exp(turned), b: g.matmul(turned, g.weight('w', f32(3, 3))) };
      },
      [batch, 3, 3],
    );
    expect(result.ops).toEqual(['transpose', 'fused', 'matmul']);
  });
});

describe('leaves', () => {
  test('a reshape alone: it is the same memory', () => {
    expect(fused((g, x) => g.reshape(x, { shape: ['4*batch*seq'] })).ops).toEqual(['reshape']);
  });

  test('constants and positions that are outputs', () => {
    const result = fused((g, x) => ({
      y: g.mul(x, 2),
      positions: g.iota({ shape: [seq] }),
      one: g.constant({ value: [1], dtype: 'f32' }),
    }));
    expect(result.ops).toEqual(['fused', 'iota', 'constant']);
  });

  test('a dear value with a second use', () => {
    const result = fused((g, x, y) => {
      const dear: V = g.named('dear', g.exp(x));
      const turned = g.named('turned', g.transpose(g.add(dear, 1), { permutation: [1, 0, 2] }));
      return { a: turned, b: g.matmul(dear, g.transpose(y, { permutation: [0, 2, 1] })) };
    });
    expect(result.ops).toEqual(['exp', 'fused', 'transpose', 'matmul']);
  });

  test('a dear value with a second use by another kernel of this kind, and says so', () => {
    const result = fused((g, x, y) => {
      const dear: V = g.named('dear', g.exp(x));
      const turned = g.transpose(dear, { permutation: [1, 0, 2] });
      return {
        a: g.named('a', g.add(turned, 1)),
        b: g.named('b', g.reduce_sum(g.mul(dear, y), { axes: [0] })),
      };
    });
    expect(result.ops).toEqual(['exp', 'fused', 'fused']);
    expect(refusals(result)).toContain('%b: %dear has a second use: %transpose');
  });

  test('dear work that a broadcast would repeat, and says so', () => {
    const result = fused((g, x) => {
      const once: V = g.named('once', g.exp(g.input('v', f32(1, seq, 4))));
      return g.add(x, once);
    });
    expect(result.ops).toEqual(['exp', 'add']);
    expect(refusals(result)).toEqual(['%add: %once would be computed again for many elements']);
  });

  test('dear work in front of a softmax over a row of unknown length', () => {
    const result = fused((g, x) => g.softmax(g.named('dear', g.tanh(x))), [batch, seq]);
    expect(result.ops).toEqual(['tanh', 'softmax']);
    expect(refusals(result)).toEqual([
      '%softmax: %dear would be computed once more for each pass over a row of seq',
    ]);
  });

  test('reductions over different axes, and says so', () => {
    const result = fused((g, x) => {
      const columns = g.named('columns', sum(g, x, 1));
      return g.named('rows', sum(g, g.mul(x, columns), -1));
    });
    expect(result.ops.length).toBe(2);
    expect(refusals(result)).toEqual(['%rows: %columns and %rows reduce over different axes']);
  });

  test('a transpose of what is made of a row, and says so', () => {
    const result = fused((g, x) =>
      g.named('t', g.transpose(g.softmax(x), { permutation: [1, 0, 2] })),
    );
    expect(result.ops).toEqual(['softmax', 'transpose']);
    expect(refusals(result)).toEqual([
      '%t: %t is not a row of [batch, seq, 4], over which the kernel reduces',
    ]);
  });

  test('a sum of rows whose shape looks like a row', () => {
    const result = fused((g, x) => g.named('y', g.add(x, sum(g, x, -1, false))), [4, 4]);
    expect(result.ops).toEqual(['reduce_sum', 'add']);
  });

  test('an output in the middle that has another shape', () => {
    const result = fused((g, x) => {
      const dear = g.exp(x);
      return { rows: sum(g, dear, -1), dear };
    });
    expect(result.ops).toEqual(['exp', 'reduce_sum']);
  });

  test('a ninth buffer, and says so', () => {
    const result = fused((g, x) => {
      let y = g.exp(x);
      for (let i = 0; i < 8; i++) y = g.mul(y, g.input(`term${i}`, f32(batch, seq, 4)));
      return g.named('last', y);
    });
    expect(result.ops).toEqual(['fused', 'fused']);
    expect(refusals(result).join('\n')).toMatch(/the kernel would have 9 buffers, more than 8/);
  });

  test('tables among the constants count as buffers', () => {
    const result = fused((g, x) => {
      let y: V = g.exp(x);
      for (let i = 0; i < 6; i++) {
        const value = [i, i + 1, i + 2, i + 3];
        y = g.mul(y, g.constant({ value, dtype: 'f32', shape: [4] }));
        if (i < 2) y = g.add(y, g.input(`term${i}`, f32(batch, seq, 4)));
      }
      return g.named('last', y);
    });
    expect(result.ops).toEqual(['fused', 'fused']);
  });

  test('matmuls', () => {
    const result = fused((g, x) => g.exp(g.matmul(g.exp(x), g.weight('w', f32(4, 4)))));
    expect(result.ops).toEqual(['exp', 'matmul', 'exp']);
  });
});

test('every node that is left is one kernel: no constant stands alone', () => {
  const graph = buildGraph('rest', (g) => {
    const ids = g.input('ids', i32(batch, seq));
    const places = g.iota({ shape: [seq], dtype: 'i32' });
    const near = g.less(g.abs(g.sub(ids, places)), 3);
    const x = g.select(near, g.cast(ids, { dtype: 'f32' }), 0.5);
    return { y: g.pad(x, { before: [0, 1], after: [0, 0], value: 7 }) };
  });
  const { ops } = runSafely(graph, fuseElementwise);
  expect(ops).toEqual(['fused']);
});
