/**
 * BERT as the paper and Hugging Face define it, in float64, one row of the batch at a time and index
 * by index. It imports nothing from the compiler but types and the table of names.
 */
import type { BertConfig } from '../../src/frontends/huggingface/config.ts';
import {
  type BertWeightName,
  CLASSIFIER_ACTIVATION,
} from '../../src/frontends/huggingface/names.ts';
import type { TensorData } from '../../src/ir/types.ts';

type Matrix = readonly (readonly number[])[];
type Weights = ReadonlyMap<BertWeightName, TensorData>;

export interface BertRow {
  readonly ids: readonly number[];
  readonly mask: readonly number[];
  readonly tokenTypes: readonly number[];
}

/** The hidden state of every token: [seq, hidden]. */
export function bertStates(config: BertConfig, weights: Weights, row: BertRow): Matrix {
  const embedded = row.ids.map((id, t) => {
    const word = tableRow(weights, 'embeddings.word', id);
    const position = tableRow(weights, 'embeddings.position', positionOf(config, row.ids, t));
    const type =
      config.typeVocab > 0
        ? tableRow(weights, 'embeddings.token_type', at(row.tokenTypes, t))
        : word.map(() => 0);
    return word.map((value, i) => value + at(position, i) + at(type, i));
  });
  let x: Matrix = embedded.map((token) => layerNorm(config, weights, 'embeddings.norm', token));
  for (let i = 0; i < config.layers; i++) {
    const context = attention(config, weights, `layer.${i}.attention`, x, row.mask);
    const attended = x.map((token, t) => {
      const output = linear(weights, `layer.${i}.attention.output`, at(context, t));
      return layerNorm(config, weights, `layer.${i}.attention.norm`, add(output, token));
    });
    x = attended.map((token) => {
      const inner = linear(weights, `layer.${i}.ffn.hidden`, token).map(gelu);
      const output = linear(weights, `layer.${i}.ffn.output`, inner);
      return layerNorm(config, weights, `layer.${i}.ffn.norm`, add(output, token));
    });
  }
  return x;
}

/** RoBERTa counts the tokens that are not padding, from pad_token_id + 1; padding stands at its id. */
function positionOf(config: BertConfig, ids: readonly number[], t: number): number {
  if (config.family !== 'roberta') return t;
  const { padTokenId } = config;
  if (ids[t] === padTokenId) return padTokenId;
  return padTokenId + ids.slice(0, t + 1).filter((id) => id !== padTokenId).length;
}

/** One number a class, from the first token. */
export function bertLogits(config: BertConfig, weights: Weights, row: BertRow): readonly number[] {
  const [first] = bertStates(config, weights, row);
  const activate = { tanh: Math.tanh, relu, gelu }[CLASSIFIER_ACTIVATION[config.family]];
  const dense = linear(weights, 'classifier.dense', first ?? []).map((value) => activate(value));
  return linear(weights, 'classifier.projection', dense);
}

/** BERT's pooler: tanh(x W^T + b) of the first token. */
export function bertPooled(config: BertConfig, weights: Weights, row: BertRow): readonly number[] {
  const [first] = bertStates(config, weights, row);
  return linear(weights, 'pooler', first ?? []).map((value) => Math.tanh(value));
}

/** softmax(Q K^T / sqrt(d)) V a head, over the keys that are not masked; heads side by side. */
function attention(
  config: BertConfig,
  weights: Weights,
  name: `layer.${number}.attention`,
  x: Matrix,
  mask: readonly number[],
): Matrix {
  const width = config.hidden / config.heads;
  const query = x.map((token) => linear(weights, `${name}.query`, token));
  const key = x.map((token) => linear(weights, `${name}.key`, token));
  const value = x.map((token) => linear(weights, `${name}.value`, token));
  return query.map((q) => {
    const context: number[] = [];
    for (let head = 0; head < config.heads; head++) {
      const slice = (token: readonly number[]) => token.slice(head * width, (head + 1) * width);
      const exps = key.map((k, t) =>
        at(mask, t) === 0 ? 0 : Math.exp(dot(slice(q), slice(k)) / Math.sqrt(width)),
      );
      const sum = exps.reduce((total, exp) => total + exp, 0);
      for (let i = head * width; i < (head + 1) * width; i++) {
        context.push(
          dot(
            exps,
            value.map((v) => at(v, i)),
          ) / sum,
        );
      }
    }
    return context;
  });
}

/** x W^T + b, W being [out, in]. */
function linear(
  weights: Weights,
  name:
    | `layer.${number}.${`ffn.${'hidden' | 'output'}` | `attention.${'query' | 'key' | 'value' | 'output'}`}`
    | `classifier.${'dense' | 'projection'}`
    | 'pooler',
  x: readonly number[],
): number[] {
  const bias = numbers(weights, `${name}.bias`);
  return Array.from(bias, (b, o) => b + dot(tableRow(weights, `${name}.weight`, o), x));
}

/** gamma (x - mean) / sqrt(variance + eps) + beta, the variance over n. */
function layerNorm(
  config: BertConfig,
  weights: Weights,
  name: 'embeddings.norm' | `layer.${number}.${'attention' | 'ffn'}.norm`,
  x: readonly number[],
): number[] {
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
  const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length;
  const gamma = numbers(weights, `${name}.gamma`);
  const beta = numbers(weights, `${name}.beta`);
  const scale = 1 / Math.sqrt(variance + config.layerNormEps);
  return x.map((value, i) => (value - mean) * scale * at(gamma, i) + at(beta, i));
}

/** x / 2 (1 + erf(x / sqrt 2)), erf by its Maclaurin series: exact enough for |x| < 6. */
function gelu(x: number): number {
  const z = x / Math.SQRT2;
  let term = z;
  let sum = z;
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
    term *= (-z * z) / n;
    sum += term / (2 * n + 1);
  }
  return (x / 2) * (1 + (2 / Math.sqrt(Math.PI)) * sum);
}

function relu(x: number): number {
  return Math.max(x, 0);
}

function add(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, i) => value + at(b, i));
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * at(b, i), 0);
}

function tableRow(weights: Weights, name: BertWeightName, row: number): number[] {
  const width = weights.get(name)?.shape[1] ?? 0;
  return Array.from(numbers(weights, name).subarray(row * width, (row + 1) * width));
}

function numbers(weights: Weights, name: BertWeightName): Float32Array {
  const data = weights.get(name)?.data;
  if (data instanceof Float32Array) return data;
  throw new Error(`there is no f32 weight ${name}`);
}

function at<T>(list: ArrayLike<T>, index: number): T {
  const value = list[index];
  if (value === undefined) throw new Error(`index ${index} of ${list.length}`);
  return value;
}
