/**
 * What the functions of an op's definition are given: types for its rules, arrays for its meaning, an emitter
 * for its loops.
 */
import type { Expression } from '../loops/nodes.ts';
import type { UntypedBuilder } from './builder.ts';
import type { Dim } from './dims.ts';
import type { Graph, Value } from './graph.ts';
import type { NdArray, NdType } from './nd-array.ts';
import type { TensorType } from './types.ts';

export interface OperandSpec {
  readonly name: string;
  readonly optional?: boolean;
  /** Takes a list of one or more values; only as the last operand. */
  readonly variadic?: boolean;
  /** In a call a number may stand for it: a constant of the other such operand's dtype. */
  readonly number?: boolean;
}

/** How a check compares results of this op: |got - want| <= absolute + relative * |want|. */
export interface Tolerance {
  readonly absolute: number;
  readonly relative: number;
}

export interface InferArguments<A> {
  /** Types of the operands; undefined for an optional one left out. */
  readonly operands: readonly (TensorType | undefined)[];
  /** Type of an operand that must be there. */
  readonly operand: (index: number) => TensorType;
  readonly attributes: A;
  /** The graph that a region op carries. */
  readonly body: Graph | null;
  /** Throws with the label `<op>_<label>` unless `holds`. */
  readonly require: (label: string, holds: boolean, message: () => string) => void;
}

export interface EvaluateArguments<A> {
  readonly operands: readonly (NdArray | undefined)[];
  readonly operand: (index: number) => NdArray;
  readonly attributes: A;
  /** Concrete types of the results. */
  readonly results: readonly NdType[];
  readonly result: NdType;
  /** The value of a symbolic attribute dim. */
  readonly size: (dim: Dim) => number;
}

/** One element of the result, in terms of elements of the operands. */
export interface LowerArguments<A> {
  /** The element's index, one entry a dim of the result. */
  readonly index: readonly Dim[];
  readonly types: readonly (TensorType | undefined)[];
  readonly type: TensorType;
  readonly attributes: A;
  /** The element of an operand at an index. */
  readonly operand: (operand: number, index: readonly Dim[]) => Expression;
  readonly emit: ElementEmitter;
}

/** What a `lower` may do beside composing expressions. */
export interface ElementEmitter {
  /** Sums, maximises ... `term(k)` over k in 0 .. extent-1 in a serial loop. */
  reduce(
    combine: 'add' | 'max' | 'min' | 'mul',
    extent: Dim,
    term: (k: Dim) => Expression,
  ): Expression;
  /** A loop that carries several values; returns their final values. */
  fold(
    extent: Dim,
    initial: readonly Expression[],
    step: (k: Dim, state: readonly Expression[]) => readonly Expression[],
  ): readonly Expression[];
  /** `value` where `condition` holds, else `otherwise`; `value` is evaluated only there. */
  guard(condition: Expression, value: () => Expression, otherwise: Expression): Expression;
  /** An integer expression as an index, clamped into 0 .. extent-1. */
  asIndex(value: Expression, extent: Dim): Dim;
  /** x div extent and x mod extent, knowing the ranges of the loop variables. */
  divide(x: Dim, by: Dim): Dim;
  modulo(x: Dim, by: Dim): Dim;
}

/** [a, b]: a <= b. */
export type Bound = readonly [Dim, Dim];

export interface BoundsArguments<A> {
  readonly types: readonly (TensorType | undefined)[];
  readonly attributes: A;
}

/** A symbol, and the indices of operand 0's last axis at which elements count though they are 0. */
export interface Counts {
  readonly symbol: string;
  readonly always: readonly Dim[];
}

export interface CountsArguments<A> {
  readonly attributes: A;
}

export interface PushArguments<A> {
  readonly index: readonly Dim[];
  readonly from: TensorType;
  readonly type: TensorType;
  readonly attributes: A;
  readonly emit: Pick<ElementEmitter, 'divide' | 'modulo'>;
}

export interface ExpandArguments<A> {
  readonly g: UntypedBuilder;
  readonly operands: readonly (Value | undefined)[];
  readonly operand: (index: number) => Value;
  readonly attributes: A;
}

export interface RegionArguments<A> extends Omit<EvaluateArguments<A>, 'result'> {
  /** Runs the body: one array an input of it, one an output. */
  readonly body: (inputs: readonly NdArray[]) => readonly NdArray[];
}

/** Makes the node of a call, given what was passed to the builder's method. */
export type DeclareRegion = (into: RegionDeclaration, args: readonly unknown[]) => unknown;

/** The graph in which a region op is declared. */
export interface RegionDeclaration {
  /**
   * A body with inputs of these types. Values of the graph around that `build` uses become further
   * inputs, and are the captures.
   */
  body(
    inputs: readonly (TensorType & { readonly name: string })[],
    build: (g: UntypedBuilder, inputs: readonly Value[]) => readonly Value[],
  ): { readonly body: Graph; readonly captures: readonly Value[] };
  /** Adds the node; gives its results. */
  add(
    operands: readonly Value[],
    attributes: { readonly [name: string]: unknown },
    body: Graph,
  ): readonly Value[];
}
