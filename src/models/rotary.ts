/** Positions as rotations of queries and keys, so that their products depend on the distance alone. */
import { EncompileError } from '../errors.ts';
import type { Builder } from '../ir/builder.ts';
import type { Value } from '../ir/graph.ts';
import { type Dim, type FloatType, printType, type Shape } from '../ir/types.ts';
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
  const turn: Turn<D> = { cosine: part(g.cos(angle)), sine: part(g.sin(angle)) };
  const turned = PAIRS[pairs](g, x, half, turn);
  const parts = features === width ? [turned] : [turned, columns(g, x, features, width)];
  const [only, ...others] = parts;
  const whole: Value<D> =
    only && others.length === 0 ? only : g.concat(parts as readonly Value<D>[]);
  return withShape(g.named('rotated', whole), x.shape);
}

/** Of each position and pair: [n, features / 2]. */
interface Turn<D extends FloatType> {
  readonly cosine: Value<D>;
  readonly sine: Value<D>;
}

type Rotate = <D extends FloatType>(
  g: Builder,
  x: Value<D>,
  half: number,
  turn: Turn<D>,
) => Value<D>;

const PAIRS: { readonly [P in 'halves' | 'interleaved']: Rotate } = {
  halves: (g, x, half, turn) => {
    const [first, second] = [columns(g, x, 0, half), columns(g, x, half, 2 * half)];
    return g.concat(rotated(g, first, second, turn));
  },
  interleaved: (g, x, half, turn) => {
    const [n = 1] = lastDims(x, 2);
    const leading: Dim[] = [...x.shape.slice(0, -2), n, half];
    const apart: typeof x = g.reshape(columns(g, x, 0, 2 * half), { shape: [...leading, 2] });
    const of = (k: number): typeof x => g.reshape(columns(g, apart, k, k + 1), { shape: leading });
    const both = rotated(g, of(0), of(1), turn).map((y): typeof x =>
      g.reshape(y, { shape: [...leading, 1] }),
    );
    const joined: typeof x = g.concat(both);
    return g.reshape(joined, { shape: [...leading.slice(0, -1), 2 * half] });
  },
};

function rotated<D extends FloatType>(
  g: Builder,
  a: Value<D>,
  b: Value<D>,
  { cosine, sine }: Turn<D>,
): readonly Value<D>[] {
  const product = (x: Value<D>, y: Value<D>) => g.mul<D, Shape, D, Shape>(x, y);
  return [
    g.sub<D, Shape, D, Shape>(product(a, cosine), product(b, sine)),
    g.add<D, Shape, D, Shape>(product(a, sine), product(b, cosine)),
  ];
}

/** x [.., from .. to]. */
function columns<D extends FloatType>(g: Builder, x: Value<D>, from: Dim, to: Dim): Value<D> {
  const leading = x.shape.slice(0, -1);
  return g.slice<D, Shape, Shape, Shape>(x, {
    starts: [...leading.map(() => 0), from],
    ends: [...leading, to],
  });
}
