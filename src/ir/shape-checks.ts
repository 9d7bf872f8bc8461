/**
 * Mismatches at type level. A check stands in a signature beside the argument it is about,
 * `b: Value<D, B> & MatmulOk<A, B>`: it is `unknown`, which adds nothing, where the argument may be
 * right, and else the message itself, a type that no argument has, so that the checker's error is
 * at that argument and ends in `"matmul_c2: the inner dims differ: 384 and 383"`. Labels and words
 * are those of the op's `infer`.
 *
 * - A check fails only where literals mismatch; what is open (`number`, `string`, unknown rank,
 *   type parameters) is left to build time. A union of shapes fails where each of them does.
 * - A verdict is `'ok'` or the message. The lookup in `Accepted`, rather than a conditional between
 *   `unknown` and the message, lets generic code through: nothing is assignable to a conditional
 *   type that is still deferred, but an index that is deferred counts as its constraint, `'ok'`.
 */
import type {
  AxesVerdict,
  AxisVerdict,
  EntriesVerdict,
  HeadsVerdict,
  PermutationVerdict,
  ReshapeVerdict,
  SliceVerdict,
} from './attribute-verdicts.ts';
import type { LastDim, Rows, ScoresShape } from './shape-types.ts';
import type {
  BroadcastVerdict,
  ConcatVerdict,
  DTypeVerdict,
  KeyVerdict,
  LinearVerdict,
  MatmulVerdict,
  RankVerdict,
  SameDTypeVerdict,
  SameShapeVerdict,
  StretchVerdict,
  VectorVerdict,
} from './shape-verdicts.ts';

/** The type of an attribute that does not fit; M says why. */
export interface ShapeError<M> {
  readonly mismatch: M;
}

/** The type of an operand whose dtype does not fit; M says why. */
export interface DTypeError<M> {
  readonly mismatch: M;
}

/** `unknown` where the verdict may be `'ok'`, else never. */
type Accepted<Verdict> = { ok: unknown }[Verdict extends 'ok' ? 'ok' : never];

/** For operands: the checker prints the message alone. */
type CheckedValue<Verdict> = Accepted<Verdict> | Verdict;

/** For attributes: a number met with a text would be `never`, which says nothing. */
type CheckedAttribute<Verdict> = Accepted<Verdict> | ShapeError<Verdict>;

/** For dtypes: an operand can be wrong in dtype and shape at once, and two texts met are `never`. */
type CheckedDType<Verdict> = Accepted<Verdict> | DTypeError<Verdict>;

// Operands -----------------------------------------------------------------------------------

/** B broadcasts with A. */
export type BroadcastOk<Label extends string, A, B> = CheckedValue<BroadcastVerdict<Label, A, B>>;

/** S broadcasts to T without changing it, as a mask does. */
export type StretchesToOk<Label extends string, S, T> = CheckedValue<StretchVerdict<Label, S, T>>;

/** B has the shape of A. */
export type SameShapeOk<Label extends string, A, B> = CheckedValue<
  SameShapeVerdict<`${Label}: the shapes differ`, A, B>
>;

/** A and B agree in all dims but the last; the fault is a label and what is wrong. */
export type RowsMatch<Fault extends string, A, B> = CheckedValue<
  SameShapeVerdict<Fault, Rows<A>, Rows<B>>
>;

/** V is a vector as long as the last dim of S: gamma, beta, a bias. */
export type LastDimOk<Label extends string, S, V> = CheckedValue<
  VectorVerdict<Label, LastDim<S>, V>
>;

/** S has so many dims; the role is the operand's name. */
export type RankOk<
  Label extends string,
  Role extends string,
  S,
  Rank extends number,
> = CheckedValue<RankVerdict<Label, Role, S, Rank>>;

/** b of a matmul. */
export type MatmulOk<A, B, Op extends string = 'matmul'> = CheckedValue<MatmulVerdict<Op, A, B>>;

/** The weight [width in, width out] of a linear layer on S. */
export type LinearOk<S, W, Op extends string = 'linear'> = CheckedValue<LinearVerdict<Op, S, W>>;

/** The key of an attention: the query's leading dims and head width, in as many heads or fewer. */
export type KeyOk<Q, K, Op extends string = 'attention'> = CheckedValue<KeyVerdict<Op, Q, K>>;

/** The value of an attention: a row for each row of the key. */
export type ValueOk<K, V, Op extends string = 'attention'> = RowsMatch<
  `${Op}_c4: the value does not have a row for each row of the key`,
  K,
  V
>;

/** The mask of an attention, or its bias: broadcasts to the scores. */
export type MaskOk<Q, K, M, Op extends string = 'attention'> = StretchesToOk<
  `${Op}_c5`,
  M,
  ScoresShape<Q, K>
>;

/** One operand of a concat: as the first in all dims but the axis. */
export type ConcatOk<First, S, Axis, Op extends string = 'concat'> = CheckedValue<
  ConcatVerdict<Op, First, S, Axis>
>;

// Dtypes -------------------------------------------------------------------------------------

/** The op is defined on D. */
export type DTypeOk<Label extends string, Accepted, D> = CheckedDType<
  DTypeVerdict<Label, Accepted, D>
>;

/** Two operands have the same dtype. */
export type SameDTypeOk<Label extends string, D, E> = CheckedDType<SameDTypeVerdict<Label, D, E>>;

// Attributes ---------------------------------------------------------------------------------

/** The axis exists. */
export type AxisOk<Label extends string, S, Axis> = CheckedAttribute<AxisVerdict<Label, S, Axis>>;

/** All axes of a reduction exist, and none appears twice. */
export type AxesOk<Op extends string, S, Axes> = CheckedAttribute<
  Axes extends readonly number[] ? AxesVerdict<Op, S, Axes> : 'ok'
>;

/** The list has one entry for each axis of S. */
export type EntriesOk<Label extends string, S, List> = CheckedAttribute<
  EntriesVerdict<Label, S, List>
>;

/** P names every axis of S once. */
export type PermutationOk<Label extends string, S, P> = CheckedAttribute<
  PermutationVerdict<Label, S, P>
>;

/** T has as many elements as S. */
export type ReshapeOk<Label extends string, S, T> = CheckedAttribute<ReshapeVerdict<Label, S, T>>;

/** S broadcasts to T, which is given as an attribute. */
export type BroadcastToOk<Label extends string, S, T> = CheckedAttribute<
  StretchVerdict<Label, S, T>
>;

/** The ends of a slice: one an axis and, where the step is 1, 0 <= start <= end <= the dim. */
export type SliceOk<S, Starts, Ends, Steps, Op extends string = 'slice'> = CheckedAttribute<
  SliceVerdict<Op, S, Starts, Ends, Steps>
>;

/** The number of heads divides the width. */
export type HeadsOk<Label extends string, S, Heads> = CheckedAttribute<
  HeadsVerdict<Label, LastDim<S>, Heads>
>;
