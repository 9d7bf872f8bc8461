/** Plain-text tables: columns as wide as their widest cell, two spaces between. */

export interface Column {
  readonly title: string;
  /** Numbers stand at the right of their column. Default left. */
  readonly align?: 'left' | 'right';
}

/** Lines of a table with its titles, a rule under them, and a line a row. */
export function printTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string {
  const titles = columns.map(({ title }) => title);
  const widths = columns.map((_, i) => {
    return Math.max(...[titles, ...rows].map((cells) => displayWidth(cells[i] ?? '')));
  });
  const line = (cells: readonly string[]) => {
    const padded = columns.map(({ align = 'left' }, i) => {
      const cell = cells[i] ?? '';
      const space = ' '.repeat((widths[i] ?? 0) - displayWidth(cell));
      return align === 'left' ? cell + space : space + cell;
    });
    return padded.join('  ').trimEnd();
  };
  const rule = widths.map((width) => '-'.repeat(width));
  return `${[titles, rule, ...rows].map(line).join('\n')}\n`;
}

function displayWidth(text: string): number {
  return [...text].length;
}

/** Lines with two spaces before each that is not empty. */
export function indentLines(text: string): string {
  return text.replace(/^(?=.)/gm, '  ');
}
