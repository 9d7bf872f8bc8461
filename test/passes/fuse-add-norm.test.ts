/** fuse-add-norm: layer_norm(x + residual, gamma, beta) -> add_norm(x, residual, gamma, beta) */
import { describe, expect, test } from 'vitest';
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import type { Value } from '../../src/ir/graph.ts';
import { printGraph } from '../../src/ir/print.ts';
import { dims, f32 } from '../../src/ir/types.ts';
import { fuseAddNorm } from '../../src/passes/fuse-add-norm.ts';
import { matches, refusals, runSafely } from '../support/run-pass.ts';

const { batch, seq } = dims('batch', 'seq');
type V = Value<'f32'>;

interface Parts {
  readonly g: Builder;
  readonly x: V;
  readonly residual: V;
  readonly gamma: V;
  readonly beta: V;
}

function fused(build: (parts: Parts) => { readonly [name: string]: Value }) {
  const graph = buildGraph('add-norm', (g) => {
    const [x, residual] = [
      g.input('x', f32(batch, seq, 4)),
      g.input('residual', f32(batch, seq, 4)),
    ];
    const [gamma, beta] = [g.weight('gamma', f32(4)), g.weight('beta', f32(4))];
    return build({ g, x, residual, gamma, beta });
  });
  return runSafely(graph, fuseAddNorm);
}

describe('matches', () => {
  test('post-norm: the sum goes into the norm alone', () => {
    const result = fused(({ g, x, residual, gamma, beta }) => {
      return { y: g.layer_norm(g.add(x, residual), gamma, beta, { eps: 1e-12 }) };
    });
    expect(result.ops).toEqual(['add_norm']);
    expect(result.graph.nodes[0]?.attributes).toEqual({ axis: -1, eps: 1e-12 });
    expect(printGraph(result.graph)).toContain('%layer_norm, %add = add_norm');
  });

  test('pre-norm: the sum is kept for what comes after', () => {
    const result = fused(({ g, x, residual, gamma, beta }) => {
      const sum = g.named('sum', g.add(x, residual));
      const next = g.exp(g.layer_norm(sum, gamma, beta));
      return { y: g.named('next', g.add(sum, next)) };
    });
    expect(result.ops).toEqual(['add_norm', 'exp', 'add']);
    expect(matches(result)[0]).toContain('the sum kept for %next');
  });

  test('the sum is kept where it is an output', () => {
    const result = fused(({ g, x, residual, gamma, beta }) => {
      const sum = g.add(x, residual);
      return { y: g.layer_norm(sum, gamma, beta), sum };
    });
    expect(result.ops).toEqual(['add_norm']);
    expect(matches(result)[0]).toContain("the sum kept for the output 'sum'");
  });

  test('the residual is the operand that was there first', () => {
    const result = fused(({ g, x, residual, gamma, beta }) => {
      return { y: g.layer_norm(g.add(residual, g.named('update', g.exp(x))), gamma, beta) };
    });
    expect(matches(result)).toEqual(['%layer_norm: x %update, residual %residual']);
  });

  test('of two norms of one sum the first', () => {
    const result = fused(({ g, x, residual, gamma, beta }) => {
      const sum = g.named('sum', g.add(x, residual));
      return { y: g.layer_norm(sum, gamma, beta), z: g.layer_norm(sum, beta, gamma) };
    });
    expect(result.ops).toEqual(['add_norm', 'layer_norm']);
    expect(refusals(result)).toEqual([
      '%layer_norm_1: %sum is made by add_norm, not by an add of a residual',
    ]);
  });

  test('gamma that is computed after the sum, where the norm alone needs the sum', () => {
    const result = fused(({ g, x, residual, gamma, beta }) => {
      const sum = g.add(x, residual);
      return { y: g.layer_norm(sum, g.exp(gamma), beta) };
    });
    expect(result.ops).toEqual(['exp', 'add_norm']);
  });
});

describe('refuses', () => {
  test('a vector that is added: the bias of a matmul', () => {
    const result = fused(({ g, x, gamma, beta }) => {
      const bias = g.weight('bias', f32(4));
      return { y: g.layer_norm(g.add(x, bias), gamma, beta) };
    });
    expect(result.ops).toEqual(['add', 'layer_norm']);
    expect(refusals(result)).toEqual([
      '%layer_norm: %bias has the shape [4]: it is a bias, not a residual',
    ]);
  });

  test('a residual that is broadcast over the batch', () => {
    const result = fused(({ g, x, gamma, beta }) => {
      const positions = g.input('positions', f32(seq, 4));
      return { y: g.layer_norm(g.add(positions, x), gamma, beta) };
    });
    expect(refusals(result).join()).toContain('%positions has the shape [seq, 4]');
  });

  test('a product instead of a sum', () => {
    const result = fused(({ g, x, residual, gamma, beta }) => {
      return { y: g.layer_norm(g.named('gated', g.mul(x, residual)), gamma, beta) };
    });
    expect(refusals(result)).toEqual([
      '%layer_norm: %gated is made by mul, not by an add of a residual',
    ]);
  });

  test('a norm of an input', () => {
    const result = fused(({ g, x, gamma, beta }) => ({ y: g.layer_norm(x, gamma, beta) }));
    expect(refusals(result).join()).toContain('%x is made by no node');
  });

  test('a norm without beta', () => {
    const result = fused(({ g, x, residual, gamma }) => {
      return { y: g.layer_norm(g.add(x, residual), gamma, null) };
    });
    expect(refusals(result)).toEqual(['%layer_norm: %layer_norm has no gamma or no beta']);
  });

  test('gamma that is computed after the sum, where others need the sum before', () => {
    const result = fused(({ g, x, residual, beta }) => {
      const sum = g.named('sum', g.add(x, residual));
      const mean = g.reduce_mean(sum, { axes: [0, 1] });
      return { y: g.layer_norm(sum, g.named('late', g.exp(mean)), beta) };
    });
    expect(result.ops).not.toContain('add_norm');
    expect(refusals(result)).toEqual([
      '%layer_norm: %late is computed only after the sum %sum, which %reduce_mean needs',
    ]);
  });
});
