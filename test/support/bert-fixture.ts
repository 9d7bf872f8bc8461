/**
 * What ONNX Runtime computed for the untrained BERT models (`test/oracles/bert-onnx.mjs`), with the
 * weights as they are and strengthened. Only the strengthened ones tell errors of attention and GELU.
 */
import { readFileSync } from 'node:fs';
import type { TensorData } from '../../src/ir/types.ts';

export interface FixtureTensor {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

export interface BertCase {
  readonly name: string;
  /** A text, or a pair of texts, a row. */
  readonly rows: readonly (string | readonly string[])[];
  /** Integers, [batch, seq]. */
  readonly inputs: {
    readonly [Input in 'input_ids' | 'attention_mask' | 'token_type_ids']: FixtureTensor;
  };
  /** Float32: `last_hidden_state` [batch, seq, 16], or `logits` [batch, 2]. */
  readonly outputs: { readonly [output: string]: FixtureTensor };
}

export interface Strengthening {
  readonly linearTimes: number;
  readonly gamma: readonly number[];
  readonly bias: readonly number[];
}

export interface BertModelFixture {
  readonly cases: readonly BertCase[];
  readonly strong: Strengthening & { readonly cases: readonly BertCase[] };
}

export const BERT_MODELS = [
  'bert-untrained-sentence_embedding',
  'bert-untrained-sequence_classification',
] as const;

const file: { readonly models: Readonly<Record<(typeof BERT_MODELS)[number], BertModelFixture>> } =
  JSON.parse(readFileSync(new URL('../fixtures/bert-untrained.json', import.meta.url), 'utf8'));

export function bertFixture(model: (typeof BERT_MODELS)[number]): BertModelFixture {
  return file.models[model];
}

/**
 * A model file's tensors as the strengthened cases want them: linear weights multiplied, every gamma
 * `gamma`, every bias or beta of n numbers the first n of `bias`, embedding tables as they are.
 */
export function strengthen(
  tensors: ReadonlyMap<string, TensorData>,
  { linearTimes, gamma, bias }: Strengthening,
): Map<string, TensorData> {
  const strong = (name: string, data: Float32Array): Float32Array => {
    if (/embeddings\.\w+_embeddings\./.test(name)) return data;
    if (name.endsWith('LayerNorm.weight')) return Float32Array.from(gamma);
    if (name.endsWith('.bias')) return Float32Array.from(bias.slice(0, data.length));
    return data.map((value) => value * linearTimes);
  };
  return new Map(
    [...tensors].map(([name, tensor]) => {
      if (!(tensor.data instanceof Float32Array)) throw new Error(`${name} is not float`);
      return [name, { ...tensor, data: strong(name, tensor.data) }];
    }),
  );
}
