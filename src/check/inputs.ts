/** Inputs for checks and timings: seeded, in range, never all alike. */
import { evaluateDim } from '../ir/dims.ts';
import { type Graph, type ValueId, valueOf } from '../ir/graph.ts';
import { indexRanges } from '../ir/index-ranges.ts';
import { elementCount, type NdArray } from '../ir/nd-array.ts';
import type { Sizes } from '../ir/sizes.ts';
import { isFloat } from '../ir/types.ts';

/** Numbers in [0, 1) that depend on the seed alone (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * One array an input, by name. Floats lie in [-1, 1) and are float32 numbers. Integers that index a
 * table lie in the table, others are 0 or 1. Along the last axis a bool is true up to a random
 * length and false behind it, as padding is, and at least once.
 */
export function randomInputs(graph: Graph, sizes: Sizes, seed: number): Map<string, NdArray> {
  const random = randomNumbers(seed);
  const ranges = indexRanges(graph);
  return new Map(
    graph.inputs.map((id) => {
      const { name, dtype, shape: dims } = valueOf(graph, id);
      const shape = dims.map((dim) => evaluateDim(dim, sizes));
      const data = new Float64Array(elementCount(shape));
      if (isFloat(dtype))
        data.forEach((_, i) => {
          data[i] = Math.fround(random() * 2 - 1);
        });
      else if (dtype === 'bool' || looksLikeMask(ranges, id)) fillPadded(data, shape, random);
      else fillIntegers(data, ranges.get(id) ?? 2, random);
      return [name, { dtype, shape, data }];
    }),
  );
}

/** An integer input that indexes nothing stands for a mask of 0 and 1. */
function looksLikeMask(ranges: ReadonlyMap<ValueId, number>, id: ValueId): boolean {
  return !ranges.has(id);
}

function fillPadded(data: Float64Array, shape: readonly number[], random: () => number): void {
  const length = shape.at(-1) ?? 1;
  for (let row = 0; row < data.length; row += length) {
    const visible = 1 + Math.floor(random() * length);
    data.fill(1, row, row + visible);
  }
}

function fillIntegers(data: Float64Array, extent: number, random: () => number): void {
  data.forEach((_, i) => {
    data[i] = Math.floor(random() * extent);
  });
}
