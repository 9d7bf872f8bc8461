/**
 * round-weights: w  ->  the float16 nearest to w, number by number, ties to even
 *
 * It changes what the graph computes, by at most 2^-11 of a number or 2^-25, and runs only where that is
 * asked for: what is left fits in two bytes a number.
 * Requires: weights of f32 with data. One with a number that is not finite or beyond 65504 stays as it
 * is, and so does one with numbers so small that rounding would change it by more than 2^-10, both taken
 * as vectors: there most numbers are below float16's smallest normal one, 6.1e-5.
 * Guarantees: every weight of f32 that does not stay is float16 in every number.
 *
 * Few and small numbers beside large ones are no reason to stay: their error is small against the sums
 * they are in, and trained weights hold many that are almost zero.
 */
import { areFloat16, LARGEST_FLOAT16, roundToFloat16 } from '../ir/float16.ts';
import { type Graph, type Parameter, type Value, valueOf } from '../ir/graph.ts';
import type { Ledger } from './ledger.ts';
import type { Pass } from './pass.ts';

/** Twice what rounding does to normal numbers. */
const LARGEST_CHANGE = 2 ** -10;

export const roundWeights: Pass = {
  name: 'round-weights',
  summary: 'rounds weights to float16, in which they are stored',
  reason:
    'only where it is asked for; after merge-projections and quantize, the last to make weights of others',
  run: (graph, ledger) => {
    const parameters = graph.parameters.map((parameter) => rounded(parameter, graph, ledger));
    const isSame = parameters.every((parameter, i) => parameter === graph.parameters[i]);
    return isSame ? graph : { ...graph, parameters };
  },
};

function rounded(parameter: Parameter, graph: Graph, ledger: Ledger): Parameter {
  const value = valueOf(graph, parameter.value);
  const data = parameter.data?.data;
  if (value.dtype !== 'f32' || !(data instanceof Float32Array) || areFloat16(data)) {
    return parameter;
  }
  const tried = { pass: roundWeights.name, pattern: 'weight', at: value.name };
  const entry = { ...tried, location: () => null };
  const near = roundToFloat16(data);
  const reason = refusal(data, near, value);
  if (reason !== null) {
    ledger.record({ ...entry, matched: false, reason, stopper: value.name });
    return parameter;
  }
  const detail = `[${value.shape.join(', ')}] is rounded to float16`;
  ledger.record({ ...entry, matched: true, detail });
  return { ...parameter, data: { dtype: 'f32', shape: parameter.data?.shape ?? [], data: near } };
}

function refusal(data: Float32Array, near: Float32Array, { name }: Value): string | null {
  const outside = data.find((x) => !(Math.abs(x) <= LARGEST_FLOAT16));
  if (outside !== undefined) {
    return `%${name} holds ${outside}, and float16 ends at ${LARGEST_FLOAT16}`;
  }
  const change = relativeChange(data, near);
  if (change <= LARGEST_CHANGE) return null;
  const percent = Number((100 * change).toPrecision(2));
  return `%${name} has numbers too small for float16, which would change it by ${percent} %`;
}

/** How far one array is from another, by the length of the other as a vector. */
export function relativeChange(from: Float32Array, to: Float32Array): number {
  let [error, size] = [0, 0];
  for (let i = 0; i < from.length; i++) {
    const [x, y] = [from[i] ?? 0, to[i] ?? 0];
    error += (y - x) ** 2;
    size += x ** 2;
  }
  return size === 0 ? 0 : Math.sqrt(error / size);
}
