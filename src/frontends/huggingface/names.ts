/**
 * The weights of a BERT-family encoder: one set of names and shapes for all families, and where each
 * family keeps them in its file.
 *
 * Invariant: linear weights keep the file's layout, [out, in], so a layer computes x W^T + b.
 */
import { EncompileError } from '../../errors.ts';
import type { TensorData } from '../../ir/types.ts';
import { quote } from '../json.ts';
import { bindWeights } from '../weights.ts';
import type { BertConfig, Family } from './config.ts';

type LinearName<P extends string> = `${P}.${'weight' | 'bias'}`;
type NormName<P extends string> = `${P}.${'gamma' | 'beta'}`;
type AttentionPart = 'query' | 'key' | 'value' | 'output';

/**
 * Names that hold for every family, those that `models/bert.ts` declares; the classifier is dense,
 * activation, projection.
 */
export type BertWeightName =
  | `embeddings.${'word' | 'position' | 'token_type'}`
  | NormName<'embeddings.norm'>
  | LinearName<'embeddings.projection'>
  | LinearName<`layer.${number}.attention.${AttentionPart}`>
  | NormName<`layer.${number}.attention.norm`>
  | LinearName<`layer.${number}.ffn.${'hidden' | 'output'}`>
  | NormName<`layer.${number}.ffn.norm`>
  | LinearName<'pooler'>
  | LinearName<`classifier.${'dense' | 'projection'}`>
  | LinearName<'token_classifier'>
  | LinearName<'masked_lm.dense'>
  | NormName<'masked_lm.norm'>
  | 'masked_lm.bias';

/**
 * What stands on the encoder: nothing, BERT's pooler (dense and tanh over the first token), the
 * sequence classifier, the classifier of tokens, or the scores of hidden words.
 */
export type BertTop = 'none' | 'pooler' | 'classifier' | 'token-classifier' | 'masked-lm';

export interface WeightSlot {
  readonly name: BertWeightName;
  /** The name in a file of this family, without the optional prefix. */
  readonly tensor: string;
  readonly shape: readonly number[];
}

/** Between the dense layer and the projection of the sequence classifier. */
export const CLASSIFIER_ACTIVATION: { readonly [F in Family]: 'tanh' | 'relu' | 'gelu' } = {
  bert: 'tanh',
  roberta: 'tanh',
  distilbert: 'relu',
  electra: 'gelu',
};

/** Between the dense layer and the norm of the head for hidden words; null for that of the encoder. */
export const MASKED_LM_ACTIVATION: { readonly [F in Family]: 'gelu' | null } = {
  bert: null,
  roberta: 'gelu',
  distilbert: null,
  electra: 'gelu',
};

/** Where a family keeps its modules; `layer` is the path of layer i. */
interface Paths {
  readonly layer: string;
  readonly attention: { readonly [P in AttentionPart]: string };
  readonly attentionNorm: string;
  readonly intermediate: string;
  readonly output: string;
  readonly outputNorm: string;
  readonly pooler: string | null;
  readonly classifier: { readonly dense: string; readonly projection: string };
  /** The scores of hidden words; the bias under each name that transformers has given it. */
  readonly maskedLm: {
    readonly dense: string;
    readonly norm: string;
    readonly biases: readonly string[];
  };
  /** Modules outside the encoder that a file may hold: they are dropped where they are not wanted. */
  readonly heads: readonly string[];
}

const BERT: Paths = {
  layer: 'encoder.layer',
  attention: {
    query: 'attention.self.query',
    key: 'attention.self.key',
    value: 'attention.self.value',
    output: 'attention.output.dense',
  },
  attentionNorm: 'attention.output.LayerNorm',
  intermediate: 'intermediate.dense',
  output: 'output.dense',
  outputNorm: 'output.LayerNorm',
  pooler: 'pooler.dense',
  // BERT's classifier projects the pooler's output.
  classifier: { dense: 'pooler.dense', projection: 'classifier' },
  maskedLm: {
    dense: 'cls.predictions.transform.dense',
    norm: 'cls.predictions.transform.LayerNorm',
    biases: ['cls.predictions.bias', 'cls.predictions.decoder.bias'],
  },
  heads: ['pooler', 'classifier', 'cls', 'qa_outputs'],
};

const PATHS: { readonly [F in Family]: Paths } = {
  bert: BERT,
  roberta: {
    ...BERT,
    classifier: { dense: 'classifier.dense', projection: 'classifier.out_proj' },
    maskedLm: {
      dense: 'lm_head.dense',
      norm: 'lm_head.layer_norm',
      biases: ['lm_head.bias', 'lm_head.decoder.bias'],
    },
    heads: ['pooler', 'classifier', 'lm_head', 'qa_outputs'],
  },
  distilbert: {
    layer: 'transformer.layer',
    attention: {
      query: 'attention.q_lin',
      key: 'attention.k_lin',
      value: 'attention.v_lin',
      output: 'attention.out_lin',
    },
    attentionNorm: 'sa_layer_norm',
    intermediate: 'ffn.lin1',
    output: 'ffn.lin2',
    outputNorm: 'output_layer_norm',
    pooler: null,
    classifier: { dense: 'pre_classifier', projection: 'classifier' },
    maskedLm: {
      dense: 'vocab_transform',
      norm: 'vocab_layer_norm',
      biases: ['vocab_projector.bias'],
    },
    heads: [
      'pre_classifier',
      'classifier',
      'vocab_transform',
      'vocab_layer_norm',
      'vocab_projector',
      'qa_outputs',
    ],
  },
  electra: {
    ...BERT,
    pooler: null,
    classifier: { dense: 'classifier.dense', projection: 'classifier.out_proj' },
    maskedLm: {
      dense: 'generator_predictions.dense',
      norm: 'generator_predictions.LayerNorm',
      biases: ['generator_lm_head.bias'],
    },
    heads: [
      'classifier',
      'discriminator_predictions',
      'generator_predictions',
      'generator_lm_head',
      'qa_outputs',
    ],
  },
};

/** Constants that older versions of transformers saved along with the weights. */
const BUFFERS = new Set(['embeddings.position_ids', 'embeddings.token_type_ids']);

/**
 * Every weight of the encoder and `top`, in the order of use.
 *
 * @throws EncompileError when `top` is a pooler and the family has none
 */
export function bertWeightSlots(config: BertConfig, top: BertTop): readonly WeightSlot[] {
  const { hidden, intermediate, layers } = config;
  const paths = PATHS[config.family];
  const slots = embeddingSlots(config);
  for (let i = 0; i < layers; i++) {
    const at = `${paths.layer}.${i}`;
    for (const part of ['query', 'key', 'value', 'output'] as const) {
      const name = `layer.${i}.attention.${part}` as const;
      slots.push(...linear(name, `${at}.${paths.attention[part]}`, hidden, hidden));
    }
    slots.push(
      ...norm(`layer.${i}.attention.norm`, `${at}.${paths.attentionNorm}`, hidden),
      ...linear(`layer.${i}.ffn.hidden`, `${at}.${paths.intermediate}`, intermediate, hidden),
      ...linear(`layer.${i}.ffn.output`, `${at}.${paths.output}`, hidden, intermediate),
      ...norm(`layer.${i}.ffn.norm`, `${at}.${paths.outputNorm}`, hidden),
    );
  }
  if (top === 'pooler') slots.push(...linear('pooler', poolerPath(config), hidden, hidden));
  if (top === 'classifier') {
    const { dense, projection } = paths.classifier;
    slots.push(
      ...linear('classifier.dense', dense, hidden, hidden),
      ...linear('classifier.projection', projection, config.labels.length, hidden),
    );
  }
  if (top === 'token-classifier') {
    slots.push(...linear('token_classifier', 'classifier', config.labels.length, hidden));
  }
  if (top === 'masked-lm') {
    const { embeddingWidth: width, vocab } = config;
    const { dense, norm: normPath, biases } = paths.maskedLm;
    const [bias = ''] = biases;
    slots.push(
      ...linear('masked_lm.dense', dense, width, hidden),
      ...norm('masked_lm.norm', normPath, width),
      { name: 'masked_lm.bias', tensor: bias, shape: [vocab] },
    );
  }
  return slots;
}

export interface BertWeights {
  readonly weights: ReadonlyMap<BertWeightName, TensorData>;
  /** Tensors of the file that belong to heads which were not asked for. */
  readonly unused: readonly string[];
}

/**
 * The weights of the encoder and `top` from a file's tensors, under their common names. Known are the
 * prefix of models with a head (`bert.`, ...) and the old `gamma` and `beta` of layer norms.
 *
 * @param origin the weights file, for errors
 * @throws EncompileError that lists every missing, unknown, misshaped and wrongly typed tensor, all
 * as the file spells them
 */
export function bindBertWeights(
  config: BertConfig,
  top: BertTop,
  tensors: ReadonlyMap<string, TensorData>,
  origin: string,
): BertWeights {
  const slots = bertWeightSlots(config, top);
  const spelled = spellings(config.family, tensors, origin);
  const prefix = usesPrefix(config.family, tensors) ? `${config.family}.` : '';
  const fileNames = new Map(
    slots.map(({ name, tensor }) => [name, spelled.get(tensor) ?? spell(tensor, prefix)]),
  );
  const wanted = slots.map(({ name, shape }) => ({
    name: fileNames.get(name) ?? name,
    dtype: 'f32' as const,
    shape,
  }));
  const wantedNames = new Set(wanted.map(({ name }) => name));
  const unused: string[] = [];
  const given = new Map(tensors);
  for (const [tensor, fileName] of spelled) {
    if (wantedNames.has(fileName)) continue;
    const head = PATHS[config.family].heads.includes(tensor.split('.', 1)[0] ?? '');
    if (head) unused.push(fileName);
    if (head || BUFFERS.has(tensor)) given.delete(fileName);
  }
  const bound = bindWeights(wanted, given, origin);
  const weights = new Map<BertWeightName, TensorData>();
  for (const [name, fileName] of fileNames) {
    const tensor = bound.get(fileName);
    if (tensor) weights.set(name, tensor);
  }
  return { weights, unused };
}

/** Whether the file holds BERT's pooler, which models trained without one leave out. */
export function hasPooler(config: BertConfig, tensors: ReadonlyMap<string, TensorData>): boolean {
  const { pooler } = PATHS[config.family];
  if (pooler === null) return false;
  return ['', `${config.family}.`].some((prefix) => tensors.has(`${prefix}${pooler}.weight`));
}

/** Whether the file holds the head that scores hidden words with the table of tokens. */
export function hasMaskedLmHead(
  { family }: BertConfig,
  tensors: ReadonlyMap<string, TensorData>,
): boolean {
  return tensors.has(`${PATHS[family].maskedLm.dense}.weight`);
}

function embeddingSlots(config: BertConfig): WeightSlot[] {
  const { hidden, embeddingWidth: width, vocab, maxPositions, typeVocab } = config;
  const table = (
    name: `embeddings.${'word' | 'position' | 'token_type'}`,
    rows: number,
  ): WeightSlot => ({ name, tensor: `${name}_embeddings.weight`, shape: [rows, width] });
  return [
    table('embeddings.word', vocab),
    table('embeddings.position', maxPositions),
    ...(typeVocab > 0 ? [table('embeddings.token_type', typeVocab)] : []),
    ...norm('embeddings.norm', 'embeddings.LayerNorm', width),
    ...(width === hidden
      ? []
      : linear('embeddings.projection', 'embeddings_project', hidden, width)),
  ];
}

function linear<P extends string>(name: P, path: string, outputs: number, inputs: number) {
  return [
    { name: `${name}.weight` as const, tensor: `${path}.weight`, shape: [outputs, inputs] },
    { name: `${name}.bias` as const, tensor: `${path}.bias`, shape: [outputs] },
  ];
}

function norm<P extends string>(name: P, path: string, width: number) {
  return [
    { name: `${name}.gamma` as const, tensor: `${path}.weight`, shape: [width] },
    { name: `${name}.beta` as const, tensor: `${path}.bias`, shape: [width] },
  ];
}

function poolerPath(config: BertConfig): string {
  const { pooler } = PATHS[config.family];
  if (pooler !== null) return pooler;
  throw new EncompileError(
    `A ${config.family} model has no pooler. Take the token vectors, or pool them.`,
  );
}

/** From the family's names, as `WeightSlot.tensor` has them, to the names in the file. */
function spellings(
  family: Family,
  tensors: ReadonlyMap<string, TensorData>,
  origin: string,
): ReadonlyMap<string, string> {
  const spelled = new Map<string, string>();
  for (const fileName of tensors.keys()) {
    const tensor = (
      fileName.startsWith(`${family}.`) ? fileName.slice(family.length + 1) : fileName
    )
      .replace(/LayerNorm\.gamma$/, 'LayerNorm.weight')
      .replace(/LayerNorm\.beta$/, 'LayerNorm.bias');
    const other = spelled.get(tensor);
    if (other !== undefined) {
      throw new EncompileError(
        `${origin} holds both ${quote(other)} and ${quote(fileName)}, two spellings of one weight. ` +
          'Remove the one that is not meant.',
      );
    }
    spelled.set(tensor, fileName);
    const [bias = '', ...others] = PATHS[family].maskedLm.biases;
    if (others.includes(tensor) && !tensors.has(bias)) spelled.set(bias, fileName);
  }
  return spelled;
}

function usesPrefix(family: Family, tensors: ReadonlyMap<string, TensorData>): boolean {
  return [...tensors.keys()].some((name) => name.startsWith(`${family}.`));
}

/** How a file with `prefix` would name `tensor`: classifiers stand outside the prefixed encoder. */
function spell(tensor: string, prefix: string): string {
  return /^((pre_)?classifier|cls|lm_head|vocab_\w+|generator_\w+)\./.test(tensor)
    ? tensor
    : prefix + tensor;
}
