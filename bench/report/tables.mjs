// The report as Markdown.

import { FLOAT32 } from '../agreement.mjs';
import { BASELINE, CONTENDERS, contenderOf } from '../contenders/index.mjs';
import { LIMITS } from '../limits/index.mjs';

const nameOf = (id) => [...CONTENDERS, ...LIMITS].find((entry) => entry.id === id)?.name ?? id;

const digits = (value) => (value >= 100 ? value.toFixed(0) : value.toPrecision(value < 1 ? 2 : 3));
const percent = (share) => `${(100 * share).toFixed(0)} %`;
const megabytes = (bytes) => `${digits(bytes / 1e6)} MB`;
const kilobytes = (bytes) => (bytes < 1e6 ? `${digits(bytes / 1e3)} kB` : megabytes(bytes));

export function printReport(report) {
  const parts = [printMachine(report)];
  for (const result of report.results) {
    parts.push(`## ${result.title}, Node ${result.node}`);
    parts.push(speedTable(report, result), throughputTable(report, result));
    if (result.load.length > 0) parts.push(loadTable(result));
    parts.push(agreementLine(result));
    const failures = failuresOf(result);
    if (failures.length > 0) parts.push(failures.join('\n'));
  }
  return parts.join('\n\n');
}

function printMachine({ machine, settings, oracle }) {
  const { cpu, details, cores, platform, date, loadAverage } = machine;
  const named = details === null ? cpu : `${cpu} (${details})`;
  return (
    `${named}, ${cores} cores, ${platform}; ${date.slice(0, 10)}; load average at the start ` +
    `${loadAverage.toFixed(2)}. Medians of ${settings.rounds} rounds, with half the distance of the quartiles; ` +
    `time ${settings.clock === 'clock' ? 'by the clock' : 'of the processor'}. Ratios are to ` +
    `${nameOf(BASELINE)}, more is faster; the oracle is ${nameOf(oracle)}.`
  );
}

function markdown(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join(
    '\n',
  );
}

/** Rows of contenders by workloads; `cell` gives the text of a measured one. */
function byWorkload({ workloads }, { speed }, ids, cell) {
  const present = ids.filter((id) => speed.some(({ contender }) => contender === id));
  return present.map((id) => [
    nameOf(id),
    ...workloads.map((workload) => {
      const row = speed.find((entry) => entry.contender === id && entry.workload === workload.id);
      if (row === undefined) return '';
      return row.failure === undefined ? cell(row) : '–';
    }),
  ]);
}

function speedTable(report, result) {
  const time = ({ clock, processor, ratio, tokens, workload }) => {
    const { median, quartiles } = report.settings.clock === 'clock' ? clock : processor;
    const spread = percent((quartiles[1] - quartiles[0]) / 2 / median);
    const shown =
      workload === 'batch'
        ? `${digits((1e3 * median) / tokens)} µs a token`
        : `${digits(median)} ms`;
    return `${shown} ± ${spread}${ratio ? `, **${digits(ratio.median)}x**` : ''}`;
  };
  const ids = CONTENDERS.map(({ id }) => id);
  const head = ['time, ratio', ...report.workloads.map(({ title }) => title)];
  return markdown(head, byWorkload(report, result, ids, time));
}

function throughputTable(report, result) {
  const cell = ({ gflops, shareOfLimit }) =>
    digits(gflops.median) + (shareOfLimit ? `, ${percent(shareOfLimit.median)}` : '');
  const ids = [...LIMITS, ...CONTENDERS].map(({ id }) => id);
  const head = ['GFLOP/s, share of limit', ...report.workloads.map(({ title }) => title)];
  return markdown(head, byWorkload(report, result, ids, cell));
}

function loadTable({ load }) {
  const head = [
    'loading',
    'runtime and model',
    'to first result',
    'peak memory',
    'shipped, gzip',
    'fetched, gzip',
  ];
  const rows = load.map(({ contender, loaded, first, peakBytes, shipped, fetched }) => {
    const sizes = [shipped, fetched].map(({ gzipBytes }) => kilobytes(gzipBytes));
    if (loaded === undefined) return [nameOf(contender), '–', '–', '–', ...sizes];
    const times = [loaded, first].map(({ median }) => `${digits(median)} ms`);
    return [nameOf(contender), ...times, megabytes(peakBytes.median), ...sizes];
  });
  return `${markdown(head, rows)}\n\nFrom weights in memory, in a fresh process; first result at ${load[0].tokens} tokens. Beside the weights, an artifact or runtime ships so much, and a page fetches so much of it.`;
}

/** The worst of each measure that decided who is timed. */
function agreementLine({ speed }) {
  const timed = speed.filter(({ difference }) => difference !== undefined);
  const judgedBy = (measure) =>
    timed.filter(({ contender }) => measure in (contenderOf(contender).agreement ?? FLOAT32));
  const largest = judgedBy('largest').map(({ difference }) => difference);
  const cosines = judgedBy('cosine').map(({ cosine }) => cosine);
  const parts = [
    ...(largest.length > 0 ? [`largest difference ${Math.max(...largest).toExponential(1)}`] : []),
    ...(cosines.length > 0 ? [`int8's smallest cosine ${Math.min(...cosines).toFixed(4)}`] : []),
  ];
  return `From the oracle: ${parts.join(', ')}.`;
}

function failuresOf({ speed, load }) {
  const failed = [...speed, ...load].filter(({ failure }) => failure !== undefined);
  return failed.map(({ contender, workload = 'loading', failure }) => {
    return `- ${nameOf(contender)}, ${workload}: ${failure}`;
  });
}
