/**
 * Encodings of a token's position, to be added to its embedding. The computed ones work for every
 * length; a table ends.
 */
import { EncompileError } from '../errors.ts';
import type { Builder } from '../ir/builder.ts';
import { add } from '../ir/dims.ts';
import type { Value } from '../ir/graph.ts';
import { type Dim, f32 } from '../ir/types.ts';
import { withShape } from './shape.ts';

export interface PositionOptions<N extends Dim, W extends number> {
  /** Number of positions: a dim such as 'seq'. */
  readonly seq: N;
  readonly width: W;
}

/**
 * sinusoidalPositions: y[p, 2i] = sin(p / 10000^(2i / width)), y[p, 2i + 1] = cos(the same) (Vaswani
 * et al. 2017, section 3.5)
 *
 * -> y f32[seq, width]. Sines and cosines take turns.
 * @throws EncompileError where the width is odd
 */
export function sinusoidalPositions<N extends Dim, W extends number>(
  g: Builder,
  { seq, width }: PositionOptions<N, W>,
): Value<'f32', [N, W]> {
  const pairs = half(width);
  const angle = angles(g, { seq, count: pairs, step: (2 * Math.log(10_000)) / width });
  const shape: Dim[] = [seq, pairs, 1];
  const sine = g.reshape(g.sin(angle), { shape });
  const cosine = g.reshape(g.cos(angle), { shape });
  const positions = g.reshape(g.concat([sine, cosine]), { shape: [seq, width] });
  return withShape(g.named('positions', positions), [seq, width]);
}

/**
 * timingSignal: y[p, i] = sin(p / scale_i), y[p, width / 2 + i] = cos(the same), with the scales
 * scale_i = 10000^(i / (width / 2 - 1)), so from 1 to 10000 (the `add_timing_signal` of tensor2tensor,
 * which Universal Sentence Encoder Lite uses)
 *
 * -> y f32[seq, width]. Sines fill the first half, cosines the second.
 * @throws EncompileError where the width is odd
 */
export function timingSignal<N extends Dim, W extends number>(
  g: Builder,
  { seq, width }: PositionOptions<N, W>,
): Value<'f32', [N, W]> {
  const scales = half(width);
  const step = Math.log(10_000) / Math.max(scales - 1, 1);
  const angle = angles(g, { seq, count: scales, step });
  const positions = g.concat([g.sin(angle), g.cos(angle)]);
  return withShape(g.named('positions', positions), [seq, width]);
}

export interface LearnedPositionOptions<N extends Dim, W extends number>
  extends PositionOptions<N, W> {
  /** Rows of the table. */
  readonly rows: number;
  /** Row of the first position (0). */
  readonly offset?: number;
  /** Name of the table (position). */
  readonly name?: string;
}

/**
 * learnedPositions: y[p] = table[offset + p]
 *
 * -> y f32[seq, width]. Weight: the table, f32[rows, width]. More than rows - offset positions are an
 * error: of the build where seq is a number, else of the run.
 */
export function learnedPositions<N extends Dim, W extends number>(
  g: Builder,
  { seq, width, rows, offset = 0, name = 'position' }: LearnedPositionOptions<N, W>,
): Value<'f32', [N, W]> {
  const table = g.weight(name, f32(rows, width));
  const ends: Dim[] = [add(seq, offset), width];
  const positions = g.slice(table, { starts: [offset, 0], ends });
  return withShape(g.named('positions', positions), [seq, width]);
}

export interface GivenPositionOptions<N extends Dim, W extends number>
  extends PositionOptions<N, W> {
  /** Positions that the table holds. */
  readonly rows: number;
  /** Feature i of position p. */
  readonly at: (position: number, feature: number) => number;
  /** Name of the table (position). */
  readonly name?: string;
}

/**
 * givenPositions: y[p, i] = at(p, i), computed when the model is built
 *
 * -> y f32[seq, width]. More than `rows` positions are an error, as in `learnedPositions`.
 * @throws EncompileError where the function gives something else than a finite number
 */
export function givenPositions<N extends Dim, W extends number>(
  g: Builder,
  { seq, width, rows, at, name = 'position' }: GivenPositionOptions<N, W>,
): Value<'f32', [N, W]> {
  const data = Float32Array.from({ length: rows * width }, (_, k) => {
    const [position, feature] = [Math.floor(k / width), k % width];
    const value = at(position, feature);
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw new EncompileError(
      `The function of positions gives ${String(value)} for feature ${feature} of position ` +
        `${position}, where a finite number was expected.`,
    );
  });
  const table = g.weight(name, f32(rows, width), { dtype: 'f32', shape: [rows, width], data });
  const ends: Dim[] = [seq, width];
  const positions = g.slice(table, { starts: [0, 0], ends });
  return withShape(g.named('positions', positions), [seq, width]);
}

/** y[p, i] = p * exp(-step * i): f32[seq, count]. */
export function angles(
  g: Builder,
  { seq, count, step }: { readonly seq: Dim; readonly count: number; readonly step: number },
): Value<'f32'> {
  const position = g.iota({ shape: [seq, 1], axis: 0, dtype: 'f32' });
  const index = g.iota({ shape: [1, count], axis: 1, dtype: 'f32' });
  return g.mul(position, g.exp(g.mul(index, -step)));
}

function half(width: number): number {
  if (Number.isInteger(width) && width > 0 && width % 2 === 0) return width / 2;
  throw new EncompileError(
    `Positions of width ${width} do not fall into sines and cosines. Take an even width.`,
  );
}
