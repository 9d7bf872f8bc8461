/**
 * Mutations of ONNX models, at three levels: bytes; fields of the messages, whatever they mean; and
 * graphs, so that files stay sound enough to reach the handlers of ops.
 */
import { handlers } from '../../src/frontends/onnx/ops/index.ts';
import { StoredRange, stored } from '../../src/onnx/byte-source.ts';
import type { Draft } from '../../src/onnx/codec.ts';
import { decodeModel, encodeModel } from '../../src/onnx/model-file.ts';
import { NO_NUMBERS, type Numbers, PackedNumbers } from '../../src/onnx/packed-numbers.ts';
import {
  ATTRIBUTE_TYPE,
  type AttributeProto,
  DATA_TYPE,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
} from '../../src/onnx/schema.ts';
import { mutateBytes } from './bytes-mutator.ts';
import type { Random } from './random.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Node = Mutable<NodeProto>;
/** A graph as it is changed in place: its lists are plain arrays when decoded. */
interface Parts {
  readonly nodes: NodeProto[];
  readonly tensors: TensorProto[];
}

const OPS = Object.keys(handlers);
const ATTRIBUTES = [
  ...['axis', 'axes', 'perm', 'to', 'keepdims', 'pads', 'strides', 'dilations', 'kernel_shape'],
  ...['group', 'mode', 'num_outputs', 'split', 'hidden_size', 'direction', 'layout', 'blocksize'],
  ...['equation', 'num_heads', 'num_scan_inputs', 'scan_input_axes', 'auto_pad', 'output_padding'],
  ...['output_shape', 'allowzero', 'batch_dims', 'k', 'largest', 'block_size', 'num_groups'],
  ...['start', 'end', 'value_int', 'value_ints', 'is_causal', 'q_num_heads', 'kv_num_heads'],
] as const;
const TEXTS = ['', 'x', '../x', 'SAME_UPPER', 'reverse', 'bidirectional', 'ij,jk->ik', '...', 'a'];
const TYPES = [...Object.values(DATA_TYPE), 0, 14, 17, 99, -1];

export function mutateOnnx(content: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  const level = random.next();
  if (level < 0.2) return mutateBytes(content, random);
  const model = decodedSeed(content);
  const edits = 1 + random.below(4);
  for (let edit = 0; edit < edits; edit++) {
    if (level < 0.5) mutateField(model, random);
    else if (model.graph !== undefined) mutateGraph(model, model.graph, other, random);
  }
  const mutated = encodeModel(model as Draft<ModelProto>);
  return random.happens(0.05) ? mutateBytes(mutated, random) : mutated;
}

function decodedSeed(content: Uint8Array): ModelProto {
  const model = decodeModel(content, 'a seed');
  separateLists(model);
  return model;
}

/** Lists that are absent are all one when decoded, and numbers of tensors are bytes. */
function separateLists(message: object): void {
  const holder = message as Holder;
  for (const [key, value] of Object.entries(holder)) {
    if (Array.isArray(value) && value.length === 0) holder[key] = [];
    else if (isNumbers(value)) holder[key] = Array.from(value.values());
    else if (value instanceof StoredRange) holder[key] = value.read();
    else if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
      separateLists(value);
    }
  }
}

function isNumbers(value: unknown): value is Numbers<unknown> {
  return value === NO_NUMBERS || value instanceof PackedNumbers;
}

type Holder = { [key: string | number]: unknown };

/** Changes one field that is somewhere in the message. */
function mutateField(message: object, random: Random): void {
  let holder = message as Holder;
  for (;;) {
    const keys = Object.keys(holder);
    const key = random.of(keys);
    if (key === undefined) return;
    const value = holder[key];
    const isHolder = typeof value === 'object' && value !== null && !(value instanceof Uint8Array);
    if (isHolder && Object.keys(value).length > 0 && random.happens(0.9)) {
      holder = value as Holder;
      continue;
    }
    holder[key] = otherValue(value, random);
    return;
  }
}

function otherValue(value: unknown, random: Random): unknown {
  if (typeof value === 'bigint') return random.wholeNumber();
  if (typeof value === 'number') {
    return random.happens(0.5) ? (random.of(TYPES) ?? 0) : Number(random.wholeNumber() % 2n ** 31n);
  }
  if (typeof value === 'string') return random.of(TEXTS);
  if (value instanceof Uint8Array) return mutateBytes(value, random);
  if (!Array.isArray(value)) return value;
  const items: readonly unknown[] = value;
  const at = random.below(items.length);
  if (random.happens(0.4)) return items.toSpliced(at, 1);
  return random.happens(0.5) ? [...items, ...items.slice(at, at + 4)] : items.toReversed();
}

function partsOf(graph: GraphProto): Parts {
  return { nodes: graph.node as NodeProto[], tensors: graph.initializer as TensorProto[] };
}

function mutateGraph(
  model: ModelProto,
  graph: GraphProto,
  other: Uint8Array,
  random: Random,
): void {
  const { nodes, tensors } = partsOf(graph);
  const at = random.below(nodes.length);
  const node = nodes[at] as Node | undefined;
  if (node === undefined) return;
  const inner = node.attribute.find(({ g }) => g !== undefined)?.g;
  if (inner !== undefined && random.happens(0.5)) {
    mutateGraph(model, inner, other, random);
    return;
  }
  switch (random.below(12)) {
    case 0:
      nodes.splice(at, 1);
      return;
    case 1:
      nodes.splice(random.below(nodes.length), 0, ...nodes.splice(at, 1));
      return;
    case 2:
      node.opType = random.of(OPS) ?? '';
      return;
    case 3:
    case 4:
      rewire(node, graph, random);
      return;
    case 5:
    case 6:
      changeAttribute(node, random);
      return;
    case 7:
      changeInput(graph, random);
      return;
    case 8:
      giveTensor(node, tensors, random);
      return;
    case 9:
      wrap(model, nodes, at, random);
      return;
    case 10:
      splice(nodes, graph, other, random);
      return;
    default:
      nodes.push({ ...node, output: node.output.map((name) => `${name}'`) });
      rename(nodes, nodes.length - 1, random);
  }
}

/** Names that a node of the graph may use. */
function namesOf(graph: GraphProto): readonly string[] {
  const given = [...graph.input, ...graph.initializer].map(({ name = '' }) => name);
  return [...given, ...graph.node.flatMap(({ output }) => output)];
}

function rewire(node: Node, graph: GraphProto, random: Random): void {
  const input = [...node.input];
  const name = random.happens(0.1) ? '' : (random.of(namesOf(graph)) ?? '');
  if (random.happens(0.2)) input.push(name);
  else input[random.below(input.length)] = name;
  node.input = input;
}

function changeAttribute(node: Node, random: Random): void {
  const attributes = node.attribute as AttributeProto[];
  const name = random.happens(0.5) ? random.of(attributes)?.name : random.of(ATTRIBUTES);
  const made = attributeOf(name ?? 'axis', random);
  const at = attributes.findIndex((attribute) => attribute.name === name);
  attributes.splice(at < 0 ? 0 : at, at < 0 ? 0 : 1, made);
  if (random.happens(0.1)) attributes.pop();
}

function attributeOf(name: string, random: Random): AttributeProto {
  const none = { floats: [], ints: [], strings: [], tensors: [], graphs: [] };
  const length = random.below(7);
  switch (random.below(6)) {
    case 0:
    case 1:
      return { ...none, name, type: ATTRIBUTE_TYPE.int, i: random.wholeNumber() };
    case 2:
    case 3: {
      const ints = Array.from({ length }, () => random.wholeNumber());
      return { ...none, name, type: ATTRIBUTE_TYPE.ints, ints };
    }
    case 4:
      return { ...none, name, type: ATTRIBUTE_TYPE.float, f: Number(random.wholeNumber()) / 3 };
    default: {
      const s = stored(Buffer.from(random.of(TEXTS) ?? ''));
      return { ...none, name, type: ATTRIBUTE_TYPE.string, s };
    }
  }
}

/** Another type or another dim of an input. */
function changeInput(graph: GraphProto, random: Random): void {
  const tensor = random.of(graph.input)?.type?.tensorType;
  if (tensor === undefined) return;
  if (random.happens(0.3)) {
    (tensor as Mutable<typeof tensor>).elemType = random.of(TYPES) ?? 1;
    return;
  }
  const dims = (tensor.shape?.dim ?? []) as object[];
  const dimParam = random.of(['n', 'm', 'n+1', '2*n', 'n*m', 'max', '-n', 'n-m']);
  const dim = random.happens(0.5) ? { dimParam } : { dimValue: random.wholeNumber() };
  if (random.happens(0.2)) dims.push(dim);
  else if (dims.length > 0) dims[random.below(dims.length)] = dim;
}

/** A tensor of small, odd numbers in place of an operand. */
function giveTensor(node: Node, tensors: TensorProto[], random: Random): void {
  const count = random.below(6);
  const name = `given_${tensors.length}`;
  const isScalar = random.happens(0.2);
  const numbers = Array.from({ length: isScalar ? 1 : count }, () => random.wholeNumber());
  const int64Data = { length: numbers.length, values: () => numbers };
  const dims = isScalar ? [] : [BigInt(count)];
  const [floatData, int32Data, doubleData, uint64Data] = Array(4).fill(NO_NUMBERS);
  const none = { floatData, int32Data, stringData: [], doubleData, uint64Data };
  const dataType = DATA_TYPE.int64;
  tensors.push({ ...none, name, dims, dataType, int64Data, externalData: [] });
  node.input = node.input.toSpliced(random.below(node.input.length), 1, name);
}

/** The node in a branch, the body of a loop, or a function that may call itself. */
function wrap(model: ModelProto, nodes: NodeProto[], at: number, random: Random): void {
  const node = nodes[at];
  if (node === undefined) return;
  const value = (name: string) => ({ name });
  const none = { initializer: [], valueInfo: [], sparseInitializer: [] };
  const g: GraphProto = { ...none, node: [node], input: [], output: node.output.map(value) };
  const lists = { floats: [], ints: [], strings: [], tensors: [], graphs: [] };
  const graph = (name: string) => ({ ...lists, name, type: ATTRIBUTE_TYPE.graph, g });
  if (random.happens(0.4)) {
    const opType = random.happens(0.5) ? 'f' : (node.opType ?? '');
    const inner = random.happens(0.3) ? [node, { ...node, opType }] : [node];
    const io = { input: node.input, output: node.output, attribute: [], attributeProto: [] };
    const called = { ...io, name: 'f', domain: 'd', node: inner, opsetImport: model.opsetImport };
    (model.functions as object[]).push(called);
    nodes[at] = { ...node, opType: 'f', domain: 'd' };
    return;
  }
  const opType = random.of(['If', 'Loop', 'Scan']) ?? 'If';
  const input = opType === 'If' ? node.input.slice(0, 1) : ['', '', ...node.input];
  const attribute =
    opType === 'If' ? [graph('then_branch'), graph('else_branch')] : [graph('body')];
  nodes[at] = { ...node, opType, input, attribute };
}

/** Nodes of another model, which take what is here. */
function splice(nodes: NodeProto[], graph: GraphProto, other: Uint8Array, random: Random): void {
  const from = decodedSeed(other).graph;
  if (from === undefined) return;
  const names = namesOf(graph);
  const at = random.below(nodes.length + 1);
  (graph.initializer as TensorProto[]).push(...from.initializer.slice(0, 4));
  for (const node of from.node.slice(0, 4)) {
    const known = new Set(from.initializer.map(({ name }) => name));
    const input = node.input.map((name) => (known.has(name) ? name : (random.of(names) ?? '')));
    nodes.splice(at, 0, { ...node, input });
  }
  rename(nodes, at, random);
}

/** Lets the last node read what the node at `at` gives. */
function rename(nodes: NodeProto[], at: number, random: Random): void {
  const given = nodes[at]?.output[0];
  const last = nodes.at(-1) as Node | undefined;
  if (given === undefined || last === undefined || last.input.length === 0) return;
  last.input = last.input.with(random.below(last.input.length), given);
}
