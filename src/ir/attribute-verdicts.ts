/** Verdicts on attributes against the shape they are about; see `shape-verdicts.ts`. */
import type { DimText, Divide, Subtract } from './dim-types.ts';
import type { AreSingle, AxisIndex, StepAt } from './shape-types.ts';
import type { First, PairFault, ShapeText } from './shape-verdicts.ts';
import type { SizeAgreement } from './size-types.ts';

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

/** As `AxisVerdict`, for each of a list, in which no axis appears twice. */
export type AxesVerdict<
  Op extends string,
  S,
  Axes extends readonly number[],
> = Axes extends readonly [infer Axis extends number, ...infer Rest extends readonly number[]]
  ? First<
      AxisVerdict<`${Op}_c2`, S, Axis>,
      First<TwiceVerdict<`${Op}_c3`, S, Axis, Rest>, AxesVerdict<Op, S, Rest>>
    >
  : 'ok';

type TwiceVerdict<
  Label extends string,
  S,
  Axis,
  Rest extends readonly number[],
  Index = AxisIndex<S, Axis>,
> = [Index] extends [never]
  ? 'ok'
  : AreSingle<[Axis, ...Rest]> extends true
    ? [Index] extends [AxisIndex<S, Rest[number]>]
      ? `${Label}: an axis appears twice`
      : 'ok'
    : 'ok';

/** The list is as long as S. */
export type EntriesVerdict<Label extends string, S, List> = S extends readonly unknown[]
  ? List extends readonly unknown[]
    ? number extends S['length'] | List['length']
      ? 'ok'
      : List['length'] extends S['length']
        ? 'ok'
        : `${Label}: ${S['length']} entries are needed, one an axis`
    : 'ok'
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
> = `${Label}: ${ShapeText<P>} does not name each of ${S['length']} axes once`;

type IndexText<S> = Extract<keyof S, `${number}`>;

/** S and T have the same number of elements. */
export type ReshapeVerdict<Label extends string, S, T, V = SizeAgreement<S, T>> = V extends 'agree'
  ? 'ok'
  : PairFault<`${Label}: the numbers of elements differ`, S, T>;

/** One end an axis, and 0 <= start <= end <= the dim where these are numbers and the step is 1. */
export type SliceVerdict<Op extends string, S, Starts, Ends, Steps> = First<
  EntriesVerdict<`${Op}_c1`, S, Ends>,
  BoundsVerdict<`${Op}_c3`, S, Starts, Ends, Steps>
>;

type BoundsVerdict<
  Label extends string,
  S,
  Starts,
  Ends,
  Steps,
  Seen extends readonly unknown[] = [],
> = [S, Starts, Ends] extends [
  readonly [infer D, ...infer RestD],
  readonly [infer Start, ...infer RestStarts],
  readonly [infer End, ...infer RestEnds],
]
  ? First<
      StepAt<Steps, `${Seen['length']}`> extends 1
        ? BoundVerdict<Label, Seen['length'], D, Start, End>
        : 'ok',
      BoundsVerdict<Label, RestD, RestStarts, RestEnds, Steps, [...Seen, 0]>
    >
  : 'ok';

type BoundVerdict<
  Label extends string,
  Axis extends number,
  D,
  Start,
  End,
  V = Subtract<End, Start> | Subtract<D, End>,
> = [Extract<V, 'negative'>] extends [never]
  ? 'ok'
  : `${Label}: ${DimText<Start>} to ${DimText<End>} by 1 does not lie in axis ${Axis} of ${DimText<D>} elements`;

/** The heads divide the width. */
export type HeadsVerdict<
  Label extends string,
  Width,
  Heads,
  V = Divide<Width, Heads>,
> = V extends 'inexact'
  ? `${Label}: ${DimText<Heads>} heads do not divide the width ${DimText<Width>}`
  : 'ok';
