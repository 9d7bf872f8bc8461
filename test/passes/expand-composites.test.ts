/** expand-composites: linear and embedding -> what they stand for */
import { expect, test } from 'vitest';
import { buildGraph } from '../../src/ir/builder.ts';
import { valueOf } from '../../src/ir/graph.ts';
import { dims, f32, i32 } from '../../src/ir/types.ts';
import { expandComposites } from '../../src/passes/expand-composites.ts';
import { runSafely } from '../support/run-pass.ts';

const { batch, seq } = dims('batch', 'seq');

test('expands linear and embedding, and keeps what kernels are made of', () => {
  const graph = buildGraph('composites', (g) => {
    const ids = g.input('ids', i32(batch, seq));
    const x = g.embedding(g.weight('table', f32(9, 4)), ids);
    const weight = g.weight('weight', f32(4, 6));
    const hidden = g.named('hidden', g.linear(x, weight, g.weight('bias', f32(6))));
    return { y: g.gelu(hidden), probs: g.softmax(hidden) };
  });
  const { graph: after, ops } = runSafely(graph, expandComposites);
  expect(ops).toEqual(['gather', 'matmul', 'add', 'gelu', 'softmax']);
  const names = after.nodes.flatMap((node) => node.results.map((id) => valueOf(after, id).name));
  expect(names).toEqual(['embedding', 'hidden.matmul', 'hidden', 'gelu', 'softmax']);
});

test('an expanded node comes from where its composite was declared', () => {
  const graph = buildGraph('origins', (g) => {
    const x = g.input('x', f32(batch, 4));
    return { y: g.named('y', g.linear(x, g.weight('w', f32(4, 4)))) };
  });
  const { origin } = runSafely(graph, expandComposites).graph.nodes[0] ?? {};
  expect(origin?.names).toEqual(['y']);
  expect(origin?.location()).toMatch(/expand-composites\.test\.ts:\d+:\d+$/);
});
