/** What paddle2onnx writes: a row that is expanded to the larger of two shapes. */
import { describe, expect, it } from 'vitest';
import { valueOf } from '../../../src/ir/graph.ts';
import { imported, info, ints, node } from './made-model.ts';

describe('Expand to Max(shape of x, wanted)', () => {
  /** A token of one row in front of the rows of x. */
  const withToken = (rows: number) =>
    imported({
      input: [info('x', ['n', 4, 3]), info('token', [rows, 1, 3])],
      initializer: [
        ...[ints('own', [3], [rows, 1, 3]), ints('zero', [1], [0]), ints('one', [1], [1])],
        ints('rest', [2], [-1, -1]),
      ],
      node: [
        node('Shape', ['x'], ['shape']),
        node('Slice', ['shape', 'zero', 'one'], ['n']),
        node('Concat', ['n', 'rest'], ['wanted'], { axis: 0 }),
        node('Max', ['own', 'wanted'], ['larger']),
        node('Expand', ['token', 'larger'], ['tokens']),
        node('Concat', ['tokens', 'x'], ['y'], { axis: 1 }),
      ],
      output: [info('y')],
    });

  it('has the rows of the batch', () => {
    const graph = withToken(1);
    const shapes = graph.outputs.map(({ value }) => valueOf(graph, value).shape);
    expect(shapes).toEqual([['n', 5, 3]]);
  });

  it('not of two rows', () => {
    expect(() => withToken(2)).toThrow('should be one');
  });
});
