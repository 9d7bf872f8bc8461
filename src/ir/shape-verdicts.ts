/**
 * Verdicts on shapes at type level: `'ok'`, or the message that `shape-checks.ts` puts into
 * signatures. Shapes are walked from the right, as they broadcast; what is open is `'ok'`.
 *
 * Each step hands its `Agreement` on as the parameter `V` of the next alias. There the conditional
 * distributes, so that a union of dims gives the union of its verdicts; and the message is spelled
 * out only where it is needed. Patterns say `unknown` where a dim is not named: the checker decides
 * a pattern over type parameters only where it holds for any type at all.
 */
import type { Agreement, DimText, Divide, StretchAgreement, Subtract } from './dim-types.ts';
import type { AreSingle, AxisIndex } from './shape-types.ts';
import type { SizeAgreement } from './size-types.ts';
import type { Dim, DType, Shape } from './types.ts';

/** D is one of the accepted dtypes. */
export type DTypeVerdict<Label extends string, Accepted, D> = D extends Accepted
  ? 'ok'
  : `${Label}: not defined on ${D & DType}`;

/** D and E are the same dtype. */
export type SameDTypeVerdict<Label extends string, D, E> = D extends DType
  ? E extends D
    ? 'ok'
    : `${Label}: the dtypes differ: ${D} and ${E & DType}`
  : 'ok';

/** A and B broadcast with each other. */
export type BroadcastVerdict<Label extends string, A, B, X = A, Y = B> = X extends readonly [
  ...infer RestX extends Shape,
  infer DX extends Dim,
]
  ? Y extends readonly [...infer RestY extends Shape, infer DY extends Dim]
    ? BroadcastStep<Label, A, B, RestX, RestY, [DX, DY], StretchAgreement<DX, DY>>
    : 'ok'
  : 'ok';

type BroadcastStep<
  Label extends string,
  A,
  B,
  RestX,
  RestY,
  Pair extends readonly [Dim, Dim],
  V,
> = V extends 'agree'
  ? BroadcastVerdict<Label, A, B, RestX, RestY>
  : `${Label}: ${ShapeText<A>} and ${ShapeText<B>} do not broadcast: ${PairText<Pair>}`;

/** S broadcasts to T and leaves T as it is. */
export type StretchVerdict<Label extends string, S, T, X = S, Y = T> = X extends readonly [
  ...infer RestX extends Shape,
  infer DX extends Dim,
]
  ? Y extends readonly [...infer RestY extends Shape, infer DY extends Dim]
    ? StretchStep<Label, S, T, RestX, RestY, DX extends 1 ? 'agree' : Agreement<DX, DY>>
    : Y extends readonly []
      ? StretchFault<Label, S, T>
      : 'ok'
  : 'ok';

type StretchStep<Label extends string, S, T, RestX, RestY, V> = V extends 'agree'
  ? StretchVerdict<Label, S, T, RestX, RestY>
  : StretchFault<Label, S, T>;

type StretchFault<
  Label extends string,
  S,
  T,
> = `${Label}: ${ShapeText<S>} does not broadcast to ${ShapeText<T>}`;

/** A and B have the same rank and dims. */
export type SameShapeVerdict<Fault extends string, A, B, X = A, Y = B> = X extends readonly [
  ...infer RestX extends Shape,
  infer DX extends Dim,
]
  ? Y extends readonly [...infer RestY extends Shape, infer DY extends Dim]
    ? SameShapeStep<Fault, A, B, RestX, RestY, Agreement<DX, DY>>
    : Y extends readonly []
      ? PairFault<Fault, A, B>
      : 'ok'
  : X extends readonly []
    ? Y extends readonly [...unknown[], unknown]
      ? PairFault<Fault, A, B>
      : 'ok'
    : 'ok';

type SameShapeStep<Fault extends string, A, B, RestX, RestY, V> = V extends 'agree'
  ? SameShapeVerdict<Fault, A, B, RestX, RestY>
  : PairFault<Fault, A, B>;

type PairFault<Fault extends string, A, B> = `${Fault}: ${ShapeText<A>} and ${ShapeText<B>}`;

/** [..p, m, k] x [..q, k, n]. */
export type MatmulVerdict<Op extends string, A, B> = A extends readonly [
  ...infer P extends Shape,
  unknown,
  infer K extends Dim,
]
  ? B extends readonly [...infer Q extends Shape, infer L extends Dim, unknown]
    ? MatmulStep<Op, P, Q, K, L, Agreement<K, L>>
    : MatmulRank<Op, B>
  : MatmulRank<Op, A>;

type MatmulStep<Op extends string, P, Q, K, L, V> = V extends 'agree'
  ? BroadcastVerdict<`${Op}_c3`, P, Q>
  : `${Op}_c2: the inner dims differ: ${DimText<K>} and ${DimText<L>}`;

type MatmulRank<Op extends string, S> = S extends readonly unknown[]
  ? number extends S['length']
    ? 'ok'
    : `${Op}_c1: both need at least 2 dims`
  : 'ok';

/** Equal head widths and leading dims; the heads of Q in groups of equal size over those of K. */
export type KeyVerdict<Op extends string, Q, K> = Q extends readonly [
  ...infer QueryBatch extends Shape,
  infer QueryHeads extends Dim,
  unknown,
  infer QueryWidth extends Dim,
]
  ? K extends readonly [
      ...infer KeyBatch extends Shape,
      infer KeyHeads extends Dim,
      unknown,
      infer KeyWidth extends Dim,
    ]
    ? First<
        DimsVerdict<`${Op}_c2: the head widths`, QueryWidth, KeyWidth>,
        First<
          GroupVerdict<`${Op}_c3`, QueryHeads, KeyHeads>,
          SameShapeVerdict<`${Op}_c3: the leading dims differ`, QueryBatch, KeyBatch>
        >
      >
    : 'ok'
  : 'ok';

type DimsVerdict<Fault extends string, A, B, V = Agreement<A, B>> = V extends 'agree'
  ? 'ok'
  : `${Fault} differ: ${DimText<A>} and ${DimText<B>}`;

type GroupVerdict<Label extends string, Heads, Groups> = Heads extends number
  ? Groups extends number
    ? Divide<Heads, Groups> extends 'inexact'
      ? `${Label}: ${Heads} query heads cannot share ${Groups} key heads`
      : 'ok'
    : DimsVerdict<`${Label}: the heads`, Heads, Groups>
  : DimsVerdict<`${Label}: the heads`, Heads, Groups>;

/** The axis is in -rank .. rank - 1. */
export type AxisVerdict<Label extends string, S, Axis> = S extends readonly unknown[]
  ? number extends S['length']
    ? 'ok'
    : Axis extends number
      ? number extends Axis
        ? 'ok'
        : [AxisIndex<S, Axis>] extends [never]
          ? `${Label}: axis ${Axis} is not an axis of a value with ${S['length']} dims`
          : 'ok'
      : 'ok'
  : 'ok';

/** As `AxisVerdict`, for each of a list. */
export type AxesVerdict<
  Label extends string,
  S,
  Axes extends readonly number[],
> = Axes extends readonly [infer Axis extends number, ...infer Rest extends readonly number[]]
  ? First<AxisVerdict<Label, S, Axis>, AxesVerdict<Label, S, Rest>>
  : 'ok';

/** P lists every axis of S once. */
export type PermutationVerdict<Label extends string, S, P> = S extends readonly unknown[]
  ? number extends S['length']
    ? 'ok'
    : P extends readonly number[]
      ? AreSingle<P> extends true
        ? P['length'] extends S['length']
          ? PermutationStep<Label, S, P, Exclude<IndexText<S>, `${AxisIndex<S, P[number]>}`>>
          : PermutationFault<Label, S, P>
        : 'ok'
      : 'ok'
  : 'ok';

/** A list as long as the rank that misses no axis is a permutation. */
type PermutationStep<
  Label extends string,
  S extends readonly unknown[],
  P extends readonly number[],
  Missing,
> = [Missing] extends [never] ? 'ok' : PermutationFault<Label, S, P>;

type PermutationFault<
  Label extends string,
  S extends readonly unknown[],
  P extends readonly number[],
> = `${Label}: ${ShapeText<P>} is not a permutation of ${S['length']} axes`;

type IndexText<S> = Extract<keyof S, `${number}`>;

/** S and T have the same number of elements. */
export type ReshapeVerdict<Label extends string, S, T, V = SizeAgreement<S, T>> = V extends 'agree'
  ? 'ok'
  : PairFault<`${Label}: the numbers of elements differ`, S, T>;

/** start <= stop <= D, where these are numbers. */
export type SliceVerdict<
  Label extends string,
  D,
  Start,
  Stop,
  V = Subtract<Stop, Start> | Subtract<D, Stop>,
> = [Extract<V, 'negative'>] extends [never]
  ? 'ok'
  : `${Label}: ${DimText<Start>} to ${DimText<Stop>} is not within the dim ${DimText<D>}`;

/** The heads divide the width. */
export type HeadsVerdict<
  Label extends string,
  Width,
  Heads,
  V = Divide<Width, Heads>,
> = V extends 'inexact'
  ? `${Label}: ${DimText<Heads>} heads do not divide the width ${DimText<Width>}`
  : 'ok';

type First<V, W> = V extends 'ok' ? W : V;

type PairText<P extends readonly [Dim, Dim]> = `${DimText<P[0]>} and ${DimText<P[1]>}`;

/** A shape as error messages write it: `[batch, seq, 384]`. */
type ShapeText<S> = `[${DimList<S>}]`;

type DimList<S> = S extends readonly [infer D extends Dim, ...infer Rest extends Shape]
  ? Rest extends readonly []
    ? DimText<D>
    : `${DimText<D>}, ${DimList<Rest>}`
  : S extends readonly []
    ? ''
    : '..';
