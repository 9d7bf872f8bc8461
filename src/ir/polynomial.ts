/**
 * Polynomials with integer coefficients: the arithmetic below `dims.ts`. A factor is a symbol or the
 * text of a floor, maximum or minimum, which this file does not look into.
 */
import { EncompileError } from '../errors.ts';
import { remembered } from './remembered.ts';

/** Monomial (factors joined by '*', '' for the constant) to its coefficient, never 0. */
export type Polynomial = ReadonlyMap<string, number>;

export function orderedTerms(polynomial: Polynomial): readonly (readonly [string, number])[] {
  if (polynomial.size < 2) return [...polynomial];
  const terms = [...polynomial];
  // most sums are in order already, as they come of such
  return terms.every((term, i) => i === 0 || comesBefore(terms[i - 1] ?? term, term))
    ? terms
    : terms.sort((a, b) => (comesBefore(a, b) ? -1 : 1));
}

function comesBefore([a]: readonly [string, number], [b]: readonly [string, number]): boolean {
  const byDegree = factorsOf(b).length - factorsOf(a).length;
  return byDegree === 0 ? a < b : byDegree < 0;
}

/** As a dim shows them: negative terms after the others, the constant last. */
export function readableTerms(polynomial: Polynomial): readonly (readonly [string, number])[] {
  const terms = orderedTerms(polynomial);
  const isLate = ([monomial, coefficient]: readonly [string, number]) =>
    coefficient < 0 && monomial !== '';
  if (!terms.some(isLate)) return terms;
  const constant = terms.filter(([monomial]) => monomial === '');
  const others = terms.filter(([monomial]) => monomial !== '');
  return [...others.filter((t) => !isLate(t)), ...others.filter(isLate), ...constant];
}

export function sum(a: Polynomial, b: Polynomial, sign: 1 | -1): Polynomial {
  const total = new Map(a);
  for (const [monomial, coefficient] of b) {
    const value = (total.get(monomial) ?? 0) + sign * coefficient;
    if (value === 0) total.delete(monomial);
    else total.set(monomial, value);
  }
  return total;
}

/** Products of terms; what honest sizes have is a handful. */
const MAX_PRODUCTS = 4096;
/** Beyond it a coefficient is soon no number any more. */
const MAX_COEFFICIENT = 2 ** 200;

export function product(a: Polynomial, b: Polynomial): Polynomial {
  if (a.size * b.size > MAX_PRODUCTS) {
    throw new EncompileError(
      `a size is the product of sums of ${a.size} and ${b.size} terms, where at most ${MAX_PRODUCTS} products of ` +
        'terms were expected',
    );
  }
  const total = new Map<string, number>();
  for (const [left, x] of a) {
    for (const [right, y] of b) {
      const monomial = [...factorsOf(left), ...factorsOf(right)].sort().join('*');
      const value = (total.get(monomial) ?? 0) + x * y;
      if (Math.abs(value) > MAX_COEFFICIENT) {
        throw new EncompileError('a size is a product of numbers that are far beyond any size');
      }
      if (value === 0) total.delete(monomial);
      else total.set(monomial, value);
    }
  }
  return total;
}

/** Long division by the leading term of b; what it does not divide stays in the rest. */
export function divideTerms(
  a: Polynomial,
  b: Polynomial,
): { quotient: Polynomial; rest: Polynomial } {
  const lead = orderedTerms(b)[0];
  let quotient: Polynomial = new Map();
  let rest: Polynomial = new Map();
  let open = a;
  while (lead !== undefined && open.size > 0) {
    const [term] = orderedTerms(open);
    if (term === undefined) break;
    const ratio = divideMonomial(term, lead);
    if (ratio === null) {
      const single = new Map([term]);
      rest = sum(rest, single, 1);
      open = sum(open, single, -1);
    } else {
      quotient = sum(quotient, ratio, 1);
      open = sum(open, product(ratio, b), -1);
    }
  }
  return { quotient, rest };
}

function divideMonomial(
  [monomial, coefficient]: readonly [string, number],
  [by, divisor]: readonly [string, number],
): Polynomial | null {
  if (coefficient % divisor !== 0) return null;
  const factors = [...factorsOf(monomial)];
  for (const factor of factorsOf(by)) {
    const at = factors.indexOf(factor);
    if (at < 0) return null;
    factors.splice(at, 1);
  }
  return new Map([[factors.join('*'), coefficient / divisor]]);
}

/** The greatest divisor of `by` and of every coefficient but the constant's. */
export function commonDivisor(polynomial: Polynomial, by: number): number {
  let divisor = by;
  for (const [monomial, coefficient] of polynomial) {
    if (monomial === '') continue;
    let [x, y] = [divisor, Math.abs(coefficient)];
    while (y !== 0) [x, y] = [y, x % y];
    divisor = x;
  }
  return divisor;
}

/** The factors of a monomial; a '*' inside parentheses does not separate. */
export const factorsOf: (monomial: string) => readonly string[] = remembered((monomial) =>
  monomial === '' ? [] : splitOutside(monomial, '*'),
);

export function splitOutside(text: string, separator: string): readonly string[] {
  const parts = [''];
  let depth = 0;
  for (const char of text) {
    if (char === '(') depth++;
    if (char === ')') depth--;
    if (char === separator && depth === 0) parts.push('');
    else parts[parts.length - 1] += char;
  }
  return parts;
}
