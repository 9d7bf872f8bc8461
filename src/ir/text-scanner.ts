/**
 * Reads a text from left to right. Between tokens, blanks, line breaks and `// comments` are
 * skipped. Every failure names the origin, line and column, what was expected, what stands there,
 * and shows the source line. No character is looked at more than a fixed number of times.
 */
import { EncompileError } from '../errors.ts';
import { lineAndColumn, sourceExcerpt } from '../source-excerpt.ts';
import type { AttributeReader } from './attributes.ts';

/** Far above any dump: weights are not part of the text. */
const MAX_LENGTH = 64 * 2 ** 20;
const LONGEST_SHOWN = 30;

/** Bare names: as in the printer, so a name ends before the colon of `%x: f32[4]`. */
const NAME = /[A-Za-z0-9_.$/:-]*[A-Za-z0-9_.$/-]/y;

/** An error that has its place already. */
class PlacedError extends EncompileError {}

export class TextScanner implements AttributeReader {
  private position = 0;
  private readonly text: string;
  private readonly origin: string;

  constructor(text: string, origin: string) {
    if (text.length > MAX_LENGTH) {
      throw new EncompileError(
        `${origin} has ${text.length} characters, more than the ${MAX_LENGTH} that are read.`,
      );
    }
    this.text = text;
    this.origin = origin;
  }

  take(pattern: RegExp, expected: string): string {
    this.skipBlanks();
    pattern.lastIndex = this.position;
    const found = this.match(pattern);
    if (found === undefined || found === '') return this.fail(expected);
    this.position += found.length;
    return found;
  }

  accept(text: string): boolean {
    this.skipBlanks();
    if (!this.text.startsWith(text, this.position)) return false;
    this.position += text.length;
    return true;
  }

  expect(text: string, expected = `'${text}'`): void {
    if (!this.accept(text)) this.fail(expected);
  }

  /** Consumes `word` where it stands as a word of its own. */
  acceptWord(word: string): boolean {
    this.skipBlanks();
    const after = this.text.charAt(this.position + word.length);
    if (!this.text.startsWith(word, this.position) || /\w/.test(after)) return false;
    this.position += word.length;
    return true;
  }

  /** A bare name, or a JSON string. */
  takeName(expected: string): string {
    this.skipBlanks();
    if (this.text[this.position] !== '"') return this.take(NAME, expected);
    const start = this.position;
    const end = this.endOfString();
    try {
      const name: unknown = JSON.parse(this.text.slice(start, end));
      if (typeof name === 'string' && name !== '') {
        this.position = end;
        return name;
      }
    } catch {
      // Reported below, as an empty name is.
    }
    return this.fail(`${expected} as a JSON string that is not empty`);
  }

  /** Fails unless nothing but blanks and comments is left. */
  expectEnd(): void {
    this.skipBlanks();
    if (this.position < this.text.length) this.fail('the end of the text');
  }

  /** Where the next token begins. */
  place(): number {
    this.skipBlanks();
    return this.position;
  }

  /** `origin:line:column` of a place. */
  describe(place: number): string {
    const { line, column } = lineAndColumn(this.text, place);
    return `${this.origin}:${line}:${column}`;
  }

  fail(expected: string): never {
    this.skipBlanks();
    const rest = this.text.slice(this.position, this.position + LONGEST_SHOWN);
    const token = /^(?:[%@]?[\w.$/:-]+|.)/u.exec(rest)?.[0];
    const found = token === undefined ? 'the text ends' : `found ${JSON.stringify(token)}`;
    return this.failAt(this.position, `expected ${expected}, but ${found}.`, token?.length);
  }

  failAt(place: number, message: string, length = 1): never {
    throw new PlacedError(
      `${this.describe(place)}: ${message}\n${sourceExcerpt(this.text, place, length)}`,
    );
  }

  /** Runs `read`; errors that have no place yet get this one. */
  at<T>(place: number, read: () => T): T {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof EncompileError) || error instanceof PlacedError) throw error;
      return this.failAt(place, error.message, Math.max(1, this.position - place));
    }
  }

  private match(pattern: RegExp): string | undefined {
    try {
      return pattern.exec(this.text)?.[0];
    } catch {
      // The engine's stack for backtracking has an end; no token of a model comes near it.
      return this.failAt(this.position, 'this token is too long.');
    }
  }

  private endOfString(): number {
    for (let i = this.position + 1; i < this.text.length; i++) {
      const character = this.text[i];
      if (character === '\\') i++;
      else if (character === '"') return i + 1;
      else if (character === '\n') break;
    }
    return this.fail("a name that ends in '\"' on its line");
  }

  private skipBlanks(): void {
    while (this.position < this.text.length) {
      const character = this.text[this.position];
      if (character === '/' && this.text[this.position + 1] === '/') {
        const end = this.text.indexOf('\n', this.position);
        this.position = end < 0 ? this.text.length : end;
      } else if (
        character === ' ' ||
        character === '\n' ||
        character === '\r' ||
        character === '\t'
      ) {
        this.position++;
      } else return;
    }
  }
}
