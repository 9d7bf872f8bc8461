/**
 * Symbols whose sizes no shape tells: each is the number of elements of a graph input that count, which
 * are those that are not 0 and those at some indices of the last axis. All who run a graph or a program
 * count them here, or, in an artifact, as `runtime/inputs.mts` does; they come behind the symbols that
 * shapes tell.
 */
import { countedPositions } from './counted-positions.ts';
import { evaluateDim } from './dims.ts';
import { type Graph, type ValueId, valueOf } from './graph.ts';
import { opDefinition } from './ops/index.ts';
import type { Sizes } from './sizes.ts';
import type { Dim, Shape } from './types.ts';

export interface SymbolCount {
  readonly symbol: string;
  /** The name of the input. */
  readonly input: string;
  readonly shape: Shape;
  /** Indices of the last axis at which every element counts. */
  readonly always: readonly Dim[];
}

/** In the order of the nodes that name them. */
export function symbolCounts(graph: Graph): readonly SymbolCount[] {
  return graph.nodes.flatMap(({ op, operands: [input], attributes }): readonly SymbolCount[] => {
    const { meaning } = opDefinition(op);
    if (!('counts' in meaning) || meaning.counts === null) return [];
    const { name, shape } = valueOf(graph, input ?? (-1 as ValueId));
    return [{ ...meaning.counts({ attributes }), input: name, shape }];
  });
}

/** The sizes with those of the counted symbols; `numbersOf` gives an input's numbers by its name. */
export function withCounts(
  counts: readonly SymbolCount[],
  sizes: Sizes,
  numbersOf: (input: string) => ArrayLike<number | bigint>,
): Sizes {
  const counted = counts.map(({ symbol, input, shape, always }) => {
    const length = evaluateDim(shape.at(-1) ?? 1, sizes);
    const places = always.map((place) => evaluateDim(place, sizes));
    return [symbol, countedPositions(numbersOf(input), length, places).length] as const;
  });
  return { ...sizes, ...Object.fromEntries(counted) };
}

/** The sizes with the most that the counted symbols can be: all elements. */
export function withLargestCounts(counts: readonly SymbolCount[], sizes: Sizes): Sizes {
  const largest = counts.map(({ symbol, shape }) => {
    const elements = shape.map((size) => evaluateDim(size, sizes)).reduce((a, b) => a * b, 1);
    return [symbol, elements] as const;
  });
  return { ...sizes, ...Object.fromEntries(largest) };
}
