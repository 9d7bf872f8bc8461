/**
 * From a graph to an ONNX model of standard ops, in an opset of choice.
 *
 * - A graph as declared and one behind any pass are exported alike. Composites that the opset lacks
 *   stand as their expansion, regions as their body.
 * - The model computes what the interpreter computes, totality included: masked rows of a softmax are
 *   zeros, an index outside of a table is clamped, integers wrap around (`held-types.ts`). Left to the
 *   runtime is a mean of no elements, which ONNX does not define, and an input outside of a weight's
 *   rows, which artifacts refuse, too.
 * - Inputs and outputs keep their names and dtypes; a symbolic dim is the `dim_param` of its text.
 */
import { EncompileError } from '../../errors.ts';
import { expandNode } from '../../ir/expand.ts';
import { type Graph, type Node, type ValueId, valueOf } from '../../ir/graph.ts';
import { isOpName, type OpName, opDefinition } from '../../ir/ops/index.ts';
import { BYTES, type DType, type TensorType } from '../../ir/types.ts';
import { verifyGraph } from '../../ir/verify.ts';
import type { Draft } from '../../onnx/codec.ts';
import { encodeModel } from '../../onnx/model-file.ts';
import type { TypeProto } from '../../onnx/schema.ts';
import { packageVersion } from '../../version.ts';
import { type Boundary, GraphWriter, type Ref } from './graph-writer.ts';
import { BOUNDARY_TYPE, hold, release, weightOf } from './held-types.ts';
import { hasModerateNumbers, isModerate } from './magnitude.ts';
import { EXPANDED, type ExportGraph, OpCall, type OpContext, type Operand } from './op-call.ts';
import { EXPORTERS } from './op-table.ts';
import { IR_VERSION, OLDEST_OPSET, type OnnxOpset, spellingsOf } from './opsets.ts';
import { SymbolicDims } from './symbolic-dims.ts';

export interface OnnxExportOptions {
  /** Default: 17. A newer one has more ops in place of their expansions. */
  readonly opset?: OnnxOpset;
}

/** Protocol Buffers end at 2 GiB; the rest is for what is not weights. */
const MAX_WEIGHT_BYTES = 1.9e9;

/**
 * The graph as the bytes of an ONNX file. Its weights are in the file.
 *
 * @throws EncompileError where the graph is wrong, weights are missing or too large for one file, an
 * input and an output have the same name, no input tells the size of a symbol, or the opset has no op
 * for what a node does
 */
export function toOnnx(graph: Graph, options: OnnxExportOptions = {}): Uint8Array {
  const { opset = OLDEST_OPSET } = options;
  verifyGraph(graph);
  checkWeights(graph);
  const writer = new GraphWriter();
  const inputs = graph.inputs.map((id): Boundary => {
    const { name, ...type } = valueOf(graph, id);
    return { ref: writer.input(name), name, type: typeProto(type) };
  });
  const shaped = graph.inputs.map((id, i) => {
    return { ref: at(inputs, i).ref, shape: valueOf(graph, id).shape };
  });
  const context = { writer, opset, sizes: new SymbolicDims(writer, shaped) };
  const known = new Map<ValueId, Operand>();
  graph.inputs.forEach((id, i) => {
    const type = valueOf(graph, id);
    const ref = hold(writer, type.dtype, at(inputs, i).ref);
    const origin = INDICES.has(type.dtype) ? 'input' : null;
    known.set(id, { ref, type, isModerate: false, origin });
  });
  for (const { value: id, data } of graph.parameters) {
    const type = valueOf(graph, id);
    if (data === null) continue;
    const ref = weightOf(writer, type.name, data);
    known.set(id, { ref, type, isModerate: hasModerateNumbers(data), origin: 'weight' });
  }
  exportNodes(graph, known, context, '');
  const outputs = graph.outputs.map(({ name, value }): Boundary => {
    const { ref, type } = operandOf(known, value);
    return { ref: release(writer, type.dtype, ref), name, type: typeProto(type) };
  });
  return encodeModel({
    irVersion: BigInt(IR_VERSION[opset]),
    producerName: 'encompile',
    producerVersion: packageVersion(),
    graph: writer.finish(graph.name, inputs, outputs),
    opsetImport: [{ domain: '', version: BigInt(opset) }],
  });
}

type Context = Omit<OpContext, 'exportGraph'> & { readonly opset: OnnxOpset };

/** Exports the nodes of a graph, or of the body of one, whose inputs are in `known`. */
function exportNodes(
  graph: Graph,
  known: Map<ValueId, Operand>,
  context: Context,
  prefix: string,
): void {
  for (const node of graph.nodes) {
    const operands = node.operands.map((id) => (id === null ? null : operandOf(known, id)));
    const results = exportNode(graph, node, operands, context, prefix);
    node.results.forEach((id, i) => {
      known.set(id, at(results, i));
    });
  }
}

function exportNode(
  graph: Graph,
  node: Node,
  operands: readonly (Operand | null)[],
  context: Context,
  prefix: string,
): readonly Operand[] {
  const { writer } = context;
  const names = node.results.map((id) => prefix + valueOf(graph, id).name);
  const [first] = node.results;
  if (first === undefined || !isOpName(node.op))
    throw new Error(`${node.op} is no op with a result`);
  writer.scope = names[0] ?? '';
  const types = node.results.map((id) => valueOf(graph, id));
  const exportGraph: ExportGraph = (body, inputs) =>
    exportBody(body, inputs, context, `${names[0]}/`);
  const call = new OpCall({ ...context, exportGraph }, node, operands, types);
  const made = written(node.op, call, context.opset);
  const given = operands.filter((operand) => operand !== null);
  const results =
    made === EXPANDED
      ? exportBody(node.body ?? expandNode(graph, node), given, context, `${names[0]}/`)
      : [made].flat().map((ref, i): Operand => {
          return { ref, type: at(types, i), ...factsOf(node, given) };
        });
  results.forEach(({ ref }, i) => {
    writer.label(ref, at(names, i));
  });
  return results;
}

/** What the newest spelling makes that takes the call. */
function written(
  op: OpName,
  call: OpCall,
  opset: OnnxOpset,
): Ref | readonly Ref[] | typeof EXPANDED {
  for (const write of spellingsOf(EXPORTERS[op], opset)) {
    const made = write(call);
    if (made !== EXPANDED) return made;
  }
  return EXPANDED;
}

function factsOf(node: Node, given: readonly Operand[]): Pick<Operand, 'isModerate' | 'origin'> {
  const moderate = isModerate(
    node,
    given.every((x) => x.isModerate),
  );
  const isMoved = opDefinition(node.op).meaning.kind === 'view' && node.op !== 'pad';
  const isIndex = isMoved || (node.op === 'cast' && INDICES.has(String(node.attributes.dtype)));
  const isInput = isIndex && given.length === 1 && given[0]?.origin === 'input';
  return { isModerate: node.results.length === 1 && moderate, origin: isInput ? 'input' : null };
}

/** The dtypes of indices that a cast from one to another does not change. */
const INDICES: ReadonlySet<string> = new Set<DType>(['i64', 'i32']);

function exportBody(
  body: Graph,
  operands: readonly Operand[],
  context: Context,
  prefix: string,
): readonly Operand[] {
  const known = new Map(body.inputs.map((id, i) => [id, at(operands, i)] as const));
  exportNodes(body, known, context, prefix);
  return body.outputs.map(({ value }) => operandOf(known, value));
}

function operandOf(known: ReadonlyMap<ValueId, Operand>, id: ValueId): Operand {
  const operand = known.get(id);
  if (operand === undefined) throw new Error(`the value ${id} is used before its node`);
  return operand;
}

function at<T>(list: readonly T[], index: number): T {
  const item = list[index];
  if (item === undefined) throw new Error(`there is no item ${index}`);
  return item;
}

function typeProto({ dtype, shape }: TensorType): Draft<TypeProto> {
  const dim = shape.map((dim) =>
    typeof dim === 'number' ? { dimValue: BigInt(dim) } : { dimParam: dim },
  );
  return { tensorType: { elemType: BOUNDARY_TYPE[dtype], shape: { dim } } };
}

function checkWeights({ name, parameters, values }: Graph): void {
  const missing = parameters.find(({ data }) => data === null);
  if (missing !== undefined) {
    throw new EncompileError(
      `An ONNX model holds its weights, but '${values.get(missing.value)?.name}' has no numbers. Bind a ` +
        'weights file to the model, or pass the arrays in its declaration.',
    );
  }
  const bytes = parameters.reduce(
    (sum, { data }) => sum + (data === null ? 0 : data.data.length * BYTES[data.dtype]),
    0,
  );
  if (bytes <= MAX_WEIGHT_BYTES) return;
  throw new EncompileError(
    `The weights of '${name}' are ${bytes} bytes, and one ONNX file holds at most ${MAX_WEIGHT_BYTES}: ` +
      'its format ends at 2 GiB. Declare weights as f16 where that is precise enough, or split the model.',
  );
}
