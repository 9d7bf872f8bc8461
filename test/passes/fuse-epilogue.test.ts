/** fuse-epilogue: views, matmul or attention, elementwise ops, views -> one kernel */
import { describe, expect, test } from 'vitest';
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import { type Value, valueOf } from '../../src/ir/graph.ts';
import { bool, dims, f32, i32 } from '../../src/ir/types.ts';
import { fuseEpilogue } from '../../src/passes/fuse-epilogue.ts';
import { matches, opsInside, refusals, runSafely } from '../support/run-pass.ts';

const { batch, seq } = dims('batch', 'seq');
type V = Value<'f32'>;

interface Parts {
  readonly g: Builder;
  readonly x: V;
  /** x W, of the shape of x. */
  readonly product: V;
}

function fused(build: (parts: Parts) => Value | { readonly [name: string]: Value }) {
  const graph = buildGraph('epilogue', (g) => {
    const x: V = g.input('x', f32(batch, seq, 4));
    const product: V = g.named('product', g.matmul(x, g.weight('w', f32(4, 4))));
    const built = build({ g, x, product });
    return 'id' in built ? { y: built as Value } : built;
  });
  return runSafely(graph, fuseEpilogue);
}

const bias = (g: Builder): V => g.weight('bias', f32(4));

describe('behind a matmul', () => {
  test('bias, activation, scale, residual', () => {
    const result = fused(({ g, x, product }) => {
      return g.add(x, g.mul(g.gelu(g.add(product, bias(g))), 0.5));
    });
    expect(result.ops).toEqual(['constant', 'fused'].slice(1));
    expect(opsInside(result.graph, 'add_1')).toEqual([
      'matmul',
      'add',
      'gelu',
      'constant',
      'mul',
      'add',
    ]);
    expect(matches(result)).toEqual(['%product: matmul, add, gelu, mul, add']);
  });

  test('ops that lead from one value to one, such as x * sigmoid(x)', () => {
    const result = fused(({ g, product }) => {
      const cubic = g.mul(g.mul(product, product), product);
      return g.mul(product, g.add(1, g.tanh(g.add(product, cubic))));
    });
    expect(result.ops).toEqual(['fused']);
  });

  test('a comparison and a select', () => {
    const result = fused(({ g, product }) => g.select(g.less(product, 0), g.exp(product), product));
    expect(result.ops).toEqual(['fused']);
  });

  test('then a transpose and a reshape', () => {
    const result = fused(({ g, product }) => {
      const split = g.reshape(g.add(product, bias(g)), { shape: [batch, seq, 2, 2] });
      return g.transpose(split, { permutation: [0, 2, 1, 3] });
    });
    expect(opsInside(result.graph, 'transpose')).toEqual(['matmul', 'add', 'reshape', 'transpose']);
  });

  test('the cast of a mask, which costs no more than loading it', () => {
    const result = fused(({ g, product }) => {
      const mask = g.input('mask', bool(batch, seq));
      const kept = g.reshape(g.cast(mask, { dtype: 'f32' }), { shape: [batch, seq, 1] });
      return { y: g.mul(product, kept), count: g.reduce_sum(kept, { axes: [1] }) };
    });
    expect(opsInside(result.graph, 'mul')).toEqual(['matmul', 'cast', 'reshape', 'mul']);
    expect(result.ops).toEqual(['cast', 'reshape', 'fused', 'reduce_sum']);
  });

  test('its own result as both operands', () => {
    expect(fused(({ g, product }) => g.mul(product, product)).ops).toEqual(['fused']);
  });
});

describe('in front', () => {
  test('views of both operands, copied where others use them too', () => {
    const graph = buildGraph('views', (g) => {
      const x = g.input('x', f32(batch, seq, 2, 2));
      const flat = g.reshape(x, { shape: ['batch*seq', 4] });
      const w = g.transpose(g.weight('w', f32(3, 4)), { permutation: [1, 0] });
      return { y: g.matmul(flat, w), z: g.exp(flat) };
    });
    const { graph: after, ops } = runSafely(graph, fuseEpilogue);
    expect(ops).toEqual(['reshape', 'fused', 'exp']);
    expect(opsInside(after, 'matmul')).toEqual(['reshape', 'transpose', 'matmul']);
  });

  test('views of an attention, and what makes its mask larger', () => {
    const graph = buildGraph('attention', (g) => {
      const states = g.input('states', f32(batch, seq, 12));
      const mask = g.input('mask', bool(batch, seq));
      const [query, key, value] = [0, 4, 8].map((start): V => {
        const part = g.slice(states, { starts: [0, 0, start], ends: [batch, seq, start + 4] });
        const split = g.reshape(part, { shape: [batch, seq, 2, 2] });
        return g.transpose(split, { permutation: [0, 2, 1, 3] });
      });
      if (!query || !key || !value) throw new Error();
      const row = g.iota({ shape: [seq, 1], axis: 0 });
      const near = g.less(g.abs(g.sub(row, g.iota({ shape: [1, seq], axis: 1 }))), 3);
      const visible = g.and(g.reshape(mask, { shape: [batch, 1, 1, seq] }), near);
      const context: V = g.attention(query, key, value, visible, { scale: 0.5 });
      const joined = g.transpose(context, { permutation: [0, 2, 1, 3] });
      return { y: g.reshape(joined, { shape: [batch, seq, 4] }) };
    });
    const { graph: after, ops } = runSafely(graph, fuseEpilogue);
    expect(ops).toEqual(['fused']);
    const inputs = after.nodes[0]?.operands.map((id) => id !== null && valueOf(after, id).name);
    expect(inputs).toEqual(['states', 'mask']);
  });

  test('a mask of ids that are not padding', () => {
    const graph = buildGraph('padding', (g) => {
      const x = g.input('x', f32(batch, 1, seq, 4));
      const ids = g.input('ids', i32(batch, 1, 1, seq));
      return { y: g.attention(x, x, x, g.not_equal(ids, 0), { scale: 1 }) };
    });
    expect(runSafely(graph, fuseEpilogue).ops).toEqual(['fused']);
  });
});

describe('refuses', () => {
  test('a value with a second use that is not elementwise', () => {
    const result = fused(({ g, product }) => {
      const sum = g.named('sum', g.add(product, bias(g)));
      return {
        y: g.named('act', g.relu(sum)),
        z: g.named('total', g.reduce_sum(sum, { axes: [1] })),
      };
    });
    expect(opsInside(result.graph, 'sum')).toEqual(['matmul', 'add']);
    expect(refusals(result)).toEqual([
      '%product: %sum has a second use: %total, so relu (%act) stays outside',
    ]);
  });

  test('a value that is an output', () => {
    const result = fused(({ g, product }) => {
      const sum = g.named('sum', g.add(product, bias(g)));
      return { y: g.relu(sum), logits: sum };
    });
    expect(result.ops).toEqual(['fused', 'relu']);
    expect(refusals(result)).toEqual([
      "%product: %sum has a second use: the output 'logits', so relu (%relu) stays outside",
    ]);
  });

  test('a value that a norm of it needs twice', () => {
    const result = fused(({ g, product }) => {
      const act = g.named('act', g.tanh(product));
      const squares = g.reduce_sum(g.named('square', g.mul(act, act)), { axes: [-1], keep: true });
      return g.named('unit', g.div(act, g.sqrt(squares)));
    });
    expect(opsInside(result.graph, 'act')).toEqual(['matmul', 'tanh']);
    expect(refusals(result)).toEqual([
      '%product: %act has a second use: %unit, so mul (%square) stays outside',
    ]);
  });

  test('an op of another shape', () => {
    const result = fused(({ g, product }) => {
      return g.named('y', g.add(product, g.input('many', f32(3, 1, 1, 4))));
    });
    expect(result.ops).toEqual(['matmul', 'add']);
    expect(refusals(result)).toEqual([
      '%product: %y has the shape [3, batch, seq, 4], the product [batch, seq, 4]',
    ]);
  });

  test('a norm, which needs the whole row', () => {
    const result = fused(({ g, product }) => g.rms_norm(g.add(product, bias(g))));
    expect(result.ops).toEqual(['fused', 'rms_norm']);
    expect(opsInside(result.graph, 'add')).toEqual(['matmul', 'add']);
  });

  test('a second matmul', () => {
    const result = fused(({ g, product }) => g.matmul(g.relu(product), g.weight('v', f32(4, 4))));
    expect(result.ops).toEqual(['fused', 'matmul']);
  });

  test('a product that joins another: one takes the sum, the other is its operand', () => {
    const result = fused(({ g, x, product }) => {
      return g.tanh(g.add(product, g.matmul(x, g.weight('u', f32(4, 4)))));
    });
    expect(result.ops).toEqual(['matmul', 'fused']);
  });

  test('ops behind a transpose', () => {
    const result = fused(({ g, product }) =>
      g.exp(g.transpose(product, { permutation: [1, 0, 2] })),
    );
    expect(result.ops).toEqual(['fused', 'exp']);
  });

  test('a slice behind: the kernel would compute what nobody needs', () => {
    const result = fused(({ g, product }) => {
      return g.slice(product, { starts: [0, 0, 0], ends: [batch, seq, 2] });
    });
    expect(result.ops).toEqual(['matmul', 'slice']);
  });

  test('a dear op in front of a residual', () => {
    const result = fused(({ g, x, product }) => g.add(product, g.exp(x)));
    expect(result.ops).toEqual(['exp', 'fused']);
  });

  test('a ninth buffer', () => {
    const result = fused(({ g, product }) => {
      let y = product;
      for (let i = 0; i < 6; i++) y = g.add(y, g.input(`term${i}`, f32(batch, seq, 4)));
      return g.named('last', g.relu(y));
    });
    expect(result.ops).toEqual(['fused', 'add', 'relu']);
    expect(refusals(result)).toEqual([
      '%product: with %add_5 the kernel would have 9 buffers, more than 8',
    ]);
  });
});
