/** raise: layer_norm and rms_norm in the forms of exporters, and beside them what only looks like one */
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
type Build = (g: Builder, x: V, gamma: V, beta: V) => Value;

/** What raise makes of `build`, after the passes before it; x is f32[batch, seq, 4]. */
function raised(build: Build) {
  const graph = buildGraph('norms', (g) => {
    const x: V = g.input('x', f32(batch, seq, 4));
    const [gamma, beta]: V[] = [g.weight('gamma', f32(4)), g.weight('beta', f32(4))];
    return { y: g.named('y', build(g, x, gamma as V, beta as V)) };
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

function expectKept(name: string, build: Build, reason: string | null) {
  test(`not ${name}`, () => {
    const result = raised(build);
    expect(result.ops).not.toContain('layer_norm');
    expect(result.ops).not.toContain('rms_norm');
    if (reason !== null) expect(refusals(result)).toEqual(expect.arrayContaining([reason]));
  });
}

const LAST = { axes: [-1], keep: true };
const EPS = Math.fround(1e-5);
const centre = (g: Builder, x: V, over = LAST): V => g.sub(x, g.reduce_mean(x, over));
const squared = (g: Builder, x: V, over = LAST): V => g.reduce_mean(g.mul(x, x), over);
const rooted = (g: Builder, v: V): V => g.sqrt(g.add(v, EPS));
const normal = (g: Builder, x: V): V => {
  const c = centre(g, x);
  return g.div(c, rooted(g, squared(g, c)));
};

describe('layer_norm', () => {
  const whole = '%y: layer_norm of %x, %gamma, %beta, eps 0.00001';

  expectRaised(
    '(x - mean(x)) / sqrt(mean((x - mean(x))^2) + eps) * gamma + beta, as Paddle writes it',
    (g, x, gamma, beta) => {
      const c = centre(g, x);
      const variance: V = g.reduce_mean(g.pow(c, 2), LAST);
      return g.add(g.mul(g.div(c, rooted(g, variance)), gamma), beta);
    },
    whole,
    ['layer_norm'],
  );
  expectRaised(
    'all operands the other way round, the centred values computed twice',
    (g, x, gamma, beta) => {
      const c = centre(g, x);
      const variance: V = g.add(EPS, squared(g, centre(g, x)));
      return g.add(beta, g.mul(gamma, g.mul(g.rsqrt(variance), c)));
    },
    whole,
    ['layer_norm'],
  );
  expectRaised(
    'the inverse of a root, by a reciprocal',
    (g, x) => {
      const c = centre(g, x);
      return g.mul(c, g.reciprocal(rooted(g, squared(g, c))));
    },
    '%y: layer_norm of %x, eps 0.00001',
    ['layer_norm'],
  );
  expectRaised(
    'the inverse of a root, by a quotient and by powers',
    (g, x, gamma) => {
      const c = centre(g, x);
      const first: V = g.mul(c, g.div(1, rooted(g, squared(g, c))));
      const d = centre(g, g.exp(first));
      return g.mul(g.mul(d, g.pow(g.add(squared(g, d), EPS), -0.5)), gamma);
    },
    '%y: layer_norm of %exp, %gamma, eps 0.00001',
    ['layer_norm', 'exp', 'layer_norm'],
  );
  expectRaised(
    'means as sums: sum(x) / n, and one whose axis is put back by a reshape',
    (g, x, gamma, beta) => {
      const c: V = g.sub(x, g.div(g.reduce_sum(x, LAST), 4));
      const sum: V = g.reduce_sum(g.mul(c, c), { axes: [2] });
      const variance: V = g.mul(g.reshape(sum, { shape: [batch, seq, 1] }), 0.25);
      return g.add(g.mul(g.div(c, rooted(g, variance)), gamma), beta);
    },
    whole,
    ['layer_norm'],
  );
  expectRaised(
    'mean(x^2) - mean(x)^2 for the variance, as the function of ONNX has it',
    (g, x, gamma, beta) => {
      const mean: V = g.reduce_mean(x, LAST);
      const variance: V = g.sub(squared(g, x), g.mul(mean, mean));
      return g.add(g.mul(g.div(g.sub(x, mean), rooted(g, variance)), gamma), beta);
    },
    whole,
    ['layer_norm'],
  );
  expectRaised(
    'x * s + (beta - mean(x) * s), s = gamma / sqrt(var(x) + eps), as TensorFlow writes it',
    (g, x, gamma, beta) => {
      const mean: V = g.reduce_mean(x, LAST);
      const s: V = g.mul(g.rsqrt(g.add(squared(g, g.sub(x, mean)), EPS)), gamma);
      return g.add(g.mul(x, s), g.sub(beta, g.mul(mean, s)));
    },
    whole,
    ['layer_norm'],
  );
  expectRaised(
    'x * s + (-mean(x) * s + beta), as Keras writes it',
    (g, x, gamma, beta) => {
      const mean: V = g.reduce_mean(x, LAST);
      const s: V = g.mul(g.reciprocal(rooted(g, squared(g, g.sub(x, mean)))), gamma);
      return g.add(g.mul(x, s), g.add(g.mul(g.neg(mean), s), beta));
    },
    whole,
    ['layer_norm'],
  );
  expectRaised(
    'x * s - mean(x) * s, as Keras writes it without beta',
    (g, x, gamma) => {
      const mean: V = g.reduce_mean(x, LAST);
      const s: V = g.mul(g.rsqrt(g.add(squared(g, g.sub(x, mean)), EPS)), gamma);
      return g.add(g.mul(x, s), g.neg(g.mul(mean, s)));
    },
    '%y: layer_norm of %x, %gamma, eps 0.00001',
    ['layer_norm'],
  );
  expectRaised(
    'gamma multiplied with the inverse before x is',
    (g, x, gamma, beta) => {
      const c = centre(g, x);
      return g.add(g.mul(c, g.mul(g.rsqrt(g.add(squared(g, c), EPS)), gamma)), beta);
    },
    whole,
    ['layer_norm'],
  );
  expectRaised(
    'two of the last axes, gamma over both',
    (g) => {
      const z: V = g.input('z', f32(batch, seq, 2, 3));
      const over = { axes: [-1, -2], keep: true };
      const c = centre(g, z, over);
      return g.mul(g.div(c, rooted(g, squared(g, c, over))), g.weight('g', f32(2, 3)));
    },
    '%y: layer_norm of %z, %g, eps 0.00001',
    ['reshape', 'layer_norm', 'reshape'],
  );
  expectRaised(
    'gamma with leading dims of 1 is a vector',
    (g, x, _, beta) => g.add(g.mul(normal(g, x), g.weight('g', f32(1, 1, 4))), beta),
    '%y: layer_norm of %x, %g, %beta, eps 0.00001',
    ['layer_norm'],
  );
  expectRaised(
    'two norms of one x share what is before gamma',
    (g, x, gamma, beta) => g.add(g.exp(g.mul(normal(g, x), gamma)), g.mul(normal(g, x), beta)),
    '%div: layer_norm of %x, eps 0.00001',
    ['layer_norm', 'mul', 'exp', 'mul', 'add'],
  );
  expectRaised(
    'a factor that is no vector stays behind it',
    (g, x) => g.mul(normal(g, x), g.exp(x)),
    '%div: layer_norm of %x, eps 0.00001',
    ['layer_norm', 'exp', 'mul'],
  );

  expectKept(
    'x * s + (mean(x) * s + beta), the mean not negated',
    (g, x, gamma, beta) => {
      const mean: V = g.reduce_mean(x, LAST);
      const s: V = g.mul(g.rsqrt(g.add(squared(g, g.sub(x, mean)), EPS)), gamma);
      return g.add(g.mul(x, s), g.add(g.mul(mean, s), beta));
    },
    null,
  );
  expectKept(
    'x * s + (-mean(x) * t + beta), the mean scaled by another vector',
    (g, x, gamma, beta) => {
      const mean: V = g.reduce_mean(x, LAST);
      const root: V = g.rsqrt(g.add(squared(g, g.sub(x, mean)), EPS));
      const shift: V = g.mul(g.neg(mean), g.mul(root, beta));
      return g.add(g.mul(x, g.mul(root, gamma)), g.add(shift, beta));
    },
    null,
  );
  expectKept(
    'an inverse that is multiplied with more than a vector',
    (g, x) => {
      const c = centre(g, x);
      return g.mul(c, g.mul(g.rsqrt(g.add(squared(g, c), EPS)), g.exp(x)));
    },
    null,
  );
  expectKept(
    'a variance along another axis',
    (g, x) => {
      const c = centre(g, x);
      return g.div(c, rooted(g, squared(g, c, { axes: [1], keep: true })));
    },
    '%y: the mean is over the axes 2, the variance over 1',
  );
  expectKept(
    'means along the rows',
    (g, x) => {
      const over = { axes: [1], keep: true };
      const c = centre(g, x, over);
      return g.div(c, rooted(g, squared(g, c, over)));
    },
    '%y: the mean is over the axes 1, not the last of 3 axes',
  );
  expectKept(
    'eps outside of the root',
    (g, x) => {
      const c = centre(g, x);
      return g.div(c, g.add(g.sqrt(squared(g, c)), EPS));
    },
    '%y: eps is added to the root of the variance, not to the variance',
  );
  expectKept(
    'a negative eps',
    (g, x) => {
      const c = centre(g, x);
      return g.div(c, g.sqrt(g.add(g.add(squared(g, c), 1), -1e-3)));
    },
    null,
  );
  expectKept(
    'a fourth power for the square',
    (g, x) => {
      const c = centre(g, x);
      return g.div(c, rooted(g, g.reduce_mean(g.pow(c, 4), LAST)));
    },
    null,
  );
  expectKept(
    'the mean square of x itself',
    (g, x) => g.div(centre(g, x), rooted(g, squared(g, x))),
    '%y: the variance is the mean square of %x, not of %sub',
  );
  expectKept(
    'where the variance has a second use',
    (g, x) => {
      const c = centre(g, x);
      const variance = squared(g, c);
      return g.add(g.div(c, rooted(g, variance)), variance);
    },
    '%div: %reduce_mean_1 has a second use: %y',
  );
  expectKept(
    'where a mean is of another value',
    (g, x) => {
      const c: V = g.sub(x, g.reduce_mean(g.exp(x), LAST));
      return g.mul(g.exp(c), rooted(g, squared(g, c)));
    },
    null,
  );
});

describe('rms_norm', () => {
  expectRaised(
    'x * (gamma / sqrt(mean(x^2) + eps)), as Keras writes it',
    (g, x, gamma) => g.mul(x, g.mul(g.rsqrt(g.add(squared(g, x), EPS)), gamma)),
    '%y: rms_norm of %x, %gamma, eps 0.00001',
    ['rms_norm'],
  );
  expectRaised(
    'x * rsqrt(mean(x^2) + eps) * gamma',
    (g, x, gamma) => g.mul(gamma, g.mul(x, g.rsqrt(g.add(g.reduce_mean(g.pow(x, 2), LAST), EPS)))),
    '%y: rms_norm of %x, %gamma, eps 0.00001',
    ['rms_norm'],
  );
  expectRaised(
    'x / sqrt(mean(x^2) + eps)',
    (g, x) => g.div(x, rooted(g, squared(g, x))),
    '%y: rms_norm of %x, eps 0.00001',
    ['rms_norm'],
  );
  expectRaised(
    'a sum behind it stays',
    (g, x, gamma, beta) => g.add(g.mul(g.div(x, rooted(g, squared(g, x))), gamma), beta),
    '%mul_1: rms_norm of %x, %gamma, eps 0.00001',
    ['rms_norm', 'add'],
  );

  expectKept(
    'the mean square of another value',
    (g, x) => g.div(x, rooted(g, squared(g, g.exp(x)))),
    '%y: the mean square is of %exp, not of %x',
  );
  expectKept(
    'a sum of squares',
    (g, x) => g.div(x, rooted(g, g.reduce_sum(g.mul(x, x), LAST))),
    null,
  );
  expectKept(
    'eps outside of the root',
    (g, x) => g.div(x, g.add(g.sqrt(squared(g, x)), EPS)),
    '%y: eps is added to the root of the mean square, not to the mean square',
  );
  expectKept(
    'means along the rows',
    (g, x) => g.div(x, rooted(g, squared(g, x, { axes: [1], keep: true }))),
    '%y: the mean is over the axes 1, not the last of 3 axes',
  );
  expectKept('a product with the root', (g, x) => g.mul(x, rooted(g, squared(g, x))), null);
});
