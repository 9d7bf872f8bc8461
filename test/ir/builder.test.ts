import { describe, expect, test } from 'vitest';
import { buildGraph, GraphConstruction } from '../../src/ir/builder.ts';
import type { ValueId } from '../../src/ir/graph.ts';
import { f32, i32 } from '../../src/ir/types.ts';

test('a plain number is a constant of the other operand, of its dtype', () => {
  const graph = buildGraph('g', (g) => {
    const x = g.input('x', f32('n', 4));
    const ids = g.input('ids', i32('n'));
    const y = g.sub(1, g.mul(x, 0.125));
    return { y, z: g.select(g.equal(y, 0), 2, y), known: g.not_equal(ids, 7) };
  });
  const constants = graph.nodes.filter((node) => node.op === 'constant');
  expect(constants.map((node) => node.attributes)).toEqual([
    { value: [0.125], dtype: 'f32', shape: [] },
    { value: [1], dtype: 'f32', shape: [] },
    { value: [0], dtype: 'f32', shape: [] },
    { value: [2], dtype: 'f32', shape: [] },
    { value: [7], dtype: 'i32', shape: [] },
  ]);
  const shapes = graph.outputs.map(({ value }) => graph.values.get(value)?.shape);
  expect(shapes).toEqual([['n', 4], ['n', 4], ['n']]);
});

test('an input or weight has its own name, whatever was called so before', () => {
  const graph = buildGraph('g', (g) => {
    const x = g.input('x', f32('n', 4));
    const y = g.add(g.named('gamma', g.exp(x)), g.scope('a').named('b', g.sin(x)));
    return { y: g.mul(g.mul(y, g.weight('gamma', f32(4))), g.input('a.b', f32('n', 4))) };
  });
  const nameOf = (id: ValueId | undefined) => id !== undefined && graph.values.get(id)?.name;
  expect(graph.inputs.map(nameOf)).toEqual(['x', 'a.b']);
  expect(graph.parameters.map(({ value }) => nameOf(value))).toEqual(['gamma']);
  expect(graph.nodes.slice(0, 2).map(({ results }) => nameOf(results[0]))).toEqual([
    'gamma_2',
    'a.b_2',
  ]);
  expect(graph.nodes.map(({ origin }) => origin.names[0])).toContain('gamma_2');
  const names = [...graph.values.values()].map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

describe('optional operands', () => {
  const operandsOf = (build: Parameters<typeof buildGraph>[1]) =>
    buildGraph('g', build)
      .nodes.at(-1)
      ?.operands.map((id) => id !== null);

  test.each([
    [[true, false, false], 'none'],
    [[true, true, false], 'gamma'],
    [[true, false, true], 'beta'],
  ] as const)('%j', (present, given) => {
    const operands = operandsOf((g) => {
      const x = g.input('x', f32('n', 4));
      const vector = g.weight('vector', f32(4));
      if (given === 'none') return { y: g.layer_norm(x, { eps: 1e-6 }) };
      if (given === 'gamma') return { y: g.layer_norm(x, vector, { eps: 1e-6 }) };
      return { y: g.layer_norm(x, null, vector) };
    });
    expect(operands).toEqual(present);
  });

  test('a node that a pass makes without them has them spelled as null', () => {
    const construction = new GraphConstruction();
    const x = construction.addInput('x', f32(4));
    construction.addNode('softmax', [x], { axis: 0 });
    expect(construction.nodes[0]?.operands).toEqual([x.id, null]);
  });
});

describe('calls that types would refuse', () => {
  const construction = new GraphConstruction();
  const g = construction.untypedBuilder();
  const x = construction.addInput('x', f32(4));
  const stranger = new GraphConstruction().addInput('stranger', f32(4));

  test.each([
    ['add of numbers alone is a number', () => g.add(1, 2)],
    ["add needs a value for its operand 'b', but got nothing", () => g.add(x)],
    ["matmul needs a value for its operand 'b', but got 2", () => g.matmul(x, 2)],
    ["the operand 'stranger' belongs to another graph", () => g.add(x, stranger)],
    [
      "exp takes the operands x and then an object of attributes, but got the value 'x'",
      () => g.exp(x, x),
    ],
    ["reduce_sum needs the attribute 'axes' (a list of integers)", () => g.reduce_sum(x)],
    ["softmax has no attribute 'axes'; its attributes: axis", () => g.softmax(x, { axes: 1 })],
    [
      "softmax: the attribute 'axis' must be an integer, but is 0.5",
      () => g.softmax(x, { axis: 0.5 }),
    ],
    [
      'constant_c2: 0.5 is not a value of i32',
      () => g.add(construction.addInput('i', i32(1)), 0.5),
    ],
    ['add takes the operands a, b, but got 3', () => construction.addNode('add', [x, x, x], {})],
    [
      "add takes the operands a, b, but got 1 and no 'b'",
      () => construction.addNode('add', [x], {}),
    ],
    ["There is no op 'plus'", () => construction.addNode('plus', [x], {})],
  ])('%s', (message, call) => {
    expect(call).toThrow(message);
  });
});

test('a place in the user file is told where a call was made', () => {
  const graph = buildGraph('g', (g) => ({ y: g.exp(g.input('x', f32(1))) }));
  expect(graph.nodes[0]?.origin.location()).toMatch(/builder\.test\.ts:\d+:\d+$/);
});
