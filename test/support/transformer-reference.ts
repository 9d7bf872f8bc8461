/**
 * The parts of a Transformer in float64, one sequence at a time and index by index, as their papers
 * write them. `x[t][i]` is feature i of token t. It imports nothing from the compiler.
 */
export type Vector = readonly number[];
export type Matrix = readonly Vector[];
/** The rows of a weight by name; a vector is one row. */
export type WeightRows = (name: string) => Matrix;

/** y[t][j] = sum over i of x[t][i] W[i][j] + b[j]; no bias where there is no such weight. */
export function linear(weights: WeightRows, name: string, x: Matrix, bias = true): Matrix {
  const matrix = weights(`${name}.weight`);
  const offset = bias ? row(weights(`${name}.bias`), 0) : [];
  return x.map((features) =>
    row(matrix, 0).map(
      (_, j) => sum(features.map((f, i) => f * at(row(matrix, i), j))) + (offset[j] ?? 0),
    ),
  );
}

/** (x - mean) / sqrt(variance + eps) * gamma + beta, over the features of a token. */
export function layerNorm(weights: WeightRows, name: string, x: Matrix, eps: number): Matrix {
  const gamma = row(weights(`${name}.gamma`), 0);
  const beta = row(weights(`${name}.beta`), 0);
  return x.map((features) => {
    const mean = sum(features) / features.length;
    const variance = sum(features.map((f) => (f - mean) ** 2)) / features.length;
    return features.map(
      (f, i) => ((f - mean) / Math.sqrt(variance + eps)) * at(gamma, i) + at(beta, i),
    );
  });
}

export interface AttentionShape {
  readonly heads: number;
  readonly keyHeads?: number;
  /** Whether query i sees key j. */
  readonly sees: (i: number, j: number) => boolean;
}

/**
 * Query head h uses key head floor(h * keyHeads / heads); a query's weights are exp(q . k / sqrt(d)),
 * normalised over the keys that it sees, and all 0 where it sees none.
 */
export function attend(
  query: Matrix,
  key: Matrix,
  value: Matrix,
  { heads, keyHeads = heads, sees }: AttentionShape,
): Matrix {
  const width = row(query, 0).length / heads;
  return query.map((q, i) =>
    q.map((_, feature) => {
      const head = Math.floor(feature / width);
      const shared = Math.floor((head * keyHeads) / heads);
      const score = (k: Vector) =>
        sum(
          Array.from(
            { length: width },
            (_, c) => at(q, head * width + c) * at(k, shared * width + c),
          ),
        );
      const exps = key.map((k, j) => (sees(i, j) ? Math.exp(score(k) / Math.sqrt(width)) : 0));
      const total = sum(exps);
      if (total === 0) return 0;
      const column = shared * width + (feature % width);
      return sum(exps.map((e, j) => (e / total) * at(row(value, j), column)));
    }),
  );
}

/** Attention with its projections, from x to `memory`. */
export function multiHeadAttention(
  weights: WeightRows,
  name: string,
  x: Matrix,
  shape: AttentionShape,
  memory: Matrix = x,
): Matrix {
  const query = linear(weights, `${name}query`, x);
  const key = linear(weights, `${name}key`, memory);
  const value = linear(weights, `${name}value`, memory);
  return linear(weights, `${name}output`, attend(query, key, value, shape));
}

export function feedForward(
  weights: WeightRows,
  name: string,
  x: Matrix,
  activation: (value: number) => number,
): Matrix {
  const hidden = linear(weights, `${name}hidden`, x);
  return linear(
    weights,
    `${name}output`,
    hidden.map((features) => features.map(activation)),
  );
}

export interface BlockShape extends AttentionShape {
  readonly norm?: 'post' | 'pre';
  readonly activation?: keyof typeof ACTIVATIONS;
  readonly eps?: number;
}

/** norm(x + f(x)) for attention and then the feed-forward network, or x + f(norm(x)). */
export function encoderBlock(
  weights: WeightRows,
  scope: string,
  x: Matrix,
  { norm = 'post', activation = 'gelu', eps = 1e-5, ...shape }: BlockShape,
): Matrix {
  const sublayers = {
    attention: (from: Matrix) => multiHeadAttention(weights, `${scope}attention.`, from, shape),
    ffn: (from: Matrix) => feedForward(weights, `${scope}ffn.`, from, ACTIVATIONS[activation]),
  };
  let y = x;
  for (const name of ['attention', 'ffn'] as const) {
    const normed = (from: Matrix) => layerNorm(weights, `${scope}${name}.norm`, from, eps);
    const f = sublayers[name];
    y = norm === 'post' ? normed(add(y, f(y))) : add(y, f(normed(y)));
  }
  return y;
}

/** PE(t, 2i) = sin(t / 10000^(2i / width)), PE(t, 2i + 1) = cos(the same). */
export function sinusoids(length: number, width: number): Matrix {
  return Array.from({ length }, (_, t) =>
    Array.from({ length: width }, (_, j) => {
      const angle = t / 10_000 ** ((j - (j % 2)) / width);
      return j % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
    }),
  );
}

export const ACTIVATIONS = {
  relu: (x: number) => Math.max(x, 0),
  gelu: (x: number) => x * normalDistribution(x),
  gelu_tanh: (x: number) =>
    0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  silu: (x: number) => x / (1 + Math.exp(-x)),
  tanh: Math.tanh,
  sigmoid: (x: number) => 1 / (1 + Math.exp(-x)),
};

/** By Simpson's rule over the density, from 0: exact to 1e-12 for |x| < 6. */
function normalDistribution(x: number): number {
  const steps = 2000;
  const density = (t: number) => Math.exp((-t * t) / 2) / Math.sqrt(2 * Math.PI);
  let area = density(0) + density(x);
  for (let i = 1; i < steps; i++) area += (i % 2 === 0 ? 2 : 4) * density((x * i) / steps);
  return 0.5 + (area * x) / steps / 3;
}

export function add(a: Matrix, b: Matrix): Matrix {
  return a.map((features, t) => features.map((f, i) => f + at(row(b, t), i)));
}

export function sum(values: Vector): number {
  return values.reduce((total, value) => total + value, 0);
}

export function row(matrix: Matrix, index: number): Vector {
  const found = matrix[index];
  if (found === undefined) throw new Error(`row ${index} of ${matrix.length}`);
  return found;
}

export function at(vector: Vector, index: number): number {
  const value = vector[index];
  if (value === undefined) throw new Error(`index ${index} of ${vector.length}`);
  return value;
}
