/**
 * Division of indices with knowledge of the ranges of loop variables: (h*32 + d) / 32 is h where
 * 0 <= d < 32. What cannot be decided stays a floor.
 */
import {
  add,
  type Dim,
  divideWithRest,
  floorDivide,
  isAtLeast,
  maximum,
  minimum,
  multiply,
  substitute,
  subtract,
  termsOf,
} from '../ir/dims.ts';

/** Loop variables and integer lets by name; each lies in 0 .. extent - 1. */
export type Ranges = ReadonlyMap<string, Dim>;

export function divideIndex(x: Dim, by: Dim, ranges: Ranges): Dim {
  if (by === 1) return x;
  const { quotient, rest } = divideWithRest(x, by);
  if (rest === 0) return quotient;
  const inRange = isAtLeast(bound(rest, ranges, 'lower'), 0) && isBelow(rest, by, ranges);
  return inRange ? quotient : floorDivide(x, by);
}

export function moduloIndex(x: Dim, by: Dim, ranges: Ranges): Dim {
  return subtract(x, multiply(by, divideIndex(x, by, ranges)));
}

/** Whether x < limit is provable. */
export function isBelow(x: Dim, limit: Dim, ranges: Ranges): boolean {
  return isAtLeast(limit, add(bound(x, ranges, 'upper'), 1));
}

/** A bound of x in which no loop variable stands. */
export function bound(x: Dim, ranges: Ranges, side: 'lower' | 'upper'): Dim {
  let total: Dim = 0;
  for (const { coefficient, factors } of termsOf(x)) {
    const largest = coefficient > 0 === (side === 'upper');
    let term: Dim = coefficient;
    for (const factor of factors) {
      if (factor.tag === 'symbol') {
        const extent = ranges.get(factor.name);
        const limit = extent === undefined ? factor.name : largest ? subtract(extent, 1) : 0;
        term = multiply(term, limit);
      } else {
        const inner = largest ? 'upper' : 'lower';
        const a = bound(factor.a, ranges, inner);
        term = multiply(
          term,
          factor.tag === 'floor'
            ? floorDivide(a, factor.b)
            : EXTREME[factor.tag](a, bound(factor.b, ranges, inner)),
        );
      }
    }
    total = add(total, term);
  }
  return total;
}

/** x with loop variables replaced. */
export function withIndices(x: Dim, values: ReadonlyMap<string, Dim>): Dim {
  return substitute(x, (symbol) => values.get(symbol));
}

const EXTREME = { max: maximum, min: minimum } as const;
