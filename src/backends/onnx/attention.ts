/**
 * attention as the standard op of opset 23. The two agree but for a query that sees no key: the standard
 * op gives NaN, or whatever a runtime makes of that, and ours zeros, which are put in their place where a
 * query may see none.
 *
 * Left to the expansion are a scale of which there is no root, with which the standard op multiplies query
 * and key, and a bias that may hide keys of itself, as runtimes differ in what is low enough for that.
 */
import { broadcastShapes } from '../../ir/broadcasting.ts';
import { type Dim, isAtLeast, subtract } from '../../ir/dims.ts';
import { type Shape, sameShape } from '../../ir/types.ts';
import { DATA_TYPE } from '../../onnx/schema.ts';
import { type Attribute, int, type Ref, real } from './graph-writer.ts';
import { castTo, scalar } from './held-types.ts';
import { EXPANDED, type OpCall } from './op-call.ts';
import { type OpEntry, since } from './opsets.ts';

/** A bool or bias that broadcasts to the scores. */
interface Mask {
  readonly ref: Ref;
  readonly shape: Shape;
}

export const exportAttention: OpEntry = [since(23, standardAttention)];

function standardAttention(call: OpCall): Ref | typeof EXPANDED {
  const { shape } = call.type(0);
  const [mask, bias] = [givenMask(call, 3), givenMask(call, 4)];
  if (shape.length > 4 || !(call.number('scale') > 0)) return EXPANDED;
  if (call.operands[4]?.isModerate === false || mask?.shape.length === 0) return EXPANDED;
  const { n, m } = rowsOf(call);
  const isCausal = call.flag('causal');
  // The standard op counts the rows of query and key from the first on, ours to the last.
  const isTriangle = isCausal && n === m && mask === null && call.numberOrNull('window') === null;
  const visible = isTriangle ? mask : visibleKeys(call, mask);
  const y = attend(call, isTriangle, maskOperand(call, visible, bias));
  const seesOne = mask === null && isAtLeast(subtract(m, n), 0);
  return visible === null || seesOne ? y : zerosWhereHidden(call, y, visible);
}

function givenMask(call: OpCall, index: number): Mask | null {
  const operand = call.operands[index] ?? null;
  return operand && { ref: operand.ref, shape: operand.type.shape };
}

/** The rows of the query, and of key and value. */
function rowsOf(call: OpCall): { readonly n: Dim; readonly m: Dim } {
  return { n: call.type(0).shape.at(-2) ?? 1, m: call.type(1).shape.at(-2) ?? 1 };
}

function attend(call: OpCall, isTriangle: boolean, mask: Ref | null): Ref {
  const { writer, sizes } = call;
  const isApart = call.type(0).shape.length === 3;
  const heads = [0, 1, 2].map((index) => {
    const x = call.ref(index);
    return isApart ? writer.node('Unsqueeze', [x, sizes.numbers([0])]) : x;
  });
  const attributes = { ...(isTriangle ? { is_causal: int(1) } : {}), ...scaleOf(call) };
  const y = writer.node('Attention', [...heads, ...(mask === null ? [] : [mask])], attributes);
  return isApart ? writer.node('Squeeze', [y, sizes.numbers([0])]) : y;
}

/** Not written where it is the standard one, of which a float32 would be a rounding. */
function scaleOf(call: OpCall): { readonly scale?: Attribute } {
  const [scale, width] = [call.number('scale'), Number(call.type(0).shape.at(-1))];
  return scale === 1 / Math.sqrt(width) ? {} : { scale: real(scale) };
}

/** The mask, and what position hides; null where every key is visible. */
function visibleKeys(call: OpCall, mask: Mask | null): Mask | null {
  const { writer, sizes } = call;
  const { n, m } = rowsOf(call);
  const range = (start: Dim, end: Dim) =>
    writer.node('Range', [sizes.scalar(start), sizes.scalar(end), scalar(writer, 'i64', 1)]);
  const key = () => range(0, m);
  const query = () => writer.node('Unsqueeze', [range(subtract(m, n), m), sizes.numbers([1])]);
  const window = call.numberOrNull('window');
  const distance = () => writer.node('Abs', [writer.node('Sub', [query(), key()])]);
  const conditions = [
    ...(call.flag('causal') ? [writer.node('LessOrEqual', [key(), query()])] : []),
    ...(window === null
      ? []
      : [writer.node('LessOrEqual', [distance(), scalar(writer, 'i64', window)])]),
  ].map((ref): Mask => ({ ref, shape: [n, m] }));
  return [...(mask === null ? [] : [mask]), ...conditions].reduce<Mask | null>(
    (a, b) => (a === null ? b : { ref: writer.node('And', [a.ref, b.ref]), shape: together(a, b) }),
    null,
  );
}

function together(a: Mask, b: Mask): Shape {
  const shape = broadcastShapes(a.shape, b.shape);
  if (shape === null) throw new Error(`[${a.shape}] and [${b.shape}] do not broadcast`);
  return shape;
}

/** What is visible and the bias as one operand, of all rows and keys, as runtimes want it. */
function maskOperand(call: OpCall, visible: Mask | null, bias: Mask | null): Ref | null {
  const { writer, sizes } = call;
  const one = visible && bias ? biasWhereVisible(call, visible, bias) : (visible ?? bias);
  if (one === null) return null;
  const { n, m } = rowsOf(call);
  const whole = [...one.shape.slice(0, -2), n, m];
  return sameShape(one.shape, whole)
    ? one.ref
    : writer.node('Expand', [one.ref, sizes.shape(whole)]);
}

function biasWhereVisible({ writer }: OpCall, visible: Mask, bias: Mask): Mask {
  const hidden = scalar(writer, 'f32', -Infinity);
  const ref = writer.node('Where', [visible.ref, bias.ref, hidden]);
  return { ref, shape: together(visible, bias) };
}

/** Where(a key is visible, y, 0) */
function zerosWhereHidden(call: OpCall, y: Ref, { ref, shape }: Mask): Ref {
  const { writer, sizes, result } = call;
  const keys = castTo(writer, ref, DATA_TYPE.int32);
  const count = writer.node('ReduceSum', [keys, sizes.numbers([shape.length - 1])]);
  const sees = castTo(writer, count, DATA_TYPE.bool);
  return writer.node('Where', [sees, y, scalar(writer, result.dtype, 0)]);
}
