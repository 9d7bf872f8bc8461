/** Graphs whose kernels were wrong once, or whose loops have an edge of their own. */
import { test } from 'vitest';
import { buildGraph } from '../../src/ir/builder.ts';
import { parseGraph } from '../../src/ir/parse.ts';
import { bool, dims, f32 } from '../../src/ir/types.ts';
import { expectRight, table } from '../support/agreement.ts';

const { batch, seq } = dims('batch', 'seq');

test('positions beyond the table take its last row', async () => {
  const graph = buildGraph('positions', (g) => {
    const x = g.input('x', f32(batch, seq, 4));
    const places = g.iota({ shape: [seq], start: 1 });
    return { y: g.add(x, g.gather(table(g, 'table', 3, 4), places)) };
  });
  await expectRight(graph, { batch: 2, seq: 5 });
  await expectRight(graph, { batch: 1, seq: 1 });
});

test('an epilogue over a result of 1 x 1 matrices stays where its sum is', async () => {
  const graph = buildGraph('ones', (g) => {
    const a = g.input('a', f32(batch, 3, 1, 2));
    const b = g.input('b', f32(batch, 3, 2, 1));
    const scaled = g.mul(g.matmul(a, b), 0.5);
    return { y: g.mul(scaled, g.tanh(scaled)) };
  });
  await expectRight(graph, { batch: 2 });
});

test('rows of one element need no scratch, which invocations would share', async () => {
  const graph = buildGraph('single', (g) => {
    const x = g.input('x', f32(batch, 3, 1));
    const mask = g.input('mask', bool(batch, 1, 1));
    return { y: g.softmax(g.mul(x, 0.5), mask, { axis: -1 }) };
  });
  await expectRight(graph, { batch: 2 });
});

test('a weight that its matmul reads twice, or its epilogue too, is not packed', async () => {
  await expectRight(
    buildGraph('residual-weight', (g) => {
      const w = table(g, 'w', 5, 5);
      return { y: g.add(g.matmul(g.input('x', f32(5, 5)), w), w) };
    }),
  );
  await expectRight(
    buildGraph('square', (g) => {
      const w = table(g, 'w', 5, 5);
      return { y: g.add(g.matmul(w, w), g.input('x', f32(5, 5))) };
    }),
  );
});

test('ops and weights may have names that mean something in an index', async () => {
  const graph = buildGraph('names', (g) => {
    const x = g.input('min', f32(seq, 3));
    const y = g.matmul(g.floor(x), table(g, 'layer.max', 3, 3));
    return { floor: g.add(y, table(g, 'floor', 1, 3)) };
  });
  await expectRight(graph, { seq: 4 });
});

test('four columns are loaded at once only where all of them are there', async () => {
  const graph = buildGraph('one-row', (g) => {
    const x = g.input('x', f32(1, 5));
    const rows = g.broadcast(g.input('y', f32(1, 6)), { shape: [3, 6] });
    return {
      row: g.matmul(x, table(g, 'w', 5, 8)),
      same: g.matmul(rows, table(g, 'v', 6, 8)),
    };
  });
  await expectRight(graph);
});

test('an epilogue that reads the product at two places is no epilogue', async () => {
  const graph = parseGraph(`graph @symmetric(%a: f32[4, n], %b: f32[n, 4]) {
    %y = fused %a, %b : f32[4, 4]
      body @y(%a: f32[4, n], %b: f32[n, 4]) {
        %product = matmul %a, %b : f32[4, 4]
        %turned = transpose %product {permutation = [1, 0]} : f32[4, 4]
        %y = add %product, %turned : f32[4, 4]
        return %y
      }
    return %y
  }`);
  await expectRight(graph, { n: 3 });
});

test('a row that a view reads at other places is not kept in scratch', async () => {
  const graph = parseGraph(`graph @mirrored(%x: f32[n, 8]) {
    %y = fused %x : f32[n, 8]
      body @y(%x: f32[n, 8]) {
        %bent = tanh %x : f32[n, 8]
        %turned = slice %bent {starts = [n-1, 7], ends = [-1, -1], steps = [-1, -1]} : f32[n, 8]
        %most = reduce_max %turned {axes = [1], keep = true} : f32[n, 1]
        %y = sub %bent, %most : f32[n, 8]
        return %y
      }
    return %y
  }`);
  await expectRight(graph, { n: 1 }, { n: 3 });
});

test('values may have names that begin with a digit behind a slash', async () => {
  const graph = buildGraph('digits', (g) => {
    const x = g.matmul(g.input('x', f32(seq, 3)), table(g, 'w', 3, 3));
    const sum = g.named('/0/Add_output_0', g.add(x, 1));
    return { y: g.mul(sum, g.erf(sum)) };
  });
  await expectRight(graph, { seq: 4 });
});

test('a window of which the last rows lie in the padding reads none of them', async () => {
  const graph = buildGraph('windows', (g) => {
    const x = g.input('x', f32(1, 1, 7, 5));
    const weight = g.input('weight', f32(1, 1, 3, 3));
    return { y: g.conv(x, weight, { strides: [2, 2], before: [1, 0], after: [1, 0] }) };
  });
  await expectRight(graph);
});

test('kernels that differ in an infinity, or in the sign of a zero, are not one', async () => {
  const graph = buildGraph('specials', (g) => {
    const x = g.input('x', f32(seq));
    const orElse = (value: number) => g.select(g.less(x, 0), x, value);
    return {
      most: orElse(Infinity),
      least: orElse(-Infinity),
      above: g.div(1, orElse(0)),
      below: g.div(1, orElse(-0)),
    };
  });
  await expectRight(graph, { seq: 6 });
});

test('regions that read their operands in another order are not one', async () => {
  const graph = buildGraph('orders', (g) => {
    const [x, y] = [g.input('x', f32(seq, 4)), g.input('y', f32(seq, 4))];
    const [p, q] = [g.input('p', f32(seq, 4)), g.input('q', f32(seq, 4))];
    return { a: g.sub(x, g.sub(g.mul(x, y), y)), b: g.sub(p, g.sub(q, g.mul(p, q))) };
  });
  await expectRight(graph, { seq: 3 });
});
