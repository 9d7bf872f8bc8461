import { describe, expect, test } from 'vitest';
import { buildGraph } from '../../src/ir/builder.ts';
import { sizeBounds } from '../../src/ir/size-bounds.ts';
import { bool, f32 as f32Type, i32 as i32Type, i64, type TensorType } from '../../src/ir/types.ts';
import { type Attributes, expectClose, expectOp, f32, infer, nd, run } from '../support/op-runs.ts';

const x = f32([2, 3], [1, 2, 3, 4, 5, 6]);

describe('gather_elements', () => {
  test('each element has an index of its own', () => {
    const indices = nd('i32', [2, 2], [2, 0, 1, 1]);
    expectOp('gather_elements', [x, indices], { axis: 1 }, f32([2, 2], [3, 1, 5, 5]));
  });

  test('along the first axis, of fewer columns', () => {
    const indices = nd('i64', [3, 2], [1, 0, 0, 0, 1, 1]);
    expectOp('gather_elements', [x, indices], {}, f32([3, 2], [4, 2, 1, 2, 4, 5]));
  });

  test('indices outside are clamped', () => {
    const indices = nd('i32', [1, 3], [-7, 9, 1]);
    expectOp('gather_elements', [x, indices], { axis: 0 }, f32([1, 3], [1, 5, 6]));
  });
});

/** The values and the places of one call. */
function expectTopK(given: typeof x, attributes: Attributes, values: typeof x, places: typeof x) {
  const [gotValues, gotPlaces] = run('top_k', [given], attributes);
  if (gotValues === undefined || gotPlaces === undefined) throw new Error('top_k has two results');
  expectClose(gotValues, values);
  expectClose(gotPlaces, places);
}

describe('top_k', () => {
  test('the largest in falling order, of equal ones the first', () => {
    const row = f32([5], [1, 7, 3, 7, -2]);
    expectTopK(row, { k: 3 }, f32([3], [7, 7, 3]), nd('i64', [3], [1, 3, 2]));
  });

  test('the smallest in rising order', () => {
    const row = nd('i32', [5], [4, 0, 4, 0, 9]);
    const attributes = { k: 4, largest: false };
    expectTopK(row, attributes, nd('i32', [4], [0, 0, 4, 4]), nd('i64', [4], [1, 3, 0, 2]));
  });

  test('along an axis that is not the last', () => {
    const rows = f32([3, 2], [1, 6, 5, 2, 3, 4]);
    const places = nd('i64', [2, 2], [1, 0, 2, 2]);
    expectTopK(rows, { k: 2, axis: 0 }, f32([2, 2], [5, 6, 3, 4]), places);
  });

  test('of infinities, too', () => {
    const row = f32([3], [-Infinity, Infinity, -Infinity]);
    const values = f32([3], [Infinity, -Infinity, -Infinity]);
    expectTopK(row, { k: 3 }, values, nd('i64', [3], [1, 0, 2]));
  });

  test('of no elements there are none', () => {
    expectTopK(f32([2, 0], []), { k: 0 }, f32([2, 0], []), nd('i64', [2, 0], []));
  });

  test('of a symbolic size the run is held to k elements', () => {
    const graph = buildGraph('few', (g) => {
      const [values] = g.top_k(g.input('x', f32Type('n', 4)), { k: 3, axis: 0 });
      return { values };
    });
    expect(sizeBounds(graph)).toEqual([[3, 'n']]);
  });
});

describe('gather_nd', () => {
  const cube = f32([2, 2, 2], [0, 1, 2, 3, 4, 5, 6, 7]);

  test('an index names an element, or a slice', () => {
    expectOp('gather_nd', [cube, nd('i64', [2, 3], [0, 0, 1, 1, 1, 0])], {}, f32([2], [1, 6]));
    expectOp('gather_nd', [cube, nd('i32', [1, 2], [0, 1])], {}, f32([1, 2], [2, 3]));
    expectOp(
      'gather_nd',
      [cube, nd('i32', [2, 1], [1, 0])],
      {},
      f32([2, 2, 2], [4, 5, 6, 7, 0, 1, 2, 3]),
    );
  });

  test('batch dims are those of both', () => {
    const indices = nd('i32', [2, 1], [1, 0]);
    expectOp('gather_nd', [cube, indices], { batch_dims: 1 }, f32([2, 2], [2, 3, 4, 5]));
  });

  test('an index outside of a dim is clamped into it', () => {
    expectOp('gather_nd', [cube, nd('i32', [1, 3], [-4, 9, 1])], {}, f32([1], [3]));
  });
});

describe('scatter_elements', () => {
  const zeros = f32([3, 3], Array(9).fill(0));
  const indices = nd('i32', [2, 3], [1, 0, 2, 0, 2, 1]);
  const updates = f32([2, 3], [1, 1.1, 1.2, 2, 2.1, 2.2]);

  test('updates stand where their indices say', () => {
    const expected = f32([3, 3], [2, 1.1, 0, 1, 0, 2.2, 0, 2.1, 1.2]);
    expectOp('scatter_elements', [zeros, indices, updates], { axis: 0 }, expected);
  });

  test('fewer rows and columns than x', () => {
    const [places, values] = [nd('i32', [1, 2], [2, 1]), f32([1, 2], [7, 8])];
    const expected = f32([3, 3], [0, 8, 7, 0, 0, 0, 0, 0, 0]);
    expectOp('scatter_elements', [zeros, places, values], { axis: 1 }, expected);
  });

  test.each([
    ['none', [1, 9, 3]],
    ['add', [1, 16, 3]],
    ['mul', [1, 90, 3]],
    ['min', [1, 2, 3]],
    ['max', [1, 9, 3]],
  ])('of several updates of one place, %s', (reduction, expected) => {
    const x = f32([3], [1, 2, 3]);
    const operands = [x, nd('i32', [3], [1, 7, 1]), f32([3], [5, 100, 9])];
    expectOp('scatter_elements', operands, { reduction }, f32([3], expected));
  });

  test('integers wrap around', () => {
    const operands = [nd('u8', [2], [250, 1]), nd('i32', [2], [0, 0]), nd('u8', [2], [4, 5])];
    expectOp('scatter_elements', operands, { reduction: 'add' }, nd('u8', [2], [3, 1]));
  });
});

describe('scatter_nd', () => {
  test('rows, of which the last of several stays', () => {
    const operands = [x, nd('i64', [3, 1], [1, 0, 1]), f32([3, 3], [7, 7, 7, 8, 8, 8, 9, 9, 9])];
    expectOp('scatter_nd', operands, {}, f32([2, 3], [8, 8, 8, 9, 9, 9]));
  });

  test('elements, added; what lies outside is left out', () => {
    const operands = [x, nd('i32', [3, 2], [0, 1, 0, 1, 0, 3]), f32([3], [10, 20, 40])];
    expectOp('scatter_nd', operands, { reduction: 'add' }, f32([2, 3], [1, 32, 3, 4, 5, 6]));
  });

  test('smallest and largest', () => {
    const operands = [f32([3], [1, 2, 3]), nd('i32', [3, 1], [0, 0, 2]), f32([3], [4, -1, 5])];
    expectOp('scatter_nd', operands, { reduction: 'min' }, f32([3], [-1, 2, 3]));
    expectOp('scatter_nd', operands, { reduction: 'max' }, f32([3], [4, 2, 5]));
  });
});

describe('constraints', () => {
  test.each<readonly [string, string, readonly TensorType[], Attributes]>([
    ['gather_elements_c1', 'gather_elements', [f32Type(4), f32Type(4)], {}],
    ['gather_elements_c2', 'gather_elements', [f32Type(4), i32Type(4)], { axis: 1 }],
    ['gather_elements_c3', 'gather_elements', [f32Type(4), i32Type(4, 1)], {}],
    ['gather_elements_c3', 'gather_elements', [f32Type(4, 2), i32Type(4, 3)], {}],
    ['gather_elements_c3', 'gather_elements', [f32Type(4, 'n'), i32Type(4, 'm')], {}],
    ['gather_nd_c1', 'gather_nd', [f32Type(4), f32Type(1)], {}],
    ['gather_nd_c2', 'gather_nd', [f32Type('n', 4), i32Type('m', 1)], { batch_dims: 1 }],
    ['gather_nd_c2', 'gather_nd', [f32Type(4), i32Type(1)], { batch_dims: 1 }],
    ['gather_nd_c3', 'gather_nd', [f32Type(4), i32Type(3, 2)], {}],
    ['gather_nd_c3', 'gather_nd', [f32Type(4), i32Type('n')], {}],
    ['scatter_elements_c1', 'scatter_elements', [f32Type(4), f32Type(1), f32Type(1)], {}],
    ['scatter_elements_c2', 'scatter_elements', [f32Type(4), i32Type(1), f32Type(2)], {}],
    ['scatter_elements_c2', 'scatter_elements', [f32Type(4), i32Type(1), f32Type(1)], { axis: 1 }],
    ['scatter_elements_c2', 'scatter_elements', [f32Type(4, 2), i32Type(9, 3), f32Type(9, 3)], {}],
    ['scatter_elements_c3', 'scatter_elements', [f32Type(4), i32Type(1), i32Type(1)], {}],
    [
      'scatter_elements_c3',
      'scatter_elements',
      [bool(4), i32Type(1), bool(1)],
      { reduction: 'add' },
    ],
    ['scatter_nd_c1', 'scatter_nd', [f32Type(4), f32Type(1, 1), f32Type(1)], {}],
    ['scatter_nd_c2', 'scatter_nd', [f32Type(4), i32Type(1, 2), f32Type(1)], {}],
    ['scatter_nd_c2', 'scatter_nd', [f32Type(4, 3), i32Type('n', 1), f32Type('n', 4)], {}],
    ['scatter_nd_c3', 'scatter_nd', [f32Type(4), i32Type(1, 1), i64(1)], {}],
    ['top_k_c1', 'top_k', [bool(4)], { k: 1 }],
    ['top_k_c2', 'top_k', [f32Type(4)], { k: 1, axis: 1 }],
    ['top_k_c3', 'top_k', [i64(4)], { k: 5 }],
    ['top_k_c3', 'top_k', [f32Type(4)], { k: -1 }],
  ])('%s refuses %s of %j by %j', (label, op, types, attributes) => {
    expect(() => infer(op, types, attributes)).toThrow(`${label}: `);
  });
});
