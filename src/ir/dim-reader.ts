/** Reads the text of a dim, which may come from a model file: its size and depth are bounded. */
import { EncompileError } from '../errors.ts';
import { type Polynomial, product, sum } from './polynomial.ts';

export type AtomName = 'floor' | 'max' | 'min';
export type BuildAtom = (name: AtomName, a: Polynomial, b: Polynomial) => Polynomial;

/** Bounds on texts, which may be anyone's: a product of sums has exponentially many terms. */
const MAX_TEXT = 4000;
const MAX_TERMS = 256;
const LONGEST_SHOWN = 60;

/** Recursive descent over `sum := term (('+'|'-') term)*`, `term := factor ('*' factor)*`. */
export class DimReader {
  private position = 0;
  private depth = 0;
  private readonly text: string;
  private readonly build: BuildAtom;

  constructor(text: string, build: BuildAtom) {
    this.build = build;
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
      return new Map(value === 0 ? [] : [['', value]]);
    }
    if (word !== 'floor' && word !== 'max' && word !== 'min') return new Map([[word, 1]]);
    this.expect('(');
    const a = this.readSum();
    this.expect(word === 'floor' ? '/' : ',');
    const b = word === 'floor' ? this.readFactor() : this.readSum();
    if (word === 'floor' && isBelowOne(b)) this.fail('a divisor is at least 1');
    this.expect(')');
    return this.build(word, a, b);
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

/** Whether a polynomial is a number below 1. */
function isBelowOne(polynomial: Polynomial): boolean {
  const constant = polynomial.get('') ?? 0;
  return polynomial.size === Number(polynomial.has('')) && constant < 1;
}
