/**
 * Quantised tensors, computed as what they mean: a dequantised weight is folded when compiling, and a
 * pair of QuantizeLinear and DequantizeLinear around an activation rounds it to its steps, as the
 * model was made to be run. Nothing is dropped, so a quantised model gives its own results.
 */
import type { Dim } from '../../../ir/dims.ts';
import type { Value } from '../../../ir/graph.ts';
import { type DType, isFloat } from '../../../ir/types.ts';
import type { HandlerTable, NodeContext } from '../context.ts';
import { dtypeOf, type ElementType, elementTypeOf } from '../tensors.ts';
import { integerProduct } from './linear.ts';

/** (x - zero) * scale. */
function dequantizeLinear(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const scale = beside(node, node.value(1), x);
  const whole = g.cast(x, { dtype: 'f32' });
  const zero = node.has(2) ? g.cast(beside(node, node.value(2), x), { dtype: 'f32' }) : null;
  const wide = isFloat(scale.dtype) ? g.cast(scale, { dtype: 'f32' }) : scale;
  const y = g.mul(zero === null ? whole : g.sub(whole, zero), wide);
  const wanted = node.int('output_dtype', 0);
  const dtype = wanted === 0 ? scale.dtype : dtypeOf(wanted, 'its result');
  return dtype === 'f32' ? y : g.cast(y, { dtype });
}

/** saturate(round(x / scale) + zero), halves to even. */
function quantizeLinear(node: NodeContext): Value {
  const x = node.value(0);
  const scale = beside(node, node.value(1), x);
  const zero = node.has(2) ? beside(node, node.value(2), x) : null;
  const wanted = node.int('output_dtype', 0);
  const dtype = zero?.dtype ?? (wanted === 0 ? 'u8' : dtypeOf(wanted, 'its result'));
  const type = zero === null ? elementTypeOf(wanted) : node.types[2];
  const step = node.known(1) === null ? node.g.round_float32(scale) : scale;
  return quantized(node, x, step, zero, dtype, limitsOf(node, type ?? null, dtype));
}

const LIMITS: { readonly [T in ElementType | DType]?: readonly [number, number] } = {
  ...{ u8: [0, 255], i8: [-128, 127], uint8: [0, 255], int8: [-128, 127] },
  ...{ uint2: [0, 3], int2: [-2, 1] },
  ...{ uint4: [0, 15], int4: [-8, 7], uint16: [0, 65535], int16: [-32768, 32767] },
};

/** Of the type in the file, where that is known: the dtype may be wider. */
export function limitsOf(
  node: NodeContext,
  type: ElementType | null,
  dtype: DType,
): readonly [number, number] {
  const limits = LIMITS[type ?? dtype];
  return limits ?? node.unsupported(`it quantises to ${type ?? dtype}`, 'Use at most 16 bits.');
}

/**
 * The steps are counted in float32, as the standard has it, in the interpreter too: a number near the middle
 * of two steps would else go to one side here and to the other in a kernel.
 */
function quantized(
  { g }: NodeContext,
  x: Value,
  scale: Value,
  zero: Value | null,
  dtype: DType,
  limits: readonly [number, number],
): Value {
  const [wide, step] = [x, scale].map((v) => (v.dtype === 'f32' ? v : g.cast(v, { dtype: 'f32' })));
  const steps = g.round(g.round_float32(g.div(wide as Value, step as Value)));
  return saturated(g, steps, zero, dtype, limits);
}

export function saturated(
  g: NodeContext['g'],
  steps: Value,
  zero: Value | null,
  dtype: DType,
  [low, high]: readonly [number, number],
): Value {
  const moved = zero === null ? steps : g.add(steps, g.cast(zero, { dtype: 'f32' }));
  return g.cast(g.minimum(g.maximum(moved, low), high), { dtype });
}

/**
 * A scale or zero point as it stands beside x: one number, one for each place of an axis, or one for each
 * block of `block_size` places.
 */
function beside(node: NodeContext, value: Value, x: Value): Value {
  const { g } = node;
  const count = value.shape.length === 0 || value.shape.every((dim) => dim === 1);
  if (count) return value.shape.length === 0 ? value : g.reshape(value, { shape: [] });
  const axis = node.axis('axis', 1, x.shape.length);
  const size = node.int('block_size', 0);
  if (size === 0) {
    if (value.shape.length !== 1) return value;
    const shape = x.shape.map((_, other) => (other === axis ? (value.shape[0] ?? 1) : 1));
    return g.reshape(value, { shape });
  }
  const copied = value.shape.toSpliced(axis + 1, 0, size);
  const apart = g.reshape(value, { shape: value.shape.toSpliced(axis + 1, 0, 1) });
  const blocks = g.broadcast(apart, { shape: copied });
  const joined = value.shape.map((dim, other) => (other === axis ? node.size([dim, size]) : dim));
  const whole = g.reshape(blocks, { shape: joined });
  const starts: readonly Dim[] = joined.map(() => 0);
  const ends = joined.map((dim, other) => (other === axis ? (x.shape[axis] ?? dim) : dim));
  return g.slice(whole, { starts, ends });
}

/** y, its scale and its zero point, from the range of x and 0. */
function dynamicQuantizeLinear(node: NodeContext): readonly Value[] {
  const { g } = node;
  const x = node.value(0);
  const axes = x.shape.map((_, axis) => axis);
  const largest = g.maximum(g.reduce_max(x, { axes }), 0);
  const smallest = g.minimum(g.reduce_min(x, { axes }), 0);
  const scale = g.round_float32(g.div(g.round_float32(g.sub(largest, smallest)), 255));
  const place = g.round(g.round_float32(g.neg(g.div(smallest, scale))));
  const zero = g.cast(g.minimum(g.maximum(place, 0), 255), { dtype: 'u8' });
  return [quantized(node, x, scale, zero, 'u8', [0, 255]), scale, zero];
}

/** (A - a0) (B - b0) in int32. */
function matmulInteger(node: NodeContext): Value {
  return shiftedProduct(node, [0, 2], [1, 3]);
}

/** The product of two operands, each less its zero point where that is there. */
function shiftedProduct(
  node: NodeContext,
  [a, aZero]: readonly [number, number],
  [b, bZero]: readonly [number, number],
): Value {
  const { g } = node;
  const shifted = (index: number, zeroIndex: number, isRows: boolean) => {
    const x = g.cast(node.value(index), { dtype: 'i32' });
    if (!node.has(zeroIndex)) return x;
    const zero = g.cast(node.value(zeroIndex), { dtype: 'i32' });
    return g.sub(x, perRow(node, zero, isRows));
  };
  return integerProduct(node, shifted(a, aZero, true), shifted(b, bZero, false));
}

/** A vector stands for one number a row of a, or a column of b. */
function perRow({ g }: NodeContext, x: Value, isRows: boolean): Value {
  const isVector = x.shape.length === 1 && x.shape[0] !== 1;
  return isRows && isVector ? g.reshape(x, { shape: [...x.shape, 1] }) : x;
}

function qLinearMatMul(node: NodeContext): Value {
  const { g } = node;
  const product = g.cast(shiftedProduct(node, [0, 2], [3, 5]), { dtype: 'f32' });
  const float = (index: number, isRows: boolean) => {
    const value = node.value(index);
    return perRow(node, isFloat(value.dtype) ? g.cast(value, { dtype: 'f32' }) : value, isRows);
  };
  const real = g.mul(g.mul(product, float(1, true)), float(4, false));
  const zero = node.value(7);
  const limits = LIMITS[zero.dtype] ?? node.unsupported('its result is no 8-bit integer');
  return quantized(node, real, float(6, true), perRow(node, zero, true), zero.dtype, limits);
}

export const quantization: HandlerTable = {
  DequantizeLinear: dequantizeLinear,
  DynamicQuantizeLinear: dynamicQuantizeLinear,
  MatMulInteger: matmulInteger,
  QLinearMatMul: qLinearMatMul,
  QuantizeLinear: quantizeLinear,
};
