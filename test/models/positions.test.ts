/** Position encodings: their formulas, and the properties that they are made for. */
import { describe, expect, it } from 'vitest';
import { EncompileError } from '../../src/errors.ts';
import type { Builder } from '../../src/ir/builder.ts';
import type { Value } from '../../src/ir/graph.ts';
import { dims, f32 } from '../../src/ir/types.ts';
import {
  bucketBias,
  expertGate,
  givenPositions,
  learnedPositions,
  rotaryPositions,
  sinusoidalPositions,
  slopes,
  timingSignal,
  windowMask,
} from '../../src/models/index.ts';
import { expectClose, interpretModel, matrixOf } from '../support/interpret-model.ts';
import { seededArray } from '../support/seeded-numbers.ts';
import {
  at,
  type Matrix,
  row,
  sinusoids,
  sum,
  type Vector,
} from '../support/transformer-reference.ts';
import { timing } from '../support/use-lite-reference.ts';

const { seq } = dims('seq');
const WIDTH = 32;
const LENGTH = 60;

/** The positions of a sequence of `length` tokens, which only the run knows. */
function positions(
  length: number,
  declare: (
    g: Builder,
    length: { readonly seq: 'seq'; readonly width: typeof WIDTH },
  ) => Value<'f32'>,
) {
  const x = seededArray(0, [length, 1]);
  const run = interpretModel({ x }, (g) => ({
    x: g.input('x', f32(seq, 1)),
    y: declare(g, { seq, width: WIDTH }),
  }));
  const y = run.outputs.get('y');
  return { ...run, y: y ? matrixOf(y) : [] };
}

describe('sinusoidalPositions', () => {
  const { y } = positions(LENGTH, sinusoidalPositions);

  it('has the sine and the cosine of a frequency side by side', () => {
    expectClose(y, sinusoids(LENGTH, WIDTH));
  });

  it('turns PE(p) into PE(p + k) by a rotation of each pair that depends on k alone', () => {
    for (const k of [1, 2, 7]) {
      for (const p of [0, 1, 13, 40]) {
        const turned = Array.from({ length: WIDTH }, (_, j) => {
          const pair = j - (j % 2);
          const angle = k / 10_000 ** (pair / WIDTH);
          const [sine, cosine] = [at(row(y, p), pair), at(row(y, p), pair + 1)];
          return j % 2 === 0
            ? sine * Math.cos(angle) + cosine * Math.sin(angle)
            : cosine * Math.cos(angle) - sine * Math.sin(angle);
        });
        expectClose([turned], [row(y, p + k)]);
      }
    }
  });

  it('makes PE(p) . PE(p + k) depend on k alone, and fall as k grows at first', () => {
    const products = (k: number) => [0, 5, 20, 50].map((p) => dot(row(y, p), row(y, p + k)));
    for (const k of [0, 1, 2]) {
      const [first = 0] = products(k);
      for (const product of products(k)) expect(product).toBeCloseTo(first, 10);
      expect(first).toBeGreaterThan(products(k + 1)[0] ?? Number.NaN);
    }
  });

  it('works for any length, also one that is known', () => {
    expectClose(positions(3, sinusoidalPositions).y, y.slice(0, 3));
    const fixed = positions(1, (g) => sinusoidalPositions(g, { seq: 7, width: WIDTH }));
    expectClose(fixed.y, y.slice(0, 7));
  });

  it('refuses an odd width', () => {
    const build = () => positions(1, (g) => sinusoidalPositions(g, { seq, width: 5 }));
    expect(build).toThrow(EncompileError);
    expect(build).toThrow(/width 5 .* even width/);
  });
});

describe('timingSignal', () => {
  it('has all sines, then all cosines, with scales from 1 to 10000', () => {
    const expected: Matrix = Array.from({ length: LENGTH }, (_, p) =>
      Array.from({ length: WIDTH }, (_, i) => timing(p, i, WIDTH)),
    );
    expectClose(positions(LENGTH, timingSignal).y, expected);
    expect(timing(10_000, WIDTH / 2 - 1, WIDTH)).toBeCloseTo(Math.sin(1), 10);
  });
});

describe('learnedPositions', () => {
  const declare = (offset: number) => (g: Builder) =>
    learnedPositions(g.scope('embeddings'), { seq, width: WIDTH, rows: 9, offset });

  it.each([0, 2])('are the rows of a table from row %i on', (offset) => {
    const { y, weights, weightNames } = positions(4, declare(offset));
    expect(weightNames).toEqual([`embeddings.position [9, ${WIDTH}]`]);
    expect(y).toEqual(weights('embeddings.position').slice(offset, offset + 4));
  });

  it('end where the table ends', () => {
    expect(positions(7, declare(2)).y).toHaveLength(7);
    expect(() => positions(8, declare(2))).toThrow(/slice_c3: 2 to 10 by 1 does not lie in axis 0/);
    const build = () =>
      positions(1, (g) => learnedPositions(g, { seq: 10, width: WIDTH, rows: 9 }));
    expect(build).toThrow(/slice_c3: 0 to 10/);
  });
});

describe('givenPositions', () => {
  it('are a function of position and feature, computed when the model is built', () => {
    const at = (p: number, i: number) => p * 100 + i;
    const { y, weightNames } = positions(5, (g, size) =>
      givenPositions(g, { ...size, rows: 8, at }),
    );
    expect(weightNames).toEqual([`position [8, ${WIDTH}]`]);
    expect(y).toEqual(
      Array.from({ length: 5 }, (_, p) => Array.from({ length: WIDTH }, (_, i) => at(p, i))),
    );
  });

  it('refuse what is no finite number', () => {
    const at = (p: number) => (p === 3 ? Number.NaN : 0);
    expect(() => positions(5, (g, size) => givenPositions(g, { ...size, rows: 8, at }))).toThrow(
      /NaN for feature 0 of position 3/,
    );
  });
});

describe('rotaryPositions', () => {
  it.each(['halves', 'interleaved'] as const)(
    'with %s make products of queries and keys depend on the distance alone',
    (pairs) => {
      const [row8] = [Array.from({ length: 8 }, (_, i) => Math.sin(3 * i + 1))];
      const x = {
        dtype: 'f32' as const,
        shape: [12, 8],
        data: Float64Array.from({ length: 96 }, (_, k) => row8?.[k % 8] ?? 0),
      };
      const { outputs } = interpretModel({ x }, (g) => ({
        y: rotaryPositions(g, g.input('x', f32(seq, 8)), { pairs }),
      }));
      const found = outputs.get('y');
      const y = found ? matrixOf(found) : [];
      for (const k of [0, 1, 4]) {
        const products = [0, 3, 7].map((p) => dot(row(y, p), row(y, p + k)));
        for (const product of products) expect(product).toBeCloseTo(products[0] ?? 0, 10);
      }
      expect(dot(row(y, 0), row(y, 1))).not.toBeCloseTo(dot(row(y, 0), row(y, 4)), 3);
    },
  );

  it.each([3, 0, 10])('refuse to turn %i of 8 features', (features) => {
    const build = () =>
      interpretModel({}, (g) => ({
        y: rotaryPositions(g, g.input('x', f32(seq, 8)), { features }),
      }));
    expect(build).toThrow(/rotary_positions: .* of 'x', which is f32\[seq, 8\]/);
  });
});

describe('biases by position', () => {
  it('have the slopes of the paper', () => {
    expect(slopes(8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((k) => 2 ** -k));
    expect(slopes(12)).toEqual([...slopes(8), ...[1, 3, 5, 7].map((k) => 2 ** (-k / 2))]);
  });

  it('refuse buckets that do not fall into halves, and a window that is no whole number', () => {
    const sizes = { queries: seq, keys: seq, heads: 2 } as const;
    const bias = (options: object) => () =>
      interpretModel({}, (g) => ({ y: bucketBias(g, { ...sizes, ...options }) }));
    expect(bias({ buckets: 6 })).toThrow(/bucket_bias: 6 buckets up to the distance 128/);
    expect(bias({ maxDistance: 8 })).toThrow(/bucket_bias: 32 buckets up to the distance 8/);
    const mask = (window: number) => () =>
      interpretModel({}, (g) => ({ y: windowMask(g, { queries: 3, keys: 3, window }) }));
    expect(mask(-1)).toThrow(/attention_window: the window is -1/);
    expect(mask(1.5)).toThrow(/attention_window: the window is 1.5/);
  });
});

describe('expertGate', () => {
  it('takes the first of experts whose scores are equal', () => {
    const x = { dtype: 'f32' as const, shape: [1, 2], data: Float64Array.of(0, 0) };
    const { outputs } = interpretModel({ x }, (g) => ({
      y: expertGate(g, g.input('x', f32(seq, 2)), { experts: 3, top: 2 }),
    }));
    expect(Array.from(outputs.get('y')?.data ?? [])).toEqual([0.5, 0.5, 0]);
  });

  it.each([0, 4, 1.5])('refuses to take %d of 3', (top) => {
    const build = () =>
      interpretModel({}, (g) => ({
        y: expertGate(g, g.input('x', f32(seq, 2)), { experts: 3, top }),
      }));
    expect(build).toThrow(/expert_gate: the gate takes .* of 3 experts/);
  });
});

function dot(a: Vector, b: Vector): number {
  return sum(a.map((value, i) => value * at(b, i)));
}
