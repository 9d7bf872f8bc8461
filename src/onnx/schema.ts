/**
 * The messages of an ONNX file that a model of tensors is made of. What training and sequences add is
 * left out. `model-file.ts` has the numbers of the fields.
 */
import type { StoredBytes } from './byte-source.ts';
import type { Numbers } from './packed-numbers.ts';

export interface ModelProto {
  readonly irVersion?: bigint;
  readonly producerName?: string;
  readonly producerVersion?: string;
  readonly domain?: string;
  readonly modelVersion?: bigint;
  readonly docString?: string;
  readonly graph?: GraphProto;
  readonly opsetImport: readonly OperatorSetIdProto[];
  readonly metadataProps: readonly StringStringEntryProto[];
  readonly functions: readonly FunctionProto[];
}

/** An op that the file itself defines, by the nodes it stands for. */
export interface FunctionProto {
  readonly name?: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  /** Names of attributes that a call must give. */
  readonly attribute: readonly string[];
  readonly node: readonly NodeProto[];
  readonly docString?: string;
  readonly opsetImport: readonly OperatorSetIdProto[];
  readonly domain?: string;
  /** Attributes with the value that a call may leave out. */
  readonly attributeProto: readonly AttributeProto[];
  readonly overload?: string;
}

export interface OperatorSetIdProto {
  /** Empty or absent for the standard ops. */
  readonly domain?: string;
  readonly version?: bigint;
}

export interface StringStringEntryProto {
  readonly key?: string;
  readonly value?: string;
}

export interface GraphProto {
  readonly node: readonly NodeProto[];
  readonly name?: string;
  readonly initializer: readonly TensorProto[];
  readonly docString?: string;
  readonly input: readonly ValueInfoProto[];
  readonly output: readonly ValueInfoProto[];
  readonly valueInfo: readonly ValueInfoProto[];
  /** Not read: that there is one is all that is known. */
  readonly sparseInitializer: readonly StoredBytes[];
}

export interface NodeProto {
  /** An empty name is an optional input left out. */
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly name?: string;
  readonly opType?: string;
  readonly attribute: readonly AttributeProto[];
  readonly docString?: string;
  readonly domain?: string;
  /** Which of several functions of one name. */
  readonly overload?: string;
}

export interface AttributeProto {
  readonly name?: string;
  readonly f?: number;
  readonly i?: bigint;
  readonly s?: StoredBytes;
  readonly t?: TensorProto;
  readonly g?: GraphProto;
  readonly floats: readonly number[];
  readonly ints: readonly bigint[];
  readonly strings: readonly StoredBytes[];
  readonly tensors: readonly TensorProto[];
  readonly graphs: readonly GraphProto[];
  readonly docString?: string;
  /** Of `ATTRIBUTE_TYPE`. */
  readonly type?: number;
  readonly refAttrName?: string;
}

export interface TensorProto {
  readonly dims: readonly bigint[];
  /** Of `DATA_TYPE`. */
  readonly dataType?: number;
  readonly floatData: Numbers<number>;
  readonly int32Data: Numbers<number>;
  readonly stringData: readonly StoredBytes[];
  readonly int64Data: Numbers<bigint>;
  readonly name?: string;
  /** Little-endian, in place of the lists. */
  readonly rawData?: StoredBytes;
  readonly doubleData: Numbers<number>;
  readonly uint64Data: Numbers<bigint>;
  readonly docString?: string;
  /** Of a tensor in another file: `location`, `offset`, `length`. */
  readonly externalData: readonly StringStringEntryProto[];
  /** 1 where the numbers are in another file. */
  readonly dataLocation?: number;
}

export interface ValueInfoProto {
  readonly name?: string;
  readonly type?: TypeProto;
  readonly docString?: string;
}

export interface TypeProto {
  /** Absent for what is no tensor. */
  readonly tensorType?: TensorTypeProto;
}

export interface TensorTypeProto {
  readonly elemType?: number;
  /** Absent where not even the number of dims is known. */
  readonly shape?: TensorShapeProto;
}

export interface TensorShapeProto {
  readonly dim: readonly DimensionProto[];
}

/** A number, a name, or neither. */
export interface DimensionProto {
  readonly dimValue?: bigint;
  readonly dimParam?: string;
}

export const DATA_TYPE = {
  float: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  double: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
  uint4: 21,
  int4: 22,
  uint2: 25,
  int2: 26,
} as const;

export const ATTRIBUTE_TYPE = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
  tensors: 9,
  graphs: 10,
} as const;
