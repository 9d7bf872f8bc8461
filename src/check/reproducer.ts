/**
 * A failing kernel as one file: a safetensors file with the numbers that the kernel was given and,
 * in its metadata, the graph of the one node. `encompile check <file>` runs it again.
 */
import { EncompileError } from '../errors.ts';
import {
  encodeSafetensors,
  parseSafetensors,
  readSafetensorsMetadata,
} from '../frontends/safetensors.ts';
import { GraphConstruction } from '../ir/builder.ts';
import { type Graph, type Node, presentOperands, type ValueId, valueOf } from '../ir/graph.ts';
import { fromNdArray, type NdArray, toNdArray } from '../ir/nd-array.ts';
import { parseGraph } from '../ir/parse.ts';
import { printGraph } from '../ir/print.ts';
import { copyNode } from '../ir/rebuild.ts';
import type { TensorData } from '../ir/types.ts';

export interface Reproducer {
  readonly graph: Graph;
  readonly inputs: ReadonlyMap<string, NdArray>;
}

const GRAPH_KEY = 'encompile.graph';
const WEIGHT = 'weight:';
const INPUT = 'input:';

/** The graph of one node, with the values that its operands had. */
export function reproducerOf(
  graph: Graph,
  node: Node,
  valueAt: (id: ValueId) => NdArray,
): Reproducer {
  const into = new GraphConstruction(() => node.origin);
  const parameters = new Map(graph.parameters.map((p) => [p.value, p]));
  const inputs = new Map<string, NdArray>();
  const copies = new Map(
    [...new Set(presentOperands(node))].map((id) => {
      const value = valueOf(graph, id);
      const parameter = parameters.get(id);
      if (parameter === undefined) {
        inputs.set(value.name, valueAt(id));
        return [id, into.addInput(value.name, value)] as const;
      }
      const copy = into.addValue(value.name, value);
      into.parameters.push({ value: copy.id, data: parameter.data });
      return [id, copy] as const;
    }),
  );
  const operands = node.operands.map((id) => (id === null ? null : (copies.get(id) ?? null)));
  const results = copyNode(graph, node, operands, into);
  const outputs = results.map(({ id, name }) => ({ name, value: id }));
  return { graph: into.finish(`${graph.name}-${node.op}`, outputs), inputs };
}

export function encodeReproducer({ graph, inputs }: Reproducer): Uint8Array {
  const tensors = new Map<string, TensorData>();
  for (const [name, array] of inputs) tensors.set(INPUT + name, fromNdArray(array));
  for (const { value, data } of graph.parameters) {
    if (data !== null) tensors.set(WEIGHT + valueOf(graph, value).name, data);
  }
  return encodeSafetensors(tensors, new Map([[GRAPH_KEY, printGraph(graph)]]));
}

/** Whether a safetensors file is a reproducer. */
export function isReproducer(bytes: Uint8Array, origin: string): boolean {
  return readSafetensorsMetadata(bytes, origin).has(GRAPH_KEY);
}

/** @throws EncompileError where the file is no reproducer. */
export function decodeReproducer(bytes: Uint8Array, origin: string): Reproducer {
  const text = readSafetensorsMetadata(bytes, origin).get(GRAPH_KEY);
  if (text === undefined) {
    throw new EncompileError(
      `${origin} holds tensors but no graph. A model is a .ts file, a Hugging Face folder or an .ir ` +
        'file; a .safetensors file is one only where `encompile check` wrote it for a failing kernel.',
    );
  }
  const tensors = parseSafetensors(bytes, origin);
  const graph = parseGraph(text, { origin });
  const parameters = graph.parameters.map(({ value }) => ({
    value,
    data: tensors.get(WEIGHT + valueOf(graph, value).name) ?? null,
  }));
  const inputs = [...tensors].flatMap(([name, tensor]) =>
    name.startsWith(INPUT) ? [[name.slice(INPUT.length), toNdArray(tensor)] as const] : [],
  );
  return { graph: { ...graph, parameters }, inputs: new Map(inputs) };
}
