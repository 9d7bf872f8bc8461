/** What flags take, read and checked: sizes of dims, targets, numbers. */
import { InvalidArgumentError } from 'commander';
import { distance } from 'fastest-levenshtein';
import { EncompileError } from '../errors.ts';
import { symbolsOf } from '../ir/dims.ts';
import { dimSymbols, type Graph } from '../ir/graph.ts';
import type { Sizes } from '../ir/sizes.ts';

/** By symbol, every size given for it, in order. */
export type DimSizes = ReadonlyMap<string, readonly number[]>;

export const DIM_FLAG = '--dim <symbol=size>';

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

/** @throws EncompileError where a symbol is none of the graph's */
export function checkSymbols(graph: Graph, dims: DimSizes): void {
  const symbols = dimSymbols(graph, symbolsOf);
  const unknown = [...dims.keys()].find((symbol) => !symbols.includes(symbol));
  if (unknown === undefined) return;
  const has =
    symbols.length === 0 ? 'has no symbolic dims' : `has the symbols ${symbols.join(', ')}`;
  throw new EncompileError(
    `--dim gives a size to '${unknown}', but the model '${graph.name}' ${has}.${didYouMean(unknown, symbols)}`,
    2,
  );
}

/** One size a symbol: the given one, else 1 for a symbol that counts samples and 128 for others. */
export function singleSizes(graph: Graph, dims: DimSizes = new Map()): Sizes {
  checkSymbols(graph, dims);
  const several = [...dims].find(([, sizes]) => sizes.length > 1);
  if (several !== undefined) {
    throw new EncompileError(
      `--dim gives '${several[0]}' several sizes; this command takes one.`,
      2,
    );
  }
  const sizes = dimSymbols(graph, symbolsOf).map((symbol) => {
    return [symbol, dims.get(symbol)?.[0] ?? (/^(batch|b|n)$/i.test(symbol) ? 1 : 128)] as const;
  });
  return Object.fromEntries(sizes);
}

/** The names in a comma-separated list, each one of `known`. */
export function readList<T extends string>(
  what: string,
  text: string,
  known: readonly T[],
  planned: { readonly [name: string]: string } = {},
): readonly T[] {
  const names = text.split(',').map((name) => name.trim());
  for (const name of names) {
    if (known.some((candidate) => candidate === name)) continue;
    const plan = planned[name];
    throw new EncompileError(
      plan ??
        `There is no ${what} '${name}'. Choose from ${known.join(', ')}.${didYouMean(name, known)}`,
      2,
    );
  }
  return [...new Set(names)] as readonly string[] as readonly T[];
}

/** What is planned, for those who ask for it already. */
export const PLANNED_TARGETS: { readonly [name: string]: string } = {
  wasm:
    "The target 'wasm' does not exist yet: this version compiles to js and wgsl. Leave it out, or " +
    'use --target js.',
  onnx:
    "The target 'onnx' does not exist yet: this version compiles to js and wgsl, and does not " +
    'export ONNX.',
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
