/**
 * Verdicts on shapes at type level: `'ok'`, or the message that `shape-checks.ts` puts into
 * signatures. Shapes are walked from the right, as they broadcast; what is open is `'ok'`.
 *
 * Each step hands its `Agreement` on as the parameter `V` of the next alias. There the conditional
 * distributes, so that a union of dims gives the union of its verdicts; and the message is spelled
 * out only where it is needed. Patterns say `unknown` where a dim is not named: the checker decides
 * a pattern over type parameters only where it holds for any type at all.
 */
import type { EntriesVerdict } from './attribute-verdicts.ts';
import type { Agreement, DimText, Divide, StretchAgreement } from './dim-types.ts';
import type { LastDim, ReplaceDim } from './shape-types.ts';
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

export type PairFault<Fault extends string, A, B> = `${Fault}: ${ShapeText<A>} and ${ShapeText<B>}`;

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

/** [.., k] x [k, n]. */
export type LinearVerdict<Op extends string, S, W> = W extends readonly [infer K, unknown]
  ? S extends readonly []
    ? LinearRank<Op>
    : DimsVerdict<`${Op}_c2: the inner dims`, LastDim<S>, K>
  : W extends readonly unknown[]
    ? number extends W['length']
      ? 'ok'
      : LinearRank<Op>
    : 'ok';

type LinearRank<Op extends string> = `${Op}_c1: x needs at least 1 dim, and the weight 2`;

/** A and S have the same rank, and the same dims beside the axis. */
export type ConcatVerdict<Op extends string, A, S, Axis> = First<
  EntriesVerdict<`${Op}_c1`, A, S> extends 'ok'
    ? 'ok'
    : `${Op}_c1: all must have the same dtype and number of dims`,
  SameShapeVerdict<
    `${Op}_c3: the shapes differ beside the axis`,
    ReplaceDim<A, Axis, Dim>,
    ReplaceDim<S, Axis, Dim>
  >
>;

/** V has the shape [D]. */
export type VectorVerdict<
  Label extends string,
  D,
  V,
  R = SameShapeVerdict<Label, [D], V>,
> = R extends 'ok' ? 'ok' : `${Label}: must have the shape ${ShapeText<[D]>}, not ${ShapeText<V>}`;

/** S has the rank. */
export type RankVerdict<
  Label extends string,
  Role extends string,
  S,
  Rank extends number,
> = S extends readonly unknown[]
  ? number extends S['length']
    ? 'ok'
    : S['length'] extends Rank
      ? 'ok'
      : `${Label}: the ${Role} needs ${Rank} dims`
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
          SameShapeVerdict<
            `${Op}_c3: the leading dims of query and key differ`,
            QueryBatch,
            KeyBatch
          >
        >
      >
    : HeadsRank<Op, K>
  : HeadsRank<Op, Q>;

type HeadsRank<Op extends string, S> = S extends readonly unknown[]
  ? number extends S['length']
    ? 'ok'
    : `${Op}_c1: query, key and value need at least 3 dims: heads, rows and width`
  : 'ok';

type DimsVerdict<Fault extends string, A, B, V = Agreement<A, B>> = V extends 'agree'
  ? 'ok'
  : `${Fault} differ: ${DimText<A>} and ${DimText<B>}`;

type GroupVerdict<Label extends string, Heads, Groups> = Heads extends number
  ? Groups extends number
    ? Divide<Heads, Groups> extends 'inexact'
      ? `${Label}: ${Groups} key heads do not divide ${Heads} query heads`
      : 'ok'
    : DimsVerdict<`${Label}: the heads`, Heads, Groups>
  : DimsVerdict<`${Label}: the heads`, Heads, Groups>;

export type First<V, W> = V extends 'ok' ? W : V;

type PairText<P extends readonly [Dim, Dim]> = `${DimText<P[0]>} and ${DimText<P[1]>}`;

/** A shape as error messages write it: `[batch, seq, 384]`. */
export type ShapeText<S> = `[${DimList<S>}]`;

type DimList<S> = S extends readonly [infer D extends Dim, ...infer Rest extends Shape]
  ? Rest extends readonly []
    ? DimText<D>
    : `${DimText<D>}, ${DimList<Rest>}`
  : S extends readonly []
    ? ''
    : '..';
