/** Printers as total tables from tag to text: a missing tag is a type error. */

interface Tagged {
  readonly tag: string;
}

export type TableOf<U extends Tagged, Rest extends readonly unknown[], R> = {
  readonly [T in U['tag']]: (x: Extract<U, { readonly tag: T }>, ...rest: Rest) => R;
};

/** The function that applies the entry of a node's tag to the node. */
export function byTag<U extends Tagged, Rest extends readonly unknown[], R>(
  table: TableOf<U, Rest, R>,
): (x: U, ...rest: Rest) => R {
  // The entry under x.tag takes x; TypeScript cannot relate the two unions.
  return (x, ...rest) => (table[x.tag as U['tag']] as (x: U, ...rest: Rest) => R)(x, ...rest);
}

/** Emitted text and how tightly its outermost operator binds. */
export interface Text {
  readonly text: string;
  readonly level: number;
}

/** Binding strengths shared by the C-like targets. */
export const LEVEL = {
  conditional: 1,
  logic: 2,
  bits: 3,
  comparison: 4,
  sum: 5,
  product: 6,
  unary: 7,
  atom: 8,
} as const;

/** The text, in parentheses where it binds less tightly than `level`. */
export function atLevel(x: Text, level: number): string {
  return x.level < level ? `(${x.text})` : x.text;
}

/** a + b, which reads as a subtraction where b starts with a minus. */
export function sumText(a: Text, b: Text): Text {
  const left = atLevel(a, LEVEL.sum);
  const isNegated = b.level === LEVEL.unary && b.text.startsWith('-');
  const text = isNegated
    ? `${left} - ${b.text.slice(1)}`
    : `${left} + ${atLevel(b, LEVEL.product)}`;
  return { text, level: LEVEL.sum };
}

export function indent(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`);
}
