/**
 * Binding weights: every parameter that a graph wants, from the tensors that a file or a caller
 * gives.
 *
 * Invariant: what is returned has exactly the wanted names, in their order, each with the wanted
 * dtype and shape and with as many numbers as the shape has. Whatever stands against that is
 * reported in one error, all of it at once.
 */
import { distance } from 'fastest-levenshtein';
import { EncompileError } from '../errors.ts';
import { type DType, printType, type TensorData } from '../ir/types.ts';
import { quote } from './json.ts';
import { dataFault, isUnread } from './tensor-data.ts';

export interface WantedWeight {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

export interface BindOptions {
  /** Tensors that nothing wants are then no error. */
  readonly allowExtra?: boolean;
}

const MAX_LISTED = 20;
/** Comparing names costs their lengths' product, and no honest name is longer. */
const MAX_COMPARED_LENGTH = 256;
/** Names further apart than this share of their length are not a slip of the pen. */
const NEAR = 0.4;

/**
 * The tensors `wanted`, taken from `given` by name.
 *
 * A float16 tensor serves where f32 is wanted (its numbers are float32 already); every other dtype
 * must be the wanted one.
 *
 * @param origin where `given` came from, for errors
 * @throws EncompileError that lists all missing, extra, misshaped, wrongly typed and malformed
 * tensors, with the nearest name for the missing and the extra
 */
export function bindWeights(
  wanted: readonly WantedWeight[],
  given: ReadonlyMap<string, TensorData>,
  origin: string,
  options: BindOptions = {},
): Map<string, TensorData> {
  const missing: WantedWeight[] = [];
  const faults: string[] = [];
  for (const weight of wanted) {
    const tensor = given.get(weight.name);
    const fault = tensor && misfit(weight, tensor);
    if (tensor === undefined) missing.push(weight);
    else if (fault) faults.push(`${quote(weight.name)} ${fault}`);
  }
  const names = new Set(wanted.map(({ name }) => name));
  const extra = [...given.keys()].filter((name) => !names.has(name));
  const strayed = options.allowExtra ? [] : extra;
  if (missing.length + faults.length + strayed.length > 0) {
    throw new EncompileError(report(missing, faults, extra, strayed, origin));
  }
  // Numbers that are still in their file are read here.
  return new Map(
    wanted.map(({ name, dtype }) => [name, { ...(given.get(name) as TensorData), dtype }]),
  );
}

/** What keeps `tensor` from being `weight`, as the rest of a sentence, or null. */
function misfit(weight: WantedWeight, tensor: TensorData): string | null {
  const converts = weight.dtype === 'f32' && tensor.dtype === 'f16';
  const sameType = converts || weight.dtype === tensor.dtype;
  const sameShape =
    weight.shape.length === tensor.shape.length &&
    weight.shape.every((dim, axis) => dim === tensor.shape[axis]);
  if (sameType && sameShape) {
    const fault = isUnread(tensor) ? null : dataFault(tensor);
    return fault && `is malformed: ${fault.replace(/\.$/, '')}`;
  }
  return `is ${printType(tensor)}, expected ${printType(weight)}`;
}

/** One paragraph; the lists are on lines of their own, so that many faults stay readable. */
function report(
  missing: readonly WantedWeight[],
  faults: readonly string[],
  extra: readonly string[],
  strayed: readonly string[],
  origin: string,
): string {
  const missingNames = missing.map(({ name }) => name);
  const lines = [
    ...listed('missing', missing, (weight) => {
      const hint = nearest(weight.name, extra);
      const near = hint === null ? '' : ` (there is ${quote(hint)})`;
      return `${quote(weight.name)}, expected ${printType(weight)}${near}`;
    }),
    ...listed('wrong', faults, (fault) => fault),
    ...listed('extra', strayed, (name) => {
      const hint = nearest(name, missingNames);
      return hint === null ? quote(name) : `${quote(name)} (wanted: ${quote(hint)})`;
    }),
  ];
  const counts = [
    [missing.length, 'missing'],
    [faults.length, 'of the wrong dtype or shape'],
    [strayed.length, 'extra'],
  ] as const;
  const summary = counts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return (
    `The weights in ${origin} do not fit the model: ${summary.join(', ')}.\n${lines.join('\n')}\n` +
    'Give the weights that the model declares, under the same names, or change the declaration.'
  );
}

function listed<T>(label: string, items: readonly T[], describe: (item: T) => string): string[] {
  const lines = items.slice(0, MAX_LISTED).map((item) => `  ${label}: ${describe(item)}`);
  const rest = items.length - MAX_LISTED;
  return rest > 0 ? [...lines, `  ${label}: and ${rest} more`] : lines;
}

/** The candidate with the least edit distance to `name`, or null where none is near. */
function nearest(name: string, candidates: readonly string[]): string | null {
  if (name.length > MAX_COMPARED_LENGTH) return null;
  let best: string | null = null;
  let bestDistance = Math.max(2, Math.floor(name.length * NEAR)) + 1;
  for (const candidate of candidates) {
    // Two names differ in at least their lengths' difference.
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue;
    const edits = distance(name, candidate);
    if (edits < bestDistance) [best, bestDistance] = [candidate, edits];
  }
  return best;
}
