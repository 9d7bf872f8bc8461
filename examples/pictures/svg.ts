/** Small SVG pictures: heat maps and curves. */

export interface HeatMap {
  readonly title: string;
  /** Rows of numbers; the largest absolute one is darkest. */
  readonly values: readonly (readonly number[])[];
  readonly rowLabels?: readonly string[];
  readonly columnLabels?: readonly string[];
  /** Width and height of a cell, in pixels. */
  readonly cell: readonly [number, number];
}

const FONT = 'font-family="sans-serif" font-size="11" fill="#334155"';

/** Blue for positive numbers, orange for negative ones, white for 0. */
export function heatMap({ title, values, rowLabels, columnLabels, cell }: HeatMap): string {
  const [w, h] = cell;
  const left = rowLabels ? 12 + 7 * Math.max(...rowLabels.map((label) => label.length)) : 8;
  const top = columnLabels ? 30 + 6 * Math.max(...columnLabels.map((label) => label.length)) : 26;
  const largest = Math.max(...values.flat().map(Math.abs), 1e-30);
  const cells = values.flatMap((row, i) =>
    row.map((value, j) => {
      const share = Math.abs(value) / largest;
      if (share < 0.02) return '';
      const fill = value < 0 ? '#ea580c' : '#1d4ed8';
      const place = `x="${left + j * w}" y="${top + i * h}" width="${w}" height="${h}"`;
      return `<rect ${place} fill="${fill}" fill-opacity="${share.toFixed(2)}"/>`;
    }),
  );
  const rows = (rowLabels ?? []).map((label, i) =>
    text(label, left - 5, top + (i + 0.5) * h + 4, 'text-anchor="end"'),
  );
  const columns = (columnLabels ?? []).map((label, j) => {
    const [x, y] = [left + (j + 0.5) * w + 4, top - 5];
    return text(label, x, y, `transform="rotate(-60 ${x} ${y})"`);
  });
  const [width, height] = [left + w * (values[0]?.length ?? 0), top + h * values.length];
  const frame = `<rect x="${left}" y="${top}" width="${width - left}" height="${height - top}" fill="none" stroke="#cbd5e1"/>`;
  return picture(title, Math.max(width + 40, 7 * title.length), height + 8, [
    text(title, 8, 16),
    ...cells,
    frame,
    ...rows,
    ...columns,
  ]);
}

/** Curves over 0, 1, 2 ...: one line each. */
export function curves(title: string, lines: readonly (readonly number[])[]): string {
  const [width, height, left, top] = [520, 220, 44, 28];
  const all = lines.flat();
  const [low, high] = [Math.min(0, ...all), Math.max(...all)];
  const count = Math.max(...lines.map((line) => line.length));
  const x = (k: number) => left + (k / (count - 1)) * (width - left - 12);
  const y = (value: number) => top + ((high - value) / (high - low)) * (height - top - 28);
  const colours = ['#1d4ed8', '#ea580c', '#15803d'];
  const paths = lines.map((line, i) => {
    const points = line.map((value, k) => `${x(k).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    return `<polyline points="${points}" fill="none" stroke="${colours[i % 3]}" stroke-width="1.5"/>`;
  });
  const axis = `<path d="M${left} ${top}V${y(low)}H${width - 12}" fill="none" stroke="#94a3b8"/>`;
  const ticks = [low, high].map((value) =>
    text(value.toFixed(0), left - 6, y(value) + 4, 'text-anchor="end"'),
  );
  const places = [0, count - 1].map((k) =>
    text(`k = ${k}`, x(k), height - 10, 'text-anchor="middle"'),
  );
  return picture(title, width + 20, height, [
    text(title, 8, 16),
    axis,
    ...paths,
    ...ticks,
    ...places,
  ]);
}

function picture(title: string, width: number, height: number, parts: readonly string[]): string {
  const [w, h] = [Math.ceil(width), Math.ceil(height)];
  const body = parts.filter((part) => part !== '').join('\n');
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}">\n<title>${escape(title)}</title>\n<rect width="${w}" height="${h}" fill="#ffffff"/>\n${body}\n</svg>\n`;
}

function text(content: string, x: number, y: number, more = ''): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${FONT} ${more}>${escape(content)}</text>`;
}

function escape(content: string): string {
  return content.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}
