// The report as a picture: speed relative to the baseline, a panel for each length, of the first model
// under the newest Node. Text stays text; the colours follow the reader's scheme.

import { BASELINE, CONTENDERS } from '../contenders/index.mjs';

const PANEL = { width: 480, gap: 24, head: 30 };
const LABELS = 216;
const NUMBERS = 58;
const ROW = 20;
const MARGIN = 16;
const TOP = 54;
const BOTTOM = 44;

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #1f2328; }
  .title { font-size: 16px; font-weight: 600; }
  .panel { font-weight: 600; }
  .note { font-size: 11px; fill: #59636e; }
  .bar { fill: #8c959f; }
  .ours { fill: #0969da; }
  .native { fill: #d0d7de; }
  .one { stroke: #59636e; stroke-dasharray: 3 3; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .note { fill: #9198a1; }
    .bar { fill: #6e7681; }
    .ours { fill: #4493f8; }
    .native { fill: #3d444d; }
    .one { stroke: #9198a1; }
  }`;

const escape = (text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const text = (x, y, content, attributes = '') =>
  `<text x="${x}" y="${y}" ${attributes}>${escape(content)}</text>`;

export function drawPicture(report) {
  const result = pictured(report);
  const panels = report.workloads
    .map((workload) => ({ title: workload.title, bars: barsOf(result, workload) }))
    .filter(({ bars }) => bars.length > 0);
  if (panels.length === 0) {
    throw new Error(`There is nothing to draw: no ratios to ${BASELINE} were measured.`);
  }
  const most = Math.max(...panels.map(({ bars }) => bars.length));
  const panelHeight = PANEL.head + ROW * most + 12;
  const columns = Math.min(2, panels.length);
  const lines = Math.ceil(panels.length / columns);
  const width = 2 * MARGIN + columns * PANEL.width + (columns - 1) * PANEL.gap;
  const height = TOP + lines * panelHeight + BOTTOM;
  const drawn = panels.map((panel, i) => {
    const x = MARGIN + (i % columns) * (PANEL.width + PANEL.gap);
    return drawPanel(panel, x, TOP + Math.floor(i / columns) * panelHeight);
  });
  const title = `${result.title}: speed relative to onnxruntime-web`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title">
<title id="title">${escape(title)}</title>
<style>${STYLE}
</style>
${text(MARGIN, 28, title, 'class="title"')}
${drawn.join('\n')}
${footer(report, result)
  .map((line, i) => text(MARGIN, height - 26 + 16 * i, line, 'class="note"'))
  .join('\n')}
</svg>
`;
}

/** Of the first model that was measured, what the newest Node did. */
function pictured({ results }) {
  const [first] = results;
  return results.findLast(({ model }) => model === first.model);
}

function barsOf({ speed }, workload) {
  return CONTENDERS.flatMap(({ id, name, limit }) => {
    const row = speed.find((entry) => entry.contender === id && entry.workload === workload.id);
    if (!row?.ratio) return [];
    const ours = id.startsWith('encompile');
    const kind = ours ? 'bar ours' : limit === null ? 'bar native' : 'bar';
    return [{ name, ratio: row.ratio.median, kind }];
  });
}

/** Every panel has a scale of its own, from 0: a bar twice as long is twice as fast. */
function drawPanel({ title, bars }, x, y) {
  const space = PANEL.width - LABELS - NUMBERS;
  const longest = Math.max(...bars.map(({ ratio }) => ratio));
  const length = (ratio) => Math.max(1, (space * ratio) / longest);
  const start = x + LABELS;
  const top = y + PANEL.head;
  const rows = bars.map(({ name, ratio, kind }, i) => {
    const line = top + ROW * i;
    const label = `${ratio.toFixed(ratio < 0.995 ? 2 : 1)}x`;
    return [
      text(start - 6, line + 12, name, 'text-anchor="end"'),
      `<rect class="${kind}" x="${start}" y="${line + 1}" width="${length(ratio).toFixed(1)}" height="${ROW - 5}" rx="2"/>`,
      text((start + length(ratio) + 5).toFixed(1), line + 12, label),
    ].join('\n');
  });
  const one = (start + length(1)).toFixed(1);
  return [
    text(start, y + 18, title, 'class="panel"'),
    `<line class="one" x1="${one}" x2="${one}" y1="${top - 3}" y2="${top + ROW * bars.length}"/>`,
    ...rows,
  ].join('\n');
}

function footer({ machine, settings }, { node }) {
  const { cpu, details, cores, date } = machine;
  return [
    `${details === null ? cpu : `${cpu}, ${details}`}, ${cores} cores; Node ${node}; ${date.slice(0, 10)}; one thread unless named.`,
    `Medians of ${settings.rounds} interleaved rounds, float32, outputs compared before. Dashed: onnxruntime-web, one thread.`,
  ];
}
