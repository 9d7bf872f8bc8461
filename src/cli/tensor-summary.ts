/** A tensor in a few numbers. */
import { printType, type TensorData } from '../ir/types.ts';
import { element } from './quantities.ts';

/** Elements shown. */
const FIRST = 6;

export interface TensorSummary {
  readonly least: number;
  readonly mean: number;
  readonly greatest: number;
  /** Elements that are NaN or infinite; the others make up the rest. */
  readonly notFinite: number;
}

export function summarise({ data }: TensorData): TensorSummary {
  let [least, greatest, sum, notFinite] = [Infinity, -Infinity, 0, 0];
  for (let i = 0; i < data.length; i++) {
    const value = Number(data[i]);
    if (!Number.isFinite(value)) {
      notFinite++;
      continue;
    }
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
    sum += value;
  }
  const count = data.length - notFinite;
  return { least, mean: count === 0 ? Number.NaN : sum / count, greatest, notFinite };
}

/** `embedding: f32[2, 64]`, then a line of statistics and one of the first elements. */
export function printSummary(name: string, tensor: TensorData): string {
  const { least, mean, greatest, notFinite } = summarise(tensor);
  const count = tensor.data.length;
  const statistics =
    count === notFinite
      ? count === 0
        ? 'no elements'
        : 'no finite element'
      : `min ${element(least)}, mean ${element(mean)}, max ${element(greatest)}`;
  const warning = notFinite === 0 ? '' : `, ${notFinite} of ${count} NaN or infinite`;
  const first = Array.from({ length: Math.min(FIRST, count) }, (_, i) => {
    return element(tensor.data[i] ?? Number.NaN);
  });
  const more = count > FIRST ? ', ...' : '';
  return `${name}: ${printType(tensor)}\n  ${statistics}${warning}\n  [${first.join(', ')}${more}]\n`;
}
