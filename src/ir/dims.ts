/**
 * Dims in normal form. A dim is a number or the text of a polynomial with integer coefficients
 * over atoms: symbols, `floor(a/b)`, `max(a,b)`, `min(a,b)`. The text is canonical (terms by
 * falling degree, then by name, negative ones behind, the constant last; factors by name), so two dims are equal exactly
 * when they are `===`. The same algebra serves the indices of the loop IR, whose symbols are also
 * loop variables.
 *
 * Every symbol stands for an integer of at least 0.
 */
import { EncompileError } from '../errors.ts';
import { type AtomName, DimReader } from './dim-reader.ts';
import {
  commonDivisor,
  divideTerms,
  factorsOf,
  type Polynomial,
  product,
  readableTerms,
  splitOutside,
  sum,
} from './polynomial.ts';
import { remembered } from './remembered.ts';

export type Dim = number | string;

/** A dim that is longer comes of a file that makes it grow at every node. */
const MAX_TEXT = 4096;

const parsed = new Map<string, Polynomial>();

export function normalise(dim: Dim): Dim {
  return write(read(dim));
}

export function add(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  if (a === 0) return b;
  if (b === 0) return a;
  return write(sum(read(a), read(b), 1));
}

export function subtract(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (a === b) return 0;
  return write(sum(read(a), read(b), -1));
}

export function multiply(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return a * b;
  if (a === 1) return b;
  if (b === 1) return a;
  return write(product(read(a), read(b)));
}

/** The product of a shape's dims: its number of elements. */
export function sizeOf(shape: readonly Dim[]): Dim {
  return shape.reduce<Dim>(multiply, 1);
}

/** a / b where that is a polynomial, else null. */
export function divideExactly(a: Dim, b: Dim): Dim | null {
  if (b === 0) return null;
  const { quotient, rest } = divideTerms(read(a), read(b));
  return rest.size === 0 ? write(quotient) : null;
}

/** a = b * quotient + rest, where the rest holds the terms that the leading term of b leaves. */
export function divideWithRest(a: Dim, b: Dim): { quotient: Dim; rest: Dim } {
  const { quotient, rest } = divideTerms(read(a), read(b));
  return { quotient: write(quotient), rest: write(rest) };
}

/** floor(a / b), with every term that b divides taken out of the floor. b is positive. */
export function floorDivide(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return Math.floor(a / b);
  if (b === 1) return a;
  const { quotient, rest } = divideTerms(read(a), read(b));
  if (typeof b === 'number') {
    const constant = rest.get('') ?? 0;
    const whole = Math.floor(constant / b);
    const remainder = sum(rest, new Map([['', whole * b]]), -1);
    return add(add(write(quotient), whole), floorAtom(remainder, b));
  }
  return add(write(quotient), floorAtom(rest, b));
}

export function ceilDivide(a: Dim, b: Dim): Dim {
  return floorDivide(add(a, subtract(b, 1)), b);
}

/** a - b * floor(a / b). */
export function modulo(a: Dim, b: Dim): Dim {
  return subtract(a, multiply(b, floorDivide(a, b)));
}

export function maximum(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return Math.max(a, b);
  if (isAtLeast(a, b)) return a;
  if (isAtLeast(b, a)) return b;
  return atom(`max(${[a, b].map(String).sort().join(',')})`);
}

export function minimum(a: Dim, b: Dim): Dim {
  if (typeof a === 'number' && typeof b === 'number') return Math.min(a, b);
  if (isAtLeast(a, b)) return b;
  if (isAtLeast(b, a)) return a;
  return atom(`min(${[a, b].map(String).sort().join(',')})`);
}

/**
 * Whether a >= b is provable with every symbol >= 0: no coefficient of a - b is negative, and the
 * floors, maxima and minima in it are themselves provably >= 0.
 */
export function isAtLeast(a: Dim, b: Dim): boolean {
  if (typeof a === 'number' && typeof b === 'number') return a >= b;
  for (const [monomial, coefficient] of sum(read(a), read(b), -1)) {
    if (coefficient < 0 || !factorsOf(monomial).every(isNonNegative)) return false;
  }
  return true;
}

/**
 * A dim that is at most this one, without floors of whole multiples: c m floor(x / m) is at least
 * c (x - m + 1), or c x for a negative c. So 2*floor((n+1)/2) - n is at least 0.
 */
export function withoutFloors(dim: Dim): Dim {
  let least: Dim = 0;
  for (const [monomial, coefficient] of read(dim)) {
    const call = soleFloor(monomial);
    const by = call !== null && typeof call.b === 'number' ? call.b : 0;
    const times = by > 0 ? coefficient / by : 0;
    const isWhole = call !== null && by > 0 && Number.isInteger(times);
    const bound = isWhole
      ? multiply(times, times > 0 ? subtract(call.a, by - 1) : call.a)
      : write(new Map([[monomial, coefficient]]));
    least = add(least, bound);
  }
  return least;
}

function isNonNegative(factor: string): boolean {
  const call = parseAtom(factor);
  if (call === null) return true;
  const a = isAtLeast(call.a, 0);
  const b = isAtLeast(call.b, 0);
  return call.name === 'max' ? a || b : a && b;
}

/** The value of a dim; throws where a symbol has none. */
export function evaluateDim(dim: Dim, sizes: Readonly<Record<string, number>>): number {
  if (typeof dim === 'number') return dim;
  return evaluateWith(dim, (symbol) => {
    const size = sizes[symbol];
    if (size === undefined) throw new EncompileError(`The dim '${symbol}' has no size here.`);
    return size;
  });
}

/** The value of a dim whose symbols `lookup` resolves. */
export function evaluateWith(dim: Dim, lookup: (symbol: string) => number): number {
  if (typeof dim === 'number') return dim;
  let total = 0;
  for (const [monomial, coefficient] of read(dim)) {
    let term = coefficient;
    for (const factor of factorsOf(monomial)) {
      const call = parseAtom(factor);
      if (call === null) term *= lookup(factor);
      else term *= APPLY[call.name](evaluateWith(call.a, lookup), evaluateWith(call.b, lookup));
    }
    total += term;
  }
  return total;
}

/** The dim with symbols replaced by dims. */
export function substitute(dim: Dim, replace: (symbol: string) => Dim | undefined): Dim {
  if (typeof dim === 'number') return dim;
  let total: Dim = 0;
  for (const [monomial, coefficient] of read(dim)) {
    let term: Dim = coefficient;
    for (const factor of factorsOf(monomial)) {
      const call = parseAtom(factor);
      term = multiply(
        term,
        call === null
          ? (replace(factor) ?? factor)
          : BUILD[call.name](substitute(call.a, replace), substitute(call.b, replace)),
      );
    }
    total = add(total, term);
  }
  return total;
}

/** The symbols of a dim, in order of first appearance. */
export function symbolsOf(dim: Dim): readonly string[] {
  return typeof dim === 'number' ? [] : symbolsIn(dim);
}

const symbolsIn = remembered((dim): readonly string[] => {
  const found = new Set<string>();
  for (const monomial of read(dim).keys()) {
    for (const factor of factorsOf(monomial)) {
      const call = parseAtom(factor);
      if (call === null) found.add(factor);
      else for (const part of [call.a, call.b]) for (const s of symbolsOf(part)) found.add(s);
    }
  }
  return [...found];
});

export interface Term {
  readonly coefficient: number;
  readonly factors: readonly Factor[];
}
export type Factor =
  | { readonly tag: 'symbol'; readonly name: string }
  | { readonly tag: AtomName; readonly a: Dim; readonly b: Dim };

/** The terms of a dim, for printers and analyses. */
export function termsOf(dim: Dim): readonly Term[] {
  return readableTerms(read(dim)).map(([monomial, coefficient]) => ({
    coefficient,
    factors: factorsOf(monomial).map((factor): Factor => {
      const call = parseAtom(factor);
      return call === null
        ? { tag: 'symbol', name: factor }
        : { tag: call.name, a: call.a, b: call.b };
    }),
  }));
}

/** The sum of the terms that `keep` accepts, and the sum of the others. */
export function partition(dim: Dim, keep: (term: Dim) => boolean): readonly [Dim, Dim] {
  const kept = new Map<string, number>();
  const others = new Map<string, number>();
  for (const [monomial, coefficient] of read(dim)) {
    (keep(write(new Map([[monomial, coefficient]]))) ? kept : others).set(monomial, coefficient);
  }
  return [write(kept), write(others)];
}

/**
 * Splits dim = coefficient * symbol + rest; null where the symbol also appears squared or inside
 * a floor, max or min.
 */
export function linearIn(dim: Dim, symbol: string): { coefficient: Dim; rest: Dim } | null {
  const [withSymbol, rest] = partition(dim, (term) => symbolsOf(term).includes(symbol));
  const coefficient = divideExactly(withSymbol, symbol);
  if (coefficient === null || symbolsOf(coefficient).includes(symbol)) return null;
  return { coefficient, rest };
}

// Polynomials ---------------------------------------------------------------------------------

const APPLY: { readonly [N in AtomName]: (a: number, b: number) => number } = {
  floor: (a, b) => Math.floor(a / b),
  max: Math.max,
  min: Math.min,
};

const BUILD: { readonly [N in AtomName]: (a: Dim, b: Dim) => Dim } = {
  floor: floorDivide,
  max: maximum,
  min: minimum,
};

function buildAtom(name: AtomName, a: Polynomial, b: Polynomial): Polynomial {
  return read(BUILD[name](write(a), write(b)));
}

function read(dim: Dim): Polynomial {
  if (typeof dim === 'number') return dim === 0 ? new Map() : new Map([['', dim]]);
  let polynomial = parsed.get(dim);
  if (polynomial === undefined) {
    polynomial = new DimReader(dim, buildAtom).readAll();
    if (parsed.size > 100_000) parsed.clear();
    parsed.set(dim, polynomial);
  }
  return polynomial;
}

function write(polynomial: Polynomial): Dim {
  if (polynomial.size === 0) return 0;
  const constant = polynomial.get('');
  if (polynomial.size === 1 && constant !== undefined) return constant;
  let text = '';
  for (const [monomial, coefficient] of readableTerms(polynomial)) {
    const size = Math.abs(coefficient);
    const body = monomial === '' ? `${size}` : size === 1 ? monomial : `${size}*${monomial}`;
    text += coefficient < 0 ? `-${body}` : text === '' ? body : `+${body}`;
  }
  if (text.length > MAX_TEXT) {
    throw new EncompileError(
      `a size has grown to an expression of ${text.length} characters, where at most ${MAX_TEXT} were expected`,
    );
  }
  parsed.set(text, polynomial);
  return text;
}

function floorAtom(rest: Polynomial, by: Dim): Dim {
  const common = typeof by === 'number' ? commonDivisor(rest, by) : 1;
  if (typeof by === 'number' && common > 1) {
    // floor((g*p + c) / (g*b)) = floor((p + floor(c/g)) / b) for integers p
    const reduced = new Map<string, number>();
    for (const [monomial, coefficient] of rest) {
      const value = Math.floor(coefficient / common);
      if (value !== 0) reduced.set(monomial, value);
    }
    return floorDivide(write(reduced), by / common);
  }
  const nested = typeof by === 'number' ? nestedFloor(rest) : null;
  if (nested !== null) {
    // floor((floor(x/m) + c) / n) = floor((x + c*m) / (m*n))
    const { x, m, c } = nested;
    return floorDivide(add(x, multiply(c, m)), multiply(m, by));
  }
  const a = write(rest);
  if (a === 0) return 0;
  if (typeof a === 'number' && typeof by === 'number') return Math.floor(a / by);
  if (isAtLeast(a, 0) && isAtLeast(by, add(a, 1))) return 0;
  return atom(`floor(${group(a)}/${group(by)})`);
}

/** x, m and c of floor(x/m) + c, m and c being numbers; null for anything else. */
function nestedFloor(sum: Polynomial): { x: Dim; m: number; c: number } | null {
  const c = sum.get('') ?? 0;
  if (sum.size !== (c === 0 ? 1 : 2)) return null;
  for (const [monomial, coefficient] of sum) {
    const call = monomial === '' || coefficient !== 1 ? null : soleFloor(monomial);
    if (call !== null && typeof call.b === 'number') return { x: call.a, m: call.b, c };
  }
  return null;
}

function soleFloor(monomial: string) {
  const [factor, other] = factorsOf(monomial);
  const call = factor === undefined || other !== undefined ? null : parseAtom(factor);
  return call?.name === 'floor' ? call : null;
}

function group(dim: Dim): string {
  return /^\w+$/.test(`${dim}`) ? `${dim}` : `(${dim})`;
}

function atom(text: string): Dim {
  return write(new Map([[text, 1]]));
}

/** The parts of `floor(a/b)`, `max(a,b)` or `min(a,b)`; null for a symbol. */
const parseAtom = remembered((factor): { name: AtomName; a: Dim; b: Dim } | null => {
  const open = factor.indexOf('(');
  if (open < 0) return null;
  const name = factor.slice(0, open) as AtomName;
  const [a = '', b = ''] = splitOutside(factor.slice(open + 1, -1), name === 'floor' ? '/' : ',');
  return { name, a: normalise(a), b: normalise(b) };
});
