/**
 * Bits of integers, for which opset 17 has no ops: a value as 32 digits along one more axis, with powers
 * of two as their weights, all in int64.
 */
import { DATA_TYPE } from '../../onnx/schema.ts';
import { int, type Ref } from './graph-writer.ts';
import { castTo, constantOf, HELD_TYPE, scalar, wrap } from './held-types.ts';
import type { Exporter, OpCall } from './op-call.ts';

const WIDTH = 32;
const POWERS = Array.from({ length: WIDTH }, (_, bit) => 2 ** bit);

const wide = (call: OpCall, index: number): Ref =>
  HELD_TYPE[call.type(index).dtype] === DATA_TYPE.int64
    ? call.ref(index)
    : castTo(call.writer, call.ref(index), DATA_TYPE.int64);

const number = (call: OpCall, value: number): Ref => scalar(call.writer, 'i64', value);

/** The lowest 32 bits, in the width of the result. */
function narrow(call: OpCall, x: Ref): Ref {
  const { writer, result } = call;
  return wrap(
    writer,
    result.dtype,
    castTo(writer, castTo(writer, x, DATA_TYPE.int32), HELD_TYPE[result.dtype]),
  );
}

/** The digits of a value, 0 or 1, along a new last axis. Mod has the sign of the divisor. */
function digits(call: OpCall, index: number): Ref {
  const { writer } = call;
  const unsigned = writer.node('Mod', [wide(call, index), number(call, 2 ** WIDTH)]);
  const column = writer.node('Unsqueeze', [unsigned, call.sizes.numbers([-1])]);
  const powers = constantOf(writer, 'i64', [WIDTH], POWERS);
  return writer.node('Mod', [writer.node('Div', [column, powers]), number(call, 2)]);
}

/** @param combine of two digits */
const byDigits =
  (combine: (call: OpCall, a: Ref, b: Ref) => Ref): Exporter =>
  (call) => {
    const { writer } = call;
    const combined = combine(call, digits(call, 0), digits(call, 1));
    const weighted = writer.node('Mul', [combined, constantOf(writer, 'i64', [WIDTH], POWERS)]);
    // counted from the front: ONNX Runtime does not find -1 in a value without elements
    const axes = call.sizes.numbers([call.result.shape.length]);
    const value = writer.node('ReduceSum', [weighted, axes], { keepdims: int(0) });
    return narrow(call, value);
  };

/** 2^b, of which b counts modulo 32. */
function powerOfCount(call: OpCall): Ref {
  const { writer } = call;
  const count = writer.node('Mod', [wide(call, 1), number(call, WIDTH)]);
  return writer.node('Gather', [constantOf(writer, 'i64', [WIDTH], POWERS), count]);
}

export const bitExporters: {
  readonly [N in 'bit_and' | 'bit_or' | 'bit_xor' | 'shift_left' | 'shift_right']: Exporter;
} = {
  bit_and: byDigits(({ writer }, a, b) => writer.node('Mul', [a, b])),
  bit_or: byDigits(({ writer }, a, b) => writer.node('Max', [a, b])),
  bit_xor: byDigits((call, a, b) =>
    call.writer.node('Mod', [call.writer.node('Add', [a, b]), number(call, 2)]),
  ),
  shift_left: (call) => narrow(call, call.writer.node('Mul', [wide(call, 0), powerOfCount(call)])),
  shift_right: (call) => {
    const { writer } = call;
    const [x, power] = [wide(call, 0), powerOfCount(call)];
    const multiple = writer.node('Sub', [x, writer.node('Mod', [x, power])]);
    return narrow(call, writer.node('Div', [multiple, power]));
  },
};
