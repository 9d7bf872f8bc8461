import { describe, expect, test } from 'vitest';
import { buildGraph, GraphConstruction } from '../../src/ir/builder.ts';
import {
  type Graph,
  type Node,
  type NodeId,
  type Value,
  type ValueId,
  valueOf,
} from '../../src/ir/graph.ts';
import { f32, type TensorData } from '../../src/ir/types.ts';
import { verifyGraph } from '../../src/ir/verify.ts';

const data: TensorData = { dtype: 'f32', shape: [2], data: Float32Array.of(1, 2) };

const body = buildGraph('body', (g) => ({ y: g.exp(g.input('x', f32('n', 2))) }));

/** x + w, its softmax, and a region. */
function whole(): Graph {
  const construction = new GraphConstruction();
  const g = construction.builder();
  const x = g.input('x', f32('n', 2));
  const sum = g.add(x, g.weight('w', f32(2), data));
  const soft = g.softmax(sum, { axis: -1 });
  const [fused] = construction.addNode('fused', [soft], {}, { body });
  return construction.finish('whole', [
    { name: 'soft', value: soft.id },
    { name: 'fused', value: fused?.id ?? soft.id },
  ]);
}

const graph = whole();
const NOWHERE = 99 as ValueId;

function withNode(at: number, change: (node: Node) => Partial<Node>): Graph {
  const nodes = graph.nodes.map((node, i) => (i === at ? { ...node, ...change(node) } : node));
  return { ...graph, nodes };
}

function withValue(id: ValueId, change: Partial<Value>): Graph {
  return { ...graph, values: new Map(graph.values).set(id, { ...valueOf(graph, id), ...change }) };
}

const [addNode, softmaxNode, fusedNode] = graph.nodes;
const sumId = addNode?.results[0] ?? NOWHERE;
const inputId = graph.inputs[0] ?? NOWHERE;

test('a graph that a declaration makes is well formed', () => {
  expect(() => verifyGraph(graph)).not.toThrow();
  expect([addNode?.op, softmaxNode?.op, fusedNode?.op]).toEqual(['add', 'softmax', 'fused']);
});

const parametersOf = (changed: TensorData) =>
  graph.parameters.map((parameter) => ({ ...parameter, data: changed }));

const without = (id: ValueId) => {
  const values = new Map(graph.values);
  values.delete(id);
  return values;
};

/** The softmax with a second result. */
function extraResult(): Graph {
  const extra = { ...valueOf(graph, sumId), id: NOWHERE, name: 'extra' };
  const { nodes } = withNode(1, (node) => ({ results: [...node.results, NOWHERE] }));
  return { ...graph, nodes, values: new Map(graph.values).set(NOWHERE, extra) };
}

const broken: { readonly [fault: string]: readonly [label: string, graph: Graph] } = {
  'an input that is also a result': ['v1', withNode(1, () => ({ results: [inputId] }))],
  'a defined value that is not held': ['v1', { ...graph, values: without(sumId) }],
  'a value held under another id': ['v1', withValue(sumId, { id: NOWHERE })],
  'a value that nothing defines': [
    'v1',
    {
      ...graph,
      values: new Map(graph.values).set(NOWHERE, { ...valueOf(graph, sumId), id: NOWHERE }),
    },
  ],
  'an operand that no node defines': ['v2', withNode(1, () => ({ operands: [NOWHERE, null] }))],
  'a use before the definition': ['v2', { ...graph, nodes: graph.nodes.toReversed() }],
  'an unknown op': ['v3', withNode(0, () => ({ op: 'plus' }))],
  'an op named like a property of objects': ['v3', withNode(0, () => ({ op: 'toString' }))],
  'an operand too few': ['v3', withNode(0, (node) => ({ operands: node.operands.slice(1) }))],
  'an optional operand that is not spelled': [
    'v3',
    withNode(1, (node) => ({ operands: node.operands.slice(0, 1) })),
  ],
  'a needed operand left out': ['v3', withNode(1, () => ({ operands: [null, null] }))],
  'a result too many': ['v3', extraResult()],
  'a missing attribute': ['v4', withNode(1, () => ({ attributes: {} }))],
  'an unknown attribute': ['v4', withNode(0, () => ({ attributes: { axis: 1 } }))],
  'an attribute of another kind': ['v4', withNode(1, () => ({ attributes: { axis: 0.5 } }))],
  'a result of another shape': ['v5', withValue(sumId, { shape: ['n', 3] })],
  'a result of another dtype': ['v5', withValue(sumId, { dtype: 'f16' })],
  'a constraint of the op': ['v5', withNode(1, () => ({ attributes: { axis: 7 } }))],
  'a name twice': ['v6', withValue(sumId, { name: 'x' })],
  'an empty name': ['v6', withValue(sumId, { name: '' })],
  'an output name twice': ['v6', { ...graph, outputs: [...graph.outputs, ...graph.outputs] }],
  'an output of no value': ['v7', { ...graph, outputs: [{ name: 'y', value: NOWHERE }] }],
  'no output': ['v7', { ...graph, outputs: [] }],
  'data of another shape': [
    'v8',
    { ...graph, parameters: parametersOf({ ...data, shape: [1, 2] }) },
  ],
  'data of another dtype': [
    'v8',
    { ...graph, parameters: parametersOf({ ...data, dtype: 'f16' }) },
  ],
  'too few numbers': [
    'v8',
    { ...graph, parameters: parametersOf({ ...data, data: Float32Array.of(1) }) },
  ],
  'a node id twice': ['v9', withNode(1, () => ({ id: addNode?.id ?? (0 as NodeId) }))],
  'a region without a body': ['v10', withNode(2, () => ({ body: null }))],
  'a body where none belongs': ['v10', withNode(0, () => ({ body }))],
  'a malformed body': ['v10', withNode(2, () => ({ body: { ...body, outputs: [] } }))],
  'a body with parameters': [
    'v10',
    withNode(2, () => ({
      body: {
        ...body,
        inputs: [],
        parameters: body.inputs.map((value) => ({ value, data: null })),
      },
    })),
  ],
};

describe('a broken graph is refused', () => {
  test.each(Object.entries(broken))('%s', (_, [label, wrong]) => {
    expect(() => verifyGraph(wrong)).toThrow(new RegExp(`^verify_${label}: the graph @whole `));
  });

  test('the error names the place and the constraint', () => {
    expect(() => verifyGraph(withNode(1, () => ({ attributes: { axis: 7 } })))).toThrow(
      'verify_v5: the graph @whole is malformed: %softmax = softmax: softmax_c2: axis 7 is not an ' +
        'axis of a value with 2 dims (operands: f32[n, 2], _). This is a mistake in the pass',
    );
  });
});
