/** Ops that move elements without changing them, and gather. */
import { type Dim, subtract } from '../../ir/dims.ts';
import { type Shape, sameShape, staticShape } from '../../ir/types.ts';
import { DATA_TYPE } from '../../onnx/schema.ts';
import { int, ints, type Ref } from './graph-writer.ts';
import { castTo, scalar } from './held-types.ts';
import type { Exporter, OpCall } from './op-call.ts';

export const exportReshape: Exporter = (call) => {
  const { shape } = call.type(0);
  const target = call.dims('shape');
  return sameShape(shape, target) ? call.ref(0) : reshape(call, call.ref(0), shape, target);
};

function reshape({ writer, sizes }: OpCall, x: Ref, from: Shape, to: Shape): Ref {
  const short = shortShape(from, to);
  if (short !== null) return writer.node('Reshape', [x, sizes.numbers(short)]);
  // A 0 in the computed shape is a size, not a request to copy one.
  return writer.node('Reshape', [x, sizes.shape(to)], { allowzero: int(1) });
}

/**
 * The shape in numbers, with 0 for a symbolic dim that stays in its place and -1 for one that follows
 * from the others; null where that does not suffice, or not for sizes of 0.
 */
function shortShape(from: Shape, to: Shape): readonly number[] | null {
  if (to.includes(0)) return null;
  const isCopied = (dim: Dim, axis: number) => typeof dim === 'string' && dim === from[axis];
  const copied = to.map((dim, axis) => (isCopied(dim, axis) ? 0 : dim));
  const short = staticShape(copied);
  if (short !== null) return short;
  const symbols = copied.filter((dim) => typeof dim === 'string');
  if (symbols.length > 1 || copied.includes(0)) return null;
  return staticShape(copied.map((dim) => (typeof dim === 'string' ? -1 : dim)));
}

export const exportTranspose: Exporter = (call) => {
  const permutation = call.numbers('permutation');
  if (permutation.every((from, axis) => from === axis)) return call.ref(0);
  return call.writer.node('Transpose', [call.ref(0)], { perm: ints(permutation) });
};

export const exportBroadcast: Exporter = (call) => {
  const target = call.dims('shape');
  if (sameShape(call.type(0).shape, target)) return call.ref(0);
  return call.writer.node('Expand', [call.ref(0), call.sizes.shape(target)]);
};

/**
 * Only axes that are cut are named. Where a step is negative, start and end are counted from the end
 * (minus the size), as -1 would mean the last element and not the place before the first.
 */
export const exportSlice: Exporter = (call) => {
  const { writer, sizes } = call;
  const { shape } = call.type(0);
  const [starts, ends, steps] = [call.dims('starts'), call.dims('ends'), call.numbers('steps')];
  const cuts = shape.flatMap((size, axis) => {
    const [start, end, step] = [starts[axis] ?? 0, ends[axis] ?? size, steps[axis] ?? 1];
    if (start === 0 && end === size && step === 1) return [];
    if (step > 0) return [{ axis, step, start, end }];
    return [{ axis, step, start: subtract(start, size), end: subtract(end, size) }];
  });
  if (cuts.length === 0) return call.ref(0);
  return writer.node('Slice', [
    call.ref(0),
    sizes.shape(cuts.map(({ start }) => start)),
    sizes.shape(cuts.map(({ end }) => end)),
    sizes.numbers(cuts.map(({ axis }) => axis)),
    sizes.numbers(cuts.map(({ step }) => step)),
  ]);
};

export const exportConcat: Exporter = (call) => {
  const axis = call.axis(call.result.shape.length);
  return call.writer.node('Concat', call.refs(), { axis: int(axis) });
};

export const exportPad: Exporter = (call) => {
  const pads = [...call.dims('before'), ...call.dims('after')];
  if (pads.every((size) => size === 0)) return call.ref(0);
  const value = scalar(call.writer, call.result.dtype, call.number('value'));
  return call.writer.node('Pad', [call.ref(0), call.sizes.shape(pads), value]);
};

/** Indices are clamped into the table, as ONNX counts negative ones from the end and refuses others. */
const gatherBy =
  (opType: 'Gather' | 'GatherElements'): Exporter =>
  (call) => {
    const { writer, sizes } = call;
    const [table, indices] = [call.type(0), call.type(1)];
    const axis = call.axis(table.shape.length);
    const last = sizes.scalar(subtract(table.shape[axis] ?? 1, 1));
    const isWide = indices.dtype === 'i64';
    const wide = isWide ? call.ref(1) : castTo(writer, call.ref(1), DATA_TYPE.int64);
    const within = writer.node('Clip', [wide, scalar(writer, 'i64', 0), last]);
    return writer.node(opType, [call.ref(0), within], { axis: int(axis) });
  };

/** Ids that callers give to look up rows of a weight are in range: artifacts refuse others. */
export const exportGather: Exporter = (call) => {
  const [table, ids] = [call.operand(0), call.operand(1)];
  const [rows, , more] = table.type.shape;
  const isTable = table.origin === 'weight' && typeof rows === 'number' && more === undefined;
  const isEmbedding = isTable && call.axis(table.type.shape.length) === 0 && ids.origin === 'input';
  return isEmbedding
    ? call.writer.node('Gather', call.refs(), { axis: int(0) })
    : gatherBy('Gather')(call);
};

export const exportGatherElements = gatherBy('GatherElements');

/** Of the flat operand, whose positions NonZero gives as a row. */
export const exportNonzero: Exporter = (call) => {
  const { writer, sizes } = call;
  const { shape } = call.type(0);
  const flat = (x: Ref) => writer.node('Reshape', [x, sizes.numbers([-1])]);
  const row = writer.node('NonZero', [flat(countedElements(call, shape))]);
  const positions = castTo(writer, flat(row), DATA_TYPE.int32);
  sizes.define(String(call.dim('symbol')), positions);
  return positions;
};

function countedElements(call: OpCall, shape: Shape): Ref {
  const { writer, sizes } = call;
  const always = call.dims('always');
  if (always.length === 0) return call.ref(0);
  const last = sizes.scalar(shape.at(-1) ?? 1);
  const places = writer.node('Range', [scalar(writer, 'i64', 0), last, scalar(writer, 'i64', 1)]);
  const isAt = always.map((place) => writer.node('Equal', [places, sizes.dim(place)]));
  const isSet = castTo(writer, call.ref(0), DATA_TYPE.bool);
  return isAt.reduce((counts, at) => writer.node('Or', [counts, at]), isSet);
}
