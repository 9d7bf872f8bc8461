import { describe, expect, test } from 'vitest';
import { type Dim, evaluateDim, floorDivide, modulo } from '../../src/ir/dims.ts';
import { at, tabulate } from '../../src/ir/nd-array.ts';
import type { PushArguments } from '../../src/ir/op-arguments.ts';
import { opDefinition } from '../../src/ir/ops/index.ts';
import { f32 as f32Type, i32, type TensorType } from '../../src/ir/types.ts';
import { type Attributes, expectOp, f32, infer, nd, run, some } from '../support/op-runs.ts';

const x = f32([2, 3], [1, 2, 3, 4, 5, 6]);

describe('reshape', () => {
  test.each([
    [
      [2, 3],
      [3, 2],
    ],
    [
      [4, 6],
      [3, 8],
    ],
    [
      [2, 1, 6],
      [1, 2, 2, 1, 3],
    ],
    [
      [5, 12],
      [5, 3, 4],
    ],
    [
      [5, 3, 4],
      [5, 12],
    ],
    [
      [2, 6, 2],
      [4, 3, 2],
    ],
    [[1], []],
    [[], [1, 1]],
    [
      [0, 5],
      [5, 0],
    ],
  ])('[%j] to [%j] keeps the row-major order', (from, to) => {
    const operand = some(from);
    expectOp('reshape', [operand], { shape: to }, { ...operand, shape: to });
  });

  /** The operand's index for an element of the result, with the divisions that it takes. */
  const indexOf = (from: TensorType, shape: readonly Dim[], index: readonly Dim[]) => {
    const { meaning } = opDefinition('reshape');
    if (!('push' in meaning) || meaning.push === null) throw new Error('reshape has no push');
    const type = { ...from, shape };
    const emit = { divide: floorDivide, modulo };
    return meaning.push({ index, from, type, attributes: { shape }, emit });
  };

  test('only the dims that differ are divided', () => {
    const whole = f32Type('b', 's', 384);
    expect(indexOf(whole, ['b', 's', 12, 32], ['i', 'j', 'k'])).toEqual([
      'i',
      'j',
      floorDivide('k', 32),
      modulo('k', 32),
    ]);
    const apart = f32Type('b', 's', 12, 32);
    expect(indexOf(apart, ['b', 's', 384], ['i', 'j', 'h', 'k'])).toEqual(['i', 'j', '32*h+k']);
    expect(indexOf(apart, ['b*s', 384], ['i', 'j', 'h', 'k'])).toEqual(['i*s+j', '32*h+k']);
  });
});

describe('transpose', () => {
  test('a matrix', () => {
    expectOp('transpose', [x], { permutation: [1, 0] }, f32([3, 2], [1, 4, 2, 5, 3, 6]));
  });

  test('dim k of the result is dim permutation[k] of the operand', () => {
    const operand = some([2, 3, 4]);
    const expected = tabulate({ dtype: 'f32', shape: [4, 2, 3] }, ([i = 0, j = 0, k = 0]) =>
      at(operand, [j, k, i]),
    );
    expectOp('transpose', [operand], { permutation: [2, 0, 1] }, expected);
  });
});

describe('push is the inverse of the view', () => {
  test.each([
    ['reshape', [4, 6], { shape: [3, 8] }],
    ['reshape', [2, 3, 4, 5], { shape: [6, 1, 20] }],
    ['transpose', [2, 3, 4], { permutation: [2, 0, 1] }],
  ])('%s of %j by %j', (op, shape, attributes: Attributes) => {
    const operand = some(shape);
    const [result] = run(op, [operand], attributes);
    const { meaning } = opDefinition(op);
    if (!('push' in meaning) || meaning.push === null || result === undefined) {
      throw new Error(`${op} has no push`);
    }
    const { push } = meaning;
    const emit = { divide: floorDivide, modulo };
    const rest = { from: operand, type: result, attributes, emit } as Omit<
      PushArguments<Parameters<typeof push>[0]['attributes']>,
      'index'
    >;
    const back = tabulate(operand, (index) =>
      at(
        result,
        push({ ...rest, index }).map((dim) => evaluateDim(dim, {})),
      ),
    );
    expect(back).toEqual(operand);
  });
});

test('broadcast repeats along new dims and dims of 1', () => {
  const column = f32([2, 1], [1, 2]);
  expectOp(
    'broadcast',
    [column],
    { shape: [2, 2, 3] },
    f32([2, 2, 3], [1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2]),
  );
});

test.each([
  [{ starts: [0, 1], ends: [2, 3] }, f32([2, 2], [2, 3, 5, 6])],
  [{ starts: [1, 0], ends: [2, 3], steps: [1, 2] }, f32([1, 2], [4, 6])],
  [{ starts: [0, 2], ends: [2, -1], steps: [1, -1] }, f32([2, 3], [3, 2, 1, 6, 5, 4])],
  [{ starts: [0, 2], ends: [2, -1], steps: [1, -2] }, f32([2, 2], [3, 1, 6, 4])],
  [{ starts: [1, 1], ends: [1, 1] }, f32([0, 0], [])],
])('slice by %j', (attributes, expected) => {
  expectOp('slice', [x], attributes, expected);
});

test('a slice whose symbolic bounds leave the axis in this run is an error', () => {
  expect(infer('slice', [f32Type('n')], { starts: [0], ends: [1] })).toEqual([f32Type(1)]);
  expect(infer('slice', [f32Type('n')], { starts: [1], ends: ['n'] })).toEqual([f32Type('n-1')]);
  expect(infer('slice', [f32Type('n')], { starts: ['n-1'], ends: [-1], steps: [-1] })).toEqual([
    f32Type('n'),
  ]);
});

describe('concat', () => {
  const y = f32([2, 1], [7, 8]);

  test('two and three operands', () => {
    expectOp('concat', [x, y], { axis: 1 }, f32([2, 4], [1, 2, 3, 7, 4, 5, 6, 8]));
    expectOp('concat', [y, y, y], { axis: 0 }, f32([6, 1], [7, 8, 7, 8, 7, 8]));
    expectOp('concat', [y, x, y], {}, f32([2, 5], [7, 1, 2, 3, 7, 8, 4, 5, 6, 8]));
  });

  test('one operand, and one without elements', () => {
    expectOp('concat', [x], { axis: 0 }, x);
    expectOp('concat', [f32([2, 0], []), x], { axis: 1 }, x);
  });

  test('symbolic dims add up', () => {
    expect(infer('concat', [f32Type('n', 2), f32Type('m', 2), f32Type(1, 2)], { axis: 0 })).toEqual(
      [f32Type('m+n+1', 2)],
    );
  });
});

test.each([
  [{ before: [1, 0], after: [0, 2] }, f32([3, 5], [0, 0, 0, 0, 0, 1, 2, 3, 0, 0, 4, 5, 6, 0, 0])],
  [{ before: [0, 1], after: [0, 0], value: 9 }, f32([2, 4], [9, 1, 2, 3, 9, 4, 5, 6])],
  [{ before: [0, 0], after: [0, 0] }, x],
])('pad by %j', (attributes, expected) => {
  expectOp('pad', [x], attributes, expected);
});

describe('gather', () => {
  const ids = nd('i32', [2, 2], [1, 0, 1, 1]);

  test('rows', () => {
    expectOp('gather', [x, ids], {}, f32([2, 2, 3], [4, 5, 6, 1, 2, 3, 4, 5, 6, 4, 5, 6]));
    expectOp('embedding', [x, nd('i64', [1], [1])], {}, f32([1, 3], [4, 5, 6]));
  });

  test('columns', () => {
    const columns = nd('i64', [2], [2, 0]);
    expectOp('gather', [x, columns], { axis: -1 }, f32([2, 2], [3, 1, 6, 4]));
  });

  test('indices outside are clamped', () => {
    expectOp('gather', [x, nd('i32', [2], [-1, 7])], {}, x);
  });
});

test.each([
  [{ shape: [2, 3], axis: 1 }, nd('i32', [2, 3], [0, 1, 2, 0, 1, 2])],
  [{ shape: [2, 2], axis: 0, start: -5, dtype: 'f32' }, f32([2, 2], [-5, -5, -4, -4])],
  [{ shape: [3], start: 126, dtype: 'i8' }, nd('i8', [3], [126, 127, -128])],
])('iota %j', (attributes, expected) => {
  expectOp('iota', [], attributes, expected);
});

test.each([
  [{ value: [7], dtype: 'i32', shape: [2, 2] }, nd('i32', [2, 2], [7, 7, 7, 7])],
  [{ value: [1, 2, 3, 4, 5, 6], dtype: 'f32', shape: [2, 3] }, x],
  [{ value: [1], dtype: 'bool' }, nd('bool', [], [1])],
  [{ value: [], dtype: 'f32', shape: [0] }, f32([0], [])],
])('constant %j', (attributes, expected) => {
  expectOp('constant', [], attributes, expected);
});

describe('constraints', () => {
  const type = f32Type('n', 4);
  test.each<readonly [string, string, readonly TensorType[], Attributes]>([
    ['reshape_c1', 'reshape', [type], { shape: ['n', 2, 3] }],
    ['transpose_c1', 'transpose', [type], { permutation: [0, 0] }],
    ['transpose_c1', 'transpose', [type], { permutation: [1] }],
    ['broadcast_c1', 'broadcast', [type], { shape: [4] }],
    ['broadcast_c1', 'broadcast', [type], { shape: [3, 'n', 5] }],
    ['slice_c1', 'slice', [type], { starts: [0], ends: [4] }],
    ['slice_c1', 'slice', [type], { starts: [0, 0], ends: [1, 4], steps: [1] }],
    ['slice_c2', 'slice', [type], { starts: [0, 0], ends: [1, 4], steps: [1, 0] }],
    ['slice_c3', 'slice', [type], { starts: [0, 0], ends: ['n+1', 4] }],
    ['slice_c3', 'slice', [type], { starts: [0, 3], ends: [1, 2] }],
    ['slice_c3', 'slice', [type], { starts: [0, -1], ends: [1, 2] }],
    ['slice_c3', 'slice', [type], { starts: [0, 4], ends: [1, -1], steps: [1, -1] }],
    ['concat_c1', 'concat', [type, i32('n', 4)], { axis: 0 }],
    ['concat_c1', 'concat', [type, f32Type(4)], { axis: 0 }],
    ['concat_c2', 'concat', [type, type], { axis: 2 }],
    ['concat_c3', 'concat', [type, f32Type('n', 3)], { axis: 0 }],
    ['pad_c1', 'pad', [type], { before: [1], after: [0, 0] }],
    ['pad_c2', 'pad', [type], { before: [0, -1], after: [0, 0] }],
    ['pad_c3', 'pad', [i32(4)], { before: [1], after: [0], value: 0.5 }],
    ['gather_c1', 'gather', [type, type], {}],
    ['gather_c2', 'gather', [type, i32(2)], { axis: 2 }],
    ['embedding_c1', 'embedding', [f32Type(4), i32(2)], {}],
    ['embedding_c2', 'embedding', [type, type], {}],
    ['iota_c1', 'iota', [], { shape: [2], dtype: 'bool' }],
    ['iota_c2', 'iota', [], { shape: [2], axis: 1 }],
    ['constant_c1', 'constant', [], { value: [1, 2], dtype: 'f32', shape: [3] }],
    ['constant_c1', 'constant', [], { value: [1, 2], dtype: 'f32', shape: ['n'] }],
    ['constant_c2', 'constant', [], { value: [0.5], dtype: 'i32', shape: [] }],
    ['constant_c2', 'constant', [], { value: [2], dtype: 'bool', shape: [] }],
    ['constant_c2', 'constant', [], { value: [256], dtype: 'u8', shape: [] }],
  ])('%s refuses %s of %j by %j', (label, op, types, attributes) => {
    expect(() => infer(op, types, attributes)).toThrow(`${label}: `);
  });
});
