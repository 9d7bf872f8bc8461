/**
 * Numbers of elements at type level, for reshape: whether two shapes have the same product.
 *
 * Every dim is split into factors, equal factors cancel, and what is left is compared. Dims in
 * normal form are polynomials; one with several terms, a floor, a max or a min counts as a single
 * factor, and where such a factor does not cancel the sizes are taken to agree.
 */
import type { Agreement, IsOpen, ProductOf } from './dim-types.ts';
import type { Dim, Shape } from './types.ts';

/** `'differ'` where the sizes of two literal shapes are not the same, else `'agree'`. */
export type SizeAgreement<S, T> =
  FactorsOf<S> extends infer A extends Shape
    ? FactorsOf<T> extends infer B extends Shape
      ? Cancel<A, B>
      : 'agree'
    : 'agree';

/** The factors of a shape's dims; null where a dim is open, or 0 and so hides the others. */
type FactorsOf<S, Found extends Shape = []> = S extends readonly [
  infer D extends Dim,
  ...infer Rest extends Shape,
]
  ? IsOpen<D> extends true
    ? null
    : D extends 0
      ? null
      : FactorsOf<Rest, [...Found, ...DimFactors<D>]>
  : S extends readonly []
    ? Found
    : null;

type DimFactors<D extends Dim> = D extends SeveralTerms
  ? [D]
  : D extends `${infer First}*${infer Rest}`
    ? [...DimFactors<First>, ...DimFactors<Rest>]
    : D extends `${infer N extends number}`
      ? [N]
      : [D];

type SeveralTerms = `${string}${'+' | '-' | '('}${string}`;

type Cancel<A extends Shape, B extends Shape, Left extends Shape = []> = A extends readonly [
  infer F extends Dim,
  ...infer Rest extends Shape,
]
  ? Without<B, F> extends infer Shorter extends Shape
    ? Cancel<Rest, Shorter, Left>
    : Cancel<Rest, B, [...Left, F]>
  : Compare<Left, B, Left[number] | B[number]>;

type Without<S extends Shape, F, Seen extends Shape = []> = S extends readonly [
  infer First extends Dim,
  ...infer Rest extends Shape,
]
  ? [First] extends [F]
    ? [...Seen, ...Rest]
    : Without<Rest, F, [...Seen, First]>
  : null;

type Compare<A extends Shape, B extends Shape, Factor extends Dim> = [
  Extract<Factor, SeveralTerms>,
] extends [never]
  ? [Extract<Factor, string>] extends [never]
    ? Agreement<ProductOf<A>, ProductOf<B>>
    : 'differ'
  : 'agree';
