/**
 * What quantising, and rounding weights, does to a model's results: the graphs before and after, run on the same inputs in
 * WebAssembly, their outputs and quantised products side by side. A product is compared as the model
 * has it, with the errors of those before it.
 */
import { openBackend } from './check/backends.ts';
import { type Approximation, compiledFor, compileGraph } from './compile.ts';
import { type Graph, type Node, type ValueId, valueOf } from './ir/graph.ts';
import type { NdArray } from './ir/nd-array.ts';
import { staticShape } from './ir/types.ts';
import type { Program, Target } from './loops/program.ts';
import { missingFeature } from './wasm-kernels.ts';

/** How far numbers are from those in float32. */
export interface Deviation {
  readonly name: string;
  /** Of all the numbers as one vector: 1 where both point the same way. */
  readonly cosine: number;
  readonly largestError: number;
  /** The largest number in float32, by size. */
  readonly largest: number;
}

export interface QuantizationReport {
  readonly outputs: readonly Deviation[];
  /** The quantised products, in the order in which they run. */
  readonly layers: readonly (Deviation & {
    readonly weight: string;
    readonly shape: readonly number[];
  })[];
  /** Bytes of all weights as kernels read them. */
  readonly weightBytes: { readonly before: number; readonly after: number };
}

/**
 * @param inputs by name, sizes and all
 * @param sizes of the symbols in them
 */
export async function reportQuantization(
  { before, after }: Omit<Approximation, 'pass'>,
  inputs: ReadonlyMap<string, NdArray>,
  sizes: Readonly<Record<string, number>>,
  onProgress: (stage: string) => void = () => {},
): Promise<QuantizationReport> {
  const layers = after.nodes
    .filter(({ op }) => op === 'quantized_matmul')
    .map((node) => layerOf(after, node));
  const run = async (graph: Graph, what: string) => {
    onProgress(`run ${what} for the report`);
    return runProbed(
      graph,
      layers.map(({ name }) => name),
      inputs,
      sizes,
    );
  };
  const exact = await run(before, 'in float32');
  const quantized = await run(after, 'as compiled');
  const compared = (name: string, key: string) =>
    deviation(name, quantized.results.get(key) ?? [], exact.results.get(key) ?? []);
  return {
    outputs: before.outputs.map(({ name }) => compared(name, name)),
    layers: layers.map((layer) => ({
      ...compared(layer.name, probeOf(layer.name)),
      weight: layer.weight,
      shape: layer.shape,
    })),
    weightBytes: { before: exact.weightBytes, after: quantized.weightBytes },
  };
}

interface Layer {
  /** Of its result, which is called alike before and after. */
  readonly name: string;
  readonly weight: string;
  readonly shape: readonly number[];
}

function layerOf(graph: Graph, { operands, results }: Node): Layer {
  const none = -1 as ValueId;
  const weight = valueOf(graph, operands[1] ?? none);
  return {
    name: valueOf(graph, results[0] ?? none).name,
    weight: weight.name.replace(/\.int8$/, ''),
    shape: staticShape(weight.shape) ?? [],
  };
}

/** No declared output has such a name: they are identifiers. */
function probeOf(name: string): string {
  return `the product ${name}`;
}

type Results = ReadonlyMap<string, ArrayLike<number>>;

/** Runs a graph with some of its values as further outputs. */
async function runProbed(
  graph: Graph,
  probes: readonly string[],
  inputs: ReadonlyMap<string, NdArray>,
  sizes: Readonly<Record<string, number>>,
): Promise<{ readonly results: Results; readonly weightBytes: number }> {
  const byName = new Map([...graph.values].map(([id, { name }]) => [name, id]));
  const outputs = probes.flatMap((name) => {
    const value = byName.get(name);
    return value === undefined ? [] : [{ name: probeOf(name), value }];
  });
  const probed = { ...graph, outputs: [...graph.outputs, ...outputs] };
  const compilation = compileGraph(probed, { targets: ['wasm'] });
  const target = hostTarget();
  const { program, plan } = compiledFor(compilation, target);
  const opened = await openBackend(target, program, plan);
  try {
    const all = await opened.run(inputs, sizes);
    const results = new Map([...all].map(([name, { data }]) => [name, data]));
    return { results, weightBytes: bytesOf(program) };
  } finally {
    await opened.close();
  }
}

function hostTarget(): Target {
  return missingFeature('wasm-relaxed') === null ? 'wasm-relaxed' : 'wasm';
}

function bytesOf({ weights }: Program): number {
  return weights.reduce((sum, { size }) => sum + 4 * size, 0);
}

function deviation(name: string, got: ArrayLike<number>, want: ArrayLike<number>): Deviation {
  let [product, squares, wanted, largestError, largest] = [0, 0, 0, 0, 0];
  for (let i = 0; i < want.length; i++) {
    const [g, w] = [got[i] ?? Number.NaN, want[i] ?? Number.NaN];
    product += g * w;
    squares += g * g;
    wanted += w * w;
    largestError = Math.max(largestError, Math.abs(g - w));
    largest = Math.max(largest, Math.abs(w));
  }
  const length = Math.sqrt(squares) * Math.sqrt(wanted);
  // two vectors of zeros are equal; one alone points nowhere
  const cosine = length > 0 ? product / length : squares === wanted ? 1 : 0;
  return { name, cosine, largestError, largest };
}
