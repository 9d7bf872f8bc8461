/**
 * Arithmetic and agreement of dims at type level, for `shape-types.ts` and `shape-checks.ts`.
 *
 * Only literal dims are computed with: `number`, `string`, unions and sums over symbols give `Dim`,
 * and agree with everything. Dims are in normal form (`dims.ts`), so two literals agree exactly when
 * they are the same literal.
 */
import type { Dim } from './types.ts';

/** `'differ'` where A and B are literals that are not the same, else `'agree'`. */
export type Agreement<A, B> = A extends Dim
  ? B extends Dim
    ? A extends B
      ? 'agree'
      : B extends A
        ? 'agree'
        : IsOpen<A> extends true
          ? 'agree'
          : IsOpen<B> extends true
            ? 'agree'
            : 'differ'
    : 'agree'
  : 'agree';

/** As `Agreement`, where a dim of 1 stretches to the other. */
export type StretchAgreement<A, B> = A extends 1
  ? 'agree'
  : B extends 1
    ? 'agree'
    : Agreement<A, B>;

/** The dim that A and B broadcast to: the one that is not 1, or the narrower of two that overlap. */
export type BroadcastDim<A, B> = [A] extends [1]
  ? B
  : [B] extends [1]
    ? A
    : [A] extends [B]
      ? A
      : [B] extends [A]
        ? B
        : Dim;

/** Whether D stands for many dims: `number`, `string` or a pattern such as `${string}*seq`. */
export type IsOpen<D> = D extends Dim
  ? Record<never, 1> extends Record<D, 1>
    ? true
    : false
  : true;

/** A dim as error messages write it. */
export type DimText<D> = D extends Dim ? (IsOpen<D> extends true ? '?' : `${D}`) : '?';

// Sums, products, quotients -----------------------------------------------------------------

export type Add<A, B> = A extends 0
  ? B
  : B extends 0
    ? A
    : DigitsOf<A> extends infer X extends Digits
      ? DigitsOf<B> extends infer Y extends Digits
        ? NumberOf<AddDigits<X, Y>>
        : Dim
      : Dim;

/** A - B; `'negative'` where B is the larger. */
export type Subtract<A, B> = B extends 0
  ? A
  : DigitsOf<A> extends infer X extends Digits
    ? DigitsOf<B> extends infer Y extends Digits
      ? SubtractDigits<X, Y> extends infer R extends Digits
        ? NumberOf<R>
        : 'negative'
      : Dim
    : Dim;

export type Multiply<A, B> = A extends 1
  ? B
  : B extends 1
    ? A
    : DigitsOf<A> extends infer X extends Digits
      ? DigitsOf<B> extends Digits
        ? NumberOf<MultiplyDigits<X, `${B & number}`>>
        : Dim
      : Dim;

/** A / B; `'inexact'` where B does not divide A. */
export type Divide<A, B> = B extends 1
  ? A
  : B extends 0
    ? 'inexact'
    : DigitsOf<A> extends Digits
      ? DigitsOf<B> extends infer Y extends Digits
        ? DivideDigits<`${A & number}`, Y>
        : Dim
      : Dim;

/** The product of a list of numbers. */
export type ProductOf<N extends readonly Dim[], P extends Dim = 1> = N extends readonly [
  infer First extends Dim,
  ...infer Rest extends readonly Dim[],
]
  ? ProductOf<Rest, Multiply<P, First>>
  : P;

export type Digit = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

/** Decimal digits, the least significant first. */
type Digits = readonly Digit[];

/** `Unary[n]` has n elements: digits are added by joining tuples and reading the length. */
export type Unary = [
  [],
  [0],
  [0, 0],
  [0, 0, 0],
  [0, 0, 0, 0],
  [0, 0, 0, 0, 0],
  [0, 0, 0, 0, 0, 0],
  [0, 0, 0, 0, 0, 0, 0],
  [0, 0, 0, 0, 0, 0, 0, 0],
  [0, 0, 0, 0, 0, 0, 0, 0, 0],
];

/** The digits of a literal natural number; null for any other dim. */
type DigitsOf<D> = D extends number ? (number extends D ? null : ReadDigits<`${D}`>) : null;

type ReadDigits<T extends string, R extends Digits = []> = T extends ''
  ? R
  : T extends `${infer D extends Digit}${infer Rest}`
    ? ReadDigits<Rest, [D, ...R]>
    : null;

type NumberOf<D extends Digits, Text extends string = ''> = D extends readonly [
  infer First extends Digit,
  ...infer Rest extends Digits,
]
  ? NumberOf<Rest, `${First}${Text}`>
  : WithoutZeros<Text> extends `${infer N extends number}`
    ? N
    : 0;

type WithoutZeros<Text extends string> = Text extends `0${infer Rest}` ? WithoutZeros<Rest> : Text;

type Head<D extends Digits> = D extends readonly [infer First extends Digit, ...Digits] ? First : 0;
type Tail<D extends Digits> = D extends readonly [Digit, ...infer Rest extends Digits] ? Rest : [];

type AddDigits<A extends Digits, B extends Digits> = MultiplyAdd<A, 1, B>;

/** A times the number whose digits `Text` spells, the most significant first (Horner's rule). */
type MultiplyDigits<
  A extends Digits,
  Text extends string,
  Sum extends Digits = [],
> = Text extends `${infer D extends Digit}${infer Rest}`
  ? MultiplyDigits<A, Rest, MultiplyAdd<A, D, [0, ...Sum]>>
  : Sum;

/** A * D + B, digit by digit: no column exceeds 9 * 9 + 9 + 9. */
type MultiplyAdd<
  A extends Digits,
  D extends Digit,
  B extends Digits,
  Carry extends Digit = 0,
  Out extends Digits = [],
> = [A, B, Carry] extends [[], [], 0]
  ? Out
  : ColumnOf<[...Times<Unary[Head<A>], D>, ...Unary[Head<B>], ...Unary[Carry]]> extends [
        infer Tens extends Digit,
        infer Ones extends Digit,
      ]
    ? MultiplyAdd<Tail<A>, D, Tail<B>, Tens, [...Out, Ones]>
    : never;

/** The two digits of a length below 100. */
type ColumnOf<U extends readonly 0[]> =
  `${U['length']}` extends `${infer Tens extends Digit}${infer Ones extends Digit}`
    ? [Tens, Ones]
    : [0, U['length']];

type Times<U extends readonly 0[], D extends Digit> = [
  [],
  U,
  [...U, ...U],
  [...U, ...U, ...U],
  [...U, ...U, ...U, ...U],
  [...U, ...U, ...U, ...U, ...U],
  [...U, ...U, ...U, ...U, ...U, ...U],
  [...U, ...U, ...U, ...U, ...U, ...U, ...U],
  [...U, ...U, ...U, ...U, ...U, ...U, ...U, ...U],
  [...U, ...U, ...U, ...U, ...U, ...U, ...U, ...U, ...U],
][D];

type Ten = [...Unary[9], 0];

type SubtractDigits<
  A extends Digits,
  B extends Digits,
  Borrow extends 0 | 1 = 0,
  Out extends Digits = [],
> = [A, B] extends [[], []]
  ? Borrow extends 0
    ? Out
    : null
  : Unary[Head<A>] extends [...Unary[Head<B>], ...Unary[Borrow], ...infer Rest]
    ? SubtractDigits<Tail<A>, Tail<B>, 0, [...Out, Rest['length'] & Digit]>
    : [...Ten, ...Unary[Head<A>]] extends [...Unary[Head<B>], ...Unary[Borrow], ...infer Rest]
      ? SubtractDigits<Tail<A>, Tail<B>, 1, [...Out, Rest['length'] & Digit]>
      : never;

/** Long division: `Text` spells the dividend, the most significant digit first. */
type DivideDigits<
  Text extends string,
  B extends Digits,
  Remainder extends Digits = [],
  Quotient extends Digits = [],
> = Text extends `${infer D extends Digit}${infer Rest}`
  ? DivideStep<[D, ...Remainder], B> extends [infer Q extends Digit, infer R extends Digits]
    ? DivideDigits<Rest, B, R, [Q, ...Quotient]>
    : never
  : Remainder extends readonly 0[]
    ? NumberOf<Quotient>
    : 'inexact';

/** How often B goes into A (less than 10 times), and what is left. */
type DivideStep<A extends Digits, B extends Digits, Times extends readonly 0[] = []> =
  SubtractDigits<A, B> extends infer R extends Digits
    ? DivideStep<R, B, [...Times, 0]>
    : [Times['length'], A];
