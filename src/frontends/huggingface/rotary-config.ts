/**
 * The `config.json` of ModernBERT and nomic-bert, as options of `models/modern-bert.ts`. All faults of a
 * file are reported in one error.
 */
import type { Activation } from '../../models/activations.ts';
import type { ModernBertOptions, NomicBertOptions } from '../../models/modern-bert.ts';
import { isJsonObject, type JsonObject, type JsonValue, member, quote } from '../json.ts';
import { ConfigReader } from './config-reader.ts';

/** What stands on the encoder. */
export type RotaryHead = 'base' | 'masked-lm' | 'sequence-classification' | 'token-classification';

interface Common {
  readonly maxPositions: number;
  readonly labels: readonly string[];
  readonly head: RotaryHead;
  /** Whether the head for hidden words scores them with the table of tokens. */
  readonly tiesTable: boolean;
}

export interface ModernBertConfig extends Common, ModernBertOptions<number> {
  readonly family: 'modernbert';
  /** What the sequence classifier takes: the first token, or the mean of all. */
  readonly pooling: 'cls' | 'mean';
  readonly classifierActivation: Activation;
  readonly classifierBias: boolean;
  /** Of the scores of hidden words. */
  readonly decoderBias: boolean;
}

export interface NomicBertConfig extends Common, NomicBertOptions<number> {
  readonly family: 'nomic_bert';
}

export type RotaryConfig = ModernBertConfig | NomicBertConfig;

export const ROTARY_FAMILIES = ['modernbert', 'nomic_bert'] as const;

export function isRotaryFamily(config: JsonObject): boolean {
  const type = member(config, 'model_type');
  return ROTARY_FAMILIES.some((family) => family === type);
}

export function isRotary(config: { readonly family: string }): config is RotaryConfig {
  return ROTARY_FAMILIES.some((family) => family === config.family);
}

/** @throws EncompileError that lists what is missing, impossible or not supported */
export function parseRotaryConfig(config: JsonObject, origin: string): RotaryConfig {
  const reader = new ConfigReader(config);
  const type = member(config, 'model_type');
  const parsed = type === 'modernbert' ? modernBert(reader) : nomicBert(reader);
  if (parsed.hidden % (2 * parsed.heads) !== 0) {
    reader.faults.push(
      `the width ${parsed.hidden} and the ${parsed.heads} heads: each must have an even width`,
    );
  }
  reader.throwFaults(origin);
  return parsed;
}

const MODERN_HEADS: ReadonlyMap<string, RotaryHead> = new Map([
  ['ModernBertModel', 'base'],
  ['ModernBertForMaskedLM', 'masked-lm'],
  ['ModernBertForSequenceClassification', 'sequence-classification'],
  ['ModernBertForTokenClassification', 'token-classification'],
]);

function modernBert(reader: ConfigReader): ModernBertConfig {
  const layers = reader.count('num_hidden_layers', { most: 10_000 });
  const attention = layerKinds(reader, layers);
  const base = (kind: string, older: string, absent: number) =>
    rotaryBase(reader, [['rope_parameters', kind]], older, absent);
  return {
    family: 'modernbert',
    head: reader.architecture(MODERN_HEADS),
    hidden: reader.count('hidden_size'),
    heads: reader.count('num_attention_heads'),
    intermediate: reader.count('intermediate_size'),
    vocab: reader.count('vocab_size'),
    maxPositions: reader.count('max_position_embeddings', { absent: 8192 }),
    activation: reader.activation('hidden_activation', 'gelu'),
    eps: reader.fraction('norm_eps', 1e-5),
    attention,
    window: Math.floor(reader.count('local_attention', { absent: 128 }) / 2),
    globalBase: base('full_attention', 'global_rope_theta', 160_000),
    localBase: base('sliding_attention', 'local_rope_theta', 10_000),
    attentionBias: reader.flag('attention_bias', false),
    ffnBias: reader.flag('mlp_bias', false),
    normBias: reader.flag('norm_bias', false),
    labels: reader.labels(),
    pooling: reader.choice('classifier_pooling', ['cls', 'mean'], 'cls'),
    classifierActivation: reader.activation('classifier_activation', 'gelu'),
    classifierBias: reader.flag('classifier_bias', false),
    decoderBias: reader.flag('decoder_bias', true),
    tiesTable: reader.flag('tie_word_embeddings', true),
  };
}

/** `layer_types`, or every how many layers one is global. */
function layerKinds(reader: ConfigReader, layers: number): readonly ('global' | 'local')[] {
  const every = reader.count('global_attn_every_n_layers', { absent: 3 });
  const types = reader.value('layer_types');
  const given = Array.isArray(types) ? types : null;
  const isKnown = (type: JsonValue) => type === 'full_attention' || type === 'sliding_attention';
  if (types != null && (given?.length !== layers || !given.every(isKnown))) {
    reader.faults.push(
      `layer_types is ${quote(types)}: expected "full_attention" or "sliding_attention" for each of ` +
        `${layers} layers`,
    );
  }
  return Array.from({ length: layers }, (_, i) => {
    const isLocal = given === null ? i % every !== 0 : given[i] === 'sliding_attention';
    return isLocal ? 'local' : 'global';
  });
}

/** The base at a path of newer files, else in the field of older ones. */
function rotaryBase(
  reader: ConfigReader,
  paths: readonly (readonly string[])[],
  older: string,
  absent: number,
): number {
  for (const path of paths) {
    const found = path.reduce<JsonValue | undefined>(
      (at, key) => (isJsonObject(at) ? member(at, key) : undefined),
      reader.config,
    );
    if (!isJsonObject(found)) continue;
    const type = member(found, 'rope_type') ?? 'default';
    if (type !== 'default') {
      reader.faults.push(`${path.join('.')}.rope_type is ${quote(type)}: supported is "default"`);
    }
    return new ConfigReader(found, reader.faults).positive('rope_theta', absent);
  }
  return reader.positive(older, absent);
}

const NOMIC_HEADS: ReadonlyMap<string, RotaryHead> = new Map([['NomicBertModel', 'base']]);

/** What the authors' config must say, where it says anything: other values change the computation. */
const NOMIC_MODES: { readonly [key: string]: JsonValue } = {
  causal: false,
  mlp_fc1_bias: false,
  mlp_fc2_bias: false,
  parallel_block: false,
  prenorm: false,
  qkv_proj_bias: false,
  rotary_emb_fraction: 1,
  rotary_emb_interleaved: false,
  rotary_emb_scale_base: null,
  rotary_scaling_factor: null,
  use_rms_norm: false,
};

/** Both configs there are: that of transformers, and that of the model's authors, in GPT-2's words. */
function nomicBert(reader: ConfigReader): NomicBertConfig {
  const isAuthors = reader.value('n_embd') !== undefined;
  const count = (key: string, authors: string) => reader.count(isAuthors ? authors : key);
  for (const [key, expected] of Object.entries(NOMIC_MODES)) {
    const value = reader.value(key);
    if (value !== undefined && value !== expected) {
      reader.faults.push(`${key} is ${quote(value)}: supported is ${quote(expected)}`);
    }
  }
  const act = reader.value('activation_function');
  if (isAuthors && act !== 'swiglu') {
    reader.faults.push(`activation_function is ${quote(act)}: supported is "swiglu"`);
  }
  return {
    family: 'nomic_bert',
    head: reader.architecture(NOMIC_HEADS),
    layers: count('num_hidden_layers', 'n_layer'),
    hidden: count('hidden_size', 'n_embd'),
    heads: count('num_attention_heads', 'n_head'),
    intermediate: count('intermediate_size', 'n_inner'),
    vocab: reader.count('vocab_size'),
    maxPositions: count('max_position_embeddings', 'n_positions'),
    activation: isAuthors ? 'silu' : reader.activation('hidden_act', 'silu'),
    eps: reader.fraction(isAuthors ? 'layer_norm_epsilon' : 'layer_norm_eps', 1e-12),
    base: rotaryBase(reader, [['rope_parameters']], 'rotary_emb_base', 1000),
    typeVocab: reader.count('type_vocab_size', { least: 0, absent: 2 }),
    tiesTable: true,
    labels: reader.labels(),
  };
}
