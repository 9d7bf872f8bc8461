/**
 * Biases by relative position [heads, n, m], added to the scores of attention: `scoreBias`. As in
 * `causalMask` the last of n queries stands at the last of m keys.
 */
import { EncompileError } from '../errors.ts';
import type { Builder } from '../ir/builder.ts';
import { subtract } from '../ir/dims.ts';
import type { Value } from '../ir/graph.ts';
import { type Dim, f32 } from '../ir/types.ts';
import { withShape } from './shape.ts';

export interface PositionBiasOptions<N extends Dim, M extends Dim, H extends number> {
  readonly queries: N;
  readonly keys: M;
  readonly heads: H;
}

export interface BucketBiasOptions<N extends Dim, M extends Dim, H extends number>
  extends PositionBiasOptions<N, M, H> {
  /** Rows of the table (32). */
  readonly buckets?: number;
  /** Distances from here on share a bucket (128). */
  readonly maxDistance?: number;
  /** Whether keys behind the query have buckets of their own (true); a decoder sees none of them. */
  readonly bidirectional?: boolean;
}

/**
 * bucketBias: y[h, i, j] = table[bucket(j - i), h] (T5: Raffel et al. 2020, section 2.1): a bucket for
 * each small distance, and for larger ones buckets that grow with the logarithm
 *
 * -> y f32[heads, queries, keys]. Weight: `weight` [buckets, heads].
 */
export function bucketBias<N extends Dim, M extends Dim, H extends number>(
  g: Builder,
  options: BucketBiasOptions<N, M, H>,
): Value<'f32', [H, N, M]> {
  const { queries, keys, heads, buckets = 32, maxDistance = 128, bidirectional = true } = options;
  const sides = bidirectional ? 2 : 1;
  const isEven = Number.isInteger(buckets / (2 * sides)) && buckets >= 2 * sides;
  if (!isEven || !Number.isInteger(maxDistance) || maxDistance <= buckets / (2 * sides)) {
    throw new EncompileError(
      `bucket_bias: ${buckets} buckets up to the distance ${maxDistance} cannot be made. Take a multiple ` +
        `of ${2 * sides} of them, and a larger whole distance.`,
    );
  }
  const value = Array.from({ length: 2 * maxDistance + 1 }, (_, k) =>
    bucketOf(k - maxDistance, buckets, maxDistance, bidirectional),
  );
  const bucket = g.constant({ value, dtype: 'i32', shape: [value.length] });
  const byDistance = g.gather(g.weight('weight', f32(buckets, heads)), bucket);
  const near = g.minimum(g.maximum(distances(g, queries, keys), -maxDistance), maxDistance);
  const bias: Value<'f32'> = g.gather(byDistance, g.add(near, maxDistance));
  return headsFirst(g, bias, [heads, queries, keys]);
}

/** In float32, as T5 was trained: at some distances its logarithm falls just short of the next bucket. */
function bucketOf(
  distance: number,
  buckets: number,
  maxDistance: number,
  bidirectional: boolean,
): number {
  const perSide = bidirectional ? buckets / 2 : buckets;
  const side = bidirectional && distance > 0 ? perSide : 0;
  const size = bidirectional ? Math.abs(distance) : Math.max(-distance, 0);
  const exact = perSide / 2;
  if (size < exact) return side + size;
  const { fround } = Math;
  const share = fround(
    fround(Math.log(fround(size / exact))) / fround(Math.log(maxDistance / exact)),
  );
  const large = exact + Math.trunc(fround(share * fround(perSide - exact)));
  return side + Math.min(large, perSide - 1);
}

/**
 * slopeBias: y[h, i, j] = -slope_h * abs(i - j) (ALiBi: Press et al. 2022, section 3), with the slopes
 * 2^(-8k / heads) for k = 1 .. heads where heads is a power of 2; else those of the power of 2 below, and
 * every other one of the power above
 *
 * -> y f32[heads, queries, keys]. No weight.
 */
export function slopeBias<N extends Dim, M extends Dim, H extends number>(
  g: Builder,
  { queries, keys, heads }: PositionBiasOptions<N, M, H>,
): Value<'f32', [H, N, M]> {
  const value = slopes(heads).map((slope) => -slope);
  const slope = g.constant({ value, dtype: 'f32', shape: [heads, 1, 1] });
  const distance: Value<'f32'> = g.cast(g.abs(distances(g, queries, keys)), { dtype: 'f32' });
  const bias: Value<'f32'> = g.mul(slope, distance);
  return withShape(g.named('bias', bias), [heads, queries, keys]);
}

/** The slopes of ALiBi's heads. */
export function slopes(heads: number): readonly number[] {
  const below = 2 ** Math.floor(Math.log2(heads));
  const ofPower = (count: number) =>
    Array.from({ length: count }, (_, k) => 2 ** ((-8 * (k + 1)) / count));
  const between = ofPower(2 * below).filter((_, k) => k % 2 === 0);
  return [...ofPower(below), ...between.slice(0, heads - below)];
}

/**
 * windowBias: y[h, i, j] = table[place(i, j), h] for the patches i and j of a window of `rows` x `columns`,
 * with place = (row_i - row_j + rows - 1) * (2 columns - 1) + column_i - column_j + columns - 1 (Swin: Liu
 * et al. 2021, eq. 4)
 *
 * -> y f32[heads, n, n], n = rows * columns. Weight: `weight` [(2 rows - 1) * (2 columns - 1), heads].
 */
export function windowBias<H extends number>(
  g: Builder,
  { rows, columns, heads }: { readonly rows: number; readonly columns: number; readonly heads: H },
): Value<'f32', [H, number, number]> {
  const count = rows * columns;
  const patches = Array.from({ length: count }, (_, k) => [Math.floor(k / columns), k % columns]);
  const value = patches.flatMap(([row = 0, column = 0]) =>
    patches.map(([otherRow = 0, otherColumn = 0]) => {
      const [down, right] = [row - otherRow + rows - 1, column - otherColumn + columns - 1];
      return down * (2 * columns - 1) + right;
    }),
  );
  const place = g.constant({ value, dtype: 'i32', shape: [count, count] });
  const table = g.weight('weight', f32((2 * rows - 1) * (2 * columns - 1), heads));
  return headsFirst(g, g.gather(table, place), [heads, count, count]);
}

/** y[i, j] = j - i', i' the place of query i among the keys: i32[queries, keys]. */
function distances(g: Builder, queries: Dim, keys: Dim): Value<'i32'> {
  const place = g.iota({ shape: [queries, 1], axis: 0, start: subtract(keys, queries) });
  return g.sub(g.iota({ shape: [1, keys], axis: 1 }), place);
}

/** [n, m, heads] -> [heads, n, m]. */
function headsFirst<H extends number, N extends Dim, M extends Dim>(
  g: Builder,
  bias: Value<'f32'>,
  shape: [H, N, M],
): Value<'f32', [H, N, M]> {
  const turned: Value<'f32'> = g.transpose(bias, { permutation: [2, 0, 1] });
  return withShape(g.named('bias', turned), shape);
}
