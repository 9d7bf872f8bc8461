/** Positions as rotations of queries and keys, so that their products depend on the distance alone. */
import { EncompileError } from '../errors.ts';
import type { Builder } from '../ir/builder.ts';
import type { Value } from '../ir/graph.ts';
import { type FloatType, printType, type Shape } from '../ir/types.ts';
import { angles } from './positions.ts';
import { lastDims, withShape } from './shape.ts';

export interface RotaryOptions {
  /** The slowest pair turns by about 1 / base a position (10000). */
  readonly base?: number;
  /** The features that are turned, from the first on; those behind stay (all of them). */
  readonly features?: number;
  /**
   * Which features make a pair: `halves` feature i and i + features / 2 (GPT-NeoX, Llama, ModernBERT),
   * `interleaved` features 2i and 2i + 1 (Su et al. 2021, GPT-J) (halves).
   */
  readonly pairs?: 'halves' | 'interleaved';
}

/**
 * rotaryPositions: pair i of the row at position p is turned by the angle p / base^(2i / features), so
 * (a, b) -> (a cos - b sin, a sin + b cos) (Su et al. 2021, eq. 34)
 *
 * x [.., n, d] -> y as x; position p is the place in the last axis but one.
 * @throws EncompileError where the features are odd, or not 1 to d
 */
export function rotaryPositions<D extends FloatType, S extends Shape>(
  g: Builder,
  x: Value<D, S>,
  options: RotaryOptions = {},
): Value<D, S> {
  const [seq = 1, width = 1] = lastDims(x, 2);
  const { base = 10_000, features = Number(width), pairs = 'halves' } = options;
  if (!Number.isInteger(features) || features < 2 || features % 2 > 0 || features > Number(width)) {
    throw new EncompileError(
      `rotary_positions: ${features} features of '${x.name}', which is ${printType(x)}, cannot be turned ` +
        'in pairs. Take an even number of them, at most the width.',
    );
  }
  const half = features / 2;
  const angle = angles(g, { seq, count: half, step: (2 * Math.log(base)) / features });
  const part = (y: Value<'f32'>): Value<D> => g.cast(y, { dtype: x.dtype });
  const y: Value<D> = g.rotary<D, Shape>(x, part(g.cos(angle)), part(g.sin(angle)), { pairs });
  return withShape(g.named('rotated', y), x.shape);
}
