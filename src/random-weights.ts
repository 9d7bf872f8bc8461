/**
 * Random weights for a graph without its own. Made of integer arithmetic and square roots alone, so
 * that a seed gives the same numbers on every machine; each weight's numbers depend on the seed and
 * its name, not on the other weights.
 */
import { EncompileError } from './errors.ts';
import { type Graph, type Value, valueOf } from './ir/graph.ts';
import { elementCount } from './ir/nd-array.ts';
import { type DType, printType, staticShape, type TensorData, type TypedData } from './ir/types.ts';

/**
 * The graph with random numbers for every parameter that has none. Floats are uniform:
 * - matrices around 0 with variance 1 / fan-in, so that activations keep their size; tables
 *   (named `table` or `embeddings`, or below it: `embeddings.word`) with variance 1
 * - gamma, scale, variance and the weight of a norm within 0.1 of 1; beta, bias and other vectors within 0.1
 *   of 0. They are not exactly 1 and 0, with which a check would miss that one is dropped.
 *
 * Integers are 0 or 1, which index any table; i8 and u8 cover their range.
 *
 * @throws EncompileError where a parameter has a symbolic dim
 */
export function fillRandomWeights(graph: Graph, seed: number): Graph {
  const parameters = graph.parameters.map(({ value: id, data }) => {
    return { value: id, data: data ?? randomTensor(valueOf(graph, id), seed) };
  });
  return { ...graph, parameters };
}

function randomTensor(value: Value, seed: number): TensorData {
  const { dtype, name } = value;
  const shape = staticShape(value.shape);
  if (shape === null) throw symbolicWeight(value);
  const next = generator(seed, name);
  return { dtype, shape, data: FILL[dtype](elementCount(shape), next, spread(name, shape)) };
}

export function symbolicWeight(value: Value): EncompileError {
  return new EncompileError(
    `The weight '${value.name}' is ${printType(value)}, with a symbolic dim: a weight has one size. ` +
      'Give its dims as numbers.',
  );
}

interface Spread {
  readonly center: number;
  readonly radius: number;
}

function spread(name: string, shape: readonly number[]): Spread {
  const last = name.slice(Math.max(name.lastIndexOf('.'), name.lastIndexOf('/')) + 1);
  if (shape.length < 2) {
    return { center: /^(gamma|scale|variance|weight)$/i.test(last) ? 1 : 0, radius: 0.1 };
  }
  const isTable = /(table|embeddings?)(\.\w+)?$/i.test(name);
  // [results, channels, ..sizes] of a convolution along several axes, else [.., in, out]
  const isKernel = shape.length > 3;
  const summed = isKernel ? elementCount(shape.slice(1)) : (shape.at(-2) ?? 1);
  const fanIn = isTable ? 1 : Math.max(1, summed);
  // Uniform over [-r, r] has the variance r^2 / 3.
  return { center: 0, radius: Math.sqrt(3 / fanIn) };
}

/** From 0 up to 1. */
type Next = () => number;
type Fill = (count: number, next: Next, spread: Spread) => TypedData;

const floats: Fill = (count, next, { center, radius }) =>
  fill(new Float32Array(count), () => center + radius * (2 * next() - 1));

const FILL: { readonly [D in DType]: Fill } = {
  f32: floats,
  f16: floats,
  i64: (count, next) => {
    const data = new BigInt64Array(count);
    for (let i = 0; i < count; i++) data[i] = next() < 0.5 ? 0n : 1n;
    return data;
  },
  i32: (count, next) => fill(new Int32Array(count), () => (next() < 0.5 ? 0 : 1)),
  i8: (count, next) => fill(new Int8Array(count), () => Math.floor(next() * 256) - 128),
  u8: (count, next) => fill(new Uint8Array(count), () => Math.floor(next() * 256)),
  bool: (count, next) => fill(new Uint8Array(count), () => (next() < 0.5 ? 0 : 1)),
};

function fill<A extends Float32Array | Int32Array | Int8Array | Uint8Array>(
  data: A,
  draw: () => number,
): A {
  for (let i = 0; i < data.length; i++) data[i] = draw();
  return data;
}

/** A counter through an integer hash with full avalanche (the finaliser of MurmurHash3). */
function generator(seed: number, name: string): Next {
  let state = mix((seed % 2 ** 32) ^ Math.floor(seed / 2 ** 32));
  for (let i = 0; i < name.length; i++) state = mix(state ^ name.charCodeAt(i)) + i;
  let count = 0;
  return () => {
    count = (count + 0x9e3779b9) | 0;
    return (mix(mix(count) ^ state) >>> 0) / 2 ** 32;
  };
}

function mix(x: number): number {
  let h = x | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
