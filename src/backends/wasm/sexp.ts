/**
 * WebAssembly text as trees: instructions are folded s-expressions, and functions, loops and
 * branches are blocks of them. Trees become lines only at the end, when their depth is known.
 */
import { indent } from '../by-tag.ts';
import { commentText } from '../escape.ts';

/** An atom, or a list in parentheses. */
export type Sexp = string | readonly Sexp[];

export type Item =
  | { readonly tag: 'line'; readonly sexp: Sexp; readonly comment?: string }
  /** Short lists on one line. */
  | { readonly tag: 'row'; readonly sexps: readonly Sexp[] }
  | { readonly tag: 'comment'; readonly text: string }
  /** Lists inside one another, of which the last elements of the innermost stand on lines of their own. */
  | {
      readonly tag: 'block';
      readonly heads: readonly (readonly Sexp[])[];
      readonly body: readonly Item[];
    };

export function line(sexp: Sexp): Item {
  return { tag: 'line', sexp };
}

export function block(head: readonly Sexp[], body: readonly Item[]): Item {
  return { tag: 'block', heads: [head], body };
}

/** Blocks that hold nothing but the next, as one: `(if (..) (then (loop $i`. */
export function nested(heads: readonly (readonly Sexp[])[], body: readonly Item[]): Item {
  return { tag: 'block', heads, body };
}

/** Comment lines; the text may come from a model and have several lines. */
export function comments(text: string): readonly Item[] {
  return text.split('\n').map((part) => ({ tag: 'comment', text: part }));
}

/** Of a line without its margin: what is printed is the same however deep it stands. */
const WIDTH = 120;

/** `depth` is the number of indentations that the caller adds. */
export function linesOf(items: readonly Item[], depth = 0): readonly string[] {
  return items.flatMap((item) => itemLines(item, depth));
}

function itemLines(item: Item, depth: number): readonly string[] {
  switch (item.tag) {
    case 'line': {
      const lines = sexpLines(item.sexp, depth);
      if (item.comment === undefined) return lines;
      return [...lines.slice(0, -1), `${lines.at(-1)} ${comment(item.comment)}`];
    }
    case 'row':
      return [item.sexps.map(flatText).join(' ')];
    case 'comment':
      return [comment(item.text)];
    case 'block': {
      const close = ')'.repeat(item.heads.length);
      return [...headLines(item.heads, depth), ...indent(linesOf(item.body, depth + 1)), close];
    }
    default:
      return item satisfies never;
  }
}

/** On one line where they fit, without their last parentheses. */
function headLines(heads: readonly (readonly Sexp[])[], depth: number): readonly string[] {
  const flat = heads.map((head) => flatText(head).slice(0, -1)).join(' ');
  if (flat.length <= WIDTH) return [flat];
  return heads.flatMap((head) => {
    const lines = sexpLines(head, depth);
    return [...lines.slice(0, -1), (lines.at(-1) ?? '').slice(0, -1)];
  });
}

function comment(text: string): string {
  return `;; ${commentText(text)}`.trimEnd();
}

/** On one line where it fits, else its atoms on the first and each list inside on lines of its own. */
function sexpLines(sexp: Sexp, depth: number): readonly string[] {
  const flat = flatText(sexp);
  if (typeof sexp === 'string' || flat.length <= WIDTH) return [flat];
  const firstList = sexp.findIndex((part) => typeof part !== 'string');
  if (firstList < 0) return [flat];
  const head = sexp.slice(0, firstList).map(flatText).join(' ');
  const rest = sexp.slice(firstList).flatMap((part) => sexpLines(part, depth + 1));
  const lines = [`(${head}`, ...indent(rest)];
  return [...lines.slice(0, -1), `${lines.at(-1)})`];
}

function flatText(sexp: Sexp): string {
  return typeof sexp === 'string' ? sexp : `(${sexp.map(flatText).join(' ')})`;
}
