/** What expressions compute on the emulator: types, lanes, precision, and the functions. */
import { describe, expect, it } from 'vitest';
import { erf } from '../../src/emulator/functions.ts';
import { runKernel } from '../../src/emulator/run.ts';
import type { Precision } from '../../src/emulator/unit.ts';
import {
  addOf,
  binary,
  bitcast,
  cast,
  constant,
  type Expression,
  index,
  type Kernel,
  lane,
  load,
  loop,
  multiplyOf,
  select,
  splat,
  store,
  unary,
} from '../../src/loops/nodes.ts';
import { verifyKernel } from '../../src/loops/verify.ts';

/** The value of an f32 or i32 expression over x = [0.5, -1.5, 2.5, 3.5] and n = [7, -7, 2, 0]. */
function evaluate(value: Expression, precision: Precision = 'f32'): readonly number[] {
  const type = value.type === 'i32' ? 'i32' : 'f32';
  const kernel: Kernel = {
    name: 'expression',
    summary: [],
    symbols: ['s'],
    buffers: [
      { name: 'x', type: 'f32', access: 'read', size: 4 },
      { name: 'n', type: 'i32', access: 'read', size: 4 },
      { name: 'y', type, access: 'write', size: value.lanes },
    ],
    body: [store('y', 0, value)],
  };
  const y = type === 'f32' ? new Float32Array(value.lanes) : new Int32Array(value.lanes);
  const buffers = { x: Float32Array.of(0.5, -1.5, 2.5, 3.5), n: Int32Array.of(7, -7, 2, 0), y };
  const faults = runKernel(verifyKernel(kernel), { symbols: { s: 5 }, buffers, precision });
  expect(faults).toEqual([]);
  return [...y];
}

const x = load('x', 0, 'f32', 4);
const n = load('n', 0, 'i32', 4);
const integer = (value: number) => constant(value, 'i32');
const asNumber = (condition: Expression) => cast('i32', condition);

describe('expressions', () => {
  it.each<[string, Expression, readonly number[]]>([
    ['round, halves to even', unary('round', x), [0, -2, 2, 4]],
    ['floor', unary('floor', x), [0, -2, 2, 3]],
    ['trunc', unary('trunc', x), [0, -1, 2, 3]],
    ['neg', unary('neg', n), [-7, 7, -2, 0]],
    ['sign', unary('sign', x), [1, -1, 1, 1]],
    ['i32 division truncates; x / 0 is x', binary('div', splat(integer(7)), n), [1, -1, 3, 7]],
    ['i32 remainder has the sign of the left', binary('rem', n, splat(integer(4))), [3, -3, 2, 0]],
    ['i32 x % 0 is 0', binary('rem', integer(7), load('n', 3, 'i32')), [0]],
    ['i32 addition wraps', addOf(integer(2 ** 31 - 1), integer(1)), [-(2 ** 31)]],
    ['i32 multiplication wraps', multiplyOf(integer(65537), integer(65537)), [131073]],
    ['f32 to i32 truncates', cast('i32', x), [0, -1, 2, 3]],
    ['f32 to i32 saturates', cast('i32', constant(1e20)), [2 ** 31 - 1]],
    ['i32 to f32', cast('f32', n), [7, -7, 2, 0]],
    ['bits of 1.0', bitcast('i32', constant(1)), [0x3f800000]],
    ['1.0 from its bits', bitcast('f32', integer(0x3f800000)), [1]],
    ['a lane', lane(x, 2), [2.5]],
    ['an index', index('floor(s/2)*s+max(s,7)'), [17]],
    ['lt', asNumber(binary('lt', n, splat(integer(2)))), [0, 1, 0, 1]],
    ['le', asNumber(binary('le', n, splat(integer(2)))), [0, 1, 1, 1]],
    [
      'and, not',
      asNumber(binary('and', unary('not', cast('bool', n)), cast('bool', x))),
      [0, 0, 0, 1],
    ],
    ['or', asNumber(binary('or', constant(0, 'bool'), constant(1, 'bool'))), [1]],
    [
      'select by lanes',
      select(binary('lt', x, splat(constant(1))), x, splat(constant(9))),
      [0.5, -1.5, 9, 9],
    ],
    ['pow', binary('pow', constant(2), constant(10)), [1024]],
    [
      'min and max',
      binary('max', binary('min', x, splat(constant(3))), splat(constant(0))),
      [0.5, 0, 2.5, 3],
    ],
  ])('%s', (_, value, expected) => {
    expect(evaluate(value).map((v) => v + 0)).toEqual(expected);
  });

  it('rounds every f32 result, or only what is stored', () => {
    const lost = binary('sub', addOf(load('x', 0), constant(1e9)), constant(1e9));
    expect(evaluate(lost, 'f32')).toEqual([0]);
    expect(evaluate(lost, 'f64')).toEqual([0.5]);
    expect(evaluate(constant(0.1), 'f64')).toEqual([Math.fround(0.1)]);
    const tenth = binary('sub', constant(0.1), constant(Math.fround(0.1)));
    expect(evaluate(tenth, 'f32')).toEqual([0]);
    expect(evaluate(tenth, 'f64')).not.toEqual([0]);
  });

  it('evaluates both arms of a select', () => {
    const arms = select(binary('lt', index('i'), index(4)), load('x', 'i'), constant(0));
    const body = [loop('serial', 'i', 6, [store('y', 'i', arms)])];
    const kernel: Kernel = {
      name: 'arms',
      summary: [],
      symbols: [],
      buffers: [
        { name: 'x', type: 'f32', access: 'read', size: 4 },
        { name: 'y', type: 'f32', access: 'write', size: 6 },
      ],
      body,
    };
    const buffers = { x: Float32Array.of(1, 2, 3, 4), y: new Float32Array(6) };
    const faults = runKernel(kernel, { symbols: {}, buffers });
    expect(faults).toMatchObject([{ kind: 'out-of-bounds', buffer: 'x', index: 4, count: 2 }]);
    expect([...buffers.y]).toEqual([1, 2, 3, 4, 0, 0]);
  });
});

describe('erf', () => {
  it.each([
    [0, 0],
    [0.1, 0.1124629160182849],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2, 0.9953222650189527],
    [3, 0.9999779095030014],
    [4, 0.9999999845827421],
    [Number.POSITIVE_INFINITY, 1],
  ])('of %f is exact to 1e-15', (at, expected) => {
    expect(Math.abs(erf(at) - expected)).toBeLessThan(1e-15);
    expect(erf(-at)).toBe(-erf(at));
  });

  it('agrees with the integral of its definition to 1e-13', () => {
    // Gauss-Legendre with 3 points on steps of 1/64: the error is of order (1/64)^6.
    const density = (t: number) => (2 / Math.sqrt(Math.PI)) * Math.exp(-t * t);
    const h = 1 / 64;
    let integral = 0;
    for (let step = 0; step < 7 / h; step++) {
      const middle = (step + 0.5) * h;
      const offset = (Math.sqrt(0.6) * h) / 2;
      const sides = density(middle - offset) + density(middle + offset);
      integral += (h / 18) * (8 * density(middle) + 5 * sides);
      expect(Math.abs(erf((step + 1) * h) - integral)).toBeLessThan(1e-13);
    }
  });
});
