/**
 * What the model of a Hugging Face folder is for, and its graph for that: an encoder of the BERT
 * family with what stands on it. Inputs are those of an ONNX export, i64[batch, seq].
 */
import { EncompileError } from '../../errors.ts';
import { type Builder, buildGraph } from '../../ir/builder.ts';
import type { Graph, Value } from '../../ir/graph.ts';
import { dims, i64 } from '../../ir/types.ts';
import { bert, bertPooler, sequenceClassifier } from '../../models/bert.ts';
import { normalize } from '../../models/normalization.ts';
import { poolTokens } from '../../models/pooling.ts';
import type { BertConfig } from './config.ts';
import type { HuggingFaceFolder } from './folder.ts';
import { type BertTop, CLASSIFIER_ACTIVATION, hasPooler } from './names.ts';
import type { PoolingMode } from './sentence-transformers.ts';

/**
 * - token-vectors: `last_hidden_state` [batch, seq, hidden] and, with a pooler, `pooler_output`
 *   [batch, hidden]
 * - sentence-embedding: `sentence_embedding` [batch, hidden], side by side for several modes
 * - sequence-classification: `logits` [batch, labels]
 */
export type HuggingFaceTask =
  | { readonly kind: 'token-vectors'; readonly pooler: boolean }
  | {
      readonly kind: 'sentence-embedding';
      readonly modes: readonly PoolingMode[];
      readonly normalize: boolean;
    }
  | { readonly kind: 'sequence-classification' };

/**
 * The task that a folder is made for: a sentence embedding where it has the pooling of
 * sentence-transformers, else the classification that it was trained for, else token vectors.
 *
 * @throws EncompileError where the pooling is of vectors of another width than the encoder's
 */
export function taskOf(folder: HuggingFaceFolder, config: BertConfig): HuggingFaceTask {
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
  return { kind: 'token-vectors', pooler: hasPooler(config, tensors) };
}

/** The weights that a task wants beside the encoder's. */
export function topOf(task: HuggingFaceTask): BertTop {
  if (task.kind === 'sequence-classification') return 'classifier';
  return task.kind === 'token-vectors' && task.pooler ? 'pooler' : 'none';
}

/**
 * The graph of a task, its weights named as in `names.ts`, without data and [in, out] where linear.
 *
 * Inputs: `input_ids`, `attention_mask` (0 for padding, which no token sees) and, of BERT alone,
 * `token_type_ids`. Padding stands on the right: RoBERTa's positions count from the left.
 */
export function graphOfTask(name: string, config: BertConfig, task: HuggingFaceTask): Graph {
  const { batch, seq } = dims('batch', 'seq');
  return buildGraph(name, (g) => {
    const ids = g.input('input_ids', i64(batch, seq));
    const mask = g.not_equal(g.input('attention_mask', i64(batch, seq)), 0);
    const tokenTypes =
      config.family === 'bert' ? g.input('token_type_ids', i64(batch, seq)) : undefined;
    const states = bert(g, config, { ids, mask: g.named('mask', mask), tokenTypes });
    return outputsOf(g, config, task, { states, mask });
  });
}

interface Encoded {
  readonly states: Value<'f32', ['batch', 'seq', number]>;
  readonly mask: Value<'bool', ['batch', 'seq']>;
}

function outputsOf(
  g: Builder,
  config: BertConfig,
  task: HuggingFaceTask,
  { states, mask }: Encoded,
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
      const activation = CLASSIFIER_ACTIVATION[config.family];
      const classes = config.labels.length;
      const classifier = g.scope('classifier');
      return { logits: sequenceClassifier(classifier, states, { classes, activation }) };
    }
    default:
      return task satisfies never;
  }
}
