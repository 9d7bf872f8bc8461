/** The line of a text that an error is about, with a squiggle under the place, as tsc shows it. */

/** Longer lines are cut around the place. */
const WIDTH = 120;

export interface LineAndColumn {
  /** Both count from 1; a column is a UTF-16 unit. */
  readonly line: number;
  readonly column: number;
}

export function lineAndColumn(text: string, offset: number): LineAndColumn {
  let line = 1;
  let start = 0;
  for (let end = text.indexOf('\n'); end >= 0 && end < offset; end = text.indexOf('\n', start)) {
    line++;
    start = end + 1;
  }
  return { line, column: offset - start + 1 };
}

/** Two lines: the source line after its number, and `~` under `length` characters from `offset`. */
export function sourceExcerpt(text: string, offset: number, length = 1): string {
  const { line, column } = lineAndColumn(text, offset);
  const start = offset - column + 1;
  const next = text.indexOf('\n', start);
  const source = text.slice(start, next < 0 ? undefined : next).trimEnd();
  const from = column > WIDTH ? column - WIDTH / 2 : 0;
  const shown = source.slice(from, from + WIDTH);
  const before = Math.min(column - 1 - from, shown.length);
  const under = Math.max(1, Math.min(length, shown.length - before));
  const gutter = `${line}`;
  return (
    `${gutter} ${visible(shown)}\n` +
    `${' '.repeat(gutter.length + 1 + before)}${'~'.repeat(under)}`
  );
}

/** One column a UTF-16 unit, and nothing that steers a terminal. */
function visible(text: string): string {
  return text
    .replaceAll('\t', ' ')
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (c) => '?'.repeat(c.length));
}
