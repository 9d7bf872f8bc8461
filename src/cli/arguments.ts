/** What flags take, read and checked: sizes of dims, targets, numbers. */
import { InvalidArgumentError } from 'commander';
import { distance } from 'fastest-levenshtein';
import { typicalSizes } from '../check/default-sizes.ts';
import { EncompileError } from '../errors.ts';
import { evaluateDim, symbolsOf } from '../ir/dims.ts';
import { dimSymbols, type Graph } from '../ir/graph.ts';
import { sizeBounds } from '../ir/size-bounds.ts';
import type { Sizes } from '../ir/sizes.ts';

/** By symbol, every size given for it, in order. */
export type DimSizes = ReadonlyMap<string, readonly number[]>;

export const DIM_FLAG = '--dim <symbol=size>';

export const EXACT_FLAG = '--exact';
export const EXACT_MEANING = 'the same bits on js and wasm: every step rounded, sums in one order';

/** Reads one `--dim seq=128` or `--dim seq=16,128`, after those before it. */
export function readDim(text: string, before: DimSizes = new Map()): DimSizes {
  const match = /^([A-Za-z_]\w*)=(\d+(?:,\d+)*)$/.exec(text);
  const [, symbol = '', list = ''] = match ?? [];
  const sizes = list.split(',').map(Number);
  if (match === null || !sizes.every((size) => Number.isSafeInteger(size) && size > 0)) {
    throw new InvalidArgumentError(
      'Write a symbol and its size, as in --dim seq=128; several sizes as --dim seq=16,128.',
    );
  }
  return new Map([...before, [symbol, [...(before.get(symbol) ?? []), ...sizes]]]);
}

/** @throws EncompileError where a symbol is none of the graph's, or a size more than it takes */
export function checkDims(graph: Graph, dims: DimSizes): void {
  const symbols = dimSymbols(graph, symbolsOf);
  for (const [symbol, sizes] of dims) {
    if (!symbols.includes(symbol)) throw unknownSymbol(graph, symbol, symbols);
    for (const size of sizes) checkBounds(graph, symbol, size);
  }
}

function unknownSymbol(graph: Graph, unknown: string, symbols: readonly string[]): EncompileError {
  const has =
    symbols.length === 0 ? 'has no symbolic dims' : `has the symbols ${symbols.join(', ')}`;
  return new EncompileError(
    `--dim gives a size to '${unknown}', but the model '${graph.name}' ${has}.${didYouMean(unknown, symbols)}`,
    2,
  );
}

/** Bounds that depend on several symbols are left to the run, which knows all their sizes. */
function checkBounds(graph: Graph, symbol: string, size: number): void {
  const broken = sizeBounds(graph).find(([smaller, larger]) => {
    const symbols = [...symbolsOf(smaller), ...symbolsOf(larger)];
    if (!symbols.every((s) => s === symbol)) return false;
    return evaluateDim(smaller, { [symbol]: size }) > evaluateDim(larger, { [symbol]: size });
  });
  if (broken === undefined) return;
  const [smaller, larger] = broken;
  throw new EncompileError(
    `--dim gives '${symbol}' the size ${size}, but the model '${graph.name}' takes only sizes at which ` +
      `${smaller} is at most ${larger}. Give another size.`,
    2,
  );
}

/** One size a symbol: the given one, else one that is typical and that the model takes. */
export function singleSizes(graph: Graph, dims: DimSizes = new Map()): Sizes {
  checkDims(graph, dims);
  const several = [...dims].find(([, sizes]) => sizes.length > 1);
  if (several !== undefined) {
    throw new EncompileError(
      `--dim gives '${several[0]}' several sizes; this command takes one.`,
      2,
    );
  }
  const given = [...dims].map(([symbol, [size = 1]]) => [symbol, size] as const);
  return typicalSizes(graph, Object.fromEntries(given));
}

/** The names in a comma-separated list, each one of `known`. */
export function readList<T extends string>(
  what: string,
  text: string,
  known: readonly T[],
  refused: { readonly [name: string]: string } = {},
): readonly T[] {
  const names = text.split(',').map((name) => name.trim());
  for (const name of names) {
    if (known.some((candidate) => candidate === name)) continue;
    const reason = refused[name];
    throw new EncompileError(
      reason ??
        `There is no ${what} '${name}'. Choose from ${known.join(', ')}.${didYouMean(name, known)}`,
      2,
    );
  }
  return [...new Set(names)] as readonly string[] as readonly T[];
}

/** Targets of `compile` that have no kernels to time, dump or explain. */
export const WITHOUT_KERNELS: { readonly [name: string]: string } = {
  onnx:
    "The target 'onnx' has no kernels: it is the declared model, for other runtimes. Write it with " +
    'encompile compile --target onnx.',
};

/** Reads a whole number of at least `least`. */
export function readInteger(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`Write a whole number of at least ${least}.`);
  };
}

/** ` Did you mean 'x'?`, or nothing where no candidate is near. */
export function didYouMean(name: string, candidates: readonly string[]): string {
  const near = candidates
    .map((candidate) => ({ candidate, edits: distance(name, candidate) }))
    .filter(({ candidate, edits }) => edits <= Math.max(1, Math.floor(candidate.length * 0.5)))
    .sort((a, b) => a.edits - b.edits)[0];
  return near === undefined ? '' : ` Did you mean '${near.candidate}'?`;
}
