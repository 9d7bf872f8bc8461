/**
 * Windows, convolutions and pooling. There are standard ops for up to three axes, with padding in
 * numbers; runtimes differ in what they make of a pool whose windows end behind the padding, or hold
 * padding alone. What is not plain is exported as its expansion.
 */
import { type Dim, multiply } from '../../ir/dims.ts';
import { entriesOr, slidingOf, windowCounts } from '../../ir/sliding.ts';
import { isFloat, staticShape } from '../../ir/types.ts';
import { type Attribute, int, ints, type Ref, real } from './graph-writer.ts';
import { constantOf, scalar } from './held-types.ts';
import { type CompositeExporter, EXPANDED, type Exporter, type OpCall } from './op-call.ts';
import { type OpEntry, since } from './opsets.ts';

type Attributes = { readonly [name: string]: Attribute };

/** Each axis by a Gather of the places of its windows, the last axis first; then their order. */
export const exportWindows: Exporter = (call) => {
  const { writer } = call;
  const { shape } = call.type(0);
  const sliding = slidingOf({
    sizes: call.numbers('sizes'),
    strides: call.numbers('strides'),
    dilations: call.numbers('dilations'),
  });
  const axes = sliding.sizes.length;
  const leading = shape.length - axes;
  const counts = windowCounts(shape.slice(leading), sliding);
  let x = call.ref(0);
  for (let axis = axes - 1; axis >= 0; axis--) {
    const size = sliding.sizes[axis] ?? 1;
    const stride = sliding.strides[axis] ?? 1;
    const steps = Array.from({ length: size }, (_, j) => j * (sliding.dilations[axis] ?? 1));
    const places = placesOf(call, counts[axis] ?? 1, stride, steps);
    x = writer.node('Gather', [x, places], { axis: int(leading + axis) });
  }
  const along = sliding.sizes.map((_, axis) => leading + 2 * axis);
  const order = [...shape.slice(0, leading).keys(), ...along, ...along.map((at) => at + 1)];
  if (order.every((from, axis) => from === axis)) return x;
  return writer.node('Transpose', [x], { perm: ints(order) });
};

/** [count, size]: window o has its element j at o * stride + steps[j]. */
function placesOf(call: OpCall, count: Dim, stride: number, steps: readonly number[]): Ref {
  const { writer, sizes } = call;
  if (typeof count === 'number') {
    const places = Array.from({ length: count }, (_, o) => steps.map((step) => o * stride + step));
    return constantOf(writer, 'i64', [count, steps.length], places.flat());
  }
  const [zero, by] = [scalar(writer, 'i64', 0), scalar(writer, 'i64', stride)];
  const starts = writer.node('Range', [zero, sizes.scalar(multiply(count, stride)), by]);
  const column = writer.node('Unsqueeze', [starts, sizes.numbers([1])]);
  return writer.node('Add', [column, sizes.numbers(steps)]);
}

export const exportConv: CompositeExporter = (call) => {
  const sizes = staticShape(call.type(1).shape.slice(2));
  const attributes = sizes === null ? null : slidingAttributes(call, sizes);
  if (attributes === null) return EXPANDED;
  const bias = call.operands[2] == null ? [] : [call.ref(2)];
  return call.writer.node('Conv', [call.ref(0), call.ref(1), ...bias], {
    ...attributes,
    dilations: ints(entriesOr(call.numbers('dilations'), sizes?.length ?? 0, 1)),
    group: int(call.number('groups')),
  });
};

export const exportMaxPool: CompositeExporter = (call) => {
  const attributes = poolAttributes(call);
  if (attributes === null || !isFloat(call.result.dtype)) return EXPANDED;
  const dilations = ints(entriesOr(call.numbers('dilations'), call.numbers('sizes').length, 1));
  return call.writer.node('MaxPool', [call.ref(0)], { ...attributes, dilations });
};

/** Dilations came with opset 19. */
export const exportAveragePool: OpEntry = [
  since(19, (call) => {
    const dilations = entriesOr(call.numbers('dilations'), call.numbers('sizes').length, 1);
    return averagePool(
      call,
      dilations.every((by) => by === 1) ? {} : { dilations: ints(dilations) },
    );
  }),
  since(17, (call) =>
    call.numbers('dilations').some((by) => by !== 1) ? EXPANDED : averagePool(call, {}),
  ),
];

function averagePool(call: OpCall, dilations: Attributes): Ref | typeof EXPANDED {
  const attributes = poolAttributes(call);
  if (attributes === null) return EXPANDED;
  const included = int(call.flag('include_padding') ? 1 : 0);
  return call.writer.node('AveragePool', [call.ref(0)], {
    ...attributes,
    ...dilations,
    count_include_pad: included,
  });
}

export const exportBatchNorm: CompositeExporter = (call) =>
  call.writer.node('BatchNormalization', call.refs(), { epsilon: real(call.number('eps')) });

/** Both vectors are needed there, and an axis behind the channels. */
export const exportInstanceNorm: CompositeExporter = (call) => {
  const isComplete = call.operands.every((operand) => operand !== null);
  if (!isComplete || call.type(0).shape.length < 3) return EXPANDED;
  return call.writer.node('InstanceNormalization', call.refs(), {
    epsilon: real(call.number('eps')),
  });
};

/** Of opset 21, where scale and shift are one a channel; both are needed, and an axis behind the channels. */
export const exportGroupNorm: OpEntry = [
  since(21, (call) => {
    const { dtype, shape } = call.type(0);
    const [, channels] = shape;
    const isComplete = call.operands.every((operand) => operand !== null);
    if (shape.length < 3 || !(isComplete || typeof channels === 'number')) return EXPANDED;
    const filled = (value: number) => {
      return constantOf(
        call.writer,
        dtype,
        [Number(channels)],
        Array(Number(channels)).fill(value),
      );
    };
    const gamma = call.operands[1]?.ref ?? filled(1);
    const beta = call.operands[2]?.ref ?? filled(0);
    return call.writer.node('GroupNormalization', [call.ref(0), gamma, beta], {
      num_groups: int(call.number('groups')),
      epsilon: real(call.number('eps')),
    });
  }),
];

/** Null where windows may end behind the padding, or hold nothing else. */
function poolAttributes(call: OpCall): Attributes | null {
  const sizes = call.numbers('sizes');
  const pads = [call.dims('before'), call.dims('after')];
  const isWithin = pads.every((side) =>
    side.every((pad, axis) => Number(pad) < (sizes[axis] ?? 1)),
  );
  return call.flag('ceil') || !isWithin ? null : slidingAttributes(call, sizes);
}

/** Null for more than three axes, and for padding that is no number. */
function slidingAttributes(call: OpCall, sizes: readonly number[]): Attributes | null {
  const axes = sizes.length;
  const pads = staticShape([
    ...entriesOr(call.dims('before'), axes, 0),
    ...entriesOr(call.dims('after'), axes, 0),
  ]);
  if (pads === null || axes > 3) return null;
  return {
    kernel_shape: ints(sizes),
    strides: ints(entriesOr(call.numbers('strides'), axes, 1)),
    pads: ints(pads),
  };
}
