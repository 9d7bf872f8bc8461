/** ONNX models made in tests: nodes, tensors and types in a few words. */
import type { ModelFile } from '../../../src/frontends/onnx/file.ts';
import { graphOfModel, type OnnxOptions } from '../../../src/frontends/onnx/index.ts';
import { interpret } from '../../../src/interpreter/interpreter.ts';
import type { Graph } from '../../../src/ir/graph.ts';
import type { NdArray } from '../../../src/ir/nd-array.ts';
import type { Draft } from '../../../src/onnx/codec.ts';
import { decodeModel, encodeModel } from '../../../src/onnx/model-file.ts';
import {
  ATTRIBUTE_TYPE,
  type AttributeProto,
  DATA_TYPE,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from '../../../src/onnx/schema.ts';

type Attribute = number | string | readonly number[] | Draft<GraphProto> | Draft<TensorProto>;

/** A node; whole numbers are integers, so a float attribute needs a fraction. */
export function node(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: { readonly [name: string]: Attribute } = {},
): Draft<NodeProto> {
  const attribute = Object.entries(attributes).map(([name, value]) => ({
    name,
    ...valueOf(value),
  }));
  return { opType, input, output, name: `${opType} node`, attribute };
}

function valueOf(value: Attribute): Draft<AttributeProto> {
  if (typeof value === 'string') return { type: ATTRIBUTE_TYPE.string, s: Buffer.from(value) };
  if (typeof value === 'number') {
    return Number.isInteger(value)
      ? { type: ATTRIBUTE_TYPE.int, i: BigInt(value) }
      : { type: ATTRIBUTE_TYPE.float, f: value };
  }
  if (Array.isArray(value)) return { type: ATTRIBUTE_TYPE.ints, ints: value.map(BigInt) };
  return 'node' in value
    ? { type: ATTRIBUTE_TYPE.graph, g: value as Draft<GraphProto> }
    : { type: ATTRIBUTE_TYPE.tensor, t: value as Draft<TensorProto> };
}

export function floats(name: string, dims: readonly number[], data: readonly number[]) {
  return { name, dims: dims.map(BigInt), dataType: DATA_TYPE.float, floatData: data };
}

export function ints(name: string, dims: readonly number[], data: readonly number[]) {
  return { name, dims: dims.map(BigInt), dataType: DATA_TYPE.int64, int64Data: data.map(BigInt) };
}

/** An input or output; a name is a symbolic dim, null one without a name. */
export function info(
  name: string,
  dims: readonly (number | string | null)[] = [],
  type: keyof typeof DATA_TYPE = 'float',
): Draft<ValueInfoProto> {
  const dim = dims.map((size) => {
    if (size === null) return {};
    return typeof size === 'number' ? { dimValue: BigInt(size) } : { dimParam: size };
  });
  return { name, type: { tensorType: { elemType: DATA_TYPE[type], shape: { dim } } } };
}

export function bytesOf(
  graph: Draft<GraphProto>,
  { opset = 17, ...more }: { readonly opset?: number } & Draft<ModelProto> = {},
): Uint8Array {
  return encodeModel({ irVersion: 8n, opsetImport: [{ version: BigInt(opset) }], graph, ...more });
}

export function imported(
  graph: Draft<GraphProto>,
  more: { readonly opset?: number } & Draft<ModelProto> = {},
  options: OnnxOptions = {},
): Graph {
  const file: ModelFile = { model: decodeModel(bytesOf(graph, more), 'm'), external: new Map() };
  return graphOfModel(file, 'm.onnx', options);
}

export function numbers(graph: Graph, inputs: { readonly [name: string]: NdArray }) {
  const { outputs } = interpret(graph, new Map(Object.entries(inputs)));
  return Object.fromEntries([...outputs].map(([name, { data }]) => [name, [...data]]));
}

export const f32 = (shape: readonly number[], data: readonly number[]): NdArray => ({
  dtype: 'f32',
  shape,
  data: Float64Array.from(data),
});
