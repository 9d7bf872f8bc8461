/** What the importer makes of a file's structure: names, dims, known numbers, control flow, functions. */
import { describe, expect, it } from 'vitest';
import { OnnxImportError } from '../../../src/frontends/onnx/index.ts';
import { interpret } from '../../../src/interpreter/interpreter.ts';
import { type Graph, valueOf } from '../../../src/ir/graph.ts';
import { printGraph } from '../../../src/ir/print.ts';
import { DATA_TYPE } from '../../../src/onnx/schema.ts';
import { f32, floats, imported, info, ints, node, numbers } from './made-model.ts';

const shapesOf = (graph: Graph) => graph.inputs.map((id) => valueOf(graph, id).shape);
const opsOf = (graph: Graph) => graph.nodes.map(({ op }) => op);

function failureOf(work: () => unknown): OnnxImportError {
  try {
    work();
  } catch (error) {
    if (error instanceof OnnxImportError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}

describe('dims', () => {
  it('have the names of the file, and names of their own where it has none', () => {
    const graph = imported({
      input: [info('x', ['batch size', null, 4])],
      node: [node('Relu', ['x'], ['y'])],
      output: [info('y')],
    });
    expect(shapesOf(graph)).toEqual([['batch_size', 'x_1', 4]]);
  });

  it('that an op wants to be equal are one; a name of the file stays', () => {
    const graph = imported({
      input: [info('a', [null, 4]), info('b', ['rows', 4])],
      node: [node('Add', ['a', 'b'], ['y'])],
      output: [info('y')],
    });
    expect(shapesOf(graph)).toEqual([
      ['rows', 4],
      ['rows', 4],
    ]);
  });

  const reshapedTo = (rows: number, width: number) =>
    imported({
      input: [info('x', ['batch', 'seq', 4])],
      initializer: [
        ints('zero', [1], [0]),
        ints('one', [1], [1]),
        ints('rest', [2], [rows, width]),
      ],
      node: [
        node('Shape', ['x'], ['shape']),
        node('Slice', ['shape', 'zero', 'one'], ['batch']),
        node('Concat', ['batch', 'rest'], ['target'], { axis: 0 }),
        node('Reshape', ['x', 'target'], ['y']),
      ],
      output: [info('y')],
    });

  it('for which an equation leaves one size have that size', () => {
    expect(shapesOf(reshapedTo(9, 4))).toEqual([['batch', 9, 4]]);
  });

  it('for which it leaves no size stay as they are, and the error names them', () => {
    expect(failureOf(() => reshapedTo(1, 7)).message).toContain('differ, and should be one');
  });

  it('leave no node of the arithmetic that exporters write between Shape and Reshape', () => {
    const graph = imported({
      input: [info('x', ['batch', 'seq', 12])],
      initializer: [
        ints('zero', [1], [0]),
        ints('one', [1], [1]),
        ints('two', [], [2]),
        ints('rest', [1], [-1]),
      ],
      node: [
        node('Shape', ['x'], ['shape']),
        node('Gather', ['shape', 'two'], ['width']),
        node('Div', ['width', 'two'], ['half']),
        node('Unsqueeze', ['half', 'zero'], ['halves']),
        node('Slice', ['shape', 'zero', 'one'], ['batch']),
        node('Concat', ['batch', 'rest', 'halves'], ['target'], { axis: 0 }),
        node('Reshape', ['x', 'target'], ['y']),
      ],
      output: [info('y')],
    });
    expect(opsOf(graph)).toEqual(['reshape']);
    expect(valueOf(graph, graph.outputs[0]?.value as never).shape).toEqual(['batch', '2*seq', 6]);
  });
});

describe('sizes that exporters count', () => {
  const widthOf = (model: Parameters<typeof imported>[0]) => {
    const graph = imported(model);
    return valueOf(graph, graph.outputs[0]?.value as never).shape;
  };
  const conv = node('Conv', ['x', 'w'], ['c'], { kernel_shape: [10], strides: [5] });
  const samples = { input: [info('x', ['batch', 1, 'samples'])], output: [info('y')] };
  const weight = floats('w', [2, 1, 10], Array(20).fill(0.5));

  it('before a convolution are the sizes behind it: (samples - 10) / 5 + 1', () => {
    const shape = widthOf({
      ...samples,
      initializer: [weight, ...[-10, -1, 1, 5].map((value) => ints(`${value}`, [1], [value]))],
      node: [
        node('Shape', ['x'], ['lengths'], { start: 2 }),
        node('Add', ['lengths', '-10'], ['steps']),
        node('Div', ['steps', '5'], ['whole']),
        node('Add', ['whole', '1'], ['count']),
        conv,
        node('Concat', ['-1', '1', 'count'], ['target'], { axis: 0 }),
        node('Reshape', ['c', 'target'], ['y']),
      ],
    });
    expect(shape).toEqual(['2*batch', 1, 'floor(samples/5)-1']);
  });

  it('of an axis that there is are not less than 0: as many as Range counts, and no -1', () => {
    const shape = widthOf({
      ...samples,
      initializer: [weight, ints('0', [], [0]), ints('1', [], [1]), ints('-1', [1], [-1])],
      node: [
        conv,
        node('Shape', ['c'], ['lengths'], { start: 2 }),
        node('Squeeze', ['lengths'], ['length']),
        node('Range', ['0', 'length', '1'], ['places']),
        node('Cast', ['places'], ['floats'], { to: 1 }),
        node('Add', ['c', 'floats'], ['sum']),
        node('Equal', ['lengths', '-1'], ['open']),
        node('Where', ['open', '-1', 'lengths'], ['wanted']),
        node('Expand', ['sum', 'wanted'], ['y']),
      ],
    });
    expect(shape).toEqual(['batch', 2, 'floor(samples/5)-1']);
  });

  it('of fixed axes, in floats, stand beside a symbolic one: ceil(height / 2) * 2', () => {
    const shape = widthOf({
      input: [info('x', ['batch', 6, 4])],
      output: [info('y')],
      initializer: [
        ints('0', [1], [0]),
        ints('2', [1], [2]),
        ints('six', [1], [6]),
        floats('half', [], [2]),
      ],
      node: [
        node('Shape', ['x'], ['shape']),
        node('Gather', ['shape', '0'], ['batch']),
        node('Gather', ['shape', '2'], ['height']),
        node('Cast', ['height'], ['float'], { to: 1 }),
        node('Div', ['float', 'half'], ['quotient']),
        node('Ceil', ['quotient'], ['whole']),
        node('Cast', ['whole'], ['halves'], { to: 7 }),
        node('Mul', ['batch', 'halves'], ['rows']),
        node('Concat', ['rows', '2', 'six'], ['target'], { axis: 0 }),
        node('Reshape', ['x', 'target'], ['y']),
      ],
    });
    expect(shape).toEqual(['2*batch', 2, 6]);
  });
});

describe('names', () => {
  it('of values and weights are those of the file', () => {
    const graph = imported({
      input: [info('x', [2, 3])],
      initializer: [floats('layer.weight', [3, 2], [1, 2, 3, 4, 5, 6])],
      node: [
        node('MatMul', ['x', 'layer.weight'], ['/layer/MatMul_output_0']),
        node('Relu', ['/layer/MatMul_output_0'], ['y']),
      ],
      output: [info('y')],
    });
    expect(printGraph(graph)).toContain('%/layer/MatMul_output_0 = matmul %x, %layer.weight');
    expect(graph.nodes[0]?.origin.location()).toBe('m.onnx: node "MatMul node" (MatMul)');
  });

  it('twice, or of nothing, are refused', () => {
    const relu = (from: string, to: string) => node('Relu', [from], [to]);
    const given = (nodes: ReturnType<typeof relu>[]) => () =>
      imported({ input: [info('x', [2])], node: nodes, output: [info('y')] });
    expect(given([relu('x', 'y'), relu('x', 'y')])).toThrow('gives the name "y" to two things');
    expect(given([relu('z', 'y'), relu('y', 'z')])).toThrow('which nothing before it defines');
  });
});

describe('control flow', () => {
  const branch = (opType: string) => ({
    node: [node(opType, ['x'], [`${opType}_out`])],
    output: [info(`${opType}_out`)],
  });

  it('If with a known condition is its branch', () => {
    const graph = imported({
      input: [info('x', [2])],
      initializer: [{ name: 'no', dims: [], dataType: 9, int32Data: [0] }],
      node: [node('If', ['no'], ['y'], { then_branch: branch('Neg'), else_branch: branch('Abs') })],
      output: [info('y')],
    });
    expect(opsOf(graph)).toEqual(['abs']);
  });

  const chosen = (otherwise: string) =>
    imported({
      input: [info('x', [2]), info('flag', [], 'bool')],
      node: [
        node('If', ['flag'], ['y'], { then_branch: branch('Neg'), else_branch: branch(otherwise) }),
      ],
      output: [info('y')],
    });

  it('If with a condition that only a run knows selects one of both branches', () => {
    const given = f32([2], [-1, 2]);
    const flag = (on: number) => ({ dtype: 'bool', shape: [], data: Float64Array.of(on) }) as const;
    const graph = chosen('Abs');
    expect(numbers(graph, { x: given, flag: flag(1) })).toEqual({ y: [1, -2] });
    expect(numbers(graph, { x: given, flag: flag(0) })).toEqual({ y: [1, 2] });
  });

  it('If whose branches differ in type asks to fix its condition', () => {
    const error = failureOf(() => chosen('Size'));
    expect(error.needed).toEqual(['flag']);
    expect(error.message).toContain('its condition depends on what the input "flag" holds');
  });

  /** state = state + i, of which every step gives the double. */
  const loop = (trips: number | string) => ({
    input: [info('x', [2]), ...(trips === 'n' ? [info('steps', ['n'])] : [])],
    initializer:
      typeof trips === 'number' ? [ints('trips', [], [trips])] : [ints('axis', [1], [0])],
    node: [
      ...(trips === 'n'
        ? [node('Shape', ['steps'], ['n1']), node('Squeeze', ['n1', 'axis'], ['trips'])]
        : []),
      node('Loop', ['trips', '', 'x'], ['last', 'doubles'], {
        body: {
          input: [info('i', [], 'int64'), info('on', [], 'bool'), info('state', [2])],
          initializer: [floats('two', [], [2])],
          node: [
            node('Identity', ['on'], ['on_out']),
            node('Cast', ['i'], ['step'], { to: 1 }),
            node('Add', ['state', 'step'], ['next']),
            node('Mul', ['next', 'two'], ['double']),
          ],
          output: [info('on_out'), info('next'), info('double')],
        },
      }),
    ],
    output: [info('last'), info('doubles')],
  });
  const x = f32([2], [0.5, 1]);

  it('a short Loop is its steps', () => {
    const graph = imported(loop(3));
    expect(opsOf(graph)).not.toContain('scan');
    expect(numbers(graph, { x })).toEqual({ last: [3.5, 4], doubles: [1, 2, 3, 4, 7, 8] });
  });

  it.each([40, 'n'])('a Loop of %s steps is a scan', (trips) => {
    const graph = imported(loop(trips));
    expect(opsOf(graph)).toContain('scan');
    const steps = f32([40], Array(40).fill(0));
    const made = numbers(graph, trips === 'n' ? { x, steps } : { x });
    expect(made.last).toEqual([780.5, 781]);
    expect(made.doubles?.slice(-2)).toEqual([1561, 1562]);
  });
});

describe('functions of the file', () => {
  const call = (f: object) => ({
    graph: {
      input: [info('x', [2])],
      node: [{ ...node('Scaled', ['x'], ['y'], f as never), domain: 'own' }],
      output: [info('y')],
    },
    functions: [
      {
        name: 'Scaled',
        domain: 'own',
        input: ['a', 'unused'],
        output: ['b'],
        opsetImport: [{ version: 13n }],
        attributeProto: [{ name: 'alpha', type: 1, f: 0.25 }],
        node: [
          {
            ...node('LeakyRelu', ['a'], ['b']),
            attribute: [{ name: 'alpha', refAttrName: 'alpha' }],
          },
        ],
      },
    ],
  });

  it.each([
    [{}, -0.25],
    [{ alpha: 0.5 }, -0.5],
  ])('are put in place of a call with %o', (attributes, below) => {
    const { graph, functions } = call(attributes);
    const made = imported(graph, { functions });
    expect(numbers(made, { x: f32([2], [-1, 1]) })).toEqual({ y: [below, 1] });
  });

  it('that call themselves are refused', () => {
    const { graph, functions } = call({});
    const [own] = functions;
    const ring = { ...own, node: [{ ...node('Scaled', ['a'], ['b']), domain: 'own' }] };
    expect(() => imported(graph, { functions: [ring] })).toThrow('call one another in a ring');
  });
});

describe('what is not taken', () => {
  it('is listed whole, with the nearest thing that works', () => {
    const error = failureOf(() =>
      imported({
        input: [info('x', [2]), info('shape', [1], 'int64')],
        node: [
          node('Reluu', ['x'], ['a']),
          { ...node('Fancy', ['a'], ['b']), domain: 'com.microsoft' },
          node('Reshape', ['x', 'shape'], ['c']),
          node('Add', ['b', 'c'], ['y']),
        ],
        output: [info('y')],
      }),
    );
    expect(error.message).toBe(
      [
        'm.onnx cannot be imported: 3 of its 4 nodes cannot be taken.',
        '  "Reluu node" (Reluu, opset 17): the op Reluu is not taken. The nearest op that is taken: Relu.',
        '  "Fancy node" (com.microsoft.Fancy, opset ?): the op Fancy of the domain "com.microsoft" is not taken.',
        '  "Reshape node" (Reshape, opset 17): its shape depends on what the input "shape" holds.',
        'To fix what the inputs hold, compile with --constants shape=NUMBERS (a number, or as many as the input ' +
          'has, with commas between), or with --constants FILE.safetensors, which has tensors "shape".',
      ].join('\n'),
    );
  });

  it.each([
    ['DepthToSpace', 3, 2, '3 elements are no whole blocks of 4.'],
    ['DepthToSpace', 'c', 2, 'c elements are no whole blocks of 4 at every size.'],
    ['SpaceToDepth', 4, 0, 'its blocksize is 0, and blocks have at least one place.'],
    ['DepthToSpace', 4, -1, 'its blocksize is -1, and blocks have at least one place.'],
  ] as const)('%s of %s channels in blocks of %i', (op, channels, blocksize, message) => {
    const error = failureOf(() =>
      imported({
        input: [info('x', [1, channels, 2, 2])],
        node: [node(op, ['x'], ['y'], { blocksize })],
        output: [info('y')],
      }),
    );
    expect(error.message).toContain(message);
  });

  it('no channels are blocks of any size', () => {
    const graph = imported({
      input: [info('x', [1, 0, 2, 2])],
      node: [node('DepthToSpace', ['x'], ['y'], { blocksize: 2 })],
      output: [info('y')],
    });
    const none = { dtype: 'f32', shape: [1, 0, 2, 2], data: new Float64Array(0) } as const;
    expect(numbers(graph, { x: none })).toEqual({ y: [] });
  });

  it('EyeLike of what is no matrix', () => {
    for (const dims of [[4], [2, 3, 4]]) {
      const graph = {
        input: [info('x', dims)],
        node: [node('EyeLike', ['x'], ['y'])],
        output: [info('y')],
      };
      expect(failureOf(() => imported(graph)).message).toContain(
        `its operand has ${dims.length} dims, and a matrix has two`,
      );
    }
  });

  it('a fixed input is an input no more', () => {
    const shape = { dtype: 'i64', shape: [1], data: BigInt64Array.of(4n) } as const;
    const model = {
      input: [info('x', [2, 2]), info('shape', [1], 'int64')],
      node: [node('Reshape', ['x', 'shape'], ['y'])],
      output: [info('y')],
    };
    const graph = imported(model, {}, { constants: new Map([['shape', shape]]) });
    expect(graph.inputs.length).toBe(1);
    expect(opsOf(graph)).toEqual(['reshape']);
  });
});

describe('TopK of a symbolic axis', () => {
  /** Lengths [batch] sorted, as PyTorch's exporter sorts a packed batch; k is the batch less `fewer`. */
  const sorted = (fewer: number) =>
    imported({
      input: [info('lengths', ['batch'])],
      initializer: [ints('fewer', [1], [fewer])],
      node: [
        node('Shape', ['lengths'], ['batch']),
        node('Sub', ['batch', 'fewer'], ['k']),
        node('TopK', ['lengths', 'k'], ['y', 'places'], { axis: -1 }),
      ],
      output: [info('y'), info('places')],
    });

  it('sorts all of it, equal ones in their order', () => {
    expect(numbers(sorted(0), { lengths: f32([4], [3, 7, 7, 5]) })).toEqual({
      y: [7, 7, 5, 3],
      places: [1, 2, 3, 0],
    });
    expect(numbers(sorted(0), { lengths: f32([1], [3]) })).toEqual({ y: [3], places: [0] });
  });

  it('takes fewer than all', () => {
    expect(numbers(sorted(2), { lengths: f32([4], [3, 7, 7, 5]) })).toEqual({
      y: [7, 7],
      places: [1, 2],
    });
  });
});

describe('rows that are hidden whole', () => {
  const lowest = -3.4028234663852886e38;
  /** The softmax of scores of which visible [rows, 3] says which count; the scores are an output, or not. */
  const weights = (rows: number, low: number, output: readonly string[] = ['y']) =>
    imported({
      input: [info('x', [2, 3]), info('visible', [rows, 3])],
      initializer: [floats('zero', [], [0]), floats('low', [], [low])],
      node: [
        node('Greater', ['visible', 'zero'], ['mask']),
        node('Where', ['mask', 'x', 'low'], ['scores']),
        node('Softmax', ['scores'], ['y']),
      ],
      output: output.map((name) => info(name)),
    });
  const x = f32([2, 3], [1, 2, 3, 1, 2, 3]);
  const hidden = (rows: number) =>
    f32(
      [rows, 3],
      Array.from({ length: 3 * rows }, () => 0),
    );
  const third = Array.from({ length: 6 }, () => expect.closeTo(1 / 3, 6));
  const zeros = [0, 0, 0, 0, 0, 0];

  it('have the softmax of the file where the mask differs from row to row and is finite', () => {
    const given = { x, visible: hidden(2) };
    expect(numbers(weights(2, lowest), given).y).toEqual(third);
    expect(numbers(weights(2, -1e9), given).y).toEqual(third);
    expect(numbers(weights(2, lowest), { x, visible: f32([2, 3], [1, 0, 0, 0, 0, 0]) }).y).toEqual([
      1,
      0,
      0,
      ...third.slice(3),
    ]);
  });

  it('are zeros where the file has minus infinity, or one mask of keys for all rows', () => {
    expect(numbers(weights(2, -Infinity), { x, visible: hidden(2) }).y).toEqual(zeros);
    expect(numbers(weights(1, lowest), { x, visible: hidden(1) }).y).toEqual(zeros);
  });

  it('keep scores that are an output as they are', () => {
    const { scores } = numbers(weights(2, lowest, ['y', 'scores']), { x, visible: hidden(2) });
    expect(scores?.[0]).toBe(lowest);
  });
});

describe('old opsets', () => {
  it('softmax before opset 13 takes all dims from its axis on as one', () => {
    const model = {
      input: [info('x', [1, 2, 2])],
      node: [node('Softmax', ['x'], ['y'])],
      output: [info('y')],
    };
    const x = f32([1, 2, 2], [0, 0, 0, 0]);
    expect(numbers(imported(model, { opset: 11 }), { x }).y).toEqual([0.25, 0.25, 0.25, 0.25]);
    expect(numbers(imported(model), { x }).y).toEqual([0.5, 0.5, 0.5, 0.5]);
  });

  it('axes, bounds and pads were attributes', () => {
    const graph = imported(
      {
        input: [info('x', [1, 3])],
        node: [
          node('Squeeze', ['x'], ['row'], { axes: [0] }),
          node('Clip', ['row'], ['clipped'], { min: 0.5, max: 1.5 }),
          node('Pad', ['clipped'], ['padded'], { pads: [1, 0] }),
          node('Slice', ['padded'], ['y'], { starts: [0], ends: [-1] }),
        ],
        output: [info('y')],
      },
      { opset: 9 },
    );
    expect(numbers(graph, { x: f32([1, 3], [0, 1, 2]) }).y).toEqual([0, 0.5, 1]);
  });
});

describe('NonZero', () => {
  const counted = (
    type: 'int64' | 'int32' | 'float',
    ...before: readonly Parameters<typeof node>[]
  ) =>
    imported({
      input: [info('x', ['rows', 3], type)],
      initializer: [ints('flat', [1], [-1]), ints('zero', [], [0])],
      node: [...before.map((one) => node(...one)), node('NonZero', ['y'], ['z'])],
      output: [info('z')],
    });
  const SYMBOL = 'x_count';

  it('of an input counts when the model runs, and gives an index of every axis', () => {
    const graph = counted('int64', ['Identity', ['x'], ['y']]);
    expect(printGraph(graph)).toContain(`nonzero %x {symbol = ${SYMBOL}`);
    const x = { dtype: 'i64', shape: [2, 3], data: Float64Array.of(0, 5, 0, 0, -1, 2) } as const;
    const { outputs } = interpret(graph, new Map([['x', x]]));
    expect(outputs.get('z')).toEqual({
      ...{ dtype: 'i64', shape: [2, 3] },
      data: Float64Array.of(0, 1, 1, 1, 1, 2),
    });
  });

  it.each([
    ['reshaped', 'int64', ['Reshape', ['x', 'flat'], ['y']]],
    ['cast to bool', 'int32', ['Cast', ['x'], ['y'], { to: DATA_TYPE.bool }]],
  ] as const)('of one that is %s, too', (_, type, before) => {
    const graph = counted(type, before as unknown as Parameters<typeof node>);
    expect(opsOf(graph)).toContain('nonzero');
  });

  it('of known numbers is known', () => {
    const graph = imported({
      input: [info('x', [6])],
      initializer: [ints('y', [4], [0, 2, 0, 1])],
      node: [node('NonZero', ['y'], ['at']), node('Gather', ['x', 'at'], ['z'])],
      output: [info('z')],
    });
    expect(opsOf(graph)).not.toContain('nonzero');
    expect(graph.parameters[0]?.data?.data).toEqual(BigInt64Array.of(1n, 3n));
  });

  it('counts an input once', () => {
    const graph = imported({
      input: [info('x', [4], 'bool'), info('y', [4])],
      node: [
        node('NonZero', ['x'], ['a']),
        node('NonZero', ['x'], ['b']),
        node('Add', ['a', 'b'], ['z']),
      ],
      output: [info('z')],
    });
    expect(opsOf(graph).filter((op) => op === 'nonzero')).toHaveLength(1);
  });

  it('of other numbers is refused, naming what they depend on', () => {
    const others = [
      ['int64', ['Add', ['x', 'x'], ['y']]],
      ['int64', ['Transpose', ['x'], ['y']]],
      ['int64', ['Cast', ['x'], ['y'], { to: DATA_TYPE.int8 }]],
      ['float', ['Identity', ['x'], ['y']]],
    ] as const;
    for (const [type, before] of others) {
      const error = failureOf(() => counted(type, before as unknown as Parameters<typeof node>));
      expect(error.message).toContain('its operand depends on what the input "x" holds');
    }
  });
});
