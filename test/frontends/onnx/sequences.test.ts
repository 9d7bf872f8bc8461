/** Sequences and optional values leave no trace in the graph. */
import { expect, it } from 'vitest';
import { valueOf } from '../../../src/ir/graph.ts';
import { f32, imported, info, ints, node, numbers } from './made-model.ts';

const [x, y] = [f32([2, 2], [1, 2, 3, 4]), f32([2, 2], [5, 6, 7, 8])];
const inputs = [info('x', [2, 2]), info('y', [2, 2])];

/** A model of these nodes, which give `out`, run with x and y. */
function outputOf(
  nodes: readonly ReturnType<typeof node>[],
  initializer: readonly ReturnType<typeof ints>[] = [],
) {
  const graph = imported({ node: nodes, input: inputs, initializer, output: [info('out')] });
  const [output] = graph.outputs;
  const shape = output === undefined ? [] : valueOf(graph, output.value).shape;
  return { shape, data: numbers(graph, { x, y }).out };
}

it('gives the tensor at a place, after others were put in and taken out', () => {
  // [x, y] -> [y] -> [x, y] with x before the last one
  const made = outputOf(
    [
      node('SequenceConstruct', ['x', 'y'], ['a']),
      node('SequenceErase', ['a', 'zero'], ['b']),
      node('SequenceInsert', ['b', 'x', 'last'], ['c']),
      node('SequenceAt', ['c', 'last'], ['out']),
    ],
    [ints('zero', [], [0]), ints('last', [], [-1])],
  );
  expect(made).toEqual({ shape: [2, 2], data: [5, 6, 7, 8] });
});

it('joins tensors along an axis, and along a new one', () => {
  const nodes = (newAxis: number) => [
    node('SequenceEmpty', [], ['a']),
    node('SequenceInsert', ['a', 'x'], ['b']),
    node('SequenceInsert', ['b', 'y'], ['c']),
    node('ConcatFromSequence', ['c'], ['out'], { axis: 1, new_axis: newAxis }),
  ];
  expect(outputOf(nodes(0))).toEqual({ shape: [2, 4], data: [1, 2, 5, 6, 3, 4, 7, 8] });
  expect(outputOf(nodes(1))).toEqual({ shape: [2, 2, 2], data: [1, 2, 5, 6, 3, 4, 7, 8] });
});

it('splits a tensor into elements, into parts of a size, and into parts of sizes', () => {
  const second = (attributes: { axis: number; keepdims: number }, split: readonly string[]) => [
    node('Concat', ['x', 'y'], ['both'], { axis: 1 }),
    node('SplitToSequence', ['both', ...split], ['parts'], attributes),
    node('SequenceAt', ['parts', 'one'], ['out']),
  ];
  const constants = [ints('one', [], [1]), ints('three', [], [3]), ints('sizes', [2], [1, 3])];
  const kept = outputOf(second({ axis: 1, keepdims: 1 }, []), constants);
  expect(kept).toEqual({ shape: [2, 1], data: [2, 4] });
  const dropped = outputOf(second({ axis: 1, keepdims: 0 }, []), constants);
  expect(dropped).toEqual({ shape: [2], data: [2, 4] });
  // the last is smaller
  const last = outputOf(second({ axis: 1, keepdims: 0 }, ['three']), constants);
  expect(last).toEqual({ shape: [2, 1], data: [6, 8] });
  const listed = outputOf(second({ axis: 1, keepdims: 1 }, ['sizes']), constants);
  expect(listed).toEqual({ shape: [2, 3], data: [2, 5, 6, 4, 7, 8] });
});

it('knows its length, which may be a shape', () => {
  const made = outputOf(
    [
      node('SplitToSequence', ['x'], ['parts']),
      node('SequenceLength', ['parts'], ['count']),
      node('Unsqueeze', ['count', 'axes'], ['shape']),
      node('ConstantOfShape', ['shape'], ['out']),
    ],
    [ints('axes', [1], [0])],
  );
  expect(made).toEqual({ shape: [2], data: [0, 0] });
});

it('takes an optional value for what it is', () => {
  const made = outputOf([
    node('Optional', ['x'], ['maybe']),
    node('OptionalGetElement', ['maybe'], ['there']),
    node('OptionalHasElement', ['maybe'], ['has']),
    node('OptionalHasElement', [''], ['lacks']),
    node('And', ['has', 'lacks'], ['both']),
    node('Cast', ['both'], ['zero'], { to: 1 }),
    node('Mul', ['there', 'zero'], ['out']),
  ]);
  expect(made.data).toEqual([0, 0, 0, 0]);
});

it.each<readonly [RegExp, readonly ReturnType<typeof node>[]]>([
  [
    /position 2 lies outside of a sequence of 2/,
    [
      node('SequenceConstruct', ['x', 'y'], ['a']),
      node('Shape', ['x'], ['shape']),
      node('ReduceMax', ['shape'], ['two'], { keepdims: 0 }),
      node('SequenceAt', ['a', 'two'], ['out']),
    ],
  ],
  [
    /a sequence of tensors stands where one tensor was expected/,
    [node('SequenceConstruct', ['x'], ['a']), node('Neg', ['a'], ['out'])],
  ],
  [/output "out" of m.onnx is a sequence/, [node('SequenceConstruct', ['x'], ['out'])]],
  [/a tensor, where a sequence was expected/, [node('ConcatFromSequence', ['x'], ['out'])]],
  [
    /splits 512 elements into parts of 1/,
    [
      node('Concat', Array(256).fill('x'), ['long'], { axis: 0 }),
      node('SplitToSequence', ['long'], ['parts']),
      node('SequenceLength', ['parts'], ['out']),
    ],
  ],
  [
    /its sequence is empty/,
    [node('SequenceEmpty', [], ['a']), node('ConcatFromSequence', ['a'], ['out'], { axis: 0 })],
  ],
])('refuses with %s', (message, nodes) => {
  expect(() => outputOf(nodes)).toThrow(message);
});

it('broadcasts along the axis that opset 6 names, and slopes along channels', () => {
  const graph = imported(
    {
      node: [
        node('Add', ['x', 'row'], ['sum'], { broadcast: 1, axis: 0 }),
        node('PRelu', ['sum', 'row'], ['out']),
      ],
      input: [info('x', [2, 2, 2]), info('row', [2])],
      output: [info('out')],
    },
    { opset: 6 },
  );
  const rows = f32([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]);
  const made = numbers(graph, { x: rows, row: f32([2], [-10, -20]) });
  // -9 -8 -7 -6 and -15 -14 -13 -12: pairs are channels
  expect(made.out).toEqual([90, 80, 140, 120, 150, 140, 260, 240]);
});
