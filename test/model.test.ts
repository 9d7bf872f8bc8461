import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EncompileError } from '../src/errors.ts';
import { writeSafetensors } from '../src/frontends/safetensors.ts';
import {
  bool,
  dims,
  f16,
  f32,
  type Graph,
  i8,
  i32,
  i64,
  type Model,
  model,
  randomWeights,
  safetensors,
  type TensorData,
  u8,
  type Value,
  type WeightSource,
} from '../src/index.ts';
import { valueOf } from '../src/ir/graph.ts';
import { printGraph } from '../src/ir/print.ts';
import { verifyGraph } from '../src/ir/verify.ts';
import { hasWeights, instantiate, isModel } from '../src/model.ts';
import { fillRandomWeights } from '../src/random-weights.ts';

const { batch } = dims('batch');

const twoLayers = (weights?: WeightSource) =>
  model(
    'two-layers',
    (g) => {
      const x = g.input('x', f32(batch, 3));
      const hidden = g.tanh(g.linear(x, g.weight('a.w', f32(3, 2)), g.weight('a.b', f32(2))));
      return { scores: g.matmul(hidden, g.weight('b.w', f32(2, 2))) };
    },
    weights === undefined ? {} : { weights },
  );

const complete = {
  'a.w': new Float32Array([1, 2, 3, 4, 5, 6]),
  'a.b': [0.5, -0.5],
  'b.w': { dtype: 'f32', shape: [2, 2], data: [1, 0, 0, 1] },
} as const;

function dataOf(graph: Graph): { readonly [name: string]: TensorData | null } {
  return Object.fromEntries(
    graph.parameters.map(({ value, data }) => [valueOf(graph, value).name, data]),
  );
}

async function refusal(promise: Promise<unknown> | (() => unknown)): Promise<string> {
  try {
    await (typeof promise === 'function' ? promise() : promise);
  } catch (error) {
    if (error instanceof EncompileError) return error.message;
    throw error;
  }
  throw new Error('nothing was refused');
}

/** As code without type checks would call it. */
const declareUntyped = (declare: unknown) =>
  model('wrong', declare as Parameters<typeof model>[1]).build();

describe('model', () => {
  test('builds a graph of its own each time', () => {
    const declared: Model<{ scores: Value<'f32', ['batch', 2]> }> = twoLayers();
    const [first, second] = [declared.build(), declared.build()];
    expect(printGraph(first)).toBe(
      [
        'graph @two-layers(%x: f32[batch, 3]) {',
        '  param %a.w: f32[3, 2]',
        '  param %a.b: f32[2]',
        '  param %b.w: f32[2, 2]',
        '  %linear = linear %x, %a.w, %a.b : f32[batch, 2]',
        '  %tanh = tanh %linear : f32[batch, 2]',
        '  %matmul = matmul %tanh, %b.w : f32[batch, 2]',
        '  return scores = %matmul',
        '}',
        '',
      ].join('\n'),
    );
    expect(printGraph(second)).toBe(printGraph(first));
    expect(second.values).not.toBe(first.values);
    verifyGraph(first);
  });

  test('is recognised by its data, not by its class', () => {
    expect(isModel(twoLayers())).toBe(true);
    expect(isModel({ ...twoLayers() })).toBe(true);
    expect([null, undefined, 3, {}, { kind: 'encompile.model' }].some(isModel)).toBe(false);
  });

  test.each([
    ['nothing', () => undefined, 'returns nothing. Return the outputs by name, as in: return {'],
    ['a promise', async () => ({}), 'is asynchronous'],
    ['a value', (g: Builder) => g.input('x', f32(4)), "returns the value 'x' without an output's"],
    ['no outputs', () => ({}), 'returns no outputs'],
    ['a number', () => 3, 'returns 3'],
    ['an output that is none', () => ({ y: 'no' }), 'returns "no" as its output "y"'],
  ])('refuses a declaration that returns %s', async (_, declare, message) => {
    const said = await refusal(() => declareUntyped(declare));
    expect(said).toContain(message);
    expect(said).toMatch(/model\.test\.ts:\d+:\d+: the declaration of 'wrong' /);
  });

  test('refuses arguments that are none', async () => {
    const untyped = model as (...args: readonly unknown[]) => unknown;
    expect(await refusal(() => untyped(() => ({})))).toContain("model('name', (g) => ");
    expect(await refusal(() => untyped('name'))).toContain('"name" and nothing');
  });
});

type Builder = Parameters<Parameters<typeof model>[1]>[0];

describe('weights', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'encompile-model-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('none: parameters keep no data', async () => {
    const graph = await instantiate(twoLayers());
    expect(hasWeights(graph)).toBe(false);
    expect(dataOf(graph)['a.w']).toBe(null);
  });

  test.each<[string, WeightSource]>([
    ['an object', complete],
    ['a Map', new Map(Object.entries(complete))],
    ['a function', () => complete],
    ['a promise', async () => complete],
  ])('from %s', async (_, source) => {
    const graph = await instantiate(twoLayers(source));
    expect(hasWeights(graph)).toBe(true);
    expect(dataOf(graph)).toEqual({
      'a.w': { dtype: 'f32', shape: [3, 2], data: new Float32Array([1, 2, 3, 4, 5, 6]) },
      'a.b': { dtype: 'f32', shape: [2], data: new Float32Array([0.5, -0.5]) },
      'b.w': { dtype: 'f32', shape: [2, 2], data: new Float32Array([1, 0, 0, 1]) },
    });
    verifyGraph(graph);
  });

  test('from a safetensors file, relative to the given folder or by URL', async () => {
    const bound = dataOf(await instantiate(twoLayers(complete)));
    const tensors = new Map(
      Object.entries(bound).flatMap(([n, t]) => (t ? [[n, t] as const] : [])),
    );
    await writeSafetensors(join(folder, 'w.safetensors'), tensors);
    const url = pathToFileURL(join(folder, 'w.safetensors'));
    for (const source of [safetensors('./w.safetensors'), safetensors(url)]) {
      expect(dataOf(await instantiate(twoLayers(source), { folder }))).toEqual(bound);
    }
    expect(await refusal(instantiate(twoLayers(safetensors('none.st')), { folder }))).toContain(
      `There is no file ${join(folder, 'none.st')}, from which safetensors() takes the model's weights`,
    );
    await writeSafetensors(
      join(folder, 'w.safetensors'),
      new Map([...tensors, ['head', { dtype: 'i32', shape: [], data: Int32Array.of(1) }]]),
    );
    expect(await refusal(instantiate(twoLayers(safetensors(url))))).toContain('extra: "head"');
    const lenient = twoLayers(safetensors(url, { allowExtra: true }));
    expect(dataOf(await instantiate(lenient))).toEqual(bound);
  });

  test('what is wrong is one error that lists all of it, with the nearest names', async () => {
    const source: WeightSource = {
      'a.W': new Float32Array(6),
      'a.b': new Int32Array(2),
      'b.w': new Float32Array(6),
      stray: [1],
    };
    expect(await refusal(instantiate(twoLayers(source)))).toBe(
      [
        "The weights in the model 'two-layers' do not fit the model: 1 missing, 2 of the wrong dtype or shape, 2 extra.",
        '  missing: "a.w", expected f32[3, 2] (there is "a.W")',
        '  wrong: "a.b" is i32[2], expected f32[2]',
        '  wrong: "b.w" is f32[6], expected f32[2, 2]',
        '  extra: "a.W" (wanted: "a.w")',
        '  extra: "stray"',
        'Give the weights that the model declares, under the same names, or change the declaration.',
      ].join('\n'),
    );
  });

  test('arrays that are none are listed too', async () => {
    const source = {
      'a.w': 'zeros',
      'a.b': [1, '2'],
      'b.w': { dtype: 'f64', shape: [2, 2], data: [] },
      c: { dtype: 'i32', shape: [1.5], data: [] },
      d: { dtype: 'i32', shape: [1], data: 3 },
      e: { dtype: 'u8', shape: [2], data: [1, 256] },
      f: { dtype: 'f32', shape: [1], data: [1n] },
    } as unknown as WeightSource;
    expect(await refusal(instantiate(twoLayers(source)))).toBe(
      [
        "Of the weights of the model 'two-layers', 7 cannot be read:",
        '  "a.w" is "zeros", which is no array',
        '  "a.b" has "2" as its element 1, which is no f32',
        '  "b.w" has the dtype "f64", which is none of f32, f16, i64, i32, i8, u8, bool',
        '  "c" has the shape [1.5], which is no list of whole numbers',
        '  "d" has 3 as its data, which is no array of numbers',
        '  "e" has 256 as its element 1, which is no u8',
        '  "f" has 1n as its element 0, which is no f32',
        'Give each as a typed array, a flat array of numbers or { dtype, shape, data }.',
      ].join('\n'),
    );
    const none = (() => undefined) as unknown as WeightSource;
    expect(await refusal(instantiate(twoLayers(none)))).toContain(
      'are nothing, where arrays by na',
    );
  });

  test('every dtype takes plain numbers and its own array', async () => {
    const declared = (weights: WeightSource) =>
      model(
        'dtypes',
        (g) => {
          const types = [f32(2), f16(2), i64(2), i32(2), i8(2), u8(2), bool(2)];
          const all = types.map((type) => g.weight(type.dtype, type));
          return Object.fromEntries(all.map((value) => [value.name, value]));
        },
        { weights },
      );
    const names = ['f32', 'f16', 'i64', 'i32', 'i8', 'u8', 'bool'];
    const plain = await instantiate(declared(Object.fromEntries(names.map((n) => [n, [1, 0]]))));
    const typed = await instantiate(
      declared({
        f32: Float64Array.of(1, 0),
        f16: Float32Array.of(1, 0),
        i64: BigInt64Array.of(1n, 0n),
        i32: Int32Array.of(1, 0),
        i8: Int8Array.of(1, 0),
        u8: Uint8Array.of(1, 0),
        bool: Uint8Array.of(1, 0),
      }),
    );
    expect(dataOf(typed)).toEqual(dataOf(plain));
    verifyGraph(plain);
    expect(dataOf(plain).i64?.data).toEqual(BigInt64Array.of(1n, 0n));
    expect(dataOf(plain).f16?.dtype).toBe('f16');
  });

  test('data within the declaration is bound, and checked as that of a file', async () => {
    const declared = (data: TensorData) =>
      model('inline', (g) => ({ y: g.weight('w', f32(2), data) }));
    const data: TensorData = { dtype: 'f32', shape: [2], data: Float32Array.of(1, 2) };
    expect(dataOf(await instantiate(declared(data)))).toEqual({ w: data });
    expect(await refusal(instantiate(declared({ ...data, shape: [3] })))).toContain(
      `The weights in the declaration of 'inline' do not fit the model`,
    );
  });

  test('a weight has one size', async () => {
    const declared = model('open', (g) => ({ y: g.weight('w', f32(batch, 2)) }), {
      weights: { w: [1, 2] },
    });
    const message = "The weight 'w' is f32[batch, 2], with a symbolic dim";
    expect(await refusal(instantiate(declared))).toContain(message);
    expect(await refusal(() => fillRandomWeights(declared.build(), 1))).toContain(message);
  });
});

describe('random weights', () => {
  const declared = (weights: WeightSource, names = ['dense.w', 'norm.gamma', 'norm.beta']) =>
    model(
      'random',
      (g) => {
        const [w = '', gamma = '', beta = ''] = names;
        const table = g.weight('embeddings', f32(50, 64));
        const [scale, shift] = [g.weight(gamma, f32(400)), g.weight(beta, f32(400))];
        const x = g.matmul(table, g.weight(w, f32(64, 400)));
        return { y: g.layer_norm(x, scale, shift), index: g.weight('index', i32(99)) };
      },
      { weights },
    );
  const moments = (data: ArrayLike<number> = []) => {
    const values = Array.from(data);
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
    return { mean, variance, low: Math.min(...values), high: Math.max(...values) };
  };
  const floats = (tensor: TensorData | null | undefined) => tensor?.data as Float32Array;

  test('matrices keep the size of activations; gamma is near 1, beta near 0', async () => {
    const bound = dataOf(await instantiate(declared(randomWeights({ seed: 7 }))));
    const matrix = moments(floats(bound['dense.w']));
    expect(matrix.mean).toBeCloseTo(0, 2);
    expect(matrix.variance * 64).toBeCloseTo(1, 1);
    expect(moments(floats(bound.embeddings)).variance).toBeCloseTo(1, 1);
    const [gamma, beta] = [
      moments(floats(bound['norm.gamma'])),
      moments(floats(bound['norm.beta'])),
    ];
    expect([gamma.low > 0.89, gamma.high < 1.11, gamma.variance > 0]).toEqual([true, true, true]);
    expect([beta.low > -0.11, beta.high < 0.11, beta.variance > 0]).toEqual([true, true, true]);
    expect(new Set(bound.index?.data as Int32Array)).toEqual(new Set([0, 1]));
  });

  test('the seed and the name alone decide, and the numbers never change', async () => {
    const of = async (seed: number, names?: string[]) =>
      dataOf(await instantiate(declared(randomWeights({ seed }), names)));
    const first = await of(1);
    expect(await of(1)).toEqual(first);
    expect((await of(2))['dense.w']).not.toEqual(first['dense.w']);
    const renamed = await of(1, ['other', 'norm.gamma', 'norm.beta']);
    expect(renamed.embeddings).toEqual(first.embeddings);
    expect(renamed.other).not.toEqual(first['dense.w']);
    expect(Array.from(floats(first['dense.w']).subarray(0, 3))).toEqual(GOLDEN);
  });

  test('filling keeps the data that is there', async () => {
    const graph = await instantiate(twoLayers(complete));
    expect(dataOf(fillRandomWeights(graph, 1))).toEqual(dataOf(graph));
    const filled = fillRandomWeights(await instantiate(twoLayers()), 1);
    expect(hasWeights(filled)).toBe(true);
    verifyGraph(filled);
  });

  test('a seed is a whole number', async () => {
    expect(await refusal(() => randomWeights({ seed: 0.5 }))).toContain('whole number, but is 0.5');
  });
});

const GOLDEN = [0.0010208848398178816, -0.1216365173459053, 0.13930125534534454];
