/** Data as JS source text: literals of strings, numbers, lists and records, with functions between. */
import type { Dim } from '../ir/dims.ts';
import { atLevel, LEVEL } from './by-tag.ts';
import { type DimStyle, dimText } from './dim-text.ts';
import { quote } from './escape.ts';
import { JS_RESERVED, Names } from './identifiers.ts';

export type JsData =
  | string
  | number
  | boolean
  | null
  | readonly JsData[]
  | { readonly [key: string]: JsData }
  | Extended
  | Code;

/** Source text that stands as it is; only this folder's printers make it. */
export class Code {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A record with all entries of another that has a name, but for its own: `{ ...base, key: value }`. */
export class Extended {
  readonly base: string;
  readonly entries: { readonly [key: string]: JsData };

  constructor(base: string, entries: { readonly [key: string]: JsData }) {
    this.base = base;
    this.entries = entries;
  }
}

const COLUMNS = 100;

/** The literal, on one line where it fits behind `used` columns, else an entry a line. */
export function jsLiteral(data: JsData, depth = 0, used = 0): string {
  const short = onOneLine(data);
  if (short.length + used + 2 * depth <= COLUMNS || isFlat(data)) return short;
  const margin = '  '.repeat(depth + 1);
  const end = `\n${'  '.repeat(depth)}`;
  if (isList(data)) {
    const items = data.map((item) => `\n${margin}${jsLiteral(item, depth + 1)},`);
    return `[${items.join('')}${end}]`;
  }
  const spread = data instanceof Extended ? [`\n${margin}...${data.base},`] : [];
  const entries = recordEntries(data).map(([key, value]) => {
    const head = `${propertyName(key)}: `;
    return `\n${margin}${head}${jsLiteral(value, depth + 1, head.length)},`;
  });
  return `{${[...spread, ...entries].join('')}${end}}`;
}

/** Functions of the symbols, as `(batch, seq) => 64 * batch * seq`. */
export class SizeFunctions {
  private readonly names = new Names(JS_RESERVED);
  private readonly parameters: string;

  constructor(symbols: readonly string[]) {
    this.parameters = `(${symbols.map((symbol) => this.names.identifierFor(symbol)).join(', ')})`;
  }

  one(dim: Dim): Code {
    return new Code(`${this.parameters} => ${this.text(dim)}`);
  }

  list(dims: readonly Dim[]): Code {
    return new Code(`${this.parameters} => [${dims.map((dim) => this.text(dim)).join(', ')}]`);
  }

  private text(dim: Dim): string {
    return dimText(dim, this.style).text;
  }

  private readonly style: DimStyle = {
    symbol: (name) => this.names.identifierFor(name),
    floor: (a, b) => ({
      text: `Math.floor(${atLevel(a, LEVEL.product)} / ${atLevel(b, LEVEL.unary)})`,
      level: LEVEL.atom,
    }),
    max: (a, b) => ({ text: `Math.max(${a.text}, ${b.text})`, level: LEVEL.atom }),
    min: (a, b) => ({ text: `Math.min(${a.text}, ${b.text})`, level: LEVEL.atom }),
  };
}

/** A property name of an object literal or a type; `__proto__` is computed, as it is special bare. */
export function propertyName(name: string): string {
  if (name === '__proto__') return '["__proto__"]';
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : quote(name);
}

function onOneLine(data: JsData): string {
  if (data instanceof Code) return data.text;
  if (typeof data === 'string') return quote(data);
  if (typeof data !== 'object' || data === null) return `${data}`;
  if (isList(data)) return `[${data.map(onOneLine).join(', ')}]`;
  const spread = data instanceof Extended ? [`...${data.base}`] : [];
  const entries = recordEntries(data).map(([key, value]) => {
    return `${propertyName(key)}: ${onOneLine(value)}`;
  });
  const members = [...spread, ...entries];
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}

function isFlat(data: JsData): data is string | number | boolean | null | Code {
  return typeof data !== 'object' || data === null || data instanceof Code;
}

function isList(data: object): data is readonly JsData[] {
  return Array.isArray(data);
}

function recordEntries(data: object): readonly (readonly [string, JsData])[] {
  return Object.entries(data instanceof Extended ? data.entries : data);
}
