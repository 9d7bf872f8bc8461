/** Casts to types that graphs hold in wider ones, and what depends on the type in the file. */
import { expect, it } from 'vitest';
import { DATA_TYPE } from '../../../src/onnx/schema.ts';
import { f32, nd } from '../../support/op-runs.ts';
import { imported, info, node, numbers } from './made-model.ts';
import { type Call, describeCalls, describeRefusals, typed } from './one-node.ts';

const floats = (...numbers: readonly number[]) => f32([numbers.length], numbers);
const halves = (...numbers: readonly number[]) => nd('f16', [numbers.length], numbers);
const ints = (...numbers: readonly number[]) => nd('i32', [numbers.length], numbers);
const longs = (...numbers: readonly number[]) => nd('i64', [numbers.length], numbers);
const bytes = (...numbers: readonly number[]) => nd('i8', [numbers.length], numbers);
const octets = (...numbers: readonly number[]) => nd('u8', [numbers.length], numbers);

const { float, uint32, int2, uint2 } = DATA_TYPE;
const { float16, bfloat16, int4, uint4, int16, uint16, int8, uint8, int32, int64 } = DATA_TYPE;

const calls: readonly Call[] = [
  // 11 digits, and infinity beyond the range
  ['Cast', [floats(0.1, 2049, -2051)], { to: float16 }, halves(0.0999755859375, 2048, -2052)],
  ['Cast', [floats(65519, 65520)], { to: float16 }, halves(65504, Infinity)],
  ['Cast', [longs(4097)], { to: float16 }, halves(4096)],
  // 8 digits
  ['Cast', [floats(0.1, 257)], { to: bfloat16 }, typed('bfloat16', floats(0.10009765625, 256))],
  ['Cast', [halves(0.3330078125)], { to: bfloat16 }, typed('bfloat16', floats(0.33203125))],
  ['CastLike', [floats(0.1), halves(1)], {}, halves(0.0999755859375)],
  ['CastLike', [floats(257), typed('bfloat16', floats(1))], {}, typed('bfloat16', floats(256))],
  // -9 is .. 0111 in 4 bits, 8 is 1000
  ['Cast', [floats(-9, 7.9, 8)], { to: int4 }, typed('int4', bytes(7, 7, -8))],
  ['Cast', [halves(-9, 7, 17)], { to: uint4 }, typed('uint4', octets(7, 7, 1))],
  ['CastLike', [ints(-1, 18), typed('uint4', octets(0))], {}, typed('uint4', octets(15, 2))],
  ['Cast', [ints(40000, -40000)], { to: int16 }, typed('int16', ints(-25536, 25536))],
  ['Cast', [ints(-1, 65537)], { to: uint16 }, typed('uint16', ints(65535, 1))],
  ['Cast', [nd('bool', [2], [0, 1])], { to: uint16 }, typed('uint16', ints(0, 1))],
  // a float16 is computed in float32, and leaves the model rounded
  ['Add', [halves(2048), halves(1)], {}, halves(2048)],
  ['BitwiseNot', [typed('uint16', ints(0, 65535))], {}, typed('uint16', ints(65535, 0))],
  ['BitwiseNot', [typed('int16', ints(0, -1))], {}, typed('int16', ints(-1, 0))],
  ['BitCast', [typed('uint16', ints(65535))], { to: int16 }, typed('int16', ints(-1))],
  ['BitCast', [bytes(-1, 1)], { to: uint8 }, octets(255, 1)],
  ['BitCast', [nd('bool', [2], [1, 0])], { to: int8 }, bytes(1, 0)],
  // of known numbers, as the test fixes the input
  ['BitCast', [floats(1, -2)], { to: int32 }, ints(0x3f800000, -0x40000000)],
  ['BitCast', [ints(0x3f800000, -0x40000000)], { to: float }, floats(1, -2)],
  ['BitCast', [ints(5, 1)], { to: uint32 }, typed('uint32', longs(5, 1))],
  // three are 11 in 2 bits, of which the upper one counts -2
  ['Cast', [floats(3, 2, -3)], { to: int2 }, typed('int2', bytes(-1, -2, 1))],
  ['Cast', [longs(3, 4, -1)], { to: uint2 }, typed('uint2', octets(3, 0, 3))],
];

describeCalls('casts', calls, 26);

it('rounds a cast to float16 that is cast back', () => {
  const graph = imported({
    node: [
      node('Cast', ['x'], ['half'], { to: float16 }),
      node('Cast', ['half'], ['y'], { to: DATA_TYPE.float }),
    ],
    input: [info('x', [2])],
    output: [info('y', [2])],
  });
  expect(numbers(graph, { x: floats(2049, 2051) }).y).toEqual([2048, 2052]);
});

it.each([
  // from the lowest bits on: 2, 1, 3 and 0, then 1
  ['uint2', [0b00_11_01_10, 0b01], [2, 1, 3, 0, 1]],
  ['int2', [0b00_11_01_10, 0b01], [-2, 1, -1, 0, 1]],
  ['uint4', [0x8f, 0x17, 0x09], [15, 8, 7, 1, 9]],
  ['int4', [0x8f, 0x17, 0x09], [-1, -8, 7, 1, -7]],
] as const)('reads %s out of bytes', (type, stored, wanted) => {
  const tensor = { name: 'w', dims: [5n], dataType: DATA_TYPE[type] };
  const read = (more: object) => {
    const graph = imported({
      node: [node('Cast', ['w'], ['wide'], { to: float }), node('Add', ['x', 'wide'], ['y'])],
      initializer: [{ ...tensor, ...more }],
      input: [info('x', [1])],
      output: [info('y', [5])],
    });
    return numbers(graph, { x: floats(0) }).y;
  };
  expect(read({ rawData: Uint8Array.from(stored) })).toEqual(wanted);
  expect(read({ int32Data: stored })).toEqual(wanted);
});

it('rounds a product of what is rounded when it leaves the model', () => {
  const product = (type: 'bfloat16' | 'float16') =>
    imported({
      node: [
        node('Cast', ['x'], ['short'], { to: DATA_TYPE[type] }),
        node('Mul', ['short', 'short'], ['y']),
      ],
      input: [info('x', [1])],
      output: [info('y', [1], type)],
    });
  expect(numbers(product('bfloat16'), { x: floats(1.0078125) }).y).toEqual([1.015625]);
  expect(numbers(product('float16'), { x: floats(1.0009765625) }).y).toEqual([1.001953125]);
});

describeRefusals([
  [/takes the bits of float for int64/, ['BitCast', [floats(1)], { to: int64 }, longs(0)]],
  [/takes the bits of int64 for int32/, ['BitCast', [longs(1)], { to: int32 }, ints(0, 0)]],
  [/its operand is uint32/, ['BitwiseNot', [typed('uint32', longs(1))], {}, longs(0)]],
]);
