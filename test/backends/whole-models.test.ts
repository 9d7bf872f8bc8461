/** Compiled models, run as their artifact runs them, against the interpreter. */
import { expect, test } from 'vitest';
import { checkCompilation } from '../../src/check/check.ts';
import { printReport } from '../../src/check/report.ts';
import { compileGraph } from '../../src/compile.ts';
import { buildGraph } from '../../src/ir/builder.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { f32, i32 } from '../../src/ir/types.ts';
import { PROGRAM_TARGETS } from '../../src/targets.ts';
import { table } from '../support/agreement.ts';

async function expectRightArtifact(graph: Graph, dims: Record<string, number>): Promise<void> {
  const report = await checkCompilation(compileGraph(graph), { backends: PROGRAM_TARGETS, dims });
  expect(report.skipped).toEqual([]);
  expect(report.passed, printReport(report)).toBe(true);
}

test('every kernel gets the sizes of its own symbols', async () => {
  const graph = buildGraph('symbols', (g) => ({
    rows: g.reduce_max(g.input('x', f32('a', 5)), { axes: [0] }),
    columns: g.reduce_sum(g.input('y', f32('b', 'c')), { axes: [0] }),
    both: g.transpose(g.input('z', f32('a', 'c')), { permutation: [1, 0] }),
  }));
  await expectRightArtifact(graph, { a: 3, b: 7, c: 4 });
});

test('every kernel gets its own weights, of any size', async () => {
  const graph = buildGraph('weights', (g) => {
    const x = g.input('x', f32('n', 3));
    const wide = g.matmul(g.tanh(g.matmul(x, table(g, 'a', 3, 5))), table(g, 'b', 5, 7));
    const rows = g.gather(table(g, 'c', 11, 7), g.input('ids', i32('n')));
    return { y: g.add(wide, rows), z: g.reshape(table(g, 'd', 7, 1), { shape: [7] }) };
  });
  await expectRightArtifact(graph, { n: 4 });
});

test('products of integers keep their low 32 bits', async () => {
  const graph = buildGraph('integers', (g) => {
    const large = g.add(g.mul(g.input('x', i32('n')), 1_000_003), 2_000_000_011);
    return { y: g.mul(large, g.sub(large, 12_345)) };
  });
  await expectRightArtifact(graph, { n: 9 });
});

test('infinities are the largest numbers where a target has none', async () => {
  const graph = buildGraph('infinite', (g) => {
    const x = g.input('x', f32('n', 4));
    const scores = g.select(g.less(x, 0.5), x, -Infinity);
    return { scores, probabilities: g.softmax(scores, { axis: 0 }) };
  });
  await expectRightArtifact(graph, { n: 6 });
});

test.each([
  ['minus infinity', -Infinity],
  ['the lowest float32', -3.4028234663852886e38],
])('a row that %s hides has no weights', async (_, hidden) => {
  const graph = buildGraph('hidden', (g) => {
    const x = g.input('x', f32(1, 'n', 'n'));
    const isAllowed = g.less(g.iota({ shape: ['n'], axis: 0 }), 3);
    const chosen = g.select(g.reshape(isAllowed, { shape: ['n', 1] }), x, hidden);
    const added = g.add(x, g.select(isAllowed, g.constant({ value: [0], dtype: 'f32' }), hidden));
    return {
      probabilities: g.softmax(chosen, { axis: -1 }),
      context: g.attention(x, x, x, null, chosen, { scale: 1 }),
      sums: g.matmul(g.softmax(added, { axis: -1 }), x),
    };
  });
  await expectRightArtifact(graph, { n: 5 });
});
