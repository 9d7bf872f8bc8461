/**
 * quantize: y[.., i] = round(x[.., i] * inverse[.., i]), with inverse = 127 / largest, or 0 where
 * largest < SMALLEST
 *
 * x [..s], largest [broadcasts to x] -> y as x. With the largest |x| of a row these are whole numbers
 * from -127 to 127. Every step is rounded to float32, halves of the last one to even, in the
 * interpreter too: with more digits another whole number would be the nearest now and then, and a
 * step of quantisation is no rounding error. For x that is not finite, y is not defined.
 * - c1: both are f32
 * - c2: largest broadcasts to x
 */
import { binary, bitcast, constant, type Expression, select, unary } from '../../loops/nodes.ts';
import { broadcastIndex, broadcastShapes } from '../broadcasting.ts';
import type { Value } from '../graph.ts';
import { atBroadcast, tabulate } from '../nd-array.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { DTypeOk, StretchesToOk } from '../shape-types.ts';
import { type DType, type Shape, sameShape } from '../types.ts';

export type Quantize = <D extends DType, S extends Shape, E extends DType, L extends Shape>(
  x: Value<D, S> & DTypeOk<'quantize_c1', 'f32', D>,
  largest: Value<E, L> & StretchesToOk<'quantize_c2', L, S> & DTypeOk<'quantize_c1', 'f32', E>,
) => Value<D, S>;

/** The largest whole number that a value becomes. */
export const MOST_STEPS = 127;
/** Below it 127 / largest would not be finite. */
export const SMALLEST = 2 ** -100;

export const quantize: OpDefinition<Quantize> = defineOp({
  kind: 'elementwise',
  summary: 'y[i] = round(x[i] * (127 / largest[i])) in float32',
  operands: [{ name: 'x' }, { name: 'largest' }],
  attributes: {},
  tolerance: { absolute: 0, relative: 0 },
  infer: ({ operand, require }) => {
    const [x, largest] = [operand(0), operand(1)];
    require('c1', x.dtype === 'f32' && largest.dtype === 'f32', () => 'both must be f32');
    const together = broadcastShapes(x.shape, largest.shape);
    require('c2', together !== null && sameShape(together, x.shape), () => {
      return 'the largest values must broadcast to x';
    });
    return [x];
  },
  evaluate: ({ operand, result }) => {
    const [x, largest] = [operand(0), operand(1)];
    const steps = tabulate(result, (index) => {
      const most = Math.fround(atBroadcast(largest, index));
      const inverse = most < SMALLEST ? 0 : Math.fround(MOST_STEPS / most);
      return roundHalfToEven(Math.fround(Math.fround(atBroadcast(x, index)) * inverse));
    });
    return [steps];
  },
  lower: ({ index, types, operand }) => {
    const largest = operand(1, broadcastIndex(index, types[1]?.shape ?? []));
    return unary('round', toFloat32(binary('mul', operand(0, index), inverseOf(largest))));
  },
});

/** Steps a unit: 127 / largest in float32, or 0. */
export function inverseOf(largest: Expression): Expression {
  const inverse = toFloat32(binary('div', constant(MOST_STEPS), largest));
  return select(binary('lt', largest, constant(SMALLEST)), constant(0), inverse);
}

/** The value in 32 bits: JS computes with more. */
function toFloat32(x: Expression): Expression {
  return bitcast('f32', bitcast('i32', x));
}

function roundHalfToEven(x: number): number {
  const nearest = Math.round(x);
  return nearest - x === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;
}
