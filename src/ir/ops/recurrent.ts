/**
 * What rnn, lstm and gru share: the types of a recurrent layer over sequences, and its expansion into
 * the projection of all inputs, one matmul, and a scan over the sequence.
 *
 * x is [batch, n, k] where the axis is 1, and [n, batch, k] where it is 0. A row of which only the first
 * `lengths[b]` inputs count keeps its states and gives zeros behind them; in reverse it therefore
 * begins with its last input that counts.
 */
import { flag, integer } from '../attributes.ts';
import type { UntypedBuilder } from '../builder.ts';
import { type Dim, multiply } from '../dims.ts';
import type { Value } from '../graph.ts';
import type { InferArguments, OperandSpec } from '../op-arguments.ts';
import type { DimAt, ReduceShape, Rows } from '../shape-types.ts';
import { isFloat, isInteger, type Shape, sameShape, type TensorType } from '../types.ts';

export const RECURRENT_ATTRIBUTES = { axis: integer(1), reverse: flag(false) } as const;

/** Attributes of every recurrent layer. */
export interface RecurrentAttributes<A> {
  /** The axis of time in x (1). */
  readonly axis?: A;
  /** Whether the last input comes first. */
  readonly reverse?: boolean;
}

/** [batch, n, k], [h, ..] -> [batch, n, h]. */
export type RecurrentShape<X, R> = [...Rows<X>, DimAt<R, 0>];

/** [batch, n, k], [h, ..] -> [batch, h]. */
export type StateShape<X, R, A> = ReduceShape<RecurrentShape<X, R>, [A]>;

/** An operand that may be left out. */
export type Optional<V extends Value> = V | null;

export const optional = (name: string): OperandSpec => ({ name, optional: true });

/** What the operands of a layer must look like. */
export interface LayerTypes {
  /** Gates side by side in the weights. */
  readonly gates: number;
  /** Vectors, by how many times the width they are wide. */
  readonly vectors: readonly (readonly [type: TensorType | undefined, times: number])[];
  readonly states: readonly (TensorType | undefined)[];
  readonly lengths: TensorType | undefined;
}

/**
 * The types of the outputs and of a state, where x, weight and recurrent are the first operands.
 * - c1: x has 3 dims, and the axis is 0 or 1
 * - c2: weight is [k, gates * h] and recurrent [h, gates * h]
 * - c3: biases and peepholes are vectors of their width
 * - c4: initial states are [batch, h]
 * - c5: lengths are integers [batch]
 * - c6: all others have one floating-point dtype
 */
export function inferLayer(
  { operand, require }: InferArguments<unknown>,
  axis: number,
  { gates, vectors, states, lengths }: LayerTypes,
): { readonly outputs: TensorType; readonly state: TensorType } {
  const [x, weight, recurrent] = [operand(0), operand(1), operand(2)];
  require('c1', x.shape.length === 3 && (axis === 0 || axis === 1), () => {
    return 'x needs 3 dims, of which the first or the second is the axis';
  });
  const [batch = 1, inner = 1] = [x.shape[1 - axis], x.shape[2]];
  const [width = 1] = recurrent.shape;
  const wide = multiply(gates, width);
  const fit = sameShape(weight.shape, [inner, wide]) && sameShape(recurrent.shape, [width, wide]);
  require('c2', fit, () => {
    return `the weights must be [${inner}, ${wide}] and [${width}, ${wide}]`;
  });
  for (const [type, times] of vectors) {
    const wanted = [multiply(times, width)];
    require('c3', type === undefined || sameShape(type.shape, wanted), () => {
      return `a bias or peephole must be [${wanted[0]}]`;
    });
  }
  const state: TensorType = { dtype: x.dtype, shape: [batch, width] };
  require('c4', states.every((type) => !type || sameShape(type.shape, state.shape)), () => {
    return `initial states must be [${batch}, ${width}]`;
  });
  const isCount = !lengths || (isInteger(lengths.dtype) && sameShape(lengths.shape, [batch]));
  require('c5', isCount, () => `lengths must be integers [${batch}]`);
  const floats = [x, weight, recurrent, ...vectors.map(([type]) => type), ...states];
  const uniform = floats.every((type) => !type || type.dtype === x.dtype) && isFloat(x.dtype);
  require('c6', uniform, () => 'all but the lengths must be f32, or all f16');
  return { outputs: { dtype: x.dtype, shape: [...x.shape.slice(0, 2), width] }, state };
}

/** What a step makes of its states and of the projection of its input. */
export interface Layer {
  readonly x: Value;
  readonly weight: Value;
  readonly recurrent: Value;
  readonly bias: Value | undefined;
  /** Zeros for one left out. */
  readonly states: readonly (Value | undefined)[];
  readonly lengths: Value | undefined;
  readonly axis: number;
  readonly reverse: boolean;
  /** Next states from states; the first is also the output. */
  readonly step: (
    g: UntypedBuilder,
    projected: Value,
    states: readonly Value[],
  ) => readonly Value[];
}

/** The outputs, and the states behind the last step. */
export function expandLayer(g: UntypedBuilder, layer: Layer): readonly Value[] {
  const { x, recurrent, lengths, axis, reverse, step } = layer;
  const shape = [x.shape[1 - axis] ?? 1, recurrent.shape[0] ?? 1];
  const zeros = () => g.constant({ value: [0], dtype: x.dtype, shape });
  const states = layer.states.map((state) => state ?? zeros());
  const product = g.matmul(x, layer.weight);
  const projected = layer.bias === undefined ? product : g.add(product, layer.bias);
  const visible = lengths === undefined ? [] : [stepsThatCount(g, x, lengths, axis)];
  const over = { states, sequences: [projected, ...visible], axis, reverse };
  const scanned = g.scan(over, (g, before, [input, counts]) => {
    if (input === undefined) throw new Error('a step has no input');
    const made = step(g, input, before);
    const [output] = made;
    if (output === undefined) throw new Error('a step has no output');
    if (counts === undefined) return { states: made, outputs: [output] };
    const kept = made.map((next, i) => g.select(counts, next, before[i] ?? next));
    return { states: kept, outputs: [g.select(counts, output, 0)] };
  });
  return [...scanned.outputs, ...scanned.states];
}

/** bool, as x but for a last dim of 1: whether place t lies below lengths[b]. */
function stepsThatCount(g: UntypedBuilder, x: Value, lengths: Value, axis: number): Value {
  const place = [1, 1, 1].map((one, i) => (i === axis ? (x.shape[axis] ?? one) : one));
  const row = [1, 1, 1].map((one, i) => (i === 1 - axis ? (x.shape[1 - axis] ?? one) : one));
  const t = g.iota({ shape: place, axis, dtype: lengths.dtype });
  return g.less(t, g.reshape(lengths, { shape: row }));
}

/** Gate `which`, or as many gates from it on, of gates side by side along the last axis. */
export function gateOf(
  g: UntypedBuilder,
  gates: Value,
  which: number,
  width: Dim,
  count = 1,
): Value {
  const leading: Shape = gates.shape.slice(0, -1);
  return g.slice(gates, {
    starts: [...leading.map(() => 0), multiply(which, width)],
    ends: [...leading, multiply(which + count, width)],
  });
}
