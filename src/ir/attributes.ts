/**
 * Typed attributes. A spec knows how to check, print and parse its own kind of value, so that the
 * text format needs no table of ops.
 */
import { EncompileError } from '../errors.ts';
import { type Dim, normalise } from './dims.ts';
import { DTYPES, type DType, isDType, requireNormalForm } from './types.ts';

/** Plain data, so that attributes can be compared, hashed and written as JSON. */
export type AttributeValue =
  | number
  | string
  | boolean
  | null
  | readonly AttributeValue[]
  | { readonly [key: string]: AttributeValue };

/** What a spec reads from: `print.ts` and `parse.ts` share this reader of attribute text. */
export interface AttributeReader {
  /** Consumes and returns what matches `pattern` (sticky) here, or fails naming `expected`. */
  take(pattern: RegExp, expected: string): string;
  /** Consumes `text` if it stands here. */
  accept(text: string): boolean;
  fail(expected: string): never;
}

export interface AttributeSpec<T extends AttributeValue = AttributeValue> {
  /** What a value is, for error messages: "an integer". */
  readonly kind: string;
  /** Used where a declaration leaves the attribute out; absent for a required one. */
  readonly initial?: T;
  is(value: unknown): value is T;
  print(value: T): string;
  parse(reader: AttributeReader): T;
}

export type AttributeSpecs = { readonly [name: string]: AttributeSpec };

export type AttributesOf<S extends AttributeSpecs> = {
  readonly [N in keyof S]: S[N] extends AttributeSpec<infer T> ? T : never;
};

const NUMBER = /[-+]?(?:inf|nan|(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)/iy;
/** As deep as `dims.ts` reads. */
const DIM = dimPattern(50);

/** Dim text: commas only inside parentheses, which nest at most `depth` deep. */
function dimPattern(depth: number): RegExp {
  let inner = '[-+*/,\\w ]';
  for (let level = 0; level < depth; level++) inner = `(?:[-+*/,\\w ]|\\(${inner}*\\))`;
  return new RegExp(`(?:[-+*/\\w ]|\\(${inner}*\\))+`, 'y');
}

function define<T extends AttributeValue>(
  spec: Omit<AttributeSpec<T>, 'initial'>,
  initial: T | undefined,
): AttributeSpec<T> {
  return initial === undefined ? spec : { ...spec, initial };
}

export const integer = (initial?: number): AttributeSpec<number> =>
  define<number>(
    {
      kind: 'an integer',
      is: (value): value is number => Number.isSafeInteger(value),
      print: String,
      parse: (reader) => Number(reader.take(/[-+]?\d+/y, 'an integer')),
    },
    initial,
  );

/** An integer that may be left out, which is null, and not printed. */
export const optionalInteger = (): AttributeSpec<number | null> => ({
  ...integer(),
  initial: null,
  is: (value): value is number | null => value === null || Number.isSafeInteger(value),
});

export const real = (initial?: number): AttributeSpec<number> =>
  define<number>(
    {
      kind: 'a number',
      is: (value): value is number => typeof value === 'number',
      print: printNumber,
      parse: readNumber,
    },
    initial,
  );

export const flag = (initial?: boolean): AttributeSpec<boolean> =>
  define<boolean>(
    {
      kind: 'true or false',
      is: (value): value is boolean => typeof value === 'boolean',
      print: String,
      parse: (reader) => reader.take(/true|false/y, 'true or false') === 'true',
    },
    initial,
  );

export const oneOf = <const C extends readonly string[]>(
  choices: C,
  initial?: C[number],
): AttributeSpec<C[number]> =>
  define<C[number]>(
    {
      kind: `one of ${choices.join(', ')}`,
      is: (value): value is C[number] => choices.includes(value as string),
      print: String,
      parse: (reader) => {
        const word = reader.take(/\w+/y, `one of ${choices.join(', ')}`);
        return choices.includes(word) ? word : reader.fail(`one of ${choices.join(', ')}`);
      },
    },
    initial,
  );

export const dtype = (initial?: DType): AttributeSpec<DType> =>
  define<DType>(oneOf(DTYPES), initial);

export const integers = (initial?: readonly number[]): AttributeSpec<readonly number[]> =>
  listOf(integer(), 'a list of integers', initial);

/** A dim: a number, or a symbolic expression in normal form. */
export const dim = (initial?: Dim): AttributeSpec<Dim> =>
  define<Dim>(
    {
      kind: 'a dim',
      is: isDim,
      print: String,
      parse: readDim,
    },
    initial,
  );

/** Throws, with what to write, where a text is a dim but not in normal form. */
function isDim(value: unknown): value is Dim {
  if (typeof value === 'string') requireNormalForm(value);
  return typeof value === 'string' || Number.isSafeInteger(value);
}

export const dimList = (initial?: readonly Dim[]): AttributeSpec<readonly Dim[]> =>
  listOf(dim(), 'a list of dims', initial);

/** The numbers of a constant: one number fills the type. Integers and bools stand as numbers. */
export const numbers = (): AttributeSpec<readonly number[]> =>
  listOf(real(), 'a list of numbers', undefined);

function listOf<T extends AttributeValue>(
  item: AttributeSpec<T>,
  kind: string,
  initial: readonly T[] | undefined,
): AttributeSpec<readonly T[]> {
  return define<readonly T[]>(
    {
      kind,
      is: (value): value is readonly T[] => Array.isArray(value) && value.every(item.is),
      print: (value) => `[${value.map(item.print).join(', ')}]`,
      parse: (reader) => {
        reader.take(/\[/y, kind);
        const items: T[] = [];
        while (!reader.accept(']')) {
          if (items.length > 0) reader.take(/,/y, "',' or ']'");
          items.push(item.parse(reader));
        }
        return items;
      },
    },
    initial,
  );
}

export function readDim(reader: AttributeReader): Dim {
  return normalise(reader.take(DIM, 'a dim').trim());
}

export function readDType(reader: AttributeReader): DType {
  const word = reader.take(/\w+/y, 'a dtype');
  return isDType(word) ? word : reader.fail(`a dtype (${DTYPES.join(', ')})`);
}

function readNumber(reader: AttributeReader): number {
  const text = reader.take(NUMBER, 'a number').toLowerCase();
  if (text.endsWith('inf')) return text.startsWith('-') ? -Infinity : Infinity;
  return text.endsWith('nan') ? Number.NaN : Number(text);
}

/** The shortest text that reads back as the same double. */
export function printNumber(value: number): string {
  if (value === Infinity) return 'inf';
  if (value === -Infinity) return '-inf';
  if (Number.isNaN(value)) return 'nan';
  return Object.is(value, -0) ? '-0' : String(value);
}

function spell(value: unknown): string {
  return typeof value === 'number' ? printNumber(value) : (JSON.stringify(value) ?? String(value));
}

/** The attributes of a call: given ones checked, left-out ones filled in; errors name the op. */
export function completeAttributes(
  op: string,
  specs: AttributeSpecs,
  given: { readonly [name: string]: unknown },
): { readonly [name: string]: AttributeValue } {
  const complete: Record<string, AttributeValue> = {};
  for (const [name, spec] of Object.entries(specs)) {
    const value = given[name] ?? spec.initial;
    if (value === undefined) {
      throw new EncompileError(`${op} needs the attribute '${name}' (${spec.kind}).`);
    }
    if (!spec.is(value)) {
      throw new EncompileError(
        `${op}: the attribute '${name}' must be ${spec.kind}, but is ${spell(value)}.`,
      );
    }
    complete[name] = value;
  }
  const unknown = Object.keys(given).filter((name) => !Object.hasOwn(specs, name));
  if (unknown.length > 0) {
    const known = Object.keys(specs).join(', ') || 'none';
    throw new EncompileError(
      `${op} has no attribute '${unknown.join("', '")}'; its attributes: ${known}.`,
    );
  }
  return complete;
}
