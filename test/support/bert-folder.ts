/**
 * Small Hugging Face folders of each family, with seeded weights that are large enough for every
 * part of the model to show in its outputs.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type BertConfig,
  type Family,
  parseBertConfig,
} from '../../src/frontends/huggingface/config.ts';
import {
  type BertTop,
  type BertWeightName,
  bertWeightSlots,
} from '../../src/frontends/huggingface/names.ts';
import type { PoolingMode } from '../../src/frontends/huggingface/sentence-transformers.ts';
import { writeSafetensors } from '../../src/frontends/safetensors.ts';
import type { TensorData } from '../../src/ir/types.ts';
import { seededWeight } from './seeded-numbers.ts';

export interface BertFolderOptions {
  readonly family: Family;
  /** What stands on the encoder, as weights; a classifier also needs its name in `fields`. */
  readonly top: BertTop;
  /** Fields of config.json in place of the usual ones. */
  readonly fields?: object;
  /** Written as module files of sentence-transformers. */
  readonly pooling?: { readonly modes: readonly PoolingMode[]; readonly normalize: boolean };
}

export interface BertFolder {
  readonly config: BertConfig;
  /** As the file has them: linear weights [out, in]. */
  readonly weights: ReadonlyMap<BertWeightName, TensorData>;
}

/** Two layers of width 8, 2 heads, 20 tokens, 10 positions. */
const SIZES = {
  num_hidden_layers: 2,
  hidden_size: 8,
  num_attention_heads: 2,
  intermediate_size: 12,
  hidden_act: 'gelu',
  vocab_size: 20,
  max_position_embeddings: 10,
};

const CONFIGS: { readonly [F in Family]: object } = {
  bert: { ...SIZES, model_type: 'bert' },
  roberta: { ...SIZES, model_type: 'roberta', type_vocab_size: 1, layer_norm_eps: 1e-5 },
  distilbert: {
    model_type: 'distilbert',
    n_layers: 2,
    dim: 8,
    n_heads: 2,
    hidden_dim: 12,
    activation: 'gelu',
    vocab_size: 20,
    max_position_embeddings: 10,
  },
  electra: { ...SIZES, model_type: 'electra' },
};

/** Makes the folder `path`, which must not be there, and writes a model into it. */
export async function makeBertFolder(
  path: string,
  { family, top, fields = {}, pooling }: BertFolderOptions,
): Promise<BertFolder> {
  await mkdir(path);
  const json = { ...CONFIGS[family], ...fields };
  const config = parseBertConfig(JSON.parse(JSON.stringify(json)), 'config.json');
  const slots = bertWeightSlots(config, top).map((slot, i) => {
    const weight = seededWeight(i, slot.shape);
    return { ...slot, weight: slot.name.endsWith('.gamma') ? aroundOne(weight) : weight };
  });
  await writeFile(join(path, 'config.json'), JSON.stringify(json));
  const tensors = new Map(slots.map(({ tensor, weight }) => [tensor, weight]));
  await writeSafetensors(join(path, 'model.safetensors'), tensors);
  if (pooling) await makeModules(path, pooling);
  return { config, weights: new Map(slots.map(({ name, weight }) => [name, weight])) };
}

function aroundOne({ data, ...type }: ReturnType<typeof seededWeight>): TensorData {
  return { ...type, data: data.map((value) => 1 + value / 2) };
}

async function makeModules(
  path: string,
  { modes, normalize }: NonNullable<BertFolderOptions['pooling']>,
): Promise<void> {
  const module = (name: string, folder: string) => ({
    path: folder,
    type: `sentence_transformers.models.${name}`,
  });
  const modules = [
    module('Transformer', ''),
    module('Pooling', '1_Pooling'),
    ...(normalize ? [module('Normalize', '2_Normalize')] : []),
  ];
  await writeFile(join(path, 'modules.json'), JSON.stringify(modules));
  await mkdir(join(path, '1_Pooling'));
  const config = { word_embedding_dimension: 8, pooling_mode: modes };
  await writeFile(join(path, '1_Pooling', 'config.json'), JSON.stringify(config));
}
