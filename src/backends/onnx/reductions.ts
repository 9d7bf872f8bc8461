/** Reductions, arg-reductions, running sums and the contraction. */
import { RANGE } from '../../ir/integers.ts';
import type { argReduceOps } from '../../ir/ops/argmax.ts';
import type { reductionOps } from '../../ir/ops/reductions.ts';
import { DATA_TYPE } from '../../onnx/schema.ts';
import type { ExportersOf } from './elementwise.ts';
import { int, ints, type Ref } from './graph-writer.ts';
import { castTo, scalar, wrap } from './held-types.ts';
import type { Exporter, OpCall } from './op-call.ts';
import { type OpEntry, since } from './opsets.ts';

/** The axes of ReduceSum are an input in all opsets, those of the others since 18. */
export const reductionExporters: { readonly [N in keyof typeof reductionOps]: OpEntry } = {
  reduce_sum: reduction(byOperand('ReduceSum')),
  reduce_mean: reductionSpellings('ReduceMean'),
  reduce_max: reductionSpellings('ReduceMax', { opType: 'Max', end: 0 }),
  reduce_min: reductionSpellings('ReduceMin', { opType: 'Min', end: 1 }),
  reduce_prod: reductionSpellings('ReduceProd'),
};

export const argReduceExporters: ExportersOf<typeof argReduceOps> = {
  argmax: argReduction('ArgMax'),
  argmin: argReduction('ArgMin'),
};

export const exportMatmul: Exporter = (call) => call.writer.node('MatMul', call.refs());

export const exportCumsum: Exporter = (call) => {
  const { writer, result } = call;
  const axis = scalar(writer, 'i64', call.axis(result.shape.length));
  const flags = {
    exclusive: int(call.flag('exclusive') ? 1 : 0),
    reverse: int(call.flag('reverse') ? 1 : 0),
  };
  return wrap(writer, result.dtype, writer.node('CumSum', [call.ref(0), axis], flags));
};

type Reduce = (call: OpCall, axes: readonly number[]) => Ref;

/** The end of a dtype's range that the result of no elements is at. */
interface Limit {
  readonly opType: 'Max' | 'Min';
  readonly end: 0 | 1;
}

function reduction(reduce: Reduce, limit?: Limit): Exporter {
  return (call) => {
    const { writer, result } = call;
    const rank = call.type(0).shape.length;
    const axes = call.numbers('axes').map((axis) => (axis < 0 ? axis + rank : axis));
    // No axes would mean all of them.
    const reduced =
      axes.length === 0
        ? call.ref(0)
        : reduce(
            call,
            axes.toSorted((a, b) => a - b),
          );
    const { dtype } = result;
    // bytes are held in more bits, whose range is wider
    if (limit === undefined || (dtype !== 'i8' && dtype !== 'u8'))
      return wrap(writer, dtype, reduced);
    return writer.node(limit.opType, [reduced, scalar(writer, dtype, RANGE[dtype][limit.end])]);
  };
}

function reductionSpellings(opType: string, limit?: Limit): OpEntry {
  return [
    since(18, reduction(byOperand(opType), limit)),
    since(17, reduction(byAttribute(opType), limit)),
  ];
}

function byOperand(opType: string): Reduce {
  return (call, axes) => {
    return call.writer.node(opType, [call.ref(0), call.sizes.numbers(axes)], keepOf(call));
  };
}

function byAttribute(opType: string): Reduce {
  return (call, axes) => {
    return call.writer.node(opType, [call.ref(0)], { axes: ints(axes), ...keepOf(call) });
  };
}

function argReduction(opType: 'ArgMax' | 'ArgMin'): Exporter {
  return (call) => {
    const { dtype, shape } = call.type(0);
    // Runtimes lack it for int64; a double holds every i64 that a model may have.
    const x = dtype === 'i64' ? castTo(call.writer, call.ref(0), DATA_TYPE.double) : call.ref(0);
    const axis = int(call.axis(shape.length));
    const last = call.flag('last') ? { select_last_index: int(1) } : {};
    return call.writer.node(opType, [x], { axis, ...keepOf(call), ...last });
  };
}

function keepOf(call: OpCall) {
  return { keepdims: int(call.flag('keep') ? 1 : 0) };
}
