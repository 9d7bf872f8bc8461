/** Convolutions of quantised tensors: of whole numbers, each less its zero point. */
import { type Dim, sizeOf } from '../../../ir/dims.ts';
import type { Value } from '../../../ir/graph.ts';
import type { HandlerTable, NodeContext } from '../context.ts';
import { convolved } from './convolution.ts';
import { limitsOf, saturated } from './quantization.ts';

/** The operand `index` less its zero point, which may be one a row: whole numbers in float32. */
function shifted(node: NodeContext, index: number, zeroIndex: number): Value {
  const { g } = node;
  const whole = g.cast(node.value(index), { dtype: 'f32' });
  if (!node.has(zeroIndex)) return whole;
  const zero = g.cast(node.value(zeroIndex), { dtype: 'f32' });
  return g.sub(whole, along(node, zero, 0, whole.shape.length));
}

/** A vector as it stands along an axis; a single number as one of no dims. */
function along({ g }: NodeContext, x: Value, axis: number, rank: number): Value {
  const isVector = x.shape.length === 1 && x.shape[0] !== 1;
  const column: readonly Dim[] = Array.from({ length: rank }, (_, other) =>
    other === axis ? (x.shape[0] ?? 1) : 1,
  );
  if (isVector) return g.reshape(x, { shape: column });
  return x.shape.length === 0 ? x : g.reshape(x, { shape: [] });
}

/** Differences of bytes have 8 digits and a sign; float32 holds sums of 24. */
const BYTE = 8;
const EXACT = 24;

/**
 * In int32, exactly: where float32 would not hold the sums, x is taken apart into numbers of fewer digits,
 * whose sums it holds.
 */
function convInteger(node: NodeContext): Value {
  const { g } = node;
  const [x, weight] = [shifted(node, 0, 2), shifted(node, 1, 3)];
  const terms = sizeOf(weight.shape.slice(1));
  const digits =
    typeof terms === 'number' ? EXACT - BYTE - Math.ceil(Math.log2(Math.max(terms, 1))) : 0;
  if (digits < 1) return node.unsupported(`it sums ${terms} products`, 'Use QLinearConv.');
  const base = 2 ** Math.min(digits, BYTE);
  const sumsOf = (part: Value) => g.cast(convolved(node, part, weight, null), { dtype: 'i32' });
  let [rest, total, factor] = [x, null as Value | null, 1];
  for (; factor * base < 2 ** BYTE; factor *= base) {
    const low = g.rem(rest, base);
    const sums = factor === 1 ? sumsOf(low) : g.mul(sumsOf(low), factor);
    total = total === null ? sums : g.add(total, sums);
    rest = g.div(g.sub(rest, low), base);
  }
  if (total === null) return sumsOf(rest);
  return g.add(total, g.mul(sumsOf(rest), factor));
}

/**
 * saturate(round((conv(x - x0, w - w0) + bias) * x_scale * w_scale / y_scale) + y0). The sums are of whole
 * numbers in float32: exact below 2^24, and beyond that nearer than the steps of the result.
 */
function qLinearConv(node: NodeContext): Value {
  const { g } = node;
  const bias = node.optional(8);
  const wide = bias === null ? null : g.cast(bias, { dtype: 'f32' });
  const sums = convolved(node, shifted(node, 0, 2), shifted(node, 3, 5), wide);
  const rank = sums.shape.length;
  const [xScale, wScale, yScale] = [1, 4, 6].map((i) => along(node, node.value(i), 1, rank));
  const scale = g.round_float32(g.div(g.mul(xScale as Value, wScale as Value), yScale as Value));
  const steps = g.round(g.round_float32(g.mul(sums, scale)));
  const zero = along(node, node.value(7), 1, rank);
  const limits = limitsOf(node, node.types[7] ?? null, zero.dtype);
  return saturated(g, steps, zero, zero.dtype, limits);
}

export const quantizedConvolution: HandlerTable = {
  ConvInteger: convInteger,
  QLinearConv: qLinearConv,
};
