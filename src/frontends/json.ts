/**
 * JSON that comes from files of strangers.
 *
 * Invariants: a parsed object never has a key that its text gave twice (`JSON.parse` would keep the
 * last in silence), and a text whose nesting or number of parts could exhaust memory is refused
 * before anything is built from it.
 */
import { EncompileError } from '../errors.ts';

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

const MAX_DEPTH = 64;
/** Values and keys together, of which a key costs as much as several values: tokenizers have three million. */
const MAX_PARTS = 8_000_000;
const KEY = 4;
const LONGEST_QUOTE = 160;

/**
 * Parses `text`; `origin` is the file, as errors name it. What is kept of a text takes up to some forty bytes
 * a part.
 *
 * @throws EncompileError when the text is not JSON, gives a key twice in one object, or is nested or
 * populated beyond any honest file.
 */
export function parseJson(text: string, origin: string, mostParts = MAX_PARTS): JsonValue {
  try {
    refuseHostileStructure(text, origin, mostParts);
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new EncompileError(
      `${origin} is not valid JSON: ${printable(error.message)}. Fetch or save the file again.`,
    );
  }
}

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The member `key` of `object`; unlike indexing, never something of `Object.prototype`. */
export function member(object: JsonObject, key: string): JsonValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** A name or value from a file as errors show it: quoted, escaped, and cut where it is very long. */
export function quote(value: unknown): string {
  const shown = typeof value === 'string' ? value.slice(0, LONGEST_QUOTE + 1) : value;
  const text = JSON.stringify(shown) ?? String(shown);
  return printable(
    text.length <= LONGEST_QUOTE ? text : `${text.slice(0, LONGEST_QUOTE)}... (cut)`,
  );
}

/** Text of a stranger that can neither steer a terminal nor break out of its line. */
function printable(text: string): string {
  return text.replace(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}

/** One walk over the brackets and keys of `text`, which need not be valid JSON yet. */
function refuseHostileStructure(text: string, origin: string, mostParts: number): void {
  const keysOfOpen: (Set<string> | null)[] = [];
  let parts = 0;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '{' || character === '[') {
      keysOfOpen.push(character === '{' ? new Set() : null);
      parts++;
    } else if (character === '}' || character === ']') {
      keysOfOpen.pop();
    } else if (character === ',') {
      parts++;
    } else if (character === '"') {
      const end = endOfString(text, i);
      const keys = keysOfOpen.at(-1);
      if (keys && isKey(text, end)) {
        const key = decodeString(text.slice(i, end));
        if (keys.has(key)) {
          throw new EncompileError(
            `${origin} gives the key ${quote(key)} twice in one object, so what it means is ` +
              'ambiguous. Remove one of the two, or save the file again with a correct writer.',
          );
        }
        keys.add(key);
        parts += KEY;
      }
      i = end - 1;
    }
    if (keysOfOpen.length > MAX_DEPTH || parts > mostParts) {
      throw new EncompileError(
        `${origin} is JSON of more than ${MAX_DEPTH} levels, or of more than ${mostParts} values (a key ` +
          `counts as ${KEY}), which no model file needs. The file is damaged or hostile; fetch it again.`,
      );
    }
  }
}

/** The index after the quote that closes the string opened at `start`. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '"') return i + 1;
  }
  throw new SyntaxError(`the string at position ${start} is not closed`);
}

function isKey(text: string, end: number): boolean {
  let i = end;
  while (text[i] === ' ' || text[i] === '\n' || text[i] === '\r' || text[i] === '\t') i++;
  return text[i] === ':';
}

function decodeString(literal: string): string {
  return literal.includes('\\') ? (JSON.parse(literal) as string) : literal.slice(1, -1);
}
