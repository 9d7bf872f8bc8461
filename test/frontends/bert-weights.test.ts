import { describe, expect, it } from 'vitest';
import { EncompileError } from '../../src/errors.ts';
import { type BertConfig, parseBertConfig } from '../../src/frontends/huggingface/config.ts';
import { readHuggingFaceFolder } from '../../src/frontends/huggingface/folder.ts';
import {
  type BertTop,
  bertWeightSlots,
  bindBertWeights,
  hasPooler,
} from '../../src/frontends/huggingface/names.ts';
import type { TensorData } from '../../src/ir/types.ts';
import {
  BERT_MODELS,
  type BertCase,
  bertFixture,
  type FixtureTensor,
  strengthen,
} from '../support/bert-fixture.ts';
import { type BertRow, bertLogits, bertStates } from '../support/bert-reference.ts';
import { describeWithData } from '../support/test-data.ts';

const SIZES = {
  num_hidden_layers: 2,
  hidden_size: 4,
  num_attention_heads: 2,
  intermediate_size: 6,
  hidden_act: 'gelu',
  vocab_size: 10,
  max_position_embeddings: 8,
};
const bert = parseBertConfig({ ...SIZES, model_type: 'bert' }, 'c');
const roberta = parseBertConfig({ ...SIZES, model_type: 'roberta', type_vocab_size: 1 }, 'c');
const distilbert = parseBertConfig(
  {
    model_type: 'distilbert',
    n_layers: 1,
    dim: 4,
    n_heads: 2,
    hidden_dim: 6,
    activation: 'gelu',
    vocab_size: 10,
    max_position_embeddings: 8,
  },
  'c',
);

/** A file of all that `config` and `top` want, each tensor told apart by its first number. */
function fileOf(config: BertConfig, top: BertTop, prefix = ''): Map<string, TensorData> {
  return new Map(
    bertWeightSlots(config, top).map(({ tensor, shape }, i) => {
      const data = new Float32Array(shape.reduce((product, dim) => product * dim, 1)).fill(i);
      const outside = /^(pre_)?classifier/.test(tensor);
      return [outside ? tensor : prefix + tensor, { dtype: 'f32' as const, shape, data }];
    }),
  );
}

/** Renames in place of the order, as a file of other spelling has it. */
function respell(file: Map<string, TensorData>, from: RegExp, to: string) {
  return new Map([...file].map(([name, tensor]) => [name.replace(from, to), tensor]));
}

function firsts(config: BertConfig, top: BertTop, file: Map<string, TensorData>) {
  const { weights } = bindBertWeights(config, top, file, 'f');
  return [...weights].map(([name, { data }]) => [name, data[0]]);
}

describe('names', () => {
  it('of BERT', () => {
    const names = bertWeightSlots(bert, 'pooler').map(({ name, tensor, shape }) =>
      [name, tensor, shape.join('x')].join(' '),
    );
    expect(names).toHaveLength(5 + 2 * 16 + 2);
    expect(names.slice(0, 9)).toEqual([
      'embeddings.word embeddings.word_embeddings.weight 10x4',
      'embeddings.position embeddings.position_embeddings.weight 8x4',
      'embeddings.token_type embeddings.token_type_embeddings.weight 2x4',
      'embeddings.norm.gamma embeddings.LayerNorm.weight 4',
      'embeddings.norm.beta embeddings.LayerNorm.bias 4',
      'layer.0.attention.query.weight encoder.layer.0.attention.self.query.weight 4x4',
      'layer.0.attention.query.bias encoder.layer.0.attention.self.query.bias 4',
      'layer.0.attention.key.weight encoder.layer.0.attention.self.key.weight 4x4',
      'layer.0.attention.key.bias encoder.layer.0.attention.self.key.bias 4',
    ]);
    expect(names.slice(-10)).toEqual([
      'layer.1.attention.norm.gamma encoder.layer.1.attention.output.LayerNorm.weight 4',
      'layer.1.attention.norm.beta encoder.layer.1.attention.output.LayerNorm.bias 4',
      'layer.1.ffn.hidden.weight encoder.layer.1.intermediate.dense.weight 6x4',
      'layer.1.ffn.hidden.bias encoder.layer.1.intermediate.dense.bias 6',
      'layer.1.ffn.output.weight encoder.layer.1.output.dense.weight 4x6',
      'layer.1.ffn.output.bias encoder.layer.1.output.dense.bias 4',
      'layer.1.ffn.norm.gamma encoder.layer.1.output.LayerNorm.weight 4',
      'layer.1.ffn.norm.beta encoder.layer.1.output.LayerNorm.bias 4',
      'pooler.weight pooler.dense.weight 4x4',
      'pooler.bias pooler.dense.bias 4',
    ]);
  });

  it('of the classifiers', () => {
    const last = (config: BertConfig) =>
      bertWeightSlots(config, 'classifier')
        .slice(-4)
        .map(({ name, tensor, shape }) => `${name} ${tensor} ${shape.join('x')}`);
    expect(last(bert)).toEqual([
      'classifier.dense.weight pooler.dense.weight 4x4',
      'classifier.dense.bias pooler.dense.bias 4',
      'classifier.projection.weight classifier.weight 2x4',
      'classifier.projection.bias classifier.bias 2',
    ]);
    expect(last(roberta)).toEqual([
      'classifier.dense.weight classifier.dense.weight 4x4',
      'classifier.dense.bias classifier.dense.bias 4',
      'classifier.projection.weight classifier.out_proj.weight 2x4',
      'classifier.projection.bias classifier.out_proj.bias 2',
    ]);
    expect(last(distilbert)).toEqual([
      'classifier.dense.weight pre_classifier.weight 4x4',
      'classifier.dense.bias pre_classifier.bias 4',
      'classifier.projection.weight classifier.weight 2x4',
      'classifier.projection.bias classifier.bias 2',
    ]);
  });

  it('of DistilBERT, which has neither token types nor a pooler', () => {
    const tensors = bertWeightSlots(distilbert, 'none').map(({ tensor }) => tensor);
    expect(tensors).toHaveLength(4 + 16);
    expect(tensors.filter((name) => name.endsWith('.weight'))).toEqual([
      'embeddings.word_embeddings.weight',
      'embeddings.position_embeddings.weight',
      'embeddings.LayerNorm.weight',
      'transformer.layer.0.attention.q_lin.weight',
      'transformer.layer.0.attention.k_lin.weight',
      'transformer.layer.0.attention.v_lin.weight',
      'transformer.layer.0.attention.out_lin.weight',
      'transformer.layer.0.sa_layer_norm.weight',
      'transformer.layer.0.ffn.lin1.weight',
      'transformer.layer.0.ffn.lin2.weight',
      'transformer.layer.0.output_layer_norm.weight',
    ]);
    expect(() => bertWeightSlots(distilbert, 'pooler')).toThrow(/distilbert model has no pooler/);
  });
});

describe('binding', () => {
  it.each([
    ['bert', bert, 'pooler'],
    ['roberta', roberta, 'classifier'],
    ['distilbert', distilbert, 'classifier'],
  ] as const)('takes %s files with and without prefix alike', (family, config, top) => {
    const plain = firsts(config, top, fileOf(config, top));
    expect(plain.map(([, first]) => first)).toEqual(plain.map((_, i) => i));
    expect(firsts(config, top, fileOf(config, top, `${family}.`))).toEqual(plain);
  });

  it('takes the old gamma and beta, and float16', () => {
    const file = respell(
      respell(fileOf(bert, 'pooler'), /LayerNorm\.weight$/, 'LayerNorm.gamma'),
      /LayerNorm\.bias$/,
      'LayerNorm.beta',
    );
    expect(file.has('embeddings.LayerNorm.gamma')).toBe(true);
    const halves = new Map([...file].map(([name, t]) => [name, { ...t, dtype: 'f16' as const }]));
    expect(firsts(bert, 'pooler', halves)).toEqual(firsts(bert, 'pooler', fileOf(bert, 'pooler')));
  });

  it('drops buffers and the heads that are not asked for, and says which', () => {
    const file = fileOf(bert, 'classifier', 'bert.');
    const ids: TensorData = { dtype: 'i64', shape: [1, 1], data: BigInt64Array.of(0n) };
    file.set('bert.embeddings.position_ids', ids);
    file.set('cls.predictions.bias', { dtype: 'f32', shape: [1], data: Float32Array.of(1) });
    const { weights, unused } = bindBertWeights(bert, 'none', file, 'f');
    expect(weights.size).toBe(bertWeightSlots(bert, 'none').length);
    expect(unused).toEqual([
      'bert.pooler.dense.weight',
      'bert.pooler.dense.bias',
      'classifier.weight',
      'classifier.bias',
      'cls.predictions.bias',
    ]);
    expect(bindBertWeights(bert, 'classifier', file, 'f').unused).toEqual(['cls.predictions.bias']);
  });

  it('reports faults as the file spells them', () => {
    const file = fileOf(bert, 'classifier', 'bert.');
    const word = file.get('bert.embeddings.word_embeddings.weight') as TensorData;
    file.delete('bert.embeddings.word_embeddings.weight');
    file.delete('classifier.bias');
    file.set('bert.embeddings.word_embedding.weight', word);
    file.set('bert.encoder.layer.2.output.dense.bias', word);
    const bind = () => bindBertWeights(bert, 'classifier', file, 'model.safetensors');
    expect(bind).toThrow(EncompileError);
    expect(bind).toThrow(/model\.safetensors do not fit the model: 2 missing, 2 extra/);
    expect(bind).toThrow(
      /missing: "bert\.embeddings\.word_embeddings\.weight".*there is "bert\.embeddings\.word_emb/,
    );
    expect(bind).toThrow(/missing: "classifier\.bias", expected f32\[2\]/);
    expect(bind).toThrow(/extra: "bert\.encoder\.layer\.2\.output\.dense\.bias"/);
  });

  it('refuses a file with two spellings of one weight', () => {
    const file = new Map([...fileOf(bert, 'none'), ...fileOf(bert, 'none', 'bert.')]);
    expect(() => bindBertWeights(bert, 'none', file, 'f')).toThrow(/two spellings of one weight/);
  });

  it('tells whether there is a pooler', () => {
    expect(hasPooler(bert, fileOf(bert, 'none'))).toBe(false);
    expect(hasPooler(bert, fileOf(bert, 'pooler'))).toBe(true);
    expect(hasPooler(roberta, fileOf(roberta, 'pooler', 'roberta.'))).toBe(true);
    expect(hasPooler(distilbert, fileOf(distilbert, 'none'))).toBe(false);
  });
});

/** ONNX Runtime computes in float32, the reference in float64. */
const TOLERANCE = 3e-6;

for (const model of BERT_MODELS) {
  describeWithData(`the weights of ${model}`, `models/${model}`, (path) => {
    const { cases, strong } = bertFixture(model);
    const all = [
      ...cases.map((given) => ({ ...given, weights: 'as they are', strength: null })),
      ...strong.cases.map((given) => ({ ...given, weights: 'strengthened', strength: strong })),
    ];
    it.each(all)('$weights give what ONNX Runtime gives: $name', async (given) => {
      const folder = await readHuggingFaceFolder(path);
      const config = parseBertConfig(folder.config, folder.configOrigin);
      const tensors = given.strength ? strengthen(folder.tensors, given.strength) : folder.tensors;
      const classifies = config.head === 'sequence-classification';
      const top = classifies ? 'classifier' : 'none';
      const { weights } = bindBertWeights(config, top, tensors, folder.tensorsOrigin);
      const run = classifies ? bertLogits : bertStates;
      const computed = rowsOf(given).map((row) => run(config, weights, row).flat());
      const expected = given.outputs[classifies ? 'logits' : 'last_hidden_state']?.data ?? [];
      expect(computed.flat()).toHaveLength(expected.length);
      const errors = computed
        .flat()
        .map((value, i) => Math.abs(value - (expected[i] ?? Number.NaN)));
      expect(Math.max(...errors)).toBeLessThan(TOLERANCE);
    });
  });
}

function rowsOf({ inputs }: BertCase): BertRow[] {
  const [batch = 0, seq = 0] = inputs.input_ids.shape;
  const slice = ({ data }: FixtureTensor, row: number) => data.slice(row * seq, (row + 1) * seq);
  return Array.from({ length: batch }, (_, row) => ({
    ids: slice(inputs.input_ids, row),
    mask: slice(inputs.attention_mask, row),
    tokenTypes: slice(inputs.token_type_ids, row),
  }));
}
