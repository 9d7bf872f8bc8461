/**
 * Hugging Face folders in the interpreter: the untrained BERT models against ONNX Runtime, and small
 * folders of every family, made here, against the float64 reference.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FAMILIES, type Family } from '../../src/frontends/huggingface/config.ts';
import { readHuggingFaceFolder } from '../../src/frontends/huggingface/folder.ts';
import { loadHuggingFace, modelOfFolder } from '../../src/frontends/huggingface/index.ts';
import {
  POOLING_MODES,
  type PoolingMode,
} from '../../src/frontends/huggingface/sentence-transformers.ts';
import { interpret } from '../../src/interpreter/interpreter.ts';
import { type Graph, valueOf } from '../../src/ir/graph.ts';
import type { NdArray } from '../../src/ir/nd-array.ts';
import { printType } from '../../src/ir/types.ts';
import { BERT_MODELS, bertFixture, strengthen } from '../support/bert-fixture.ts';
import { type BertFolder, type BertFolderOptions, makeBertFolder } from '../support/bert-folder.ts';
import { type BertRow, bertLogits, bertPooled, bertStates } from '../support/bert-reference.ts';
import { describeWithData } from '../support/test-data.ts';

/** ONNX Runtime computes in float32, the interpreter in float64. */
const TOLERANCE = 1e-5;

for (const model of BERT_MODELS) {
  describeWithData(model, `models/${model}`, (path) => {
    const { cases, strong } = bertFixture(model);
    const all = [
      ...cases.map((given) => ({ ...given, weights: 'as they are', strength: null })),
      ...strong.cases.map((given) => ({ ...given, weights: 'strengthened', strength: strong })),
    ];
    it.each(all)('$weights give what ONNX Runtime gives: $name', async (given) => {
      const folder = await readHuggingFaceFolder(path);
      const tensors = given.strength ? strengthen(folder.tensors, given.strength) : folder.tensors;
      const { graph } = modelOfFolder({ ...folder, tensors });
      const inputs = Object.entries(given.inputs).map(
        ([name, { shape, data }]) => [name, integers(shape, data)] as const,
      );
      const { outputs } = interpret(graph, new Map(inputs));
      for (const [name, { shape, data }] of Object.entries(given.outputs)) {
        expect(outputs.get(name)?.shape).toEqual(shape);
        expect(largestDifference(outputs.get(name)?.data, data)).toBeLessThan(TOLERANCE);
      }
    });

    it('comes with its tokenizer', async () => {
      const { tokenizerJson, maxTokens, graph } = await loadHuggingFace(path);
      expect(tokenizerJson).toHaveProperty('model');
      expect(maxTokens).toBe(512);
      expect(graph.name).toBe(model);
    });
  });
}

/** Three texts; padding stands on the right, with ids that would show if they were seen. */
const ROWS: readonly BertRow[] = [
  { ids: [2, 5, 9, 13, 3, 17], mask: [1, 1, 1, 1, 1, 1], tokenTypes: [0, 0, 0, 1, 1, 1] },
  { ids: [2, 7, 3, 1, 1, 1], mask: [1, 1, 1, 0, 0, 0], tokenTypes: [0, 0, 0, 0, 0, 0] },
  { ids: [4, 19, 6, 8, 18, 1], mask: [1, 1, 1, 1, 1, 0], tokenTypes: [0, 1, 1, 1, 1, 0] },
];
const SEQ = 6;

/** RoBERTa's tokens are all of type 0. */
const ROBERTA_ROWS = ROWS.map((row) => ({ ...row, tokenTypes: row.ids.map(() => 0) }));
const ROWS_OF: { readonly [F in Family]: readonly BertRow[] } = {
  bert: ROWS,
  roberta: ROBERTA_ROWS,
  distilbert: ROWS,
  electra: ROWS,
};

let scratch = '';
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'encompile-bert-'));
});
afterAll(() => rm(scratch, { recursive: true }));

let folders = 0;

async function makeFolder(options: BertFolderOptions): Promise<BertFolder & { path: string }> {
  const path = join(scratch, `folder-${folders++}`);
  return { path, ...(await makeBertFolder(path, options)) };
}

const CLASSIFIERS: { readonly [F in Family]: string } = {
  bert: 'BertForSequenceClassification',
  roberta: 'RobertaForSequenceClassification',
  distilbert: 'DistilBertForSequenceClassification',
  electra: 'ElectraForSequenceClassification',
};

function integers(shape: readonly number[], data: readonly number[]): NdArray {
  return { dtype: 'i64', shape, data: Float64Array.from(data) };
}

function run(graph: Graph, rows: readonly BertRow[]): ReadonlyMap<string, NdArray> {
  const shape = [rows.length, SEQ];
  const columns: { readonly [input: string]: keyof BertRow } = {
    input_ids: 'ids',
    attention_mask: 'mask',
    token_type_ids: 'tokenTypes',
  };
  const inputs = graph.inputs.map((id) => {
    const { name } = valueOf(graph, id);
    const column = columns[name];
    if (column === undefined) throw new Error(`there is no column for the input ${name}`);
    return [
      name,
      integers(
        shape,
        rows.flatMap((row) => row[column]),
      ),
    ] as const;
  });
  return interpret(graph, new Map(inputs)).outputs;
}

function largestDifference(
  actual: ArrayLike<number> | undefined,
  expected: readonly number[],
): number {
  expect(actual).toHaveLength(expected.length);
  return Math.max(...expected.map((value, i) => Math.abs(value - (actual?.[i] ?? Number.NaN))));
}

function signatures(graph: Graph) {
  const typed = (name: string, id: Graph['inputs'][number]) =>
    `${name}: ${printType(valueOf(graph, id))}`;
  return {
    inputs: graph.inputs.map((id) => typed(valueOf(graph, id).name, id)),
    outputs: graph.outputs.map(({ name, value }) => typed(name, value)),
  };
}

/** Equal up to the order of float64 sums. */
const EXACT = 1e-10;

describe.each(FAMILIES)('%s', (family) => {
  const rows = ROWS_OF[family];
  // Where padding stands, RoBERTa has other positions; its vectors reach nothing.
  it('gives the token vectors of the reference', async () => {
    const { path, config, weights } = await makeFolder({ family, top: 'none' });
    const { graph, task } = await loadHuggingFace(path);
    expect(task).toEqual({ kind: 'token-vectors', pooler: false });
    const states = run(graph, ROWS).get('last_hidden_state');
    expect(states?.shape).toEqual([rows.length, SEQ, config.hidden]);
    const vector = (r: number, t: number) =>
      states?.data.subarray((r * SEQ + t) * config.hidden, (r * SEQ + t + 1) * config.hidden);
    rows.forEach((row, r) => {
      bertStates(config, weights, row).forEach((expected, t) => {
        if (row.mask[t] === 0) return;
        expect(largestDifference(vector(r, t), expected)).toBeLessThan(EXACT);
      });
    });
  });

  it('gives the logits of the reference', async () => {
    const fields = { architectures: [CLASSIFIERS[family]], num_labels: 3 };
    const { path, config, weights } = await makeFolder({ family, top: 'classifier', fields });
    const { graph } = await loadHuggingFace(path);
    const expected = rows.flatMap((row) => bertLogits(config, weights, row));
    expect(largestDifference(run(graph, ROWS).get('logits')?.data, expected)).toBeLessThan(EXACT);
  });

  it('is not reached by what padding holds', async () => {
    const pooling = { modes: ['mean'], normalize: true } as const;
    const { path } = await makeFolder({ family, top: 'none', pooling });
    const { graph } = await loadHuggingFace(path);
    const others = ROWS.map((row) => ({
      ...row,
      ids: row.ids.map((id, t) => (row.mask[t] === 0 ? (id + 7) % 20 : id)),
    }));
    const embeddings = run(graph, ROWS).get('sentence_embedding');
    expect(run(graph, others).get('sentence_embedding')).toEqual(embeddings);
  });
});

describe('inputs and outputs', () => {
  it('of BERT with a pooler', async () => {
    const { path, config, weights } = await makeFolder({ family: 'bert', top: 'pooler' });
    const { graph } = await loadHuggingFace(path);
    expect(signatures(graph)).toEqual({
      inputs: [
        'input_ids: i64[batch, seq]',
        'attention_mask: i64[batch, seq]',
        'token_type_ids: i64[batch, seq]',
      ],
      outputs: ['last_hidden_state: f32[batch, seq, 8]', 'pooler_output: f32[batch, 8]'],
    });
    const expected = ROWS.flatMap((row) => bertPooled(config, weights, row));
    expect(largestDifference(run(graph, ROWS).get('pooler_output')?.data, expected)).toBeLessThan(
      EXACT,
    );
  });

  it.each(['roberta', 'distilbert'] as const)('of %s, which has no token types', async (family) => {
    const fields = { architectures: [CLASSIFIERS[family]], num_labels: 3 };
    const { path } = await makeFolder({ family, top: 'classifier', fields });
    expect(signatures((await loadHuggingFace(path)).graph)).toEqual({
      inputs: ['input_ids: i64[batch, seq]', 'attention_mask: i64[batch, seq]'],
      outputs: ['logits: f32[batch, 3]'],
    });
  });

  it('take more tokens than there are positions for an error', async () => {
    const { path } = await makeFolder({ family: 'roberta', top: 'none' });
    const { graph, maxTokens } = await loadHuggingFace(path);
    expect(maxTokens).toBe(8);
    const row = { ids: Array(9).fill(5), mask: Array(9).fill(1) };
    const inputs = new Map([
      ['input_ids', integers([1, 9], row.ids)],
      ['attention_mask', integers([1, 9], row.mask)],
    ]);
    expect(() => interpret(graph, inputs)).toThrow(/slice_c3: 2 to 11 by 1/);
  });
});

describe('sentence embeddings', () => {
  it.each(POOLING_MODES)('pool as %s', async (mode) => {
    const pooling = { modes: [mode], normalize: false };
    const { path, config, weights } = await makeFolder({ family: 'bert', top: 'none', pooling });
    const { graph } = await loadHuggingFace(path);
    expect(signatures(graph).outputs).toEqual(['sentence_embedding: f32[batch, 8]']);
    const expected = ROWS.flatMap((row) => pool(bertStates(config, weights, row), row.mask, mode));
    const embedding = run(graph, ROWS).get('sentence_embedding');
    expect(largestDifference(embedding?.data, expected)).toBeLessThan(EXACT);
  });

  it('stand side by side for several modes, then normalised', async () => {
    const pooling = { modes: ['mean', 'max'], normalize: true } as const;
    const { path, config, weights } = await makeFolder({ family: 'roberta', top: 'none', pooling });
    const { graph } = await loadHuggingFace(path);
    expect(signatures(graph).outputs).toEqual(['sentence_embedding: f32[batch, 16]']);
    const expected = ROBERTA_ROWS.flatMap((row) => {
      const states = bertStates(config, weights, row);
      // The file's modes are read in the order of sentence-transformers: max before mean.
      const joined = [...pool(states, row.mask, 'max'), ...pool(states, row.mask, 'mean')];
      return joined.map((value) => value / Math.hypot(...joined));
    });
    const embedding = run(graph, ROWS).get('sentence_embedding');
    expect(largestDifference(embedding?.data, expected)).toBeLessThan(EXACT);
  });

  it('are refused where pooling and encoder are of different widths', async () => {
    const pooling = { modes: ['mean'], normalize: false } as const;
    const fields = { hidden_size: 16 };
    const { path } = await makeFolder({ family: 'bert', top: 'none', fields, pooling });
    await expect(loadHuggingFace(path)).rejects.toThrow(/vectors of width 8, .* of width 16/);
  });
});

/** As sentence-transformers defines the modes, token by token. */
function pool(
  states: readonly (readonly number[])[],
  mask: readonly number[],
  mode: PoolingMode,
): number[] {
  const tokens = states.filter((_, t) => mask[t] === 1);
  const [first = []] = states;
  return first.map((cls, i) => {
    const values = tokens.map((token) => token[i] ?? Number.NaN);
    const sum = values.reduce((total, value) => total + value, 0);
    const ranks = values.reduce((total, _, t) => total + t + 1, 0);
    const ranked = values.reduce((total, value, t) => total + (t + 1) * value, 0);
    const results: { readonly [M in PoolingMode]: number } = {
      cls,
      lasttoken: values.at(-1) ?? Number.NaN,
      max: Math.max(...values),
      mean: sum / values.length,
      mean_sqrt_len_tokens: sum / Math.sqrt(values.length),
      weightedmean: ranked / ranks,
    };
    return results[mode];
  });
}
