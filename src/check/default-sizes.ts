/**
 * Sizes for the symbols to which a user gave none. Invariant: sizes that were given stay, and the
 * others fit what the model can take, such as no more tokens than its table has positions.
 */
import { evaluateDim, symbolsOf } from '../ir/dims.ts';
import { dimSymbols, type Graph } from '../ir/graph.ts';
import { sizeBounds } from '../ir/size-bounds.ts';
import type { Sizes } from '../ir/sizes.ts';

/** More than any default is away from what a table of positions holds. */
const MOST_STEPS = 4096;

/** Two sets for a check, small and uneven; one where all sizes are given. */
export function checkSizes(graph: Graph, given: Sizes): readonly Sizes[] {
  const symbols = dimSymbols(graph, symbolsOf);
  const choose = (choices: readonly number[]): Sizes =>
    fitSizes(graph, given, Object.fromEntries(symbols.map((s, i) => [s, choices[i] ?? 5])));
  const sets = [choose([2, 7, 3]), choose([3, 19, 4])];
  return symbols.every((symbol) => symbol in given) ? sets.slice(0, 1) : sets;
}

/** One set for costs and timings: 1 for a symbol that counts samples, 128 for others. */
export function typicalSizes(graph: Graph, given: Sizes): Sizes {
  const wanted = dimSymbols(graph, symbolsOf).map((symbol) => {
    return [symbol, /^(batch|b|n)$/i.test(symbol) ? 1 : 128] as const;
  });
  return fitSizes(graph, given, Object.fromEntries(wanted));
}

/**
 * The given sizes, and for the other symbols the wanted ones or the nearest that the model takes.
 * Where there are none such, the wanted ones, of which the run then says what is wrong.
 */
function fitSizes(graph: Graph, given: Sizes, wanted: Sizes): Sizes {
  const bounds = sizeBounds(graph);
  const sizes: Record<string, number> = { ...wanted, ...given };
  const isFree = (symbol: string) => !(symbol in given);
  for (let steps = 0; steps < MOST_STEPS; steps++) {
    const broken = bounds.find(([a, b]) => evaluateDim(a, sizes) > evaluateDim(b, sizes));
    if (broken === undefined) return sizes;
    const [smaller, larger] = broken;
    const tooLarge = symbolsOf(smaller).find((s) => isFree(s) && (sizes[s] ?? 0) > 1);
    const tooSmall = symbolsOf(larger).find(isFree);
    const symbol = tooLarge ?? tooSmall;
    if (symbol === undefined) break;
    sizes[symbol] = (sizes[symbol] ?? 0) + (tooLarge === undefined ? 1 : -1);
  }
  return { ...wanted, ...given };
}
