/** raise: gelu, silu, sigmoid and softmax in the forms of exporters, and beside them near misses */
import { describe, expect, test } from 'vitest';
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import type { Value } from '../../src/ir/graph.ts';
import { dims, f32 } from '../../src/ir/types.ts';
import { foldConstants } from '../../src/passes/fold-constants.ts';
import { mergeDuplicates } from '../../src/passes/merge-duplicates.ts';
import { raise } from '../../src/passes/raise.ts';
import { simplify } from '../../src/passes/simplify.ts';
import { matches, refusals, runSafely } from '../support/run-pass.ts';

const { batch, seq } = dims('batch', 'seq');
type V = Value<'f32'>;
type Build = (g: Builder, x: V) => Value;

function raised(build: Build) {
  const graph = buildGraph('activations', (g) => {
    const x: V = g.input('x', f32(batch, seq, 4));
    return { y: g.named('y', build(g, x)) };
  });
  return runSafely(graph, foldConstants, simplify, mergeDuplicates, raise);
}

function expectRaised(name: string, build: Build, detail: string, left: readonly string[]) {
  test(name, () => {
    const result = raised(build);
    expect(result.ops).toEqual(left);
    expect(matches(result)).toEqual(expect.arrayContaining([detail]));
  });
}

function expectKept(name: string, build: Build, not: string, reason: string | null) {
  test(`not ${name}`, () => {
    const result = raised(build);
    expect(result.ops).not.toContain(not);
    if (reason === null) expect(refusals(result)).toEqual([]);
    else expect(refusals(result)).toEqual(expect.arrayContaining([reason]));
  });
}

/** As in files: rounded to float32. */
const ROOT = Math.fround(Math.SQRT2);
const INVERSE = Math.fround(Math.SQRT1_2);
const SLOPE = Math.fround(Math.sqrt(2 / Math.PI));
const CUBIC = Math.fround(0.044715);

describe('gelu', () => {
  const byErf = '%y: gelu of %x, by erf';
  const erf = (g: Builder, x: V): V => g.erf(g.div(x, ROOT));

  expectRaised(
    '(x * (1 + erf(x / sqrt(2)))) * 0.5, as PyTorch writes it',
    (g, x) => g.mul(g.mul(x, g.add(erf(g, x), 1)), 0.5),
    byErf,
    ['gelu'],
  );
  expectRaised(
    '(0.5 * x) * (1 + erf(x * 0.70710677))',
    (g, x) => g.mul(g.mul(0.5, x), g.add(1, g.erf(g.mul(x, INVERSE)))),
    byErf,
    ['gelu'],
  );
  expectRaised(
    'x * (0.5 * (1 + erf(x / sqrt(2))))',
    (g, x) => g.mul(x, g.mul(0.5, g.add(1, erf(g, x)))),
    byErf,
    ['gelu'],
  );
  expectRaised(
    'x * (0.5 + 0.5 * erf(x / sqrt(2)))',
    (g, x) => g.mul(x, g.add(0.5, g.mul(0.5, erf(g, x)))),
    byErf,
    ['gelu'],
  );
  expectRaised(
    '(x * (1 + erf(x / sqrt(2)))) / 2',
    (g, x) => g.div(g.mul(x, g.add(erf(g, x), 1)), 2),
    byErf,
    ['gelu'],
  );
  expectRaised(
    'of a sum, whose other uses do not matter',
    (g, x) => {
      const sum: V = g.add(x, 3);
      return g.sub(g.mul(g.mul(sum, 0.5), g.add(erf(g, sum), 1)), sum);
    },
    '%mul_1: gelu of %add, by erf',
    ['constant', 'add', 'gelu', 'sub'],
  );

  const byTanh = '%y: gelu of %x, by tanh';
  const cube = (g: Builder, x: V): V => g.pow(x, 3);
  const product = (g: Builder, x: V, inner: V): V => g.mul(g.mul(x, 0.5), g.add(1, g.tanh(inner)));
  expectRaised(
    'x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * pow(x, 3))))',
    (g, x) => product(g, x, g.mul(SLOPE, g.add(x, g.mul(CUBIC, cube(g, x))))),
    byTanh,
    ['gelu'],
  );
  expectRaised(
    'x^3 as products, in another order',
    (g, x) => product(g, x, g.mul(g.add(g.mul(g.mul(g.mul(x, x), CUBIC), x), x), SLOPE)),
    byTanh,
    ['gelu'],
  );
  expectRaised(
    'x * (a + b * x^2) for the argument',
    (g, x) => product(g, x, g.mul(x, g.add(SLOPE, g.mul(SLOPE * CUBIC, g.mul(x, x))))),
    byTanh,
    ['gelu'],
  );

  expectKept(
    'erf of x / 2',
    (g, x) => g.mul(g.mul(x, 0.5), g.add(g.erf(g.div(x, 2)), 1)),
    'gelu',
    '%erf: %add is multiplied with nothing that %mul is 1 / sqrt(2) of',
  );
  expectKept(
    'erf of x * sqrt(2)',
    (g, x) => g.mul(g.mul(x, 0.5), g.add(g.erf(g.mul(x, ROOT)), 1)),
    'gelu',
    '%erf: %add is multiplied with nothing that %mul_1 is 1 / sqrt(2) of',
  );
  expectKept(
    'sqrt(2) to four digits',
    (g, x) => g.mul(g.mul(x, 0.5), g.add(g.erf(g.div(x, 1.4143)), 1)),
    'gelu',
    '%erf: %add is multiplied with nothing that %div is 1 / sqrt(2) of',
  );
  expectKept(
    'without the half',
    (g, x) => g.mul(x, g.add(erf(g, x), 1)),
    'gelu',
    '%erf: %y is gelu times 2',
  );
  expectKept(
    'of another value',
    (g, x) => g.mul(g.mul(g.exp(x), 0.5), g.add(erf(g, x), 1)),
    'gelu',
    '%erf: %add is multiplied with nothing that %div is 1 / sqrt(2) of',
  );
  expectKept(
    '2 + erf',
    (g, x) => g.mul(g.mul(x, 0.5), g.add(erf(g, x), 2)),
    'gelu',
    '%erf: 1 is not added to %erf before anything else',
  );
  expectKept(
    'where erf has a second use',
    (g, x) => {
      const e = erf(g, x);
      return g.add(g.mul(g.mul(x, 0.5), g.add(e, 1)), e);
    },
    'gelu',
    '%erf: %erf has a second use: %y',
  );
  expectKept(
    'where the sum has a second use',
    (g, x) => {
      const sum: V = g.add(erf(g, x), 1);
      return g.add(g.mul(g.mul(x, 0.5), sum), sum);
    },
    'gelu',
    '%erf: %add has a second use: %y',
  );
  expectKept(
    'a product of more than that',
    (g, x) => g.mul(g.mul(x, x), g.add(erf(g, x), 1)),
    'gelu',
    '%erf: %add is multiplied with nothing that %div is 1 / sqrt(2) of',
  );
  expectKept(
    'pow 2 for pow 3',
    (g, x) => product(g, x, g.mul(SLOPE, g.add(x, g.mul(CUBIC, g.pow(x, 2))))),
    'gelu',
    null,
  );
  expectKept(
    'another cubic term',
    (g, x) => product(g, x, g.mul(SLOPE, g.add(x, g.mul(0.0447, cube(g, x))))),
    'gelu',
    null,
  );
  expectKept(
    'minus the cubic term',
    (g, x) => product(g, x, g.mul(SLOPE, g.sub(x, g.mul(CUBIC, cube(g, x))))),
    'gelu',
    null,
  );
  expectKept(
    'where x broadcasts',
    (g) => {
      const small: V = g.input('small', f32(4));
      const large: V = g.broadcast(g.add(erf(g, small), 1), { shape: [batch, 4] });
      return g.mul(g.mul(small, 0.5), large);
    },
    'gelu',
    '%erf: %add is multiplied with nothing that %div is 1 / sqrt(2) of',
  );
});

describe('sigmoid and silu', () => {
  const onePlus = (g: Builder, x: V): V => g.add(1, g.exp(g.neg(x)));

  expectRaised('x * sigmoid(x)', (g, x) => g.mul(g.sigmoid(x), x), '%y: silu of %x', ['silu']);
  expectRaised(
    'x * sigmoid(1 * x), as Paddle writes it',
    (g, x) => g.mul(x, g.sigmoid(g.mul(x, 1))),
    '%y: silu of %x',
    ['silu'],
  );
  expectRaised('x / (1 + exp(-x))', (g, x) => g.div(x, onePlus(g, x)), '%y: silu of %x', ['silu']);
  expectRaised('1 / (1 + exp(-x))', (g, x) => g.div(1, onePlus(g, x)), '%y: sigmoid of %x', [
    'sigmoid',
  ]);
  expectRaised(
    'x * (1 / (1 + exp(-1 * x)))',
    (g, x) => g.mul(x, g.reciprocal(g.add(g.exp(g.mul(x, -1)), 1))),
    '%y: silu of %x',
    ['silu'],
  );

  expectKept('sigmoid of another value', (g, x) => g.mul(x, g.sigmoid(g.exp(x))), 'silu', null);
  expectKept('sigmoid of 1.702 x', (g, x) => g.mul(x, g.sigmoid(g.mul(x, 1.702))), 'silu', null);
  expectKept(
    'where the sigmoid has a second use',
    (g, x) => {
      const s: V = g.sigmoid(x);
      return g.add(g.mul(x, s), s);
    },
    'silu',
    '%mul: %sigmoid has a second use: %y',
  );
  expectKept('exp(x) for exp(-x)', (g, x) => g.div(1, g.add(1, g.exp(x))), 'sigmoid', null);
  expectKept('2 + exp(-x)', (g, x) => g.div(1, g.add(2, g.exp(g.neg(x)))), 'sigmoid', null);
  expectKept('2 / (1 + exp(-x))', (g, x) => g.div(2, onePlus(g, x)), 'sigmoid', null);
});

describe('softmax', () => {
  const LAST = { axes: [-1], keep: true };
  const shifted = (g: Builder, x: V, over = LAST): V => g.sub(x, g.reduce_max(x, over));
  const whole = (g: Builder, e: V, over = LAST): V => g.div(e, g.reduce_sum(e, over));

  expectRaised(
    'exp(x - max(x)) / sum(exp(x - max(x)))',
    (g, x) => whole(g, g.exp(shifted(g, x))),
    '%y: softmax of %x along axis 2',
    ['softmax'],
  );
  expectRaised(
    'computed twice, along axis 1, the sum by a reciprocal',
    (g, x) => {
      const over = { axes: [1], keep: true };
      const sum: V = g.reduce_sum(g.exp(shifted(g, x, over)), over);
      return g.mul(g.reciprocal(sum), g.exp(shifted(g, x, over)));
    },
    '%y: softmax of %x along axis 1',
    ['softmax'],
  );
  expectRaised('without a shift', (g, x) => whole(g, g.exp(x)), '%y: softmax of %x along axis 2', [
    'softmax',
  ]);
  expectRaised(
    'a shift by the maximum along another axis stays',
    (g, x) => whole(g, g.exp(shifted(g, x, { axes: [1], keep: true }))),
    '%y: softmax of %sub along axis 2',
    ['reduce_max', 'sub', 'softmax'],
  );
  expectRaised(
    '(x - max(x)) - log(sum(exp(x - max(x))))',
    (g, x) => {
      const s = shifted(g, x);
      return g.sub(s, g.log(g.reduce_sum(g.exp(s), LAST)));
    },
    '%y: log_softmax of %x along axis 2',
    ['log_softmax'],
  );

  expectRaised(
    'softmax(8 (x / 8 - max(x / 8)))',
    (g, x) => g.softmax(g.mul(8, shifted(g, g.div(x, 8)))),
    '%y: softmax of %div, which shifts it itself',
    ['softmax'],
  );
  expectRaised(
    'softmax(2 (x - max(x)))',
    (g, x) => g.softmax(g.mul(shifted(g, x), 2)),
    '%y: softmax of %x, which shifts it itself',
    ['constant', 'mul', 'softmax'],
  );
  expectRaised(
    'softmax(x - max(x))',
    (g, x) => g.softmax(shifted(g, x)),
    '%y: softmax of %x, which shifts it itself',
    ['softmax'],
  );
  expectKept(
    'a softmax of x - max(x) over another axis',
    (g, x) => g.softmax(shifted(g, x, { axes: [1], keep: true })),
    'shifted softmax',
    null,
  );
  expectKept(
    'a softmax of c (x - max(x)), c a value',
    (g, x) => g.softmax(g.mul(shifted(g, x), g.reduce_mean(x, LAST))),
    'shifted softmax',
    null,
  );
  expectKept(
    'a softmax of x - max(2 x)',
    (g, x) => g.softmax(g.sub(x, g.reduce_max(g.mul(x, 2), LAST))),
    'shifted softmax',
    null,
  );
  expectKept(
    'a softmax of x - max(x) with a second use',
    (g, x) => {
      const s = shifted(g, x);
      return g.add(g.softmax(s), s);
    },
    'shifted softmax',
    '%softmax: %sub has a second use: %y',
  );
  expectKept(
    'a sum over two axes',
    (g, x) => whole(g, g.exp(shifted(g, x)), { axes: [1, 2], keep: true }),
    'softmax',
    '%y: the sum is over the axes 1, 2, not over one',
  );
  expectKept(
    'a mean for the sum',
    (g, x) => {
      const e: V = g.exp(shifted(g, x));
      return g.div(e, g.reduce_mean(e, LAST));
    },
    'softmax',
    null,
  );
  expectKept(
    'the sum of another value',
    (g, x) => g.div(g.exp(shifted(g, x)), g.reduce_sum(g.exp(x), LAST)),
    'softmax',
    null,
  );
  expectKept(
    'the sum over the exponential',
    (g, x) => {
      const e: V = g.exp(shifted(g, x));
      return g.div(g.reduce_sum(e, LAST), e);
    },
    'softmax',
    null,
  );
  expectKept(
    'where the exponential has a second use',
    (g, x) => {
      const e: V = g.exp(shifted(g, x));
      return g.add(whole(g, e), e);
    },
    'softmax',
    '%div: %exp has a second use: %y',
  );
  expectKept(
    'the logarithm of a sum taken off another value',
    (g, x) => g.sub(x, g.log(g.reduce_sum(g.exp(shifted(g, x)), LAST))),
    'log_softmax',
    '%y: the sum is of exp(%sub), but taken off %x',
  );
  expectKept(
    'the logarithm of a sum over two axes',
    (g, x) => {
      const s = shifted(g, x);
      return g.sub(s, g.log(g.reduce_sum(g.exp(s), { axes: [1, 2], keep: true })));
    },
    'log_softmax',
    '%y: the sum is over the axes 1, 2, not over one',
  );
});
