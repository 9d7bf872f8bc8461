/**
 * What the model of a Hugging Face folder is for, and its graph for that: an encoder of the BERT
 * family with what stands on it. Inputs are those of an ONNX export, i64[batch, seq].
 */
import { EncompileError } from '../../errors.ts';
import { type Builder, buildGraph } from '../../ir/builder.ts';
import type { Graph, Value } from '../../ir/graph.ts';
import { dims, f32, i64, type Shape } from '../../ir/types.ts';
import { activate } from '../../models/activations.ts';
import { bert, bertPooler, maskedLmHead, sequenceClassifier } from '../../models/bert.ts';
import { linear } from '../../models/linear.ts';
import { modernBert, nomicBert } from '../../models/modern-bert.ts';
import { layerNorm, normalize } from '../../models/normalization.ts';
import { firstToken, meanPool, poolTokens } from '../../models/pooling.ts';
import type { BertConfig, Family } from './config.ts';
import type { HuggingFaceFolder } from './folder.ts';
import {
  type BertTop,
  CLASSIFIER_ACTIVATION,
  hasMaskedLmHead,
  hasPooler,
  MASKED_LM_ACTIVATION,
} from './names.ts';
import { isRotary, type ModernBertConfig, type RotaryConfig } from './rotary-config.ts';
import type { PoolingMode } from './sentence-transformers.ts';

/**
 * - token-vectors: `last_hidden_state` [batch, seq, hidden] and, with a pooler, `pooler_output`
 *   [batch, hidden]
 * - sentence-embedding: `sentence_embedding` [batch, hidden], side by side for several modes
 * - sequence-classification: `logits` [batch, labels]
 * - token-classification: `logits` [batch, seq, labels]
 * - masked-lm: `logits` [batch, seq, vocab], scores of the word at each place, and `last_hidden_state`
 */
export type HuggingFaceTask =
  | { readonly kind: 'token-vectors'; readonly pooler: boolean }
  | {
      readonly kind: 'sentence-embedding';
      readonly modes: readonly PoolingMode[];
      readonly normalize: boolean;
    }
  | { readonly kind: 'sequence-classification' }
  | { readonly kind: 'token-classification' }
  | { readonly kind: 'masked-lm' };

/**
 * The task that a folder is made for: a sentence embedding where it has the pooling of
 * sentence-transformers, else what it was trained for, as far as the file has the weights, else token vectors.
 *
 * @throws EncompileError where the pooling is of vectors of another width than the encoder's
 */
export function taskOf(
  folder: HuggingFaceFolder,
  config: BertConfig | RotaryConfig,
): HuggingFaceTask {
  const { sentenceTransformers, tensors, path } = folder;
  const pooling = sentenceTransformers?.pooling ?? null;
  if (sentenceTransformers !== null && pooling !== null) {
    if (pooling.width !== null && pooling.width !== config.hidden) {
      throw new EncompileError(
        `The pooling in ${path} is of vectors of width ${pooling.width}, but ${folder.configOrigin} ` +
          `describes an encoder of width ${config.hidden}. They are of different models; fetch the ` +
          'folder again.',
      );
    }
    const { modes } = pooling;
    return { kind: 'sentence-embedding', modes, normalize: sentenceTransformers.normalize };
  }
  if (config.head === 'sequence-classification') return { kind: 'sequence-classification' };
  if (config.head === 'token-classification') return { kind: 'token-classification' };
  const isBert = !isRotary(config);
  if (config.head === 'masked-lm' && hasMaskedLm(config, tensors)) return { kind: 'masked-lm' };
  return { kind: 'token-vectors', pooler: isBert && hasPooler(config, tensors) };
}

/** A head with a table of its own is left out: its vectors are those of the encoder all the same. */
function hasMaskedLm(
  config: BertConfig | RotaryConfig,
  tensors: HuggingFaceFolder['tensors'],
): boolean {
  if (!config.tiesTable) return false;
  return isRotary(config) ? tensors.has('head.dense.weight') : hasMaskedLmHead(config, tensors);
}

/** The weights that a task wants beside the encoder's. */
export function topOf(task: HuggingFaceTask): BertTop {
  if (task.kind === 'sequence-classification') return 'classifier';
  if (task.kind === 'token-classification') return 'token-classifier';
  if (task.kind === 'masked-lm') return 'masked-lm';
  return task.kind === 'token-vectors' && task.pooler ? 'pooler' : 'none';
}

/**
 * The graph of a task, its weights named as in `names.ts`, without data and [in, out] where linear.
 *
 * Inputs: `input_ids`, `attention_mask` (0 for padding, which no token sees) and, of BERT and ELECTRA,
 * `token_type_ids`. Padding stands on the right: RoBERTa's positions count from the left.
 */
export function graphOfTask(name: string, config: BertConfig, task: HuggingFaceTask): Graph {
  const { batch, seq } = dims('batch', 'seq');
  return buildGraph(name, (g) => {
    const ids = g.input('input_ids', i64(batch, seq));
    const mask = g.not_equal(g.input('attention_mask', i64(batch, seq)), 0);
    const tokenTypes = HAS_TOKEN_TYPES[config.family]
      ? g.input('token_type_ids', i64(batch, seq))
      : undefined;
    const { vocab, embeddingWidth, layerNormEps: eps, family } = config;
    const table = g.scope('embeddings').weight('word', f32(vocab, embeddingWidth));
    const states = bert(g, config, { ids, mask: g.named('mask', mask), tokenTypes, table });
    const activation = CLASSIFIER_ACTIVATION[config.family];
    const classify = (scope: Builder, classes: number) =>
      sequenceClassifier(scope, states, { classes, activation });
    const score = (scope: Builder) =>
      maskedLmHead(scope, states, {
        table,
        activation: MASKED_LM_ACTIVATION[family] ?? config.activation,
        eps,
      });
    return outputsOf(g, config.labels.length, task, { states, mask, classify, score });
  });
}

/** As `graphOfTask`, of ModernBERT and nomic-bert; nomic-bert has `token_type_ids`. */
export function graphOfRotary(name: string, config: RotaryConfig, task: HuggingFaceTask): Graph {
  const { batch, seq } = dims('batch', 'seq');
  return buildGraph(name, (g) => {
    const ids = g.input('input_ids', i64(batch, seq));
    const mask = g.not_equal(g.input('attention_mask', i64(batch, seq)), 0);
    const given = { ids, mask: g.named('mask', mask) };
    if (config.family === 'modernbert') {
      const table = g.scope('embeddings').weight('word', f32(config.vocab, config.hidden));
      const states = modernBert(g, config, { ...given, table });
      if (task.kind === 'token-classification') {
        return { logits: classifyModern(g, states, config) };
      }
      const classify = () => {
        const vector =
          config.pooling === 'mean' ? meanPool(g, states, mask) : firstToken(g, states);
        return classifyModern(g, vector, config);
      };
      const score = (scope: Builder) => scoreModern(scope, states, table, config);
      return outputsOf(g, config.labels.length, task, { states, mask, classify, score });
    }
    const types =
      (config.typeVocab ?? 0) > 0 ? g.input('token_type_ids', i64(batch, seq)) : undefined;
    const states = nomicBert(g, config, { ...given, tokenTypes: types });
    const none = () => states;
    const heads = { classify: none, score: none };
    return outputsOf(g, config.labels.length, task, { states, mask, ...heads });
  });
}

/** y = norm(activation(x W)) W_projection + b, of single tokens or of a pooled one. */
function classifyModern(g: Builder, x: Value<'f32'>, config: ModernBertConfig): Value<'f32'> {
  const scope = g.scope('classifier');
  return linear<'f32', Shape, number>(scope.scope('projection'), modernHead(scope, x, config), {
    width: config.labels.length,
  });
}

/** y = norm(activation(x W)) table^T + b */
function scoreModern(
  g: Builder,
  x: Value<'f32'>,
  table: Value<'f32'>,
  config: ModernBertConfig,
): Value<'f32'> {
  const transposed: Value<'f32'> = g.transpose(table, { permutation: [1, 0] });
  const product: Value<'f32'> = g.matmul(modernHead(g, x, config), transposed);
  return config.decoderBias ? g.add(product, g.weight('bias', f32(config.vocab))) : product;
}

function modernHead(scope: Builder, x: Value<'f32'>, config: ModernBertConfig): Value<'f32'> {
  const { hidden, eps, normBias, classifierActivation, classifierBias } = config;
  const dense: Value<'f32'> = linear<'f32', Shape, number>(scope.scope('dense'), x, {
    width: hidden,
    bias: classifierBias,
  });
  const active = activate(scope, dense, classifierActivation);
  return layerNorm(scope.scope('norm'), active, {
    eps: eps ?? 1e-5,
    beta: normBias ?? false,
  });
}

/** Whether tokenizers of the family tell texts of a pair apart by types. */
const HAS_TOKEN_TYPES: { readonly [F in Family]: boolean } = {
  bert: true,
  roberta: false,
  distilbert: false,
  electra: true,
};

interface Encoded {
  readonly states: Value<'f32', ['batch', 'seq', number]>;
  readonly mask: Value<'bool', ['batch', 'seq']>;
  /** The scores of the classes of a text. */
  readonly classify: (g: Builder, classes: number) => Value;
  /** The scores of the words of the table, a token. */
  readonly score: (g: Builder) => Value;
}

function outputsOf(
  g: Builder,
  classes: number,
  task: HuggingFaceTask,
  { states, mask, classify, score }: Encoded,
): { readonly [output: string]: Value } {
  switch (task.kind) {
    case 'token-vectors': {
      if (!task.pooler) return { last_hidden_state: states };
      return { last_hidden_state: states, pooler_output: bertPooler(g.scope('pooler'), states) };
    }
    case 'sentence-embedding': {
      const vectors = task.modes.map((mode) => poolTokens(g, states, mask, mode));
      const [first] = vectors;
      const embedding = first !== undefined && vectors.length === 1 ? first : g.concat(vectors);
      return { sentence_embedding: task.normalize ? normalize(g, embedding) : embedding };
    }
    case 'sequence-classification': {
      return { logits: classify(g.scope('classifier'), classes) };
    }
    case 'token-classification': {
      return { logits: linear(g.scope('token_classifier'), states, { width: classes }) };
    }
    case 'masked-lm': {
      return { logits: score(g.scope('masked_lm')), last_hidden_state: states };
    }
    default:
      return task satisfies never;
  }
}
