/** Position encodings: their formulas, and the properties that they are made for. */
import { describe, expect, it } from 'vitest';
import { EncompileError } from '../../src/errors.ts';
import type { Builder } from '../../src/ir/builder.ts';
import type { Value } from '../../src/ir/graph.ts';
import { dims, f32 } from '../../src/ir/types.ts';
import { learnedPositions, sinusoidalPositions, timingSignal } from '../../src/models/index.ts';
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

function dot(a: Vector, b: Vector): number {
  return sum(a.map((value, i) => value * at(b, i)));
}
