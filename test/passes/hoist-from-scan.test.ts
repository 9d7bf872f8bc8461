/** hoist-from-scan: what a step computes without its states -> computed before the scan */
import { describe, expect, test } from 'vitest';
import { type Builder, buildGraph } from '../../src/ir/builder.ts';
import type { Graph, Value } from '../../src/ir/graph.ts';
import { dims, f32 } from '../../src/ir/types.ts';
import { expandComposites } from '../../src/passes/expand-composites.ts';
import { hoistFromScan } from '../../src/passes/hoist-from-scan.ts';
import { matches, opsOf, refusals, runSafely } from '../support/run-pass.ts';

const { batch, seq } = dims('batch', 'seq');
type V = Value<'f32'>;

interface Cell {
  readonly h: V;
  readonly x: V;
}

/** A scan of h' = step + h / 2 over x [batch, seq, 4] or [seq, batch, 4]. */
function scanned(
  step: (g: Builder, cell: Cell, outer: Builder) => V,
  { axis = 1 as 0 | 1, width = 4 } = {},
) {
  const graph = buildGraph('scanned', (g) => {
    const shape = axis === 1 ? ([batch, seq, 4] as const) : ([seq, batch, 4] as const);
    const x = g.input('x', f32<readonly (string | number)[]>(...shape));
    const h: V = g.input('h', f32<readonly (string | number)[]>(batch, width));
    const { states, outputs } = g.scan({ states: [h], sequences: [x], axis }, (inner, [h], [x]) => {
      const next: V = inner.add(inner.mul(h as V, 0.5), step(inner, { h: h as V, x: x as V }, g));
      return { states: [next], outputs: [next] };
    });
    return { last: states[0], all: outputs[0] } as { readonly [name: string]: Value };
  });
  return runSafely(graph, hoistFromScan);
}

function bodyOf(graph: Graph): readonly string[] {
  const body = graph.nodes.find(({ op }) => op === 'scan')?.body;
  return body == null ? [] : opsOf(body);
}

const weight = (g: Builder, rows: number, columns: number): V =>
  g.weight(`w${rows}${columns}`, f32<readonly number[]>(rows, columns));

describe('matches', () => {
  test('the projection of an element, x_t W -> (x W)_t, and x is no sequence any more', () => {
    const result = scanned((g, { x }) => g.matmul(x, weight(g, 4, 4)));
    expect(result.ops).toEqual(['matmul', 'scan']);
    expect(bodyOf(result.graph)).toEqual(['constant', 'mul', 'add']);
    expect(result.graph.nodes[1]?.operands).toHaveLength(2);
    expect(matches(result)).toEqual(['%scan: %matmul before the steps, without 2 of its operands']);
  });

  test('where time is the first axis, too', () => {
    const result = scanned((g, { x }) => g.matmul(x, weight(g, 4, 4)), { axis: 0 });
    expect(result.ops).toEqual(['matmul', 'scan']);
  });

  test('with what is elementwise in front of it and behind: f(x_t) W + b', () => {
    const result = scanned((g, { x }) => {
      const product = g.matmul(g.relu(g.mul(x, 2)), weight(g, 4, 4));
      return g.tanh(g.add(product, g.weight('b', f32(4))));
    });
    expect(result.ops).toEqual(['constant', 'mul', 'relu', 'matmul', 'add', 'tanh', 'scan']);
    expect(bodyOf(result.graph)).toEqual(['constant', 'mul', 'add']);
  });

  test('a captured operand of an elementwise op stands beside time, where it has the batch', () => {
    const result = scanned((g, { x }, outer) => {
      const offset = outer.input('offset', f32(batch, 4));
      return g.add(g.matmul(x, weight(g, 4, 4)), offset);
    });
    expect(result.ops).toEqual(['matmul', 'reshape', 'add', 'scan']);
  });

  test('an element that the step also needs itself stays a sequence', () => {
    const result = scanned((g, { h, x }) => g.add(g.matmul(x, weight(g, 4, 4)), g.mul(h, x)));
    expect(result.ops).toEqual(['matmul', 'scan']);
    expect(bodyOf(result.graph)).toEqual(['constant', 'mul', 'mul', 'add', 'add']);
    expect(result.graph.nodes[1]?.operands).toHaveLength(3);
  });

  test('what is made of captures alone, once and not in every step', () => {
    const result = scanned((g, { x }, outer) => {
      const c = outer.input('c', f32(batch, 4));
      return g.mul(x, g.tanh(g.matmul(c, weight(g, 4, 4))));
    });
    expect(result.ops).toEqual(['matmul', 'tanh', 'scan']);
    expect(result.graph.nodes[2]?.operands).toHaveLength(3);
  });

  test('views of weights, which are then folded', () => {
    const result = scanned((g, { h }) => {
      const w = g.transpose(weight(g, 4, 4), { permutation: [1, 0] });
      return g.matmul(h, w);
    });
    expect(result.ops).toEqual(['transpose', 'scan']);
  });

  test('captures that nothing uses are dropped, the last sequence is not', () => {
    const result = scanned((g, { h }, outer) => {
      const unused = outer.input('unused', f32(batch, 4));
      g.add(h, unused);
      return g.abs(h);
    });
    expect(result.graph.nodes[0]?.operands).toHaveLength(2);
    expect(matches(result)).toEqual(['%scan: without 1 of its operands']);
  });

  test('out of a scan in a scan, and out of the one around it', () => {
    const graph = buildGraph('nested', (g) => {
      const c = g.input('c', f32(4, 4));
      const x = g.input('x', f32(seq, batch, 4));
      const zero = g.input('zero', f32(4));
      const { states } = g.scan({ states: [zero], sequences: [x] }, (g, [h], [rows]) => {
        const inner = g.scan({ states: [h], sequences: [rows] }, (g, [h], [row]) => {
          const once = g.reduce_sum(g.mul(c, c), { axes: [0] });
          return { states: [g.add(g.mul(h, 0.5), g.mul(row, once))] };
        });
        return { states: [inner.states[0]] };
      });
      return { y: states[0] };
    });
    expect(runSafely(graph, hoistFromScan).ops).toEqual(['mul', 'reduce_sum', 'scan']);
  });

  test('the projections of gates that were declared inside are one product each', () => {
    const graph = buildGraph('gru', (g) => {
      const x = g.input('x', f32(batch, seq, 4));
      const [y] = g.gru(
        x,
        g.weight('w', f32(4, 12)),
        g.weight('r', f32(4, 12)),
        null,
        null,
        null,
        null,
        {
          reset: 'before',
        },
      );
      return { y };
    });
    const result = runSafely(graph, expandComposites, hoistFromScan);
    expect(matches(result).filter((m) => m.includes('before the steps'))).toEqual([]);
    expect(bodyOf(result.graph).filter((op) => op === 'matmul')).toHaveLength(2);
  });
});

describe('near misses', () => {
  const untouched = (result: ReturnType<typeof scanned>) => {
    expect(result.ops).toEqual(['scan']);
    expect(matches(result)).toEqual([]);
  };

  test('a product of the state', () => {
    untouched(scanned((g, { h, x }) => g.add(x, g.matmul(h, weight(g, 4, 4)))));
  });

  test('a product of the element and the state together', () => {
    untouched(scanned((g, { h, x }) => g.matmul(g.add(h, x), weight(g, 4, 4))));
  });

  test('what is elementwise alone stays in the kernel of the step', () => {
    untouched(scanned((g, { x }) => g.tanh(g.mul(x, 3))));
  });

  test('a view of a captured value that is no weight is read in place', () => {
    untouched(
      scanned((g, { h }, outer) => {
        const c: V = outer.input('c', f32(4, 4));
        return g.matmul(h, g.transpose(c, { permutation: [1, 0] }));
      }),
    );
  });

  test('a product by captured matrices of every row of the batch', () => {
    const result = scanned((g, { x }, outer) => {
      const many: V = outer.input('many', f32(batch, 4, 4));
      const row = g.reshape(x, { shape: [batch, 1, 4] });
      return g.reshape(g.matmul(row, many), { shape: [batch, 4] });
    });
    untouched(result);
  });

  test('elements under a matrix of more than 2 dims, said in the ledger', () => {
    const graph = buildGraph('deep', (g) => {
      const x = g.input('x', f32(seq, batch, 3, 4));
      const h = g.input('h', f32(batch, 3, 4));
      const { states } = g.scan({ states: [h], sequences: [x] }, (g, [h], [x]) => ({
        states: [g.add(g.mul(h, 0.5), g.matmul(x, g.weight('w', f32(1, 4, 4))))],
      }));
      return { y: states[0] };
    });
    const result = runSafely(graph, hoistFromScan);
    expect(result.ops).toEqual(['scan']);
    expect(refusals(result)).toEqual([
      '%scan: %matmul in the body multiplies by %w of 3 dims, not 2',
    ]);
  });

  test('a product by the element, whose rows are the steps own', () => {
    const graph = buildGraph('right', (g) => {
      const x = g.input('x', f32(seq, 4, 3));
      const h = g.input('h', f32(batch, 3));
      const c = g.input('c', f32(batch, 4));
      const { states } = g.scan({ states: [h], sequences: [x] }, (g, [h], [x]) => ({
        states: [g.add(g.mul(h, 0.5), g.matmul(c, x))],
      }));
      return { y: states[0] };
    });
    const result = runSafely(graph, hoistFromScan);
    expect(result.ops).toEqual(['scan']);
    expect(refusals(result)[0]).toContain('%matmul in the body multiplies by %x of the step');
  });

  test('time for columns: x [batch, 4, seq] holds no rows of x_t', () => {
    const graph = buildGraph('columns', (g) => {
      const x = g.input('x', f32(batch, 4, seq));
      const h = g.input('h', f32(batch, 3));
      const { states } = g.scan({ states: [h], sequences: [x], axis: 2 }, (g, [h], [x]) => ({
        states: [g.add(g.mul(h, 0.5), g.matmul(x, g.weight('w', f32(4, 3))))],
      }));
      return { y: states[0] };
    });
    const result = runSafely(graph, hoistFromScan);
    expect(result.ops).toEqual(['scan']);
    expect(refusals(result)[0]).toContain('has the steps for columns');
  });
});
