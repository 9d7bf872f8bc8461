/** `--quantize` of the commands, and how its report reads. */
import { InvalidArgumentError } from 'commander';
import { QUANTIZATIONS, type Quantization } from '../compile.ts';
import type { Sizes } from '../ir/sizes.ts';
import type { Deviation, QuantizationReport } from '../quantization-report.ts';
import { byteCount, counted, significant } from './quantities.ts';
import { printSizes } from './sizes.ts';
import { printTable } from './tables.ts';

export const QUANTIZE_FLAG = '--quantize <type>';
export const QUANTIZE_MEANING = 'int8: products with weights run on bytes, fast on wasm';

export function readQuantization(text: string): Quantization {
  const found = QUANTIZATIONS.find((known) => known === text);
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`Choose from ${QUANTIZATIONS.join(', ')}.`);
}

/** A report with what it was made on. */
export interface ReportedQuantization extends QuantizationReport {
  readonly type: Quantization;
  readonly sizes: Sizes;
  /** The file, or the seed of random inputs. */
  readonly inputs: string | number;
}

export function printQuantization(report: ReportedQuantization): string {
  const { type, layers, outputs, weightBytes, inputs, sizes } = report;
  const bytes = `${byteCount(weightBytes.before)} -> ${byteCount(weightBytes.after)}`;
  const table = deviationTable([
    ...layers.map((layer) => [layer, `${layer.weight} [${layer.shape.join(', ')}]`] as const),
    ...outputs.map((output) => [output, '(an output)'] as const),
  ]);
  return (
    `${type}: ${counted(layers.length, 'product')} with weights in bytes, weights ${bytes}\n` +
    `${onInputs(inputs, sizes)}, each with the errors of those before:\n${table}`
  );
}

/** `On random inputs (seed 1) at batch=1, seq=128`. */
export function onInputs(inputs: string | number, sizes: Sizes): string {
  const given = typeof inputs === 'number' ? `random inputs (seed ${inputs})` : inputs;
  const at = printSizes(sizes);
  return `On ${given}${at === '' ? '' : ` at ${at}`}`;
}

/** How far numbers are from those in float32, each with the weight behind them. */
export function deviationTable(rows: readonly (readonly [Deviation, string])[]): string {
  return printTable(
    [
      { title: 'against float32' },
      { title: 'weight' },
      { title: 'cosine', align: 'right' },
      { title: 'largest error', align: 'right' },
      { title: 'of at most', align: 'right' },
    ],
    rows.map(([deviation, weight]) => row(deviation, weight)),
  );
}

function row(
  { name, cosine, largestError, largest }: Deviation,
  weight: string,
): readonly string[] {
  return [name, weight, cosine.toFixed(6), number(largestError), number(largest)];
}

function number(value: number): string {
  return value === 0 || value >= 1e-3 ? significant(value) : value.toExponential(1);
}
