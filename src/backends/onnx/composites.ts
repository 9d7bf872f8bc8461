/**
 * Composites that are standard ops, and gelu, of which runtimes know one spelling before it was one. What
 * differs from the standard meaning is spelled out around the op: softmax is total here, while Softmax
 * gives NaN for a row of minus infinities.
 */
import { FLOOR, LOWEST } from '../../ir/ops/softmax.ts';
import { int, type Ref, real, text } from './graph-writer.ts';
import { constantOf, scalar } from './held-types.ts';
import { type CompositeExporter, EXPANDED, type OpCall } from './op-call.ts';
import { type OpEntry, since } from './opsets.ts';

/**
 * y = Softmax(x where visible, else LOWEST) where visible, else 0; an element is visible where the mask
 * is true and it is not below FLOOR. A row without a visible element is zeros.
 */
export const exportSoftmax: CompositeExporter = (call) => {
  const { writer } = call;
  const x = call.ref(0);
  const axis = int(call.axis(call.result.shape.length));
  const visible = visibleElements(call);
  if (visible === null) return writer.node('Softmax', [x], { axis });
  const { dtype } = call.result;
  const scores = writer.node('Where', [visible, x, scalar(writer, dtype, LOWEST)]);
  const weights = writer.node('Softmax', [scores], { axis });
  return writer.node('Where', [visible, weights, scalar(writer, dtype, 0)]);
};

/** Null where every element is visible. */
function visibleElements(call: OpCall): Ref | null {
  const { writer } = call;
  const { ref, isModerate } = call.operand(0);
  const mask = call.operands[1]?.ref ?? null;
  if (isModerate) return mask;
  // NaN is not below FLOOR: it stays visible, and spoils its row.
  const below = writer.node('Less', [ref, scalar(writer, call.result.dtype, FLOOR)]);
  const above = writer.node('Not', [below]);
  return mask === null ? above : writer.node('And', [mask, above]);
}

export const exportLogSoftmax: CompositeExporter = (call) => {
  const axis = int(call.axis(call.result.shape.length));
  return call.writer.node('LogSoftmax', [call.ref(0)], { axis });
};

/** The scale of the standard op is not optional: without a gamma it is ones, of a size that is known. */
const norm =
  (opType: 'LayerNormalization' | 'RMSNormalization'): CompositeExporter =>
  (call) => {
    const { writer } = call;
    const { dtype, shape } = call.type(0);
    const width = shape.at(-1);
    const gamma = call.operands[1]?.ref ?? null;
    const beta = call.operands[2]?.ref ?? null;
    if (gamma === null && typeof width !== 'number') return EXPANDED;
    const ones = () => constantOf(writer, dtype, [Number(width)], Array(Number(width)).fill(1));
    const operands = [call.ref(0), gamma ?? ones(), ...(beta === null ? [] : [beta])];
    return writer.node(opType, operands, { axis: int(-1), epsilon: real(call.number('eps')) });
  };

export const exportLayerNorm = norm('LayerNormalization');
export const exportRmsNorm: OpEntry = [since(23, norm('RMSNormalization'))];

export const exportGelu: OpEntry = [
  since(20, (call) => {
    const approximate = text(call.choice('approximation'));
    return call.writer.node('Gelu', [call.ref(0)], { approximate });
  }),
  since(17, geluByErf),
];

/** (x * 0.5) * (Erf(x / sqrt(2)) + 1) in these very ops, in which runtimes find it to make it one kernel. */
function geluByErf(call: OpCall): Ref | typeof EXPANDED {
  const { writer, result } = call;
  if (call.choice('approximation') !== 'none') return EXPANDED;
  const x = call.ref(0);
  const number = (value: number) => scalar(writer, result.dtype, value);
  const erf = writer.node('Erf', [writer.node('Div', [x, number(Math.SQRT2)])]);
  const half = writer.node('Mul', [x, number(0.5)]);
  return writer.node('Mul', [half, writer.node('Add', [erf, number(1)])]);
}
