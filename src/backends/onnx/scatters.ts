/**
 * Scatters. An index outside of x is left out here and an error in ONNX: x gets one more place at the end
 * of every axis that is indexed, to which such indices lead, and which is cut off again.
 */
import { EncompileError } from '../../errors.ts';
import { DATA_TYPE } from '../../onnx/schema.ts';
import { int, type Ref, text } from './graph-writer.ts';
import { castTo, HELD_TYPE, scalar } from './held-types.ts';
import type { Exporter, OpCall } from './op-call.ts';
import { type OpEntry, since } from './opsets.ts';

const scatterElements: Exporter = (call) => {
  const { shape } = call.type(0);
  const axis = call.axis(shape.length);
  const size = call.sizes.scalar(shape[axis] ?? 1);
  return between(call, [axis], (x) => {
    const operands = [x, within(call, wideIndices(call), size), call.ref(2)];
    const attributes = { axis: int(axis), reduction: text(call.choice('reduction')) };
    return call.writer.node('ScatterElements', operands, attributes);
  });
};

const scatterNd: Exporter = (call) => {
  const { shape } = call.type(0);
  const depth = Number(call.type(1).shape.at(-1));
  const named = shape.slice(0, depth);
  return between(call, [...named.keys()], (x) => {
    const indices = within(call, wideIndices(call), call.sizes.shape(named));
    const attributes = { reduction: text(call.choice('reduction')) };
    return call.writer.node('ScatterND', [x, indices, call.ref(2)], attributes);
  });
};

function spellings(write: Exporter): OpEntry {
  return [since(18, write), since(17, (call) => write(withoutExtremes(call)))];
}

function withoutExtremes(call: OpCall): OpCall {
  const reduction = call.choice('reduction');
  if (reduction !== 'min' && reduction !== 'max') return call;
  throw new EncompileError(
    `${call.op} with the reduction '${reduction}' has no op before opset 18. Export the model in opset 18 ` +
      'or newer (--opset 18), or compile it for js, wasm or wgsl.',
  );
}

export const scatterExporters: { readonly [N in 'scatter_elements' | 'scatter_nd']: OpEntry } = {
  scatter_elements: spellings(scatterElements),
  scatter_nd: spellings(scatterNd),
};

function wideIndices(call: OpCall): Ref {
  const isWide = HELD_TYPE[call.type(1).dtype] === DATA_TYPE.int64;
  return isWide ? call.ref(1) : castTo(call.writer, call.ref(1), DATA_TYPE.int64);
}

/** Indices of 0 .. size - 1 as they are, others as size. */
function within({ writer }: OpCall, indices: Ref, size: Ref): Ref {
  const isNegative = writer.node('Less', [indices, scalar(writer, 'i64', 0)]);
  const isBehind = writer.node('GreaterOrEqual', [indices, size]);
  const isOutside = writer.node('Or', [isNegative, isBehind]);
  return writer.node('Where', [isOutside, size, indices]);
}

/** What is made of x with one more place at the end of the axes, without these places. */
function between(call: OpCall, axes: readonly number[], make: (x: Ref) => Ref): Ref {
  const { writer, sizes } = call;
  const { dtype, shape } = call.type(0);
  if (axes.length === 0) return make(call.ref(0));
  const pads = [...shape.map(() => 0), ...shape.map((_, axis) => (axes.includes(axis) ? 1 : 0))];
  const none = scalar(writer, dtype, 0);
  const padded = writer.node('Pad', [call.ref(0), sizes.numbers(pads), none]);
  const ends = axes.map((axis) => shape[axis] ?? 1);
  return writer.node('Slice', [
    make(padded),
    sizes.numbers(axes.map(() => 0)),
    sizes.shape(ends),
    sizes.numbers(axes),
  ]);
}
