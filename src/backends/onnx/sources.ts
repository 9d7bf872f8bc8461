/** Ops without operands: constants, and positions. */
import { add } from '../../ir/dims.ts';
import { staticShape } from '../../ir/types.ts';
import { DATA_TYPE } from '../../onnx/schema.ts';
import { castTo, constantOf, HELD_TYPE, scalar, wrap } from './held-types.ts';
import type { Exporter } from './op-call.ts';

export const exportConstant: Exporter = (call) => {
  const { writer, sizes } = call;
  const { dtype, shape } = call.result;
  const values = call.numbers('value');
  const [value = 0] = values;
  if (values.length > 1) return constantOf(writer, dtype, staticShape(shape) ?? [], values);
  const single = scalar(writer, dtype, value);
  return shape.length === 0 ? single : writer.node('Expand', [single, sizes.shape(shape)]);
};

/** The positions along the axis, which Expand repeats along the other axes. */
export const exportIota: Exporter = (call) => {
  const { writer, sizes } = call;
  const { dtype, shape } = call.result;
  const axis = call.axis(shape.length);
  const start = call.dim('start');
  const limit = add(start, shape[axis] ?? 1);
  const range = writer.node('Range', [
    sizes.scalar(start),
    sizes.scalar(limit),
    scalar(writer, 'i64', 1),
  ]);
  const held = HELD_TYPE[dtype];
  const positions = held === DATA_TYPE.int64 ? range : castTo(writer, range, held);
  const wrapped = wrap(writer, dtype, positions);
  if (shape.length === 1) return wrapped;
  const behind = shape.slice(axis + 1).map((_, other) => other + 1);
  const column =
    behind.length === 0 ? wrapped : writer.node('Unsqueeze', [wrapped, sizes.numbers(behind)]);
  return writer.node('Expand', [column, sizes.shape(shape)]);
};
