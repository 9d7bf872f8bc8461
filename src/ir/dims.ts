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

export type Dim = number | string;

/** Monomial (factors joined by '*', '' for the constant) to its coefficient, never 0. */
type Polynomial = ReadonlyMap<string, number>;

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
  if (typeof dim === 'number') return [];
  const found = new Set<string>();
  for (const monomial of read(dim).keys()) {
    for (const factor of factorsOf(monomial)) {
      const call = parseAtom(factor);
      if (call === null) found.add(factor);
      else for (const part of [call.a, call.b]) for (const s of symbolsOf(part)) found.add(s);
    }
  }
  return [...found];
}

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

type AtomName = 'floor' | 'max' | 'min';

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

function read(dim: Dim): Polynomial {
  if (typeof dim === 'number') return dim === 0 ? new Map() : new Map([['', dim]]);
  let polynomial = parsed.get(dim);
  if (polynomial === undefined) {
    polynomial = new DimReader(dim).readAll();
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
  parsed.set(text, polynomial);
  return text;
}

function orderedTerms(polynomial: Polynomial): readonly (readonly [string, number])[] {
  if (polynomial.size < 2) return [...polynomial];
  return [...polynomial].sort(([a], [b]) => {
    const byDegree = factorsOf(b).length - factorsOf(a).length;
    return byDegree !== 0 ? byDegree : a < b ? -1 : 1;
  });
}

/** As a dim shows them: negative terms after the others, the constant last. */
function readableTerms(polynomial: Polynomial): readonly (readonly [string, number])[] {
  const terms = orderedTerms(polynomial);
  const isLate = ([monomial, coefficient]: readonly [string, number]) =>
    coefficient < 0 && monomial !== '';
  if (!terms.some(isLate)) return terms;
  const constant = terms.filter(([monomial]) => monomial === '');
  const others = terms.filter(([monomial]) => monomial !== '');
  return [...others.filter((t) => !isLate(t)), ...others.filter(isLate), ...constant];
}

function sum(a: Polynomial, b: Polynomial, sign: 1 | -1): Polynomial {
  const total = new Map(a);
  for (const [monomial, coefficient] of b) {
    const value = (total.get(monomial) ?? 0) + sign * coefficient;
    if (value === 0) total.delete(monomial);
    else total.set(monomial, value);
  }
  return total;
}

function product(a: Polynomial, b: Polynomial): Polynomial {
  const total = new Map<string, number>();
  for (const [left, x] of a) {
    for (const [right, y] of b) {
      const monomial = [...factorsOf(left), ...factorsOf(right)].sort().join('*');
      const value = (total.get(monomial) ?? 0) + x * y;
      if (value === 0) total.delete(monomial);
      else total.set(monomial, value);
    }
  }
  return total;
}

/** Long division by the leading term of b; what it does not divide stays in the rest. */
function divideTerms(a: Polynomial, b: Polynomial): { quotient: Polynomial; rest: Polynomial } {
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
  const a = write(rest);
  if (a === 0) return 0;
  if (typeof a === 'number' && typeof by === 'number') return Math.floor(a / by);
  if (isAtLeast(a, 0) && isAtLeast(by, add(a, 1))) return 0;
  return atom(`floor(${group(a)}/${group(by)})`);
}

/** The greatest divisor of `by` and of every coefficient but the constant's. */
function commonDivisor(polynomial: Polynomial, by: number): number {
  let divisor = by;
  for (const [monomial, coefficient] of polynomial) {
    if (monomial === '') continue;
    let [x, y] = [divisor, Math.abs(coefficient)];
    while (y !== 0) [x, y] = [y, x % y];
    divisor = x;
  }
  return divisor;
}

function group(dim: Dim): string {
  return /^\w+$/.test(`${dim}`) ? `${dim}` : `(${dim})`;
}

function atom(text: string): Dim {
  return write(new Map([[text, 1]]));
}

const factorLists = new Map<string, readonly string[]>();

/** The factors of a monomial; a '*' inside parentheses does not separate. */
function factorsOf(monomial: string): readonly string[] {
  if (monomial === '') return [];
  if (!monomial.includes('(')) return monomial.split('*');
  let factors = factorLists.get(monomial);
  if (factors === undefined) {
    factors = splitOutside(monomial, '*');
    factorLists.set(monomial, factors);
  }
  return factors;
}

function splitOutside(text: string, separator: string): readonly string[] {
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

/** The parts of `floor(a/b)`, `max(a,b)` or `min(a,b)`; null for a symbol. */
function parseAtom(factor: string): { name: AtomName; a: Dim; b: Dim } | null {
  const open = factor.indexOf('(');
  if (open < 0) return null;
  const name = factor.slice(0, open) as AtomName;
  const [a = '', b = ''] = splitOutside(factor.slice(open + 1, -1), name === 'floor' ? '/' : ',');
  return { name, a: normalise(a), b: normalise(b) };
}

/** Bounds on texts, which may be anyone's: a product of sums has exponentially many terms. */
const MAX_TEXT = 4000;
const MAX_TERMS = 256;
const LONGEST_SHOWN = 60;

/** Recursive descent over `sum := term (('+'|'-') term)*`, `term := factor ('*' factor)*`. */
class DimReader {
  private position = 0;
  private depth = 0;
  private readonly text: string;

  constructor(text: string) {
    this.text = text.replaceAll(' ', '');
    if (this.text.length > MAX_TEXT) this.fail(`it has more than ${MAX_TEXT} characters`);
  }

  readAll(): Polynomial {
    const value = this.readSum();
    if (this.position < this.text.length) this.fail();
    return value;
  }

  private readSum(): Polynomial {
    if (++this.depth > 50) this.fail();
    let total: Polynomial = new Map();
    let sign: 1 | -1 = this.take('-') ? -1 : 1;
    do {
      total = this.bounded(sum(total, this.readTerm(), sign));
      sign = this.text[this.position] === '-' ? -1 : 1;
    } while (this.take('+') || this.take('-'));
    this.depth--;
    return total;
  }

  private readTerm(): Polynomial {
    let value = this.readFactor();
    while (this.take('*')) value = this.bounded(product(value, this.readFactor()));
    return value;
  }

  private bounded(value: Polynomial): Polynomial {
    if (value.size > MAX_TERMS) this.fail(`it has more than ${MAX_TERMS} terms`);
    for (const coefficient of value.values()) {
      if (!Number.isSafeInteger(coefficient)) this.fail('its numbers are too large');
    }
    return value;
  }

  private readFactor(): Polynomial {
    const word = /^(\d+|[A-Za-z_]\w*)/.exec(this.text.slice(this.position))?.[0];
    if (word === undefined) {
      if (!this.take('(')) this.fail();
      const inner = this.readSum();
      this.expect(')');
      return inner;
    }
    this.position += word.length;
    if (/^\d/.test(word)) {
      const value = Number(word);
      if (!Number.isSafeInteger(value)) this.fail();
      return read(value);
    }
    if (word !== 'floor' && word !== 'max' && word !== 'min') return new Map([[word, 1]]);
    this.expect('(');
    const a = write(this.readSum());
    this.expect(word === 'floor' ? '/' : ',');
    const b = write(word === 'floor' ? this.readFactor() : this.readSum());
    if (word === 'floor' && typeof b === 'number' && b < 1) this.fail('a divisor is at least 1');
    this.expect(')');
    return read(BUILD[word](a, b));
  }

  private take(char: string): boolean {
    if (this.text[this.position] !== char) return false;
    this.position++;
    return true;
  }

  private expect(char: string): void {
    if (!this.take(char)) this.fail();
  }

  private fail(reason?: string): never {
    const isLong = this.text.length > LONGEST_SHOWN;
    const shown = isLong ? `${this.text.slice(0, LONGEST_SHOWN)}...` : this.text;
    throw new EncompileError(
      `'${shown}' is not a dim (${reason ?? `at character ${this.position + 1}`}). A dim is a ` +
        `number or an expression such as 'batch*seq', 'n+1' or 'floor((n+2)/2)'.`,
    );
  }
}
