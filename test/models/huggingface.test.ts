/**
 * Hugging Face folders of every family as transformers saves them, on every backend, against what
 * transformers computes from them (`test/oracles/huggingface.py`).
 */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readHuggingFaceFolder } from '../../src/frontends/huggingface/folder.ts';
import { loadHuggingFace, modelOfFolder } from '../../src/frontends/huggingface/index.ts';
import type { JsonObject } from '../../src/frontends/json.ts';
import { expectGraph, readOracle } from '../support/oracle.ts';

const FOLDERS = fileURLToPath(new URL('../fixtures/huggingface', import.meta.url));

describe('gives what transformers gives:', () => {
  it.each(readdirSync(FOLDERS))(
    '%s',
    async (name) => {
      const { graph, unused } = await loadHuggingFace(`${FOLDERS}/${name}`);
      expect(unused).toEqual([]);
      await expectGraph(graph, await readOracle(`${FOLDERS}/${name}/oracle.safetensors`));
    },
    60_000,
  );
});

describe('a folder for hidden words gives token vectors', () => {
  const outputsOf = async (
    name: string,
    config: JsonObject,
    keeps: (tensor: string) => boolean = () => true,
  ) => {
    const folder = await readHuggingFaceFolder(`${FOLDERS}/${name}`);
    const tensors = new Map([...folder.tensors].filter(([tensor]) => keeps(tensor)));
    const model = modelOfFolder({ ...folder, config: { ...folder.config, ...config }, tensors });
    return model.graph.outputs.map((output) => output.name);
  };

  it.each([
    ['bert-masked', /^cls/],
    ['modernbert-masked', /^(head|decoder)/],
  ])('alone where the file lacks the head: %s', async (name, head) => {
    expect(await outputsOf(name, {})).toEqual(['logits', 'last_hidden_state']);
    expect(await outputsOf(name, {}, (tensor) => !head.test(tensor))).toEqual([
      'last_hidden_state',
    ]);
  });

  it.each(['bert-masked', 'modernbert-masked'])(
    'alone where the head has a table of its own: %s',
    async (name) => {
      const found = await outputsOf(name, { tie_word_embeddings: false });
      expect(found).toEqual(['last_hidden_state']);
    },
  );

  it('beside scores whose bias the file has under another name', async () => {
    const folder = await readHuggingFaceFolder(`${FOLDERS}/bert-masked`);
    const { graph } = modelOfFolder(folder);
    const renamed = [...folder.tensors].map(
      ([name, data]) => [name.replace(/s\.bias$/, 's.decoder.bias'), data] as const,
    );
    const again = modelOfFolder({ ...folder, tensors: new Map(renamed) });
    expect(renamed.map(([name]) => name)).toContain('cls.predictions.decoder.bias');
    expect(again.graph.parameters).toEqual(graph.parameters);
    expect(again.unused).toEqual([]);
  });
});

describe('a config that asks for something else is refused:', () => {
  it.each<readonly [string, string, JsonObject, RegExp]>([
    [
      'a head without a builder',
      'modernbert',
      { architectures: ['ModernBertForQuestionAnswering'] },
      /begins with "ModernBertForQuestionAnswering": supported are ModernBertModel/,
    ],
    [
      'another number of layer types',
      'modernbert',
      { layer_types: ['full_attention'] },
      /layer_types is \["full_attention"\]: .* for each of 3 layers/,
    ],
    [
      'another rotation',
      'modernbert',
      { rope_parameters: { full_attention: { rope_type: 'yarn' } } },
      /full_attention.rope_type is "yarn"/,
    ],
    [
      'heads of odd width',
      'modernbert',
      { num_attention_heads: 4 },
      /each must have an even width/,
    ],
    [
      'a part of the features turned',
      'nomic-bert-published',
      { rotary_emb_fraction: 0.5 },
      /rotary_emb_fraction is 0.5: supported is 1/,
    ],
    [
      'norms before the sublayers',
      'nomic-bert-published',
      { prenorm: true },
      /prenorm is true: supported is false/,
    ],
    [
      'no gate',
      'nomic-bert-published',
      { activation_function: 'gelu' },
      /activation_function is "gelu"/,
    ],
  ])('%s', async (_, name, fields, message) => {
    const folder = await readHuggingFaceFolder(`${FOLDERS}/${name}`);
    const load = () => modelOfFolder({ ...folder, config: { ...folder.config, ...fields } });
    expect(load).toThrow(message);
  });

  it('and a missing tensor is named as the file spells it', async () => {
    const folder = await readHuggingFaceFolder(`${FOLDERS}/modernbert-sequence`);
    const tensors = new Map(folder.tensors);
    tensors.delete('model.layers.1.attn.Wqkv.weight');
    expect(() => modelOfFolder({ ...folder, tensors })).toThrow(
      /model\.layers\.1\.attn\.Wqkv\.weight/,
    );
  });
});
