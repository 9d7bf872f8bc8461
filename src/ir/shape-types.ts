/**
 * Result shapes at type level: what `infer` computes at build time, computed by the TypeScript
 * checker for the declaration at hand. `shape-checks.ts` holds the other half, the mismatches.
 *
 * - Where dims or attributes are literals the result is exact.
 * - Where they are not, single dims become `Dim` and a shape of unknown rank becomes `Shape`.
 * - Where they mismatch the result is as open, so that one mistake gives one error.
 * - Results are mutable tuples whatever the operands are, so that values of equal shapes are
 *   assignable to each other both ways.
 */
import type { Add, BroadcastDim, Digit, Divide, Multiply, Subtract, Unary } from './dim-types.ts';
import type { Dim, Shape } from './types.ts';

export type * from './shape-checks.ts';

/** The last dim of S. */
export type LastDim<S> = S extends readonly [...unknown[], infer D extends Dim] ? D : Dim;

/** All dims of S but the last. */
export type Rows<S> = S extends readonly [...infer R extends Shape, unknown] ? R : Shape;

/** NumPy's broadcasting: aligned at the right; a 1 or a missing dim stretches. */
export type Broadcast<A, B, Known extends Shape = []> = A extends readonly [
  ...infer RestA extends Shape,
  infer X extends Dim,
]
  ? B extends readonly [...infer RestB extends Shape, infer Y extends Dim]
    ? Broadcast<RestA, RestB, [BroadcastDim<X, Y>, ...Known]>
    : B extends readonly []
      ? [...A, ...Known]
      : Shape
  : A extends readonly []
    ? B extends readonly [...infer RestB extends Shape]
      ? number extends RestB['length']
        ? Shape
        : [...RestB, ...Known]
      : Shape
    : Shape;

/** What a value of shape S has after it is broadcast to T: T itself. */
export type BroadcastTo<T extends Shape> = [...T];

/** [..p, m, k] x [..q, k, n] -> [..broadcast(p, q), m, n]. */
export type MatmulShape<A, B> = A extends readonly [
  ...infer P extends Shape,
  infer M extends Dim,
  unknown,
]
  ? B extends readonly [...infer Q extends Shape, Dim, infer N extends Dim]
    ? [...Broadcast<P, Q>, M, N]
    : Shape
  : Shape;

/** [.., width in] x [width in, width out] -> [.., width out]. */
export type LinearShape<S, W> = [...Rows<S>, LastDim<W>];

/** [..b, h, q, dk], [..b, h, k, dk], [..b, h, k, dv] -> [..b, h, q, dv]. */
export type AttentionShape<Q, V> = [...Rows<Q>, LastDim<V>];

/** [..b, h, q, dk], [..b, h, k, dk] -> [..b, h, q, k]. */
export type ScoresShape<Q, K> = [...Rows<Q>, LastDim<Rows<K>>];

/** [.., n, d] -> [.., heads, n, d / heads]. */
export type SplitHeads<S, Heads extends Dim> = S extends readonly [
  ...infer P extends Shape,
  infer N extends Dim,
  infer W extends Dim,
]
  ? [...P, Heads, N, DimOr<Divide<W, Heads>>]
  : Shape;

/** [.., h, n, dk] -> [.., n, h * dk]. */
export type MergeHeads<S> = S extends readonly [
  ...infer P extends Shape,
  infer H extends Dim,
  infer N extends Dim,
  infer W extends Dim,
]
  ? [...P, N, DimOr<Multiply<H, W>>]
  : Shape;

/** The requested shape; `ReshapeOk` compares the numbers of elements. */
export type ReshapeShape<T extends Shape> = [...T];

/** Result dim i is dim P[i] of S. */
export type TransposeShape<S, P> = P extends readonly number[]
  ? number extends P['length']
    ? Shape
    : { -readonly [I in keyof P]: DimAt<S, P[I]> }
  : Shape;

/** The axes are dropped, or kept with a dim of 1; negative axes count from the end. */
export type ReduceShape<S, Axes, Keep = false> = Axes extends readonly number[]
  ? boolean extends Keep
    ? Shape
    : AreSingle<Axes> extends true
      ? Keep extends true
        ? ReplaceIndices<S, `${AxisIndex<S, Axes[number]>}`, 1>
        : WithoutIndices<S, `${AxisIndex<S, Axes[number]>}`>
      : Shape
  : Shape;

/** Shapes that differ along the axis alone -> the first, with the sum of the dims there. */
export type ConcatShape<Shapes, Axis> = Shapes extends readonly [
  infer First,
  ...infer Rest extends readonly Shape[],
]
  ? ReplaceDim<First, Axis, SumAt<Rest, Axis, DimAt<First, Axis>>>
  : Shapes extends readonly (infer S)[]
    ? ReplaceDim<S, Axis, Dim>
    : Shape;

/** Elements start, start + step, .. below end, along every axis; steps left out are 1. */
export type SliceShape<S, Starts, Ends, Steps = []> = S extends readonly unknown[]
  ? {
      -readonly [I in keyof S]: I extends keyof Starts & keyof Ends
        ? DimOr<SliceDim<Starts[I], Ends[I], StepAt<Steps, I>>>
        : Dim;
    }
  : Shape;

/** The step along the axis whose index is the text I. */
export type StepAt<Steps, I> = Steps extends readonly []
  ? 1
  : I extends keyof Steps
    ? Steps[I]
    : number;

/** `Before[i]` elements before and `After[i]` after, along axis i. */
export type PadShape<S, Before, After> = S extends readonly unknown[]
  ? {
      -readonly [I in keyof S]: I extends keyof Before & keyof After
        ? DimOr<Add<Add<S[I], Before[I]>, After[I]>>
        : Dim;
    }
  : Shape;

/** Windows of sizes K along the last axes: [..p, ..n] -> [..p, ..counts, ..K]. */
export type WindowsShape<S, K> = [...PooledShape<S, K>, ...SizesOf<K>];

/** One element a window of sizes K: [..p, ..n] -> [..p, ..counts]. */
export type PooledShape<S, K> = K extends readonly unknown[]
  ? S extends readonly [...infer P extends Shape, ...Unknowns<K>]
    ? [...P, ...OpenDims<K>]
    : Shape
  : Shape;

/** x [n, c, ..d], weight [o, c / groups, ..k] -> [n, o, ..counts]. */
export type ConvShape<S, W> = S extends readonly [infer N extends Dim, unknown, ...infer Rest]
  ? W extends readonly [infer O extends Dim, ...unknown[]]
    ? [N, O, ...OpenDims<Rest>]
    : Shape
  : Shape;

type OpenDims<T extends readonly unknown[]> = { -readonly [I in keyof T]: Dim };

type SizesOf<K> = K extends readonly number[] ? [...K] : Shape;

/** The table with its axis replaced by the dims of the indices. */
export type GatherShape<Table, Indices extends Shape, Axis = 0> =
  AreSingle<[Axis]> extends true
    ? SplitAt<Table, AxisIndex<Table, Axis>> extends [
        infer Before extends Shape,
        infer After extends Shape,
      ]
      ? [...Before, ...Indices, ...After]
      : Shape
    : Shape;

/** ids [..] into a table [rows, width] -> [.., width]. */
export type EmbeddingShape<Table, Ids extends Shape> = GatherShape<Table, Ids>;

// Axes ---------------------------------------------------------------------------------------

/** The axis counted from the start; never where it is out of range or the rank is unknown. */
export type AxisIndex<S, Axis> = Axis extends number
  ? `${Axis}` extends `-${infer FromEnd extends Digit}`
    ? S extends readonly [...infer Before, ...Unknowns<Unary[FromEnd]>]
      ? Before['length'] & number
      : never
    : `${Axis}` extends keyof S
      ? Axis
      : never
  : never;

type Unknowns<T extends readonly unknown[]> = { [I in keyof T]: unknown };

/** The dim of S at an axis. */
export type DimAt<S, Axis> =
  AxisIndex<S, Axis> extends infer I extends number
    ? [I] extends [never]
      ? Dim
      : S extends readonly unknown[]
        ? S[I]
        : Dim
    : Dim;

/** S with D as one more dim, which then stands at the axis. */
export type InsertDim<S extends Shape, Axis, D extends Dim> =
  AreSingle<[Axis]> extends true
    ? SplitAt<[...S, D], AxisIndex<[...S, D], Axis>> extends [infer Before extends Shape, Shape]
      ? [...Before, D, ...After<S, Before>]
      : Shape
    : Shape;

/** S behind its first dims. */
type After<S extends Shape, Before extends Shape> = S extends readonly [
  ...Unknowns<Before>,
  ...infer Rest extends Shape,
]
  ? Rest
  : Shape;

/** S with D at the axis; with open dims where the axis is not one literal. */
export type ReplaceDim<S, Axis, D> =
  AreSingle<[Axis]> extends true
    ? ReplaceIndices<S, `${AxisIndex<S, Axis>}`, D>
    : S extends readonly unknown[]
      ? { -readonly [I in keyof S]: Dim }
      : Shape;

type ReplaceIndices<S, Indices extends string, D> = S extends readonly unknown[]
  ? { -readonly [I in keyof S]: I extends Indices ? D : S[I] }
  : Shape;

type WithoutIndices<
  S,
  Indices extends string,
  Seen extends readonly unknown[] = [],
  Kept extends Shape = [],
> = S extends readonly [infer D extends Dim, ...infer Rest extends Shape]
  ? WithoutIndices<
      Rest,
      Indices,
      [...Seen, 0],
      `${Seen['length']}` extends Indices ? Kept : [...Kept, D]
    >
  : S extends readonly []
    ? Kept
    : Shape;

type SplitAt<S, Index, Before extends Shape = []> = Before['length'] extends Index
  ? S extends readonly [Dim, ...infer After extends Shape]
    ? [Before, After]
    : null
  : S extends readonly [infer D extends Dim, ...infer Rest extends Shape]
    ? SplitAt<Rest, Index, [...Before, D]>
    : null;

/** Whether every element is one literal number: neither `number` nor a union. */
export type AreSingle<Axes extends readonly unknown[]> = number extends Axes['length']
  ? false
  : [{ [I in keyof Axes]: IsSingle<Axes[I]> }[number]] extends [true]
    ? true
    : false;

type IsSingle<X, Whole = X> = X extends number
  ? number extends X
    ? false
    : [Whole] extends [X]
      ? true
      : false
  : false;

// Dims ---------------------------------------------------------------------------------------

/** What arithmetic could not decide is an open dim. */
type DimOr<D> = D extends 'negative' | 'inexact' ? Dim : D extends Dim ? D : Dim;

type SumAt<Shapes, Axis, Sum> = Shapes extends readonly [infer S, ...infer Rest]
  ? SumAt<Rest, Axis, Add<Sum, DimAt<S, Axis>>>
  : Sum extends Dim
    ? Shapes extends readonly []
      ? Sum
      : Dim
    : Dim;

type SliceDim<Start, End, Step> = Step extends 1
  ? `${End & Dim}` extends `-${string}`
    ? Dim
    : Subtract<End, Start>
  : Dim;
