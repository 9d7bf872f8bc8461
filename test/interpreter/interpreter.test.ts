import { describe, expect, test } from 'vitest';
import { evaluateNode, interpret } from '../../src/interpreter/interpreter.ts';
import { buildGraph, GraphConstruction } from '../../src/ir/builder.ts';
import { expandNode } from '../../src/ir/expand.ts';
import { type Graph, NO_ORIGIN, type Node } from '../../src/ir/graph.ts';
import { fromNdArray, type NdArray, toNdArray } from '../../src/ir/nd-array.ts';
import { bool, f16, f32 as f32Type, i32, i64, type TensorData } from '../../src/ir/types.ts';
import { f32, nd } from '../support/op-runs.ts';

const inputsOf = (entries: { readonly [name: string]: NdArray }) =>
  new Map(Object.entries(entries));

function nodeOf(graph: Graph, op: string): Node {
  const node = graph.nodes.find((candidate) => candidate.op === op);
  if (node === undefined) throw new Error(`no ${op}`);
  return node;
}

describe('a model of one layer', () => {
  const table: TensorData = {
    dtype: 'f32',
    shape: [3, 2],
    data: Float32Array.of(1, 2, 3, 4, 5, 6),
  };
  const graph = buildGraph('mean', (g) => {
    const ids = g.input('ids', i32('batch', 'seq'));
    const mask = g.input('mask', bool('batch', 'seq'));
    const rows = g.gather(g.weight('table', f32Type(3, 2), table), ids);
    const visible = g.reshape(g.cast(mask, { dtype: 'f32' }), { shape: ['batch', 'seq', 1] });
    const sum = g.named('sum', g.reduce_sum(g.mul(rows, visible), { axes: [1] }));
    return { mean: g.div(sum, g.reduce_sum(visible, { axes: [1] })), sum };
  });

  test.each([
    [
      [1, 3],
      [2, 0, 1],
      [1, 1, 0],
      [3, 4],
    ],
    [
      [2, 1],
      [2, 1],
      [1, 1],
      [5, 6, 3, 4],
    ],
  ])('batch and length are those of the inputs: %j', (shape, ids, mask, expected) => {
    const inputs = inputsOf({ ids: nd('i32', shape, ids), mask: nd('bool', shape, mask) });
    const { outputs, values, sizes } = interpret(graph, inputs);
    expect([...(outputs.get('mean')?.data ?? [])]).toEqual(expected);
    expect(sizes).toEqual({ batch: shape[0], seq: shape[1] });
    const sum = graph.outputs.find(({ name }) => name === 'sum')?.value;
    expect(sum === undefined ? null : values.get(sum)).toBe(outputs.get('sum'));
    expect([...values.keys()].sort()).toEqual([...graph.values.keys()].sort());
  });

  const ids = nd('i32', [1, 3], [0, 1, 2]);
  const mask = nd('bool', [1, 3], [1, 1, 1]);
  test.each<readonly [string, { readonly [name: string]: NdArray }]>([
    ["The input 'mask' is missing; it is bool[batch, seq]. Given: ids.", { ids }],
    ["There is no input 'id'; the inputs of @mean: ids, mask.", { ids, mask, id: ids }],
    [
      "The input 'ids' is i32[batch, seq], but a tensor of i64",
      { ids: { ...ids, dtype: 'i64' }, mask },
    ],
    [
      "The input 'ids' was given 3 numbers for the shape [1, 4]",
      { ids: { ...ids, shape: [1, 4] }, mask },
    ],
    [
      "The input 'mask' is declared as [batch, seq], but a tensor of shape [3, 1] was given, while " +
        "batch is 1 by the input 'ids'",
      { ids, mask: { ...mask, shape: [3, 1] } },
    ],
  ])('%s', (message, given) => {
    expect(() => interpret(graph, inputsOf(given))).toThrow(message);
  });

  test('a weight without data is an error', () => {
    const parameters = graph.parameters.map((parameter) => ({ ...parameter, data: null }));
    expect(() => interpret({ ...graph, parameters }, inputsOf({ ids, mask }))).toThrow(
      "The weight 'table' has no data",
    );
  });

  test('progress is told before each node', () => {
    const told: string[] = [];
    const onNode = (node: Node, index: number, count: number) =>
      told.push(`${index}/${count} ${node.op}`);
    interpret(graph, inputsOf({ ids, mask }), { onNode });
    expect(told[0]).toBe('0/7 gather');
    expect(told).toHaveLength(graph.nodes.length);
  });
});

test('nothing is rounded to float32', () => {
  const graph = buildGraph('tiny', (g) => ({ y: g.add(g.input('x', f32Type(1)), 1) }));
  const { outputs } = interpret(graph, inputsOf({ x: f32([1], [1e-12]) }));
  expect(outputs.get('y')?.data[0]).toBe(1 + 1e-12);
});

test('symbolic attributes take their sizes from the inputs', () => {
  const graph = buildGraph('reverse', (g) => {
    const x = g.input('x', f32Type('n'));
    const reversed = g.slice(x, { starts: ['n-1'], ends: [-1], steps: [-1] });
    return {
      y: g.pad(reversed, { before: ['n'], after: [0] }),
      first: g.slice(x, { starts: [0], ends: [1] }),
    };
  });
  const { outputs } = interpret(graph, inputsOf({ x: f32([3], [1, 2, 3]) }));
  expect([...(outputs.get('y')?.data ?? [])]).toEqual([0, 0, 0, 3, 2, 1]);
  expect(() => interpret(graph, inputsOf({ x: f32([0], []) }))).toThrow('slice_c3: 0 to 1 by 1');
});

describe('composites and regions', () => {
  const graph = buildGraph('norm', (g) => {
    const x = g.input('x', f32Type('n', 2));
    const gamma = g.input('gamma', f32Type(2));
    const [out, sum] = g.add_norm(x, x, gamma, gamma, { eps: 0 });
    return { out, sum, soft: g.softmax(sum) };
  });
  const inputs = inputsOf({ x: f32([1, 2], [1, 2]), gamma: f32([2], [1, 3]) });

  test('the values of a composite are those of the graph, not of its expansion', () => {
    const { outputs, values } = interpret(graph, inputs);
    expect(outputs.get('sum')?.data).toEqual(Float64Array.of(2, 4));
    expect(outputs.get('out')?.data).toEqual(Float64Array.of(0, 6));
    expect(values.size).toBe(5);
  });

  test('an expansion has one input for each present operand and one output a result', () => {
    const expansion = expandNode(graph, nodeOf(graph, 'add_norm'));
    const names = (ids: Graph['inputs']) => ids.map((id) => expansion.values.get(id)?.name);
    expect(names(expansion.inputs)).toEqual(['x', 'residual', 'gamma', 'beta']);
    expect(expansion.outputs.map(({ name }) => name)).toEqual(['add_norm', 'add_norm_1']);
    expect(expandNode(graph, nodeOf(graph, 'softmax')).inputs).toHaveLength(1);
  });

  test('a region means its body', () => {
    const body = buildGraph('body', (g) => {
      const [a, b] = [g.input('a', f32Type('n')), g.input('b', f32Type('n'))];
      return { product: g.mul(a, b), soft: g.softmax(g.sub(a, b)) };
    });
    const g = new GraphConstruction(() => NO_ORIGIN);
    const x = g.addInput('x', f32Type('n'));
    const results = g.addNode('fused', [x, x], {}, { body, names: ['p', 's'] });
    const whole = g.finish(
      'whole',
      results.map(({ name, id }) => ({ name, value: id })),
    );
    const { outputs } = interpret(whole, inputsOf({ x: f32([2], [3, 4]) }));
    expect(outputs.get('p')?.data).toEqual(Float64Array.of(9, 16));
    expect(outputs.get('s')?.data).toEqual(Float64Array.of(0.5, 0.5));
  });

  test('one node alone gives what it gives in the graph', () => {
    const { values, sizes } = interpret(graph, inputs);
    const node = nodeOf(graph, 'add_norm');
    const operands = node.operands.map((id) => (id === null ? null : (values.get(id) ?? null)));
    expect(evaluateNode(graph, node, operands, sizes)).toEqual(
      node.results.map((id) => values.get(id)),
    );
  });

  test('a primitive has no expansion', () => {
    const [node] = buildGraph('g', (g) => ({ y: g.exp(g.input('x', f32Type(1))) })).nodes;
    if (node === undefined) throw new Error('no node');
    expect(() => expandNode(graph, node)).toThrow('exp is not a composite');
  });
});

describe('tensors to float64 and back', () => {
  test.each<readonly [TensorData, readonly number[]]>([
    [{ dtype: 'i64', shape: [2], data: BigInt64Array.of(-7n, 1n << 40n) }, [-7, 2 ** 40]],
    [{ dtype: 'f16', shape: [1], data: Float32Array.of(0.5) }, [0.5]],
    [{ dtype: 'i8', shape: [1], data: Int8Array.of(-128) }, [-128]],
    [{ dtype: 'u8', shape: [1], data: Uint8Array.of(255) }, [255]],
    [{ dtype: 'bool', shape: [2], data: Uint8Array.of(0, 1) }, [0, 1]],
    [{ dtype: 'i32', shape: [1], data: Int32Array.of(-5) }, [-5]],
    [{ dtype: 'f32', shape: [1], data: Float32Array.of(0.1) }, [Math.fround(0.1)]],
  ])('%s', (tensor, numbers) => {
    const array = toNdArray(tensor);
    expect([...array.data]).toEqual(numbers);
    expect(fromNdArray(array)).toEqual(tensor);
  });

  test('weights of every dtype come in as they are', () => {
    const graph = buildGraph('weights', (g) => ({
      half: g.weight('half', f16(1), { dtype: 'f16', shape: [1], data: Float32Array.of(0.5) }),
      long: g.weight('long', i64(1), { dtype: 'i64', shape: [1], data: BigInt64Array.of(-3n) }),
    }));
    const { outputs } = interpret(graph, new Map());
    expect([outputs.get('half'), outputs.get('long')]).toEqual([
      nd('f16', [1], [0.5]),
      nd('i64', [1], [-3]),
    ]);
  });
});
