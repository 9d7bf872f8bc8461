/**
 * scan: a step of a recurrence, once for every element of the sequences (ONNX Scan, jax.lax.scan)
 *
 *     for t = 0 .. n - 1, or n - 1 .. 0 in reverse:
 *       states, outputs[t] = body(states, sequences[t], captures)
 *
 * operands: `states` states, `sequences` sequences [..p, n, ..q], then captures, which every step sees
 * alike -> the states behind the last step, and the outputs stacked as [..p, n, ..q]: output t stands
 * where element t stood, also in reverse. `axis` is that of n in all sequences and stacked outputs; a
 * negative one counts from the end of each. A scan of no elements gives back its states.
 * - c1: there is a body, with one input an operand
 * - c2: there is a sequence, and counts are not negative
 * - c3: every sequence has the axis, and all have the same n there
 * - c4: the body's inputs have the types of the states, of the elements and of the captures
 * - c5: the body's first outputs are the next states, of the types of the states
 * - c6: every other output has a place for the axis
 */
import { EncompileError } from '../../errors.ts';
import { flag, integer } from '../attributes.ts';
import { resolveAxis } from '../broadcasting.ts';
import type { Builder, UntypedBuilder } from '../builder.ts';
import { isValue } from '../call-arguments.ts';
import type { Dim } from '../dims.ts';
import { type Graph, type Value, valueOf } from '../graph.ts';
import { at, type NdArray, tabulate } from '../nd-array.ts';
import { defineOp, type OpDefinition, present } from '../op.ts';
import type { RegionDeclaration } from '../op-arguments.ts';
import type {
  AxisOk,
  DimAt,
  InsertDim,
  ReduceShape,
  SameDTypeOk,
  SameShapeOk,
} from '../shape-types.ts';
import { type Shape, sameType, type TensorType } from '../types.ts';

/** What a scan runs over; `axis` is 0 and `reverse` false where they are left out. */
export interface ScanOver<S, Q, A> {
  readonly states: S;
  readonly sequences: Q;
  readonly axis?: A;
  readonly reverse?: boolean;
}

/** What a step returns, and the scan in their place: the states behind it, and its outputs. */
export interface ScanResults<S, O> {
  readonly states: S;
  readonly outputs: O;
}

/** Values of the graph around that the step uses are its captures. */
export type Scan = <
  const S extends readonly Value[],
  const Q extends readonly [Value, ...Value[]],
  const N extends { readonly [I in keyof S]: Value },
  A extends number = 0,
  const O extends readonly Value[] = [],
>(
  over: ScanOver<S, Q, A & AxisOk<'scan_c3', Q[0]['shape'], A>>,
  step: (
    g: Builder,
    states: StatesOf<S>,
    elements: ElementsOf<Q, A>,
  ) => { readonly states: N & NextOk<S, N>; readonly outputs?: O },
) => ScanResults<StatesOf<S>, StackedOf<O, Q[0]['shape'], A>>;

type NextOk<S extends readonly Value[], N extends readonly Value[]> = {
  readonly [I in keyof S]: I extends keyof N
    ? SameDTypeOk<'scan_c5', S[I]['dtype'], N[I]['dtype']> &
        SameShapeOk<'scan_c5', S[I]['shape'], N[I]['shape']>
    : unknown;
};

type StatesOf<S extends readonly Value[]> = {
  readonly [I in keyof S]: Value<S[I]['dtype'], S[I]['shape']>;
};

type ElementsOf<Q extends readonly Value[], A extends number> = {
  readonly [I in keyof Q]: Value<Q[I]['dtype'], ReduceShape<Q[I]['shape'], [A]>>;
};

type StackedOf<O extends readonly Value[], S extends Shape, A extends number> = {
  readonly [I in keyof O]: Value<O[I]['dtype'], InsertDim<O[I]['shape'], A, DimAt<S, A>>>;
};

/** The call for code whose types are data. */
export type UntypedScan = (
  over: ScanOver<readonly Value[], readonly Value[], number>,
  step: (
    g: UntypedBuilder,
    states: readonly Value[],
    elements: readonly Value[],
  ) => { readonly states: readonly Value[]; readonly outputs?: readonly Value[] },
) => ScanResults<readonly Value[], readonly Value[]>;

export const scan: OpDefinition<Scan> = defineOp({
  kind: 'region',
  isKernel: false,
  summary: 'states, outputs[t] = body(states, sequences[t], captures) for every t',
  operands: [{ name: 'operands', variadic: true }],
  attributes: { states: integer(), sequences: integer(), axis: integer(0), reverse: flag(false) },
  // rounding errors of a step are fed back into the next ones
  tolerance: { absolute: 1e-5, relative: 1e-4 },
  infer: ({ operands, attributes, body, require }) => {
    const types = operands.flatMap((type) => (type === undefined ? [] : [type]));
    const fits = body !== null && body.inputs.length === types.length;
    require('c1', fits, () => `a body with ${types.length} inputs is needed`);
    if (body === null) return [];
    const { states: stateCount, sequences: sequenceCount } = attributes;
    const count = stateCount + sequenceCount;
    require('c2', stateCount >= 0 && sequenceCount >= 1 && count <= types.length, () => {
      return `${stateCount} states and ${sequenceCount} sequences of ${types.length} operands`;
    });
    const sequences = types.slice(stateCount, count);
    const lengths = sequences.map((type) => lengthOf(type, attributes.axis));
    const [length = null] = lengths;
    require('c3', length !== null && lengths.every((n) => n === length), () => {
      return `the sequences do not agree in a length at axis ${attributes.axis}`;
    });
    const wanted = [
      ...types.slice(0, stateCount),
      ...sequences.map((type) => elementType(type, attributes.axis)),
      ...types.slice(count),
    ];
    const given = body.inputs.map((id) => valueOf(body, id));
    require('c4', wanted.every((type, i) => isSameType(type, given[i])), () => {
      return 'the body takes other types than states, elements and captures';
    });
    const made = body.outputs.map(({ value }) => valueOf(body, value));
    const states = types.slice(0, stateCount);
    require('c5', states.every((type, i) => isSameType(type, made[i])), () => {
      return 'the next states have other types than the states';
    });
    const stacked = made.slice(stateCount).map((type) => {
      const result = stackedType(type, attributes.axis, length ?? 0);
      require('c6', result !== null, () => `an output has no place for axis ${attributes.axis}`);
      return result ?? type;
    });
    return [...states, ...stacked];
  },
  evaluate: ({ operands, attributes, results, body }) => {
    const { states: stateCount, sequences: sequenceCount, axis, reverse } = attributes;
    const given = operands.filter((operand) => operand !== undefined);
    const sequences = given.slice(stateCount, stateCount + sequenceCount);
    const captures = given.slice(stateCount + sequenceCount);
    const length = Number(lengthOf(present(sequences, 0), axis));
    let states = given.slice(0, stateCount);
    const outputs: (readonly NdArray[])[] = [];
    for (let step = 0; step < length; step++) {
      const t = reverse ? length - 1 - step : step;
      const elements = sequences.map((sequence) => elementAt(sequence, axis, t));
      const made = body([...states, ...elements, ...captures]);
      states = made.slice(0, stateCount);
      outputs[t] = made.slice(stateCount);
    }
    const stacked = results.slice(stateCount).map((type, i) => {
      const along = resolveAxis(axis, type.shape.length) ?? 0;
      return tabulate(type, (index) => {
        const output = present(outputs[index[along] ?? 0] ?? [], i);
        return at(output, without(index, along));
      });
    });
    return [...states, ...stacked];
  },
  declare,
});

/** The dim of a sequence at the axis; null where it has none. */
export function lengthOf({ shape }: TensorType, axis: number): Dim | null {
  const along = resolveAxis(axis, shape.length);
  return along === null ? null : (shape[along] ?? null);
}

/** A sequence's type without the axis. */
export function elementType({ dtype, shape }: TensorType, axis: number): TensorType {
  const along = resolveAxis(axis, shape.length);
  return { dtype, shape: along === null ? shape : without(shape, along) };
}

/** The type of as many values stacked along the axis; null where it has no such axis. */
export function stackedType(
  { dtype, shape }: TensorType,
  axis: number,
  length: Dim,
): TensorType | null {
  const along = resolveAxis(axis, shape.length + 1);
  return along === null ? null : { dtype, shape: shape.toSpliced(along, 0, length) };
}

function without<T>(list: readonly T[], index: number): readonly T[] {
  return list.filter((_, i) => i !== index);
}

function isSameType(type: TensorType, other: TensorType | undefined): boolean {
  return other !== undefined && sameType(type, other);
}

/** The element at place t of the axis. */
function elementAt(sequence: NdArray, axis: number, t: number): NdArray {
  const { dtype, shape } = sequence;
  const along = resolveAxis(axis, shape.length) ?? 0;
  return tabulate({ dtype, shape: without(shape, along) }, (index) =>
    at(sequence, index.toSpliced(along, 0, t)),
  );
}

/** g.scan({ states, sequences, axis, reverse }, (g, states, elements) => ({ states, outputs })). */
function declare(into: RegionDeclaration, args: readonly unknown[]): unknown {
  const [over, step] = args as Parameters<UntypedScan>;
  const isCall = typeof over === 'object' && over !== null && typeof step === 'function';
  if (!isCall || !isList(over.states) || !isList(over.sequences)) {
    throw new EncompileError(
      'scan takes { states, sequences }, each a list of values, and then the step: ' +
        'g.scan({ states: [h], sequences: [x] }, (g, [h], [x]) => ({ states: [..], outputs: [..] })).',
    );
  }
  const { states, sequences, axis = 0, reverse = false } = over;
  const wrong = sequences.find((sequence) => lengthOf(sequence, axis) === null);
  if (wrong !== undefined) {
    throw new EncompileError(`scan_c3: '${wrong.name}' has no axis ${axis} to scan along.`);
  }
  const elements = sequences.map(({ name, ...type }) => ({ name, ...elementType(type, axis) }));
  const { body, captures } = into.body([...states, ...elements], (g, inputs) => {
    const next = step(g, inputs.slice(0, states.length), inputs.slice(states.length));
    const outputs = next?.outputs ?? [];
    if (!isList(next?.states) || !isList(outputs) || next.states.length !== states.length) {
      throw new EncompileError(
        `The step of a scan of ${states.length} states returns { states: [..], outputs: [..] }, lists ` +
          `of values with ${states.length} states.`,
      );
    }
    return [...next.states, ...outputs];
  });
  const attributes = { states: states.length, sequences: sequences.length, axis, reverse };
  const results = into.add([...states, ...sequences, ...captures], attributes, body);
  return { states: results.slice(0, states.length), outputs: results.slice(states.length) };
}

function isList(list: unknown): list is readonly Value[] {
  return Array.isArray(list) && list.every(isValue);
}

/** The parts of a scan node, by its attributes. */
export function partsOf<T>(
  attributes: { readonly [name: string]: unknown },
  operands: readonly T[],
): {
  readonly states: readonly T[];
  readonly sequences: readonly T[];
  readonly captures: readonly T[];
} {
  const [states, sequences] = [Number(attributes.states), Number(attributes.sequences)];
  return {
    states: operands.slice(0, states),
    sequences: operands.slice(states, states + sequences),
    captures: operands.slice(states + sequences),
  };
}

/** The outputs of a body: the next states, and what is stacked. */
export function outputsOf(attributes: { readonly [name: string]: unknown }, body: Graph) {
  const count = Number(attributes.states);
  return { next: body.outputs.slice(0, count), stacked: body.outputs.slice(count) };
}
