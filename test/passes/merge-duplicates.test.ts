/** merge-duplicates: a = op(x), b = op(x) -> b = a */
import { expect, test } from 'vitest';
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import type { Value } from '../../src/ir/graph.ts';
import { dims, f32 } from '../../src/ir/types.ts';
import { mergeDuplicates } from '../../src/passes/merge-duplicates.ts';
import { matches, runSafely } from '../support/run-pass.ts';

const { batch } = dims('batch');
type V = Value<'f32'>;

const merged = (build: (g: Builder, x: V) => { readonly [name: string]: Value }) =>
  runSafely(
    buildGraph('duplicates', (g) => build(g, g.input('x', f32(batch, 4)))),
    mergeDuplicates,
  );

test('equal ops of equal operands, and what follows from them', () => {
  const result = merged((g, x) => ({
    y: g.sub(g.exp(g.mul(x, 2)), g.named('z', g.exp(g.mul(x, 2)))),
  }));
  expect(result.ops).toEqual(['constant', 'mul', 'exp', 'sub']);
  expect(matches(result)).toContain('%z: the same as %exp');
});

test('nodes of several results', () => {
  const result = merged((g, x) => {
    const [gamma, beta] = [g.weight('gamma', f32(4)), g.weight('beta', f32(4))];
    const [a, sum] = g.add_norm(x, x, gamma, beta);
    const [b, other] = g.add_norm(x, x, gamma, beta);
    return { y: g.add(g.mul(a, sum), g.mul(b, other)) };
  });
  expect(result.ops).toEqual(['add_norm', 'mul', 'add']);
});

test('not ops of other attributes', () => {
  const result = merged((g, x) => {
    const [gamma, beta] = [g.weight('gamma', f32(4)), g.weight('beta', f32(4))];
    const norm = (eps: number) => g.layer_norm(x, gamma, beta, { eps });
    return { y: g.add(norm(1e-5), norm(1e-6)) };
  });
  expect(result.ops).toEqual(['layer_norm', 'layer_norm', 'add']);
});

test('not constants that JSON writes alike', () => {
  const result = merged((g, x) => {
    const numbers = [Infinity, -Infinity, Number.NaN, 0, -0];
    return { y: numbers.reduce<V>((sum, c) => g.minimum(sum, c), x) };
  });
  expect(result.ops.filter((op) => op === 'constant')).toHaveLength(5);
});

test('not operands the other way round', () => {
  const result = merged((g, x) => {
    const y = g.exp(x);
    return { y: g.add(g.sub(x, y), g.sub(y, x)) };
  });
  expect(result.ops.filter((op) => op === 'sub')).toHaveLength(2);
});

test('not two outputs, which are two buffers', () => {
  expect(merged((g, x) => ({ y: g.exp(x), z: g.exp(x) })).ops).toEqual(['exp', 'exp']);
});
