/** remove-dead: a value that no output needs -> nothing */
import { expect, test } from 'vitest';
import { buildGraph } from '../../src/ir/builder.ts';
import { valueOf } from '../../src/ir/graph.ts';
import { dims, f32 } from '../../src/ir/types.ts';
import { removeDead } from '../../src/passes/remove-dead.ts';
import { matches, run, runSafely } from '../support/run-pass.ts';

const { batch } = dims('batch');

test('drops nodes and weights that no output needs, and keeps inputs', () => {
  const graph = buildGraph('dead', (g) => {
    const x = g.input('x', f32(batch, 4));
    const unused = g.input('unused', f32(batch, 4));
    const w = g.weight('w', f32(4, 4));
    g.named('probe', g.exp(g.matmul(g.mul(unused, 2), g.weight('dead', f32(4, 4)))));
    return { y: g.matmul(x, w) };
  });
  const result = runSafely(graph, removeDead);
  expect(result.ops).toEqual(['matmul']);
  const { graph: after } = result;
  expect(after.inputs.map((id) => valueOf(after, id).name)).toEqual(['x', 'unused']);
  expect(after.parameters.map(({ value }) => valueOf(after, value).name)).toEqual(['w']);
  expect(matches(result)).toContain('%probe: no output needs it');
  expect(matches(result)).toContain('%dead: no output needs this weight');
});

test('keeps a node of which one result is needed', () => {
  const graph = buildGraph('half', (g) => {
    const x = g.input('x', f32(batch, 4));
    const [, sum] = g.add_norm(x, x, g.weight('gamma', f32(4)), g.weight('beta', f32(4)));
    return { sum };
  });
  expect(runSafely(graph, removeDead).ops).toEqual(['add_norm']);
});

test('changes nothing where all is needed', () => {
  const graph = buildGraph('live', (g) => ({ y: g.exp(g.input('x', f32(batch))) }));
  expect(run(graph, removeDead).graph).toBe(graph);
});
