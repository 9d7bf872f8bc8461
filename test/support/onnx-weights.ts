/**
 * ONNX models of the test data as if they had been trained. In an export of an untrained model all
 * biases are one tensor of zeros and all gammas one of ones, which vanish when they are imported, and
 * then the model has fewer ops than a trained one.
 */
import { readFileSync } from 'node:fs';
import { graphOfModel } from '../../src/frontends/onnx/index.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { stored } from '../../src/onnx/byte-source.ts';
import { decodeModel } from '../../src/onnx/model-file.ts';
import { DATA_TYPE, type TensorProto } from '../../src/onnx/schema.ts';
import { seededNumbers } from './seeded-numbers.ts';

/** The graph of the file, where weights that were alike have seeded numbers, each its own. */
export function importTrained(path: string): Graph {
  const model = decodeModel(readFileSync(path), path);
  const { graph } = model;
  if (graph === undefined) throw new Error(`${path} has no graph`);
  const shared = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  const copies: TensorProto[] = [];
  const node = graph.node.filter(({ opType, input, output }) => {
    const tensor = opType === 'Identity' ? shared.get(input[0]) : undefined;
    const [name] = output;
    if (tensor === undefined || name === undefined) return true;
    copies.push({ ...tensor, name });
    return false;
  });
  const initializer = [...graph.initializer, ...copies].map(varied);
  const trained = { ...model, graph: { ...graph, node, initializer } };
  return graphOfModel({ model: trained, external: new Map() }, path);
}

function varied(tensor: TensorProto, seed: number): TensorProto {
  const { rawData, dataType } = tensor;
  if (rawData === undefined || dataType !== DATA_TYPE.float) return tensor;
  const numbers = new Float32Array(Uint8Array.from(rawData.read()).buffer);
  if (numbers.length < 2 || new Set(numbers).size > 1) return tensor;
  const data = Float32Array.from(seededNumbers(seed + 1, numbers.length), (x) => x * 0.1 + 1);
  return { ...tensor, rawData: stored(new Uint8Array(data.buffer)) };
}
