/** How the report of `--weights f16` reads. */
import type { Sizes } from '../ir/sizes.ts';
import type { Deviation } from '../quantization-report.ts';
import type { RoundedWeight, RoundingReport } from '../rounding-report.ts';
import { counted } from './quantities.ts';
import { deviationTable, onInputs } from './quantization.ts';

/** A report with what it was made on. */
export interface ReportedRounding extends RoundingReport {
  /** Of the outputs from those in float32; null where no inputs were asked for, or --quantize reports. */
  readonly outputs: readonly Deviation[] | null;
  readonly sizes: Sizes;
  /** The file, or the seed of random inputs. */
  readonly inputs: string | number;
}

export function printRounding(report: ReportedRounding): string {
  const { rounded, unchanged, kept, outputs, inputs, sizes } = report;
  const counts = [
    `${counted(rounded.length, 'weight')} rounded`,
    ...(unchanged.length === 0 ? [] : [`${unchanged.length} were float16 already`]),
    ...(kept.length === 0 ? [] : [`${kept.length} kept in f32`]),
  ];
  const absolute = worst(rounded, ({ largestError }) => largestError, 'a number by at most');
  const relative = worst(
    rounded,
    ({ relativeError }) => relativeError,
    'a whole weight by at most',
  );
  const table =
    outputs === null
      ? ''
      : `${onInputs(inputs, sizes)}:\n${deviationTable(outputs.map((output) => [output, '']))}`;
  return `f16: ${counts.join(', ')}\n${absolute}${relative}${kept.map(keptLine).join('')}${table}`;
}

function keptLine({ reason }: RoundingReport['kept'][number]): string {
  return `  kept: ${reason}\n`;
}

function worst(
  rounded: readonly RoundedWeight[],
  errorOf: (weight: RoundedWeight) => number,
  what: string,
): string {
  const [first, ...others] = rounded;
  if (first === undefined) return '';
  const most = others.reduce((a, b) => (errorOf(b) > errorOf(a) ? b : a), first);
  return `  ${what} ${errorOf(most).toExponential(1)} (${most.name})\n`;
}
