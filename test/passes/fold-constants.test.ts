/** fold-constants: op(constants and weights) -> its numbers */
import { describe, expect, test } from 'vitest';
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import { type Graph, type Value, valueOf } from '../../src/ir/graph.ts';
import { dims, f32, i32, type TensorData } from '../../src/ir/types.ts';
import { foldConstants } from '../../src/passes/fold-constants.ts';
import { type PassRun, refusals, run, runSafely } from '../support/run-pass.ts';
import { seededWeight } from '../support/seeded-numbers.ts';

const { batch, seq } = dims('batch', 'seq');
type V = Value<'f32'>;

function folded(build: (g: Builder) => Value | { readonly [name: string]: Value }) {
  const graph = buildGraph('fold', (g) => {
    const built = build(g);
    return 'id' in built ? { y: built as Value } : built;
  });
  return runSafely(graph, foldConstants);
}

function parameter(graph: Graph, name: string): TensorData {
  const found = graph.parameters.find(({ value }) => valueOf(graph, value).name === name);
  if (found?.data == null) throw new Error(`no weight ${name} with data`);
  return found.data;
}

const constantsOf = ({ graph }: PassRun) =>
  graph.nodes.filter(({ op }) => op === 'constant').map(({ attributes }) => attributes.value);

const x = (g: Builder): V => g.input('x', f32(batch, 4));

describe('folds', () => {
  test('arithmetic of constants into a constant', () => {
    const result = folded((g) => {
      const eight = g.constant({ value: [8], dtype: 'f32' });
      return g.mul(x(g), g.div(1, g.sqrt(g.mul(eight, 2))));
    });
    expect(result.ops).toEqual(['constant', 'mul']);
    expect(constantsOf(result)).toEqual([[0.25]]);
  });

  test('a small table without a weight in it into a constant', () => {
    const result = folded((g) => {
      const places = g.cast(g.iota({ shape: [4] }), { dtype: 'f32' });
      return g.add(x(g), g.mul(places, 0.5));
    });
    expect(result.ops).toEqual(['constant', 'add']);
    expect(constantsOf(result)).toEqual([[0, 0.5, 1, 1.5]]);
  });

  test('what depends on a weight into a weight of the name of the value', () => {
    const result = folded((g) => {
      const w = g.weight('w', f32(4, 4));
      return g.matmul(x(g), g.named('scaled', g.mul(w, 2)));
    });
    expect(result.ops).toEqual(['matmul']);
    expect(result.graph.parameters).toHaveLength(1);
    const expected = seededWeight(1, [4, 4]).data.map((value) => 2 * value);
    expect(parameter(result.graph, 'scaled').data).toEqual(expected);
  });

  test('dear functions of positions into a table', () => {
    const result = folded((g) => {
      const places = g.cast(g.iota({ shape: [8, 1], axis: 0 }), { dtype: 'f32' });
      const rates = g.cast(g.iota({ shape: [4] }), { dtype: 'f32' });
      return g.add(g.input('x', f32(batch, 8, 4)), g.named('table', g.sin(g.mul(places, rates))));
    });
    expect(result.ops).toEqual(['add']);
    expect(parameter(result.graph, 'table').data[5]).toBeCloseTo(Math.sin(1), 6);
  });

  test('numbers that are all alike into one', () => {
    const result = folded((g) => {
      const zeros = g.sub(g.iota({ shape: [40] }), g.iota({ shape: [40] }));
      return g.add(g.input('x', i32(batch, 40)), g.mul(zeros, zeros));
    });
    expect(constantsOf(result).every((value) => Array.isArray(value) && value.length === 1)).toBe(
      true,
    );
  });

  test('transposes, slices and joins of large weights', () => {
    const result = folded((g) => {
      const w = g.weight('w', f32(300, 260));
      const turned = g.transpose(w, { permutation: [1, 0] });
      const part = g.slice(turned, { starts: [1, 3], ends: [259, 299], steps: [1, 2] });
      const joined = g.concat([part, g.weight('v', f32(258, 300))], { axis: -1 });
      return g.matmul(g.input('x', f32(1, 258)), g.named('joined', joined));
    });
    expect(result.ops).toEqual(['matmul']);
    const joined = parameter(result.graph, 'joined');
    expect(joined.shape).toEqual([258, 448]);
    expect(joined.data[448 + 2]).toBe(seededWeight(1, [300, 260]).data[7 * 260 + 2]);
  });

  test('a large weight in another shape, without a copy', () => {
    const result = folded((g) => {
      const w = g.weight('w', f32(1, 256, 300));
      return g.matmul(g.input('x', f32(1, 256)), g.reshape(w, { shape: [256, 300] }));
    });
    expect(result.ops).toEqual(['matmul']);
  });

  test('the parts of one large weight', () => {
    const result = folded((g) => {
      const w = g.weight('gates', f32(256, 512));
      const part = (start: number) => g.slice(w, { starts: [0, start], ends: [256, start + 256] });
      const y = g.matmul(g.input('x', f32(1, 256)), part(0));
      return g.matmul(y, part(256));
    });
    expect(result.ops).toEqual(['matmul', 'matmul']);
  });
});

describe('leaves', () => {
  test('a cheap function of positions: kernels compute it in place', () => {
    const result = folded((g) =>
      g.add(g.input('x', i32(batch, 40)), g.add(g.iota({ shape: [40] }), 1)),
    );
    expect(result.ops).toContain('iota');
  });

  test('positions whose number is not known', () => {
    const result = folded((g) => {
      const places = g.cast(g.iota({ shape: [seq] }), { dtype: 'f32' });
      return g.add(g.input('x', f32(batch, seq)), g.sin(places));
    });
    expect(result.ops).toEqual(['iota', 'cast', 'sin', 'add']);
  });

  test('a broadcast, which would only take memory', () => {
    const result = folded((g) => {
      const w = g.weight('w', f32(40));
      return g.add(g.input('x', f32(3, 40)), g.broadcast(w, { shape: [3, 40] }));
    });
    expect(result.ops).toEqual(['broadcast', 'add']);
  });

  test('the transpose of a large table that is used as it is too', () => {
    const result = folded((g) => {
      const table = g.weight('table', f32(256, 300));
      const states = g.gather(table, g.input('ids', i32(batch)));
      return g.matmul(states, g.transpose(table, { permutation: [1, 0] }));
    });
    expect(result.ops).toEqual(['gather', 'transpose', 'matmul']);
  });

  test('weights without data', () => {
    const graph = buildGraph('unbound', (g) => ({
      y: g.matmul(x(g), g.mul(g.weight('w', f32(4, 4)), 2)),
    }));
    const result = run(graph, foldConstants);
    expect(result.ops).toEqual(['constant', 'mul', 'matmul']);
    expect(result.entries).toEqual([]);
  });

  test('what would take too long, and says so', () => {
    const result = folded((g) => {
      const [a, b] = [g.weight('a', f32(256, 256)), g.weight('b', f32(256, 256))];
      return { y: g.named('product', g.matmul(a, b)) };
    });
    expect(result.ops).toEqual(['matmul']);
    expect(refusals(result)).toEqual([
      '%product: %product would take 16777216 operations at compile time',
    ]);
  });

  test('what depends on an input', () => {
    expect(folded((g) => g.exp(x(g))).entries).toEqual([]);
  });
});
