/** The flags that change what numbers a model gives, and `--weights` among them. */
import { InvalidArgumentError } from 'commander';
import type { CompileGraphOptions } from '../compile.ts';
import { WEIGHT_STORAGES, type WeightStorage } from '../weight-storage.ts';

export type Modes = Pick<CompileGraphOptions, 'exact' | 'quantize' | 'weights'>;

/** Those that were given. */
export function modesOf({ exact = false, quantize, weights }: Modes): Modes {
  return {
    exact,
    ...(quantize === undefined ? {} : { quantize }),
    ...(weights === undefined ? {} : { weights }),
  };
}

export const WEIGHTS_FLAG = '--weights <type>';
export const WEIGHTS_MEANING =
  'f16: weights rounded to two bytes a number; f32: four bytes (default: two where none changes)';

export function readStorage(text: string): WeightStorage {
  const found = WEIGHT_STORAGES.find((known) => known === text);
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`Choose from ${WEIGHT_STORAGES.join(', ')}.`);
}
