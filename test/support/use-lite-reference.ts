/**
 * Universal Sentence Encoder Lite in float64, index by index as docs/use-lite.md writes it. It
 * shares no code with the compiler and is never optimised. `x[t][i]` is feature i of token t.
 */

export interface ReferenceWeight {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}
export type ReferenceWeights = ReadonlyMap<string, ReferenceWeight>;

/** A sentence in a batch: padded positions hold any id, and false in the mask. */
export interface PaddedSentence {
  readonly ids: readonly number[];
  readonly mask: readonly boolean[];
}

type States = readonly Float64Array[];

const HEADS = 4;
const NORM_EPS = 1e-6;
const MASK_BIAS = -1e9;
const MIN_TIMESCALE = 1;
const MAX_TIMESCALE = 10_000;
const UNIT_NORM_EPS = 1e-12;

/** The embedding [512] of one sentence. Rows of a batch do not touch one another. */
export function useLiteReference(
  weights: ReferenceWeights,
  { ids, mask }: PaddedSentence,
): Float64Array {
  if (ids.length !== mask.length) throw new Error(`${ids.length} ids, ${mask.length} mask values`);
  let x = embed(weights, ids);
  for (const layer of [0, 1]) {
    const scope = `layer.${layer}`;
    const residual = layer === 0 ? linear(weights, `${scope}.residual`, x) : x;
    const attended = attention(weights, `${scope}.attention`, x, mask);
    const y = add(residual, attended);
    x = add(y, feedForward(weights, `${scope}.ffn`, y));
  }
  const pooled = meanOfTokens(x, mask);
  const [hidden] = linear(weights, 'tanh', [pooled]);
  if (hidden === undefined) throw new Error('linear lost its only row');
  return unitNorm(hidden.map(Math.tanh));
}

/** x[t][i] = 2 E[ids[t]][i] + timing(t, i) */
function embed(weights: ReferenceWeights, ids: readonly number[]): States {
  const table = weight(weights, 'embeddings');
  const width = dim(table, 1);
  return ids.map((id, t) =>
    Float64Array.from(
      { length: width },
      (_, i) => 2 * at(table.data, id * width + i) + timing(t, i, width),
    ),
  );
}

/** sin(t / scale(i)) in the first half of the features, cos(t / scale(i - half)) in the second. */
export function timing(position: number, feature: number, width: number): number {
  const half = width / 2;
  const channel = feature < half ? feature : feature - half;
  const scale = MIN_TIMESCALE * (MAX_TIMESCALE / MIN_TIMESCALE) ** (channel / (half - 1));
  return feature < half ? Math.sin(position / scale) : Math.cos(position / scale);
}

/** Pre-norm multi-head attention; masked keys get -1e9 added to their score. */
function attention(
  weights: ReferenceWeights,
  scope: string,
  x: States,
  mask: readonly boolean[],
): States {
  const normed = layerNorm(weights, `${scope}.norm`, x);
  const query = linear(weights, `${scope}.query`, normed);
  const key = linear(weights, `${scope}.key`, normed);
  const value = linear(weights, `${scope}.value`, normed);
  const width = dim(weight(weights, `${scope}.query.weight`), 1);
  const headWidth = width / HEADS;
  const context = x.map(() => new Float64Array(width));
  for (let head = 0; head < HEADS; head++) {
    for (const [t, out] of context.entries()) {
      const scores = x.map((_, s) => {
        let score = 0;
        for (let i = head * headWidth; i < (head + 1) * headWidth; i++) {
          score += at(row(query, t), i) * at(row(key, s), i);
        }
        return score / Math.sqrt(headWidth) + (mask[s] ? 0 : MASK_BIAS);
      });
      const probabilities = softmax(scores);
      for (let i = head * headWidth; i < (head + 1) * headWidth; i++) {
        out[i] = probabilities.reduce((sum, p, s) => sum + p * at(row(value, s), i), 0);
      }
    }
  }
  return linear(weights, `${scope}.output`, context);
}

/** Pre-norm feed-forward: W2 relu(W1 norm(x) + b1) + b2. */
function feedForward(weights: ReferenceWeights, scope: string, x: States): States {
  const hidden = linear(weights, `${scope}.hidden`, layerNorm(weights, `${scope}.norm`, x));
  const rectified = hidden.map((h) => h.map((element) => Math.max(element, 0)));
  return linear(weights, `${scope}.output`, rectified);
}

/** gamma[i] (x[t][i] - mean[t]) / sqrt(variance[t] + eps) + beta[i] */
function layerNorm(weights: ReferenceWeights, scope: string, x: States): States {
  const gamma = weight(weights, `${scope}.gamma`);
  const beta = weight(weights, `${scope}.beta`);
  return x.map((features) => {
    const mean = sum(features) / features.length;
    const variance = sum(features.map((element) => (element - mean) ** 2)) / features.length;
    return features.map(
      (element, i) =>
        (at(gamma.data, i) * (element - mean)) / Math.sqrt(variance + NORM_EPS) + at(beta.data, i),
    );
  });
}

/** y[t][j] = b[j] + sum over i of x[t][i] W[i][j] */
function linear(weights: ReferenceWeights, scope: string, x: States): States {
  const matrix = weight(weights, `${scope}.weight`);
  const bias = weight(weights, `${scope}.bias`);
  const columns = dim(matrix, 1);
  return x.map((features) =>
    Float64Array.from({ length: columns }, (_, j) => {
      let total = at(bias.data, j);
      for (let i = 0; i < features.length; i++) {
        total += at(features, i) * at(matrix.data, i * columns + j);
      }
      return total;
    }),
  );
}

/** pooled[i] = (sum over unmasked t of x[t][i]) / max(number of unmasked t, 1) */
function meanOfTokens(x: States, mask: readonly boolean[]): Float64Array {
  const count = mask.filter(Boolean).length;
  return row(x, 0).map((_, i) => {
    let total = 0;
    for (const [t, features] of x.entries()) if (mask[t]) total += at(features, i);
    return total / Math.max(count, 1);
  });
}

/** y[i] / sqrt(max(sum of squares, 1e-12)) */
function unitNorm(y: Float64Array): Float64Array {
  const squares = sum(y.map((element) => element ** 2));
  return y.map((element) => element / Math.sqrt(Math.max(squares, UNIT_NORM_EPS)));
}

function softmax(scores: readonly number[]): number[] {
  const greatest = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - greatest));
  const total = powers.reduce((left, right) => left + right, 0);
  return powers.map((power) => power / total);
}

function add(left: States, right: States): States {
  return left.map((features, t) => features.map((element, i) => element + at(row(right, t), i)));
}

function sum(elements: Float64Array): number {
  return elements.reduce((left, right) => left + right, 0);
}

function weight(weights: ReferenceWeights, name: string): ReferenceWeight {
  const found = weights.get(name);
  if (found === undefined) throw new Error(`no weight is named "${name}"`);
  return found;
}

function dim({ shape }: ReferenceWeight, axis: number): number {
  const size = shape[axis];
  if (size === undefined) throw new Error(`shape [${shape}] has no axis ${axis}`);
  return size;
}

function row(states: States, t: number): Float64Array {
  const features = states[t];
  if (features === undefined) throw new Error(`no token ${t} among ${states.length}`);
  return features;
}

function at(elements: Float32Array | Float64Array, index: number): number {
  const element = elements[index];
  if (element === undefined) throw new Error(`index ${index} of ${elements.length}`);
  return element;
}
