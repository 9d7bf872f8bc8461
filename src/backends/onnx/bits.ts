/**
 * Bits of integers, in int32, which holds every i64 that a model may have.
 *
 * - and, or, xor are standard ops since opset 18. Before, a value is 32 digits along one more axis, with
 *   powers of two as their weights. No number leaves the range of int32 on the way.
 * - BitShift is of unsigned integers, which alone say what becomes of the highest bit.
 */
import { DATA_TYPE } from '../../onnx/schema.ts';
import { int, type Ref, text } from './graph-writer.ts';
import { castTo, constantOf, HELD_TYPE, scalar, wrap } from './held-types.ts';
import type { Exporter, OpCall } from './op-call.ts';
import { type OpEntry, since } from './opsets.ts';

const WIDTH = 32;
const LOWEST = -(2 ** (WIDTH - 1));
/** Of the digits below the highest, which is that of the sign. */
const POWERS = Array.from({ length: WIDTH - 1 }, (_, bit) => 2 ** bit);

const number = (call: OpCall, value: number): Ref => scalar(call.writer, 'i32', value);

function inInt32({ writer }: OpCall, x: Ref, held: number): Ref {
  return held === DATA_TYPE.int32 ? x : castTo(writer, x, DATA_TYPE.int32);
}

const operand = (call: OpCall, index: number): Ref =>
  inInt32(call, call.ref(index), HELD_TYPE[call.type(index).dtype]);

/** From int32 to the dtype of the result. */
function released({ writer, result }: OpCall, x: Ref): Ref {
  const held = HELD_TYPE[result.dtype];
  return wrap(writer, result.dtype, held === DATA_TYPE.int32 ? x : castTo(writer, x, held));
}

/** The digits of a value, 0 or 1, along a new last axis. */
function digits(call: OpCall, index: number): Ref {
  const { writer, sizes } = call;
  const x = writer.node('Unsqueeze', [operand(call, index), sizes.numbers([-1])]);
  const isNegative = writer.node('Less', [x, number(call, 0)]);
  const shifted = writer.node('Sub', [x, number(call, LOWEST)]);
  const low = writer.node('Where', [isNegative, shifted, x]);
  const powers = constantOf(writer, 'i32', [POWERS.length], POWERS);
  const lowDigits = writer.node('Mod', [writer.node('Div', [low, powers]), number(call, 2)]);
  const sign = castTo(writer, isNegative, DATA_TYPE.int32);
  return writer.node('Concat', [lowDigits, sign], { axis: int(-1) });
}

/** @param combine of two digits */
const byDigits =
  (combine: (call: OpCall, a: Ref, b: Ref) => Ref): Exporter =>
  (call) => {
    const { writer } = call;
    const combined = combine(call, digits(call, 0), digits(call, 1));
    const weights = constantOf(writer, 'i32', [WIDTH], [...POWERS, LOWEST]);
    const weighted = writer.node('Mul', [combined, weights]);
    // counted from the front: ONNX Runtime does not find -1 in a value without elements
    const axes = call.sizes.numbers([call.result.shape.length]);
    return released(call, writer.node('ReduceSum', [weighted, axes], { keepdims: int(0) }));
  };

const bitwise =
  (opType: string): Exporter =>
  (call) =>
    released(call, call.writer.node(opType, [operand(call, 0), operand(call, 1)]));

/** x, which is not negative where bits leave it to the right, by as many bits as the count modulo 32. */
function shifted(call: OpCall, x: Ref, direction: 'LEFT' | 'RIGHT'): Ref {
  const { writer } = call;
  const count = writer.node('Mod', [operand(call, 1), number(call, WIDTH)]);
  const [bits, by] = [x, count].map((ref) => castTo(writer, ref, DATA_TYPE.uint32));
  const moved = writer.node('BitShift', [bits ?? x, by ?? count], { direction: text(direction) });
  return castTo(writer, moved, DATA_TYPE.int32);
}

/** Zeros come in from above, so a negative x has its bits turned over before and after: -1 - x. */
const shiftRight: Exporter = (call) => {
  const { writer } = call;
  const x = operand(call, 0);
  const turned = (bits: Ref) => writer.node('Sub', [number(call, -1), bits]);
  const isNegative = writer.node('Less', [x, number(call, 0)]);
  const bits = writer.node('Where', [isNegative, turned(x), x]);
  const moved = shifted(call, bits, 'RIGHT');
  return released(call, writer.node('Where', [isNegative, turned(moved), moved]));
};

const spellings = (opType: string, combine: Parameters<typeof byDigits>[0]): OpEntry => [
  since(18, bitwise(opType)),
  since(17, byDigits(combine)),
];

export const bitExporters: {
  readonly [N in 'bit_and' | 'bit_or' | 'bit_xor' | 'shift_left' | 'shift_right']: OpEntry;
} = {
  bit_and: spellings('BitwiseAnd', ({ writer }, a, b) => writer.node('Mul', [a, b])),
  bit_or: spellings('BitwiseOr', ({ writer }, a, b) => writer.node('Max', [a, b])),
  bit_xor: spellings('BitwiseXor', (call, a, b) =>
    call.writer.node('Mod', [call.writer.node('Add', [a, b]), number(call, 2)]),
  ),
  shift_left: (call) => released(call, shifted(call, operand(call, 0), 'LEFT')),
  shift_right: shiftRight,
};
