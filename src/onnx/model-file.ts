/**
 * ONNX files as bytes: the fields of every message, with the numbers of onnx.proto. A field that is
 * not in the tables is skipped when read.
 */
import { EncompileError } from '../errors.ts';
import type { ByteSource } from './byte-source.ts';
import {
  bytes,
  type Draft,
  decode,
  double,
  encode,
  float,
  int32,
  int64,
  type Message,
  many,
  message,
  one,
  packed,
  string,
  uint64,
} from './codec.ts';
import type {
  AttributeProto,
  DimensionProto,
  FunctionProto,
  GraphProto,
  ModelProto,
  NodeProto,
  OperatorSetIdProto,
  StringStringEntryProto,
  TensorProto,
  TensorShapeProto,
  TensorTypeProto,
  TypeProto,
  ValueInfoProto,
} from './schema.ts';

const OPERATOR_SET: Message<OperatorSetIdProto> = {
  domain: one(1, string),
  version: one(2, int64),
};

const ENTRY: Message<StringStringEntryProto> = { key: one(1, string), value: one(2, string) };

const DIMENSION: Message<DimensionProto> = { dimValue: one(1, int64), dimParam: one(2, string) };

const SHAPE: Message<TensorShapeProto> = {
  dim: many(
    1,
    message(() => DIMENSION),
  ),
};

const TENSOR_TYPE: Message<TensorTypeProto> = {
  elemType: one(1, int32),
  shape: one(
    2,
    message(() => SHAPE),
  ),
};

const TYPE: Message<TypeProto> = {
  tensorType: one(
    1,
    message(() => TENSOR_TYPE),
  ),
};

const VALUE_INFO: Message<ValueInfoProto> = {
  name: one(1, string),
  type: one(
    2,
    message(() => TYPE),
  ),
  docString: one(3, string),
};

const TENSOR: Message<TensorProto> = {
  dims: many(1, int64),
  dataType: one(2, int32),
  floatData: packed(4, float),
  int32Data: packed(5, int32),
  stringData: many(6, bytes),
  int64Data: packed(7, int64),
  name: one(8, string),
  rawData: one(9, bytes),
  doubleData: packed(10, double),
  uint64Data: packed(11, uint64),
  docString: one(12, string),
  externalData: many(
    13,
    message(() => ENTRY),
  ),
  dataLocation: one(14, int32),
};

const ATTRIBUTE: Message<AttributeProto> = {
  name: one(1, string),
  f: one(2, float),
  i: one(3, int64),
  s: one(4, bytes),
  t: one(
    5,
    message(() => TENSOR),
  ),
  g: one(
    6,
    message(() => GRAPH),
  ),
  floats: many(7, float),
  ints: many(8, int64),
  strings: many(9, bytes),
  tensors: many(
    10,
    message(() => TENSOR),
  ),
  graphs: many(
    11,
    message(() => GRAPH),
  ),
  docString: one(13, string),
  type: one(20, int32),
  refAttrName: one(21, string),
};

const NODE: Message<NodeProto> = {
  input: many(1, string),
  output: many(2, string),
  name: one(3, string),
  opType: one(4, string),
  attribute: many(
    5,
    message(() => ATTRIBUTE),
  ),
  docString: one(6, string),
  domain: one(7, string),
  overload: one(8, string),
};

const GRAPH: Message<GraphProto> = {
  node: many(
    1,
    message(() => NODE),
  ),
  name: one(2, string),
  initializer: many(
    5,
    message(() => TENSOR),
  ),
  docString: one(10, string),
  input: many(
    11,
    message(() => VALUE_INFO),
  ),
  output: many(
    12,
    message(() => VALUE_INFO),
  ),
  valueInfo: many(
    13,
    message(() => VALUE_INFO),
  ),
  sparseInitializer: many(15, bytes),
};

const FUNCTION: Message<FunctionProto> = {
  name: one(1, string),
  input: many(4, string),
  output: many(5, string),
  attribute: many(6, string),
  node: many(
    7,
    message(() => NODE),
  ),
  docString: one(8, string),
  opsetImport: many(
    9,
    message(() => OPERATOR_SET),
  ),
  domain: one(10, string),
  attributeProto: many(
    11,
    message(() => ATTRIBUTE),
  ),
  overload: one(13, string),
};

const MODEL: Message<ModelProto> = {
  irVersion: one(1, int64),
  producerName: one(2, string),
  producerVersion: one(3, string),
  domain: one(4, string),
  modelVersion: one(5, int64),
  docString: one(6, string),
  graph: one(
    7,
    message(() => GRAPH),
  ),
  opsetImport: many(
    8,
    message(() => OPERATOR_SET),
  ),
  metadataProps: many(
    14,
    message(() => ENTRY),
  ),
  functions: many(
    25,
    message(() => FUNCTION),
  ),
};

export function encodeModel(model: Draft<ModelProto>): Uint8Array {
  return encode(MODEL, model);
}

/**
 * Reads one tensor, as test data of ONNX keeps it.
 *
 * @throws EncompileError where the bytes are no tensor
 */
export function decodeTensor(content: Uint8Array, origin: string): TensorProto {
  return reading('tensor', origin, () => decode(TENSOR, content));
}

/**
 * Reads an ONNX file. Bytes and numbers of tensors stay in it until they are asked for.
 *
 * @param origin what the bytes are, for errors
 * @throws EncompileError where they are no ONNX model
 */
export function decodeModel(content: Uint8Array | ByteSource, origin: string): ModelProto {
  return reading('model', origin, () => decode(MODEL, content));
}

function reading<T>(what: string, origin: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof EncompileError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new EncompileError(
      `${origin} is not an ONNX ${what}: ${reason}. Check that the file is whole and was written by an ` +
        'ONNX exporter.',
    );
  }
}
