/**
 * Recurrences: scan as Scan, and rnn, lstm and gru as the standard ops of their names.
 *
 * The standard ops hold weights as [directions, gates * h, k] with gates in an order of their own, want
 * time first, and add a dim for directions to what they give. Lengths of rows are left to the expansion,
 * as runtimes refuse a length of 0 or one beyond the sequence.
 */
import { resolveAxis } from '../../ir/broadcasting.ts';
import { valueOf } from '../../ir/graph.ts';
import { partsOf } from '../../ir/ops/scan.ts';
import { type Attribute, int, ints, type Ref, text, texts } from './graph-writer.ts';
import { constantOf, HELD_TYPE } from './held-types.ts';
import { type CompositeExporter, EXPANDED, type OpCall, type Operand } from './op-call.ts';

export const exportScan: CompositeExporter = (call) => {
  const { writer, body, results } = call;
  if (body === null) throw new Error('a scan has no body');
  const counts = { states: call.number('states'), sequences: call.number('sequences') };
  const operands = call.operands.map((_, i) => call.operand(i));
  const { states, sequences, captures } = partsOf(counts, operands);
  const types = body.inputs.map((id) => valueOf(body, id));
  const inner = types.slice(0, states.length + sequences.length);
  const made = writer.body(
    inner.map(({ dtype }) => HELD_TYPE[dtype]),
    (refs) => {
      const given = inner.map((type, i): Operand => {
        const ref = refs[i];
        if (ref === undefined) throw new Error('a body lacks an input');
        return { ref, type, isModerate: false, origin: null };
      });
      const around = captures.map((capture) => ({ ...capture, isModerate: false }));
      return call.exportGraph(body, [...given, ...around]).map(({ ref }) => ref);
    },
  );
  const axisIn = (rank: number) => resolveAxis(call.number('axis'), rank) ?? 0;
  const stacked = results.slice(states.length);
  const direction = call.flag('reverse') ? 1 : 0;
  const attributes = {
    num_scan_inputs: int(sequences.length),
    scan_input_axes: ints(sequences.map(({ type }) => axisIn(type.shape.length))),
    scan_input_directions: ints(sequences.map(() => direction)),
    scan_output_axes: ints(stacked.map(({ shape }) => axisIn(shape.length))),
    scan_output_directions: ints(stacked.map(() => direction)),
  };
  const inputs = [...states, ...sequences].map(({ ref }) => ref);
  return writer.nodeOfSeveral('Scan', inputs, attributes, results.length, made);
};

/** What the standard op is given beside x, the weights and the states. */
interface StandardOp {
  readonly opType: 'RNN' | 'LSTM' | 'GRU';
  /** Where each of its gates stands among ours. */
  readonly order: readonly number[];
  readonly recurrentBias: Operand | null;
  /** h, and of an LSTM c. */
  readonly states: readonly (Operand | null)[];
  readonly peephole?: Operand | null;
  readonly lengths: Operand | null;
  readonly attributes: { readonly [name: string]: Attribute };
}

const ACTIVATIONS: { readonly [name: string]: string } = {
  tanh: 'Tanh',
  relu: 'Relu',
  sigmoid: 'Sigmoid',
};

export const exportRnn: CompositeExporter = (call) => {
  const [, , , , state = null, lengths = null] = call.operands;
  const activation = ACTIVATIONS[call.choice('activation')];
  if (activation === undefined) return EXPANDED;
  return exportLayer(call, {
    ...{ opType: 'RNN', order: [0], recurrentBias: null, states: [state], lengths },
    attributes: { activations: texts([activation]) },
  });
};

export const exportLstm: CompositeExporter = (call) => {
  const [, , , , state = null, cell = null, peephole = null, lengths = null] = call.operands;
  return exportLayer(call, {
    ...{ opType: 'LSTM', order: [0, 3, 1, 2], recurrentBias: null, states: [state, cell] },
    ...{ peephole, lengths, attributes: {} },
  });
};

export const exportGru: CompositeExporter = (call) => {
  const [, , , , recurrentBias = null, state = null, lengths = null] = call.operands;
  return exportLayer(call, {
    ...{ opType: 'GRU', order: [1, 0, 2], recurrentBias, states: [state], lengths },
    attributes: { linear_before_reset: int(call.choice('reset') === 'after' ? 1 : 0) },
  });
};

function exportLayer(call: OpCall, op: StandardOp): readonly Ref[] | typeof EXPANDED {
  const { writer } = call;
  const [width] = call.type(2).shape;
  if (op.lengths !== null || typeof width !== 'number') return EXPANDED;
  const unsqueezed = (x: Ref, axis: number) => writer.node('Unsqueeze', [x, axes(call, axis)]);
  const matrix = (x: Ref) => {
    const turned = writer.node('Transpose', [gatesOf(call, x, op.order, width, 1)], {
      perm: ints([1, 0]),
    });
    return unsqueezed(turned, 0);
  };
  const timeFirst = (x: Ref) =>
    call.number('axis') === 0 ? x : writer.node('Transpose', [x], { perm: ints([1, 0, 2]) });
  const states = op.states.map((state) => (state === null ? null : unsqueezed(state.ref, 0)));
  const peephole = op.peephole ?? null;
  const peepholes =
    peephole === null ? null : unsqueezed(gatesOf(call, peephole.ref, [0, 2, 1], width, 0), 0);
  const inputs = [
    ...[timeFirst(call.ref(0)), matrix(call.ref(1)), matrix(call.ref(2))],
    ...[biasesOf(call, op, width), null, ...states, peepholes],
  ];
  const attributes = {
    ...op.attributes,
    hidden_size: int(width),
    ...(call.flag('reverse') ? { direction: text('reverse') } : {}),
  };
  const used = inputs.slice(0, inputs.findLastIndex((input) => input !== null) + 1);
  const count = call.results.length;
  const [y, ...last] = writer.nodeOfSeveral(op.opType, used, attributes, count);
  if (y === undefined) throw new Error(`${op.opType} has no output`);
  const outputs = timeFirst(writer.node('Squeeze', [y, axes(call, 1)]));
  return [outputs, ...last.map((x) => writer.node('Squeeze', [x, axes(call, 0)]))];
}

/** [1, 2 * gates * h]: the bias of the input, then that of the state; null where there is neither. */
function biasesOf(call: OpCall, op: StandardOp, width: number): Ref | null {
  const { writer } = call;
  const bias = call.operands[3] ?? null;
  if (bias === null && op.recurrentBias === null) return null;
  const wide = op.order.length * width;
  const half = (given: Operand | null) =>
    given === null
      ? constantOf(writer, 'f32', [wide], Array<number>(wide).fill(0))
      : gatesOf(call, given.ref, op.order, width, 0);
  const both = writer.node('Concat', [half(bias), half(op.recurrentBias)], { axis: int(0) });
  return writer.node('Unsqueeze', [both, axes(call, 0)]);
}

/** Gates along an axis in another order. */
function gatesOf(
  { writer, sizes }: OpCall,
  x: Ref,
  order: readonly number[],
  width: number,
  axis: number,
): Ref {
  if (order.length === 1) return x;
  const parts = order.map((gate) => {
    const [from, to] = [gate * width, (gate + 1) * width].map((at) => sizes.numbers([at]));
    return writer.node('Slice', [x, from ?? x, to ?? x, sizes.numbers([axis])]);
  });
  return writer.node('Concat', parts, { axis: int(axis) });
}

function axes({ sizes }: OpCall, axis: number): Ref {
  return sizes.numbers([axis]);
}
