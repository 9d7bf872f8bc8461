/**
 * rotary: pair i of a row at place p is turned by the angle whose cosine and sine are given, (a, b) ->
 * (a cos - b sin, a sin + b cos) (Su et al. 2021, eq. 34)
 *
 * x [.., n, d], cosine [n, r], sine [n, r] -> y as x. Features from 2r on stay. The pairs are `halves`,
 * features i and i + r, or `interleaved`, 2i and 2i + 1.
 * - c1: x is floating point
 * - c2: x has rows and features
 * - c3: cosine and sine have a number of pairs for each row, in the dtype of x
 * - c4: the pairs are no more than half the features
 */
import { oneOf } from '../attributes.ts';
import type { UntypedBuilder } from '../builder.ts';
import { type Dim, isAtLeast } from '../dims.ts';
import type { Value } from '../graph.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { DTypeOk } from '../shape-types.ts';
import { type DType, type FloatType, isFloat, type Shape } from '../types.ts';

export type Rotary = <D extends DType, S extends Shape>(
  x: Value<D, S> & DTypeOk<'rotary_c1', FloatType, D>,
  cosine: Value<D>,
  sine: Value<D>,
  attributes?: { readonly pairs?: 'halves' | 'interleaved' },
) => Value<D, S>;

export const rotary: OpDefinition<Rotary> = defineOp({
  kind: 'composite',
  keep: false,
  summary: 'pairs of features turned by an angle of their row',
  operands: [{ name: 'x' }, { name: 'cosine' }, { name: 'sine' }],
  attributes: { pairs: oneOf(['halves', 'interleaved'], 'halves') },
  infer: ({ operand, require }) => {
    const [x, cosine, sine] = [operand(0), operand(1), operand(2)];
    require('c1', isFloat(x.dtype), () => `defined on f32 and f16, not on ${x.dtype}`);
    require('c2', x.shape.length >= 2, () => `x has ${x.shape.length} dims, and needs 2`);
    const [n = 1, d = 1] = x.shape.slice(-2);
    const pairs = cosine.shape[1];
    for (const { dtype, shape } of [cosine, sine]) {
      const fits = shape.length === 2 && shape[0] === n && shape[1] === pairs && dtype === x.dtype;
      require('c3', fits && typeof pairs === 'number', () => {
        return `cosine and sine must be ${x.dtype}[${n}, pairs], with a number of pairs`;
      });
    }
    require('c4', isAtLeast(d, 2 * Number(pairs)), () =>
      `${pairs} pairs are more than ${d} features`);
    return [x];
  },
  expand: ({ g, operand, attributes: { pairs } }) => {
    const [x, cosine, sine] = [operand(0), operand(1), operand(2)];
    const turned = 2 * Number(cosine.shape[1]);
    const width = x.shape.at(-1) ?? 1;
    const [a, b] = PAIRS[pairs].apart(g, x, turned / 2);
    const both = [g.sub(g.mul(a, cosine), g.mul(b, sine)), g.add(g.mul(a, sine), g.mul(b, cosine))];
    const rotated = PAIRS[pairs].together(g, both);
    return [width === turned ? rotated : g.concat([rotated, columns(g, x, turned, width)])];
  },
});

interface Pairs {
  /** The first and the second of each pair, [.., n, half]. */
  apart(g: UntypedBuilder, x: Value, half: number): readonly [Value, Value];
  together(g: UntypedBuilder, both: readonly Value[]): Value;
}

const PAIRS: { readonly [P in 'halves' | 'interleaved']: Pairs } = {
  halves: {
    apart: (g, x, half) => [columns(g, x, 0, half), columns(g, x, half, 2 * half)],
    together: (g, both) => g.concat(both),
  },
  interleaved: {
    apart: (g, x, half) => {
      const leading = [...x.shape.slice(0, -1), half];
      const pairs = g.reshape(columns(g, x, 0, 2 * half), { shape: [...leading, 2] });
      const of = (k: number) => g.reshape(columns(g, pairs, k, k + 1), { shape: leading });
      return [of(0), of(1)];
    },
    together: (g, both) => {
      const joined = g.concat(both.map((y) => g.reshape(y, { shape: [...y.shape, 1] })));
      const [half = 1] = joined.shape.slice(-2);
      return g.reshape(joined, { shape: [...joined.shape.slice(0, -2), 2 * Number(half)] });
    },
  },
};

/** x [.., from .. to]. */
function columns(g: UntypedBuilder, x: Value, from: Dim, to: Dim): Value {
  const leading = x.shape.slice(0, -1);
  return g.slice(x, { starts: [...leading.map(() => 0), from], ends: [...leading, to] });
}
