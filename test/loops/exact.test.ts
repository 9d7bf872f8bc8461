/**
 * Exact programs at the edges of their nests, and each function over the bit patterns of float32: JS,
 * scalar WebAssembly and WebAssembly with SIMD give the same bits.
 */
import { describe, expect, it } from 'vitest';
import { compileGraph } from '../../src/compile.ts';
import { buildGraph, type UntypedBuilder } from '../../src/ir/builder.ts';
import type { Graph, Value } from '../../src/ir/graph.ts';
import type { Sizes } from '../../src/ir/sizes.ts';
import { bool, f32, i8, i32 } from '../../src/ir/types.ts';
import { lower } from '../../src/loops/lower.ts';
import { load, multiplyAdd, store } from '../../src/loops/nodes.ts';
import { verifyProgram } from '../../src/loops/verify-program.ts';
import { table } from '../support/agreement.ts';
import { expectSameBits, expectSameRuns } from '../support/exact-bits.ts';

/** With passes and without. */
async function expectExact(graph: Graph, ...sizes: readonly Sizes[]): Promise<void> {
  await expectSameBits(graph, sizes);
  await expectSameBits(compileGraph(graph, { targets: [] }).optimised, sizes);
}

/** Seeded words of 32 bits (xorshift; Marsaglia 2003). */
function words(count: number, seed: number): Int32Array {
  let x = seed;
  return Int32Array.from({ length: count }, () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x;
  });
}

const SPECIAL = [0, -0, 1, -1, 0.5, -0.5, 1.5, 2.5, Infinity, -Infinity, Number.NaN, 1e-45, 3.4e38];

/** Any float32, subnormal, infinite and NaN too, then numbers of everyday size. */
function anyFloats(seed: number): Float32Array {
  const patterns = new Float32Array(words(2000, seed).buffer);
  const everyday = Array.from(words(2000, seed + 1), (word) => word / 2 ** 28);
  return Float32Array.from([...SPECIAL, ...patterns, ...everyday]);
}

describe('functions of one number', () => {
  it.each([
    ...['neg', 'abs', 'sqrt', 'floor', 'ceil', 'round', 'sign'],
    ...['exp', 'log', 'sin', 'cos', 'tanh', 'erf', 'gelu', 'silu', 'sigmoid', 'rsqrt', 'relu'],
  ])('%s of any number', async (op) => {
    const graph = buildGraph(op, (g) => {
      const x = g.input('x', f32('n'));
      const untyped = g as unknown as { readonly [op: string]: ((x: Value) => Value) | undefined };
      const y = untyped[op]?.call(g, x);
      return y === undefined ? expect.fail(`there is no op ${op}`) : { y };
    });
    const x = anyFloats(7);
    await expectSameRuns(graph, [{ sizes: { n: x.length }, inputs: { x } }]);
  });

  it('large integers as floats, and any number as an integer', async () => {
    const graph = buildGraph('casts', (g) => {
      const [i, x] = [g.input('i', i32('n')), g.input('x', f32('n'))];
      return {
        float: g.mul(g.cast(i, { dtype: 'f32' }), 3),
        integer: g.cast(x, { dtype: 'i32' }),
        isSet: g.cast(g.cast(x, { dtype: 'bool' }), { dtype: 'f32' }),
      };
    });
    const [i, x] = [words(4013, 3), anyFloats(5)];
    const { optimised } = compileGraph(graph, { targets: [] });
    await expectSameRuns(optimised, [{ sizes: { n: i.length }, inputs: { i, x } }]);
  });
});

describe('functions of two numbers', () => {
  it.each(['add', 'sub', 'mul', 'div', 'rem', 'pow', 'minimum', 'maximum'])(
    '%s of any numbers',
    async (op) => {
      const graph = buildGraph(op, (g) => {
        const [a, b] = [g.input('a', f32('n')), g.input('b', f32('n'))];
        const untyped = g as unknown as {
          readonly [op: string]: ((a: Value, b: Value) => Value) | undefined;
        };
        const y = untyped[op]?.call(g, a, b);
        return y === undefined ? expect.fail(`there is no op ${op}`) : { y };
      });
      const [a, b] = [anyFloats(11), anyFloats(23)];
      // beside random pairs every pair of the special ones
      const pairs = SPECIAL.flatMap((x) => SPECIAL.map((y) => [x, y] as const));
      const all = {
        a: Float32Array.from([...pairs.map(([x]) => x), ...a]),
        b: Float32Array.from([...pairs.map(([, y]) => y), ...b]),
      };
      await expectSameRuns(graph, [{ sizes: { n: all.a.length }, inputs: all }]);
    },
  );
});

describe('sums', () => {
  it.each([
    [5, 7],
    [16, 64],
    [33, 3],
    [130, 18],
    [640, 9],
    [1040, 9],
  ])('of products of rows and a weight of %i x %i', async (k, n) => {
    const graph = buildGraph('dense', (g) => {
      const product = g.matmul(g.input('x', f32('rows', k)), table(g, 'w', k, n));
      return { y: g.gelu(g.add(product, g.reshape(table(g, 'b', 1, n), { shape: [n] }))) };
    });
    await expectExact(graph, { rows: 1 }, { rows: 2 }, { rows: 3 }, { rows: 35 });
  });

  it('of products of two computed matrices', async () => {
    const graph = buildGraph('batched', (g) => {
      const a = g.input('a', f32('batch', 3, 'n', 6));
      const b = g.input('b', f32('m', 6));
      const scores = g.mul(g.matmul(a, g.transpose(b, { permutation: [1, 0] })), 0.1);
      const c = g.input('c', f32('batch', 1, 'm', 5));
      return { y: g.transpose(g.matmul(scores, c), { permutation: [0, 2, 1, 3] }) };
    });
    await expectExact(graph, { batch: 2, n: 3, m: 4 }, { batch: 1, n: 33, m: 65 });
  });

  it.each([3, 33, 130])('of norms and softmax over %i columns', async (n) => {
    const graph = buildGraph('rows', (g) => {
      const x = g.input('x', f32('rows', n));
      const mask = g.input('mask', bool('rows', n));
      const vector = (name: string) => g.reshape(table(g, name, 1, n), { shape: [n] });
      const untyped = g as unknown as UntypedBuilder;
      return {
        norm: untyped.layer_norm(g.tanh(x), vector('gamma'), vector('beta'), { eps: 1e-5 }),
        rms: g.rms_norm(g.exp(x), { eps: 1e-5 }),
        probabilities: g.softmax(x, mask, { axis: -1 }),
        log: g.log_softmax(x, { axis: -1 }),
        product: g.reduce_mean(x, { axes: [0] }),
      };
    });
    await expectExact(graph, { rows: 1 }, { rows: 3 });
  });

  it('over a symbolic number of columns, of integers too', async () => {
    const graph = buildGraph('symbolic', (g) => {
      const x = g.input('x', f32('rows', 'seq'));
      const ids = g.input('ids', i32('rows', 'seq'));
      return {
        mean: g.reduce_mean(x, { axes: [-1] }),
        sum: g.reduce_sum(ids, { axes: [-1] }),
        most: g.reduce_max(g.neg(g.maximum(x, 0)), { axes: [-1] }),
      };
    });
    await expectExact(graph, { rows: 2, seq: 1 }, { rows: 1, seq: 131 }, { rows: 5, seq: 64 });
  });
});

describe('sums of bytes', () => {
  it.each([
    [50, 19],
    [2096, 9],
    [2300, 9],
  ])('of %i products, which float32 may not hold', async (k, n) => {
    const graph = buildGraph('quantized', (g) => {
      const data = Int8Array.from({ length: k * n }, (_, i) => (i % 3 === 0 ? 62 : 63));
      const weight = g.weight('w', i8(k, n), { dtype: 'i8', shape: [k, n], data });
      const scale = g.reshape(table(g, 's', 1, n), { shape: [n] });
      // numbers near each other: all codes are large, and so is their sum
      const x = g.add(g.mul(g.input('x', f32('rows', k)), 0.02), 3);
      const untyped = g as unknown as UntypedBuilder;
      return { y: untyped.gelu(untyped.quantized_matmul(x, weight, scale)) };
    });
    await expectExact(graph, { rows: 1 }, { rows: 7 }, { rows: 53 });
  });
});

describe('attention', () => {
  it.each([
    ['plain', []],
    ['masked', ['mask']],
    ['causal', ['causal']],
    ['masked and causal, with a bias', ['mask', 'causal', 'bias']],
    ['in a window', ['window']],
    ['masked, in a window to the left', ['mask', 'causal', 'window']],
  ] as const)('%s, over several blocks of queries and keys', async (_, given) => {
    const terms: readonly string[] = given;
    const graph = buildGraph('attention', (g) => {
      const untyped = g as unknown as UntypedBuilder;
      const query = g.input('query', f32('batch', 4, 'n', 7));
      const key = g.input('key', f32('batch', 2, 'm', 7));
      const value = g.input('value', f32('batch', 2, 'm', 13));
      const mask = terms.includes('mask') ? g.input('mask', bool('batch', 1, 1, 'm')) : null;
      const bias = terms.includes('bias') ? g.input('bias', f32(4, 'n', 'm')) : null;
      const causal = terms.includes('causal');
      const window = terms.includes('window') ? 10 : null;
      const attributes = { scale: 0.7, causal, window };
      return { y: untyped.attention(query, key, value, mask, bias, attributes) };
    });
    const sizes = [
      { batch: 2, n: 1, m: 1 },
      { batch: 1, n: 19, m: 70 },
      { batch: 1, n: 135, m: 135 },
      { batch: 1, n: 50, m: 3 },
    ];
    await expectExact(graph, ...sizes);
  });

  it('of queries that see no key, and of scores that rise from block to block', async () => {
    const graph = buildGraph('rising', (g) => {
      const x = g.input('x', f32('batch', 1, 'seq', 4));
      const place = g.cast(g.iota({ shape: ['seq', 1], axis: 0 }), { dtype: 'f32' });
      const key = g.add(x, g.mul(place, 0.05));
      const none = g.less(g.iota({ shape: [1, 'seq'], axis: 1 }), 0);
      return {
        rising: g.attention(g.add(x, 2), key, x, { scale: 1 }),
        blind: g.attention(x, x, x, none, { scale: 0.5 }),
      };
    });
    await expectExact(graph, { batch: 1, seq: 140 }, { batch: 2, seq: 3 });
  });
});

describe('what is not exact', () => {
  const dense = buildGraph('dense', (g) => ({
    y: g.matmul(g.input('x', f32('rows', 64)), table(g, 'w', 64, 16)),
  }));

  it('the numbers of programs that are not exact differ', async () => {
    const runs = [
      {
        sizes: { rows: 5 },
        inputs: { x: Float32Array.from(words(5 * 64, 9), (x) => x / 2 ** 31) },
      },
    ];
    await expect(expectSameRuns(dense, runs, false)).rejects.toThrow('JS and');
    await expectSameRuns(dense, runs);
  });

  it.each(['wgsl', 'wasm-relaxed'] as const)('no program for %s is', (target) => {
    expect(() => verifyProgram(lower(dense, target, true))).toThrow('(program_v5)');
  });

  it('a program that may fuse a product and a sum is not', () => {
    const program = lower(dense, 'js', true);
    const kernels = program.kernels.map((kernel) => {
      const [x, w, out] = kernel.buffers.map(({ name }) => name) as [string, string, string];
      const fused = multiplyAdd(load(x, 0), load(w, 0), load(w, 1));
      return { ...kernel, body: [...kernel.body, store(out, 0, fused)] };
    });
    expect(() => verifyProgram({ ...program, kernels })).toThrow('(program_v5)');
  });

  it.each([['wgsl', 'WGSL leaves to the GPU how']] as const)(
    '%s is refused, and says why',
    (target, reason) => {
      expect(() => compileGraph(dense, { targets: [target], exact: true })).toThrow(reason);
    },
  );

  it('the programs of an exact compilation are js and wasm, and say that they are', () => {
    const { programs } = compileGraph(dense, { exact: true });
    expect([...programs.keys()]).toEqual(['js', 'wasm']);
    expect([...programs.values()].every(({ exact }) => exact === true)).toBe(true);
    const [plain] = compileGraph(dense, { targets: ['js'] }).programs.values();
    expect(plain).not.toHaveProperty('exact');
  });
});
