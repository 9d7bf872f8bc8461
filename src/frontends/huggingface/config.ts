/**
 * The `config.json` of a BERT-family encoder, checked and in one vocabulary for all families.
 *
 * Invariants of a `BertConfig`: every size is a positive whole number, heads divide the hidden width,
 * there is one label for each class, and nothing in the file asks for a computation that the BERT
 * builder lacks. All faults of a file are reported in one error.
 */
import { EncompileError } from '../../errors.ts';
import type { Activation } from '../../models/activations.ts';
import { isJsonObject, type JsonObject, member, quote } from '../json.ts';
import { ConfigReader, type CountRange, shown } from './config-reader.ts';
import { ROTARY_FAMILIES } from './rotary-config.ts';

export const FAMILIES = ['bert', 'roberta', 'distilbert', 'electra'] as const;
export type Family = (typeof FAMILIES)[number];

/** What was trained on top of the encoder, from `architectures`; `base` is nothing but a pooler. */
export type TrainedHead =
  | 'base'
  | 'masked-lm'
  | 'pre-training'
  | 'sequence-classification'
  | 'token-classification';

export interface BertConfig {
  readonly family: Family;
  readonly head: TrainedHead;
  readonly architectures: readonly string[];
  readonly layers: number;
  readonly hidden: number;
  /** Width of the embeddings, which ELECTRA projects to `hidden` where it differs. */
  readonly embeddingWidth: number;
  readonly heads: number;
  /** Width inside the feed-forward block. */
  readonly intermediate: number;
  readonly activation: Activation;
  readonly layerNormEps: number;
  readonly vocab: number;
  /** Whether the head for hidden words scores them with the table of tokens. */
  readonly tiesTable: boolean;
  /** Rows of the position table. */
  readonly maxPositions: number;
  /**
   * Row of the first token's position: RoBERTa counts from the padding id + 1 (fairseq), the others
   * from 0. So at most `maxPositions - positionOffset` tokens fit.
   */
  readonly positionOffset: number;
  /** Rows of the token type (segment) table; 0 where the family has none. */
  readonly typeVocab: number;
  readonly padTokenId: number;
  /** Class names of a classifier, by index; `LABEL_<i>` where the file has none. */
  readonly labels: readonly string[];
}

/** How each family spells a field. */
interface Spelling {
  readonly layers: string;
  readonly hidden: string;
  readonly heads: string;
  readonly intermediate: string;
  readonly activation: string;
  /** Null where the family has no token types. */
  readonly typeVocab: string | null;
  readonly defaultPadTokenId: number;
}

const BERT: Spelling = {
  layers: 'num_hidden_layers',
  hidden: 'hidden_size',
  heads: 'num_attention_heads',
  intermediate: 'intermediate_size',
  activation: 'hidden_act',
  typeVocab: 'type_vocab_size',
  defaultPadTokenId: 0,
};

const SPELLINGS: { readonly [F in Family]: Spelling } = {
  bert: BERT,
  roberta: { ...BERT, defaultPadTokenId: 1 },
  distilbert: {
    layers: 'n_layers',
    hidden: 'dim',
    heads: 'n_heads',
    intermediate: 'hidden_dim',
    activation: 'activation',
    typeVocab: null,
    defaultPadTokenId: 0,
  },
  electra: BERT,
};

/** By what follows the family in an architecture's name. */
const HEADS: ReadonlyMap<string, TrainedHead> = new Map([
  ['Model', 'base'],
  ['ForMaskedLM', 'masked-lm'],
  ['ForPreTraining', 'pre-training'],
  ['ForSequenceClassification', 'sequence-classification'],
  ['ForTokenClassification', 'token-classification'],
]);

/** How each family begins the names of its classes. */
const CLASS_PREFIX: { readonly [F in Family]: string } = {
  bert: 'Bert',
  roberta: 'Roberta',
  distilbert: 'DistilBert',
  electra: 'Electra',
};

const DEFAULT_EPS = 1e-12;
const DEFAULT_TYPE_VOCAB = 2;
const MAX_LAYERS = 10_000;

/**
 * Reads a parsed `config.json`; `origin` is its path, for errors.
 *
 * @throws EncompileError that lists every fault: an unsupported family, architecture, activation,
 * position embedding or mode, and every missing or impossible size
 */
export function parseBertConfig(config: JsonObject, origin: string): BertConfig {
  const family = familyOf(config, origin);
  const spelling = SPELLINGS[family];
  const reader = new ConfigReader(config);
  const { faults } = reader;
  const count = (key: string, range: CountRange = {}) => reader.count(key, range);
  const architectures = reader.architectures();
  const padTokenId = count('pad_token_id', {
    least: 0,
    absent: spelling.defaultPadTokenId,
  });
  const hidden = count(spelling.hidden);
  const parsed: BertConfig = {
    family,
    head: headOf(architectures, family, faults),
    architectures,
    layers: count(spelling.layers, { most: MAX_LAYERS }),
    hidden,
    embeddingWidth: family === 'electra' ? count('embedding_size', { absent: hidden }) : hidden,
    heads: count(spelling.heads),
    intermediate: count(spelling.intermediate),
    activation: reader.activation(spelling.activation),
    layerNormEps: reader.fraction('layer_norm_eps', DEFAULT_EPS),
    vocab: count('vocab_size'),
    tiesTable: member(config, 'tie_word_embeddings') !== false,
    maxPositions: count('max_position_embeddings'),
    positionOffset: family === 'roberta' ? padTokenId + 1 : 0,
    typeVocab: spelling.typeVocab ? count(spelling.typeVocab, { absent: DEFAULT_TYPE_VOCAB }) : 0,
    padTokenId,
    labels: reader.labels(),
  };
  faults.push(...unsupportedModes(config));
  // A size that could not be read stands as 1 here, and would contradict others for no reason.
  if (faults.length === 0) faults.push(...contradictions(parsed, spelling));
  reader.throwFaults(origin);
  return parsed;
}

function familyOf(config: JsonObject, origin: string): Family {
  const type = member(config, 'model_type');
  const family = FAMILIES.find((name) => name === type);
  if (family) return family;
  throw new EncompileError(
    `${origin} has model_type ${quote(type)}, which cannot be read from a Hugging Face folder: ` +
      `expected one of ${[...FAMILIES, ...ROTARY_FAMILIES].join(', ')}. Declare the model in TypeScript instead.`,
  );
}

/** A folder that names no architecture holds the bare encoder. */
function headOf(architectures: readonly string[], family: Family, faults: string[]): TrainedHead {
  const [first] = architectures;
  if (first === undefined) return 'base';
  const prefix = CLASS_PREFIX[family];
  const head = first.startsWith(prefix) ? HEADS.get(first.slice(prefix.length)) : undefined;
  if (head) return head;
  const supported = [...HEADS.keys()].map((suffix) => `${prefix}${suffix}`);
  faults.push(`architectures begins with ${shown(first)}: supported are ${supported.join(', ')}`);
  return 'base';
}

function contradictions(config: BertConfig, spelling: Spelling): string[] {
  const { hidden, heads, maxPositions, positionOffset, padTokenId, vocab } = config;
  const faults: string[] = [];
  if (hidden % heads !== 0) {
    faults.push(
      `${spelling.hidden} is ${hidden} and ${spelling.heads} is ${heads}: the heads must divide ` +
        'the width',
    );
  }
  if (positionOffset >= maxPositions) {
    faults.push(
      `max_position_embeddings is ${maxPositions}: positions start at ${positionOffset} ` +
        '(pad_token_id + 1), which leaves no room for a token',
    );
  }
  if (padTokenId >= vocab) {
    faults.push(`pad_token_id is ${padTokenId}: vocab_size is ${vocab}, so it is no token`);
  }
  return faults;
}

/** Fields that change the computation, where they have another value than the one supported. */
function unsupportedModes(config: JsonObject): string[] {
  const faults: string[] = [];
  const positions = member(config, 'position_embedding_type') ?? 'absolute';
  if (positions !== 'absolute') {
    faults.push(`position_embedding_type is ${shown(positions)}: supported is "absolute"`);
  }
  for (const key of ['is_decoder', 'add_cross_attention']) {
    if (member(config, key) === true) {
      faults.push(`${key} is true: only encoders are supported`);
    }
  }
  const pruned = member(config, 'pruned_heads');
  if (isJsonObject(pruned) && Object.keys(pruned).length > 0) {
    faults.push(`pruned_heads is ${shown(pruned)}: every layer must have all its heads`);
  }
  if (isJsonObject(member(config, 'quantization_config'))) {
    faults.push('quantization_config is there: supported are unquantised weights');
  }
  return faults;
}
