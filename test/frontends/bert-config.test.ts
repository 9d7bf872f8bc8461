import { describe, expect, it } from 'vitest';
import { EncompileError } from '../../src/errors.ts';
import { parseBertConfig } from '../../src/frontends/huggingface/config.ts';
import type { JsonObject } from '../../src/frontends/json.ts';

const BERT: JsonObject = {
  architectures: ['BertModel'],
  model_type: 'bert',
  num_hidden_layers: 12,
  hidden_size: 768,
  num_attention_heads: 12,
  intermediate_size: 3072,
  hidden_act: 'gelu',
  layer_norm_eps: 1e-12,
  vocab_size: 30522,
  max_position_embeddings: 512,
  type_vocab_size: 2,
  pad_token_id: 0,
};
const DISTILBERT: JsonObject = {
  architectures: ['DistilBertForSequenceClassification'],
  model_type: 'distilbert',
  n_layers: 6,
  dim: 768,
  n_heads: 12,
  hidden_dim: 3072,
  activation: 'gelu',
  vocab_size: 30522,
  max_position_embeddings: 512,
  pad_token_id: 0,
  id2label: { '1': 'POSITIVE', '0': 'NEGATIVE' },
};

describe('a config', () => {
  it('of BERT', () => {
    expect(parseBertConfig(BERT, 'c')).toEqual({
      family: 'bert',
      head: 'base',
      architectures: ['BertModel'],
      layers: 12,
      hidden: 768,
      embeddingWidth: 768,
      heads: 12,
      intermediate: 3072,
      activation: 'gelu',
      layerNormEps: 1e-12,
      tiesTable: true,
      vocab: 30522,
      maxPositions: 512,
      positionOffset: 0,
      typeVocab: 2,
      padTokenId: 0,
      labels: ['LABEL_0', 'LABEL_1'],
    });
  });

  it('of RoBERTa, whose positions start after the padding id', () => {
    const config = parseBertConfig(
      {
        ...BERT,
        model_type: 'roberta',
        architectures: ['RobertaForMaskedLM'],
        max_position_embeddings: 514,
        type_vocab_size: 1,
        pad_token_id: 1,
        layer_norm_eps: 1e-5,
      },
      'c',
    );
    expect(config).toMatchObject({
      family: 'roberta',
      head: 'masked-lm',
      positionOffset: 2,
      maxPositions: 514,
      typeVocab: 1,
      layerNormEps: 1e-5,
    });
  });

  it('of DistilBERT, with its own spelling and labels by index', () => {
    expect(parseBertConfig(DISTILBERT, 'c')).toMatchObject({
      family: 'distilbert',
      head: 'sequence-classification',
      layers: 6,
      hidden: 768,
      embeddingWidth: 768,
      heads: 12,
      intermediate: 3072,
      typeVocab: 0,
      layerNormEps: 1e-12,
      labels: ['NEGATIVE', 'POSITIVE'],
    });
  });

  it('may leave out what has one usual value', () => {
    const { layer_norm_eps, type_vocab_size, pad_token_id, architectures, ...rest } = BERT;
    const full = parseBertConfig(BERT, 'c');
    expect(parseBertConfig(rest, 'c')).toEqual({ ...full, architectures: [] });
    expect(parseBertConfig({ ...BERT, pad_token_id: null }, 'c')).toEqual(full);
    expect(parseBertConfig({ ...BERT, num_labels: 3 }, 'c').labels).toHaveLength(3);
  });

  it.each([
    ['gelu', 'gelu'],
    ['gelu_new', 'gelu_tanh'],
    ['gelu_pytorch_tanh', 'gelu_tanh'],
    ['gelu_fast', 'gelu_tanh'],
    ['relu', 'relu'],
    ['silu', 'silu'],
    ['swish', 'silu'],
  ])('with the activation %s means %s', (name, activation) => {
    expect(parseBertConfig({ ...BERT, hidden_act: name }, 'c').activation).toBe(activation);
  });
});

describe('a config that is refused', () => {
  it.each<[string, JsonObject, RegExp]>([
    ['another family', { model_type: 'albert' }, /"albert".*one of bert, roberta, distilbert/],
    ['a property of Object', { model_type: 'constructor' }, /model_type "constructor"/],
    ['relative positions', { position_embedding_type: 'relative_key' }, /"relative_key": supp/],
    ['a decoder', { is_decoder: true }, /is_decoder is true/],
    ['cross attention', { add_cross_attention: true }, /add_cross_attention is true/],
    ['pruned heads', { pruned_heads: { '0': [1] } }, /pruned_heads is \{"0":\[1\]\}/],
    ['quantised weights', { quantization_config: { bits: 4 } }, /unquantised/],
    ['an unknown activation', { hidden_act: 'mish' }, /"mish": supported are gelu, gelu_new/],
    ['another head', { architectures: ['BertForQuestionAnswering'] }, /BertForSequenceClass/],
    ["another family's class", { architectures: ['RobertaModel'] }, /"RobertaModel"/],
    ['architectures as text', { architectures: 'BertModel' }, /a list of class names/],
    ['no layers', { num_hidden_layers: 0 }, /num_hidden_layers is 0: expected .* 1 to 10000/],
    ['a billion layers', { num_hidden_layers: 1e9 }, /num_hidden_layers is 1000000000/],
    ['half a unit', { hidden_size: 2.5 }, /hidden_size is 2.5/],
    ['a size as text', { vocab_size: '30522' }, /vocab_size is "30522"/],
    ['heads that do not divide', { num_attention_heads: 7 }, /768 .* 7: the heads must divide/],
    ['a padding id beyond the vocabulary', { pad_token_id: 30522 }, /so it is no token/],
    ['eps of 0', { layer_norm_eps: 0 }, /layer_norm_eps is 0/],
    ['labels with a gap', { id2label: { '0': 'a', '2': 'b' } }, /id2label is .*without a gap/],
    ['no labels', { id2label: {} }, /id2label is \{\}/],
    ['labels past memory', { num_labels: 2 ** 31 }, /num_labels is 2147483648/],
  ])('for %s', (_, fields, message) => {
    const parse = () => parseBertConfig({ ...BERT, ...fields }, 'model/config.json');
    expect(parse).toThrow(EncompileError);
    expect(parse).toThrow(message);
    expect(parse).toThrow(/model\/config\.json/);
  });

  it("leaves no room for a token after RoBERTa's offset", () => {
    const fields = { model_type: 'roberta', architectures: ['RobertaModel'], pad_token_id: 600 };
    expect(() => parseBertConfig({ ...BERT, ...fields }, 'c')).toThrow(/no room for a token/);
  });

  it('names every fault at once, and no fault that follows from another', () => {
    const { hidden_size, ...rest } = BERT;
    const parse = () =>
      parseBertConfig({ ...rest, hidden_act: 'mish', is_decoder: true, vocab_size: -1 }, 'c.json');
    let message = '';
    try {
      parse();
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toBe(
      [
        'c.json describes a model that cannot be compiled:',
        '  hidden_size is missing: expected a whole number from 1 to 2147483647',
        '  hidden_act is "mish": supported are gelu, gelu_new, gelu_pytorch_tanh, gelu_fast, relu, silu, swish',
        '  vocab_size is -1: expected a whole number from 1 to 2147483647',
        '  is_decoder is true: only encoders are supported',
        'Correct these fields if they are wrong; otherwise declare the model in TypeScript.',
      ].join('\n'),
    );
  });
});
