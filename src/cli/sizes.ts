/** The sizes of symbols in messages. */
import { EncompileError } from '../errors.ts';
import type { Sizes } from '../ir/sizes.ts';

/** `batch=1 seq=128`; empty where there are no symbols. */
export function printSizes(sizes: Sizes): string {
  return Object.entries(sizes)
    .map(([symbol, size]) => `${symbol}=${size}`)
    .join(' ');
}

/** Runs `work`, whose failure to get memory is a matter of the sizes and no bug. */
export async function atSizes<T>(sizes: Sizes, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const reason = error.message.replace(/[^.!?]$/, '$&.');
    throw new EncompileError(
      `The model cannot run at the sizes ${printSizes(sizes) || 'that it has'}: ${reason}`,
      1,
    );
  }
}
