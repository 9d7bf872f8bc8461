/** What `run` accepts, and the words in which it refuses the rest. */
import { describe, expect, it } from 'vitest';
import type { DType, ModelDefinition, TensorEntry } from '../../src/runtime/definition.mts';
import { checkInputs } from '../../src/runtime/inputs.mts';

function entry(name: string, dtype: DType, shape: TensorEntry['shape']): TensorEntry {
  const dims = (batch = 0, seq = 0) =>
    shape.map((dim) => (typeof dim === 'number' ? dim : dim === 'batch' ? batch : SEQ[dim]?.(seq)));
  return { name, dtype, shape, dims: dims as TensorEntry['dims'], buffer: name, range: null };
}

const SEQ: Readonly<Record<string, (seq: number) => number>> = {
  seq: (seq) => seq,
  '2*seq+1': (seq) => 2 * seq + 1,
};

const MODEL: ModelDefinition = {
  name: 'model',
  symbols: [
    { name: 'batch', input: 0, axis: 0, solve: (dim) => dim },
    { name: 'seq', input: 2, axis: 0, solve: (dim) => (dim - 1) / 2 },
  ],
  inputs: [
    { ...entry('ids', 'i64', ['batch', 'seq']), range: [0, 99] },
    entry('weights', 'f32', ['batch', 3]),
    entry('positions', 'i32', ['2*seq+1']),
    entry('mask', 'bool', ['seq']),
    entry('bytes', 'u8', [2]),
  ],
  outputs: [],
  bounds: [],
  weights: { bytes: 0, url: () => new URL('file:///none') },
  backends: {},
};

const RIGHT = {
  ids: { data: [1, 2, 3, 4], shape: [2, 2] },
  weights: { data: [0.5, 1, 2, 3, 4, 5], shape: [2, 3] },
  positions: { data: [0, 1, 2, 3, 4], shape: [5] },
  mask: { data: [true, false], shape: [2] },
  bytes: { data: [0, 255], shape: [2] },
};

const withInput = (name: string, value: unknown) => ({ ...RIGHT, [name]: value });

describe('inputs', () => {
  it('give the sizes of the symbols and copies as kernels hold them', () => {
    const { data, sizes } = checkInputs(MODEL, RIGHT);
    expect(sizes).toEqual([2, 2]);
    expect(data).toEqual([
      Int32Array.of(1, 2, 3, 4),
      Float32Array.of(0.5, 1, 2, 3, 4, 5),
      Int32Array.of(0, 1, 2, 3, 4),
      Int32Array.of(1, 0),
      Int32Array.of(0, 255),
    ]);
  });

  it.each([
    ['ids', Int32Array.of(1, 2, 3, 99)],
    ['ids', BigInt64Array.of(1n, 2n, 3n, 99n)],
    ['ids', [1n, 2n, 3n, 99n]],
    ['ids', Uint8Array.of(1, 2, 3, 99)],
  ])('accept integers of %s as %o', (name, numbers) => {
    const { data } = checkInputs(MODEL, withInput(name, { data: numbers, shape: [2, 2] }));
    expect(data[0]).toEqual(Int32Array.of(1, 2, 3, 99));
  });

  it.each([[Uint8Array.of(1, 0)], [[1, 0]], [[true, false]], [[1n, 0n]], [Int32Array.of(1, 0)]])(
    'accept %o as bools',
    (mask) => {
      const { data } = checkInputs(MODEL, withInput('mask', { data: mask, shape: [2] }));
      expect(data[3]).toEqual(Int32Array.of(1, 0));
    },
  );

  it('accept Float64Array and subarrays, and do not keep them', () => {
    const whole = Float64Array.of(9, 0.5, 1, 2, 3, 4, 5);
    const given = withInput('weights', { data: whole.subarray(1), shape: [2, 3] });
    const { data } = checkInputs(MODEL, given);
    whole.fill(0);
    expect(data[1]).toEqual(Float32Array.of(0.5, 1, 2, 3, 4, 5));
  });

  it.each<[string, unknown, string]>([
    [
      'nothing',
      undefined,
      '"model" was run with undefined; pass an object with one { data, shape } an input: "ids" (i64[batch, seq])',
    ],
    [
      'an unknown name',
      { ...RIGHT, idz: 1 },
      '"model" has no input "idz". Its inputs are "ids" (i64[batch, seq]), "weights"',
    ],
    ['a missing input', { ...RIGHT, mask: undefined }, 'The input "mask" (bool[seq]) is missing.'],
    ['an inherited input', Object.create(RIGHT), 'The input "ids" (i64[batch, seq]) is missing.'],
    [
      'a bare array',
      withInput('mask', [1, 0]),
      'The input "mask" (bool[seq]) must be { data, shape }, where shape is an array of sizes; got an array.',
    ],
    ['no shape', withInput('mask', { data: [1, 0] }), 'got an object with the keys "data".'],
    ['a negative size', withInput('mask', { data: [], shape: [-1] }), 'must be { data, shape }'],
    [
      'a wrong rank',
      withInput('ids', { data: [1, 2], shape: [2] }),
      'The input "ids" (i64[batch, seq]) has 2 dims, but the shape given has 1: [2].',
    ],
    [
      'a wrong length',
      withInput('ids', { data: [1, 2, 3], shape: [2, 2] }),
      'The input "ids" (i64[batch, seq]) of shape [2, 2] takes 4 numbers, but its data has 3.',
    ],
    [
      'numbers in lists',
      withInput('ids', {
        data: [
          [1, 2],
          [3, 4],
        ],
        shape: [2, 2],
      }),
      'takes 4 numbers, but its data has 2 lists: pass the numbers alone, row by row.',
    ],
    [
      'a wrong fixed dim',
      withInput('weights', { data: [1, 2, 3, 4], shape: [2, 2] }),
      'The input "weights" (f32[batch, 3]) has 2 as dim 1, which must be 3.',
    ],
    [
      'symbols that disagree',
      withInput('weights', { data: [1, 2, 3], shape: [1, 3] }),
      'The input "weights" (f32[batch, 3]) has 1 as dim 0 (batch), but batch is 2 by dim 0 of the input "ids".',
    ],
    [
      'symbols that disagree through an expression',
      withInput('mask', { data: [1, 1, 1], shape: [3] }),
      'The input "mask" (bool[seq]) has 3 as dim 0 (seq), but seq is 2 by dim 0 of the input "positions".',
    ],
    [
      'a dim that no size gives',
      withInput('positions', { data: [1, 1, 1, 1], shape: [4] }),
      'The input "positions" (i32[2*seq+1]) has 4 as dim 0, but no size of "seq" makes 2*seq+1 equal to 4.',
    ],
    [
      'floats for integers',
      withInput('ids', { data: new Float32Array(4), shape: [2, 2] }),
      'The input "ids" (i64[batch, seq]) takes Int32Array, BigInt64Array or an array of numbers; got Float32Array.',
    ],
    [
      'integers for floats',
      withInput('weights', { data: new Int32Array(6), shape: [2, 3] }),
      'The input "weights" (f32[batch, 3]) takes Float32Array or an array of numbers; got Int32Array.',
    ],
    [
      'a fraction',
      withInput('ids', { data: [1, 2, 0.5, 4], shape: [2, 2] }),
      'The input "ids" (i64[batch, seq]) has 0.5 at position 2, which must be an integer.',
    ],
    [
      'a string',
      withInput('weights', { data: [1, 2, 3, '4', 5, 6], shape: [2, 3] }),
      'has "4" at position 3, which must be a number.',
    ],
    [
      'NaN for an integer',
      withInput('ids', { data: [1, Number.NaN, 3, 4], shape: [2, 2] }),
      'has NaN at position 1, which must be an integer.',
    ],
    [
      'an index out of range',
      withInput('ids', { data: [1, 2, 3, 100], shape: [2, 2] }),
      'The input "ids" (i64[batch, seq]) has 100 at position 3, which must be from 0 to 99.',
    ],
    [
      'a negative bigint',
      withInput('ids', { data: [1n, -1n, 3n, 4n], shape: [2, 2] }),
      'has -1n at position 1, which must be from 0 to 99.',
    ],
    [
      'a number beyond int32',
      withInput('positions', { data: [0, 0, 0, 0, 2 ** 40], shape: [5] }),
      'has 1099511627776 at position 4, which must be from -2147483648 to 2147483647.',
    ],
    [
      'a number beyond u8',
      withInput('bytes', { data: [0, 256], shape: [2] }),
      'has 256 at position 1, which must be from 0 to 255.',
    ],
    [
      'a bool of 2',
      withInput('mask', { data: [2, 0], shape: [2] }),
      'has 2 at position 0, which must be from 0 to 1.',
    ],
    [
      'a boolean for a number',
      withInput('weights', { data: [1, true, 3, 4, 5, 6], shape: [2, 3] }),
      'has true at position 1, which must be a number.',
    ],
  ])('refuse %s', (_, given, message) => {
    expect(() => checkInputs(MODEL, given)).toThrow(message);
  });
});
