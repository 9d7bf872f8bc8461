/**
 * The oracle: runs a graph in float64, each op as its file defines it. A primitive is evaluated
 * index by index, a composite through its expansion, a region by what it makes of its body. Integers are exact,
 * floats are never rounded to their dtype. It imports nothing from lowering or backends.
 */
import { EncompileError } from '../errors.ts';
import { evaluateDim } from '../ir/dims.ts';
import { expandNode } from '../ir/expand.ts';
import { type Graph, type Node, type Value, type ValueId, valueOf } from '../ir/graph.ts';
import { elementCount, type NdArray, type NdType, toNdArray } from '../ir/nd-array.ts';
import { present } from '../ir/op.ts';
import type { EvaluateArguments } from '../ir/op-arguments.ts';
import { opDefinition } from '../ir/ops/index.ts';
import { resolveSizes, type Sizes } from '../ir/sizes.ts';
import { symbolCounts, withCounts } from '../ir/symbol-counts.ts';
import { printType, type TensorData } from '../ir/types.ts';
import { structuralKey } from '../structural-key.ts';

export interface Interpretation {
  /** By output name. */
  readonly outputs: Map<string, NdArray>;
  /** Of every value of the graph itself, bodies and expansions left out. */
  readonly values: Map<ValueId, NdArray>;
  /** The sizes of the symbolic dims in this run. */
  readonly sizes: Sizes;
}

export interface InterpretOptions {
  /** Called before each node, for progress reports. */
  readonly onNode?: (node: Node, index: number, count: number) => void;
}

/**
 * Runs a graph. `inputs` has one array for each graph input, by name. Throws where an input is
 * missing, unknown, of another dtype or of a shape that does not fit, and where a parameter has no
 * data.
 */
export function interpret(
  graph: Graph,
  inputs: ReadonlyMap<string, NdArray>,
  options: InterpretOptions = {},
): Interpretation {
  const values = bindInputs(graph, inputs);
  const shapeSizes = resolveSizes(
    [...values].map(([id, { shape }]) => {
      const { name, shape: declared } = valueOf(graph, id);
      const role = graph.inputs.includes(id) ? 'input' : 'weight';
      return { what: `the ${role} '${name}'`, declared, given: shape };
    }),
  );
  const numbersOf = (name: string) => inputs.get(name)?.data ?? [];
  const sizes = withCounts(symbolCounts(graph), shapeSizes, numbersOf);
  const run: Run = { sizes, expansions: new Map() };
  graph.nodes.forEach((node, index) => {
    options.onNode?.(node, index, graph.nodes.length);
    runNode(graph, node, values, run);
  });
  const outputs = new Map(
    graph.outputs.map(({ name, value }) => [name, arrayOf(graph, value, values)]),
  );
  return { outputs, values, sizes };
}

/** The results of one node from its operands; null stands for an optional operand left out. */
export function evaluateNode(
  graph: Graph,
  node: Node,
  operands: readonly (NdArray | null)[],
  sizes: Sizes,
): readonly NdArray[] {
  return evaluate(graph, node, operands, { sizes, expansions: new Map() });
}

interface Run {
  readonly sizes: Sizes;
  /** Expansions by op, attributes and operand types: layers share them. */
  readonly expansions: Map<string, Graph>;
}

function bindInputs(graph: Graph, inputs: ReadonlyMap<string, NdArray>): Map<ValueId, NdArray> {
  const values = new Map<ValueId, NdArray>();
  const declared = graph.inputs.map((id) => valueOf(graph, id));
  for (const value of declared) {
    const array = inputs.get(value.name);
    if (array === undefined) {
      throw new EncompileError(
        `The input '${value.name}' is missing; it is ${printType(value)}. Given: ${[...inputs.keys()].join(', ') || 'nothing'}.`,
      );
    }
    checkArray(value, array);
    values.set(value.id, array);
  }
  const unknown = [...inputs.keys()].find((name) => !declared.some((v) => v.name === name));
  if (unknown !== undefined) {
    throw new EncompileError(
      `There is no input '${unknown}'; the inputs of @${graph.name}: ${declared.map((v) => v.name).join(', ')}.`,
    );
  }
  for (const { value: id, data } of graph.parameters) {
    if (data === null) {
      throw new EncompileError(
        `The weight '${valueOf(graph, id).name}' has no data: bind weights to the model before it runs.`,
      );
    }
    values.set(id, parameterArray(data));
  }
  return values;
}

function checkArray(value: Value, { dtype, shape, data }: NdArray): void {
  if (dtype !== value.dtype) {
    throw new EncompileError(
      `The input '${value.name}' is ${printType(value)}, but a tensor of ${dtype} was given.`,
    );
  }
  if (data.length !== elementCount(shape)) {
    throw new EncompileError(
      `The input '${value.name}' was given ${data.length} numbers for the shape [${shape.join(', ')}].`,
    );
  }
}

const parameterArrays = new WeakMap<TensorData, NdArray>();

/** Weights are converted once, however often a model runs. */
function parameterArray(data: TensorData): NdArray {
  let array = parameterArrays.get(data);
  if (array === undefined) {
    array = toNdArray(data);
    parameterArrays.set(data, array);
  }
  return array;
}

function runNode(graph: Graph, node: Node, values: Map<ValueId, NdArray>, run: Run): void {
  const operands = node.operands.map((id) => (id === null ? null : arrayOf(graph, id, values)));
  const results = evaluate(graph, node, operands, run);
  node.results.forEach((id, i) => {
    values.set(id, present(results, i));
  });
}

function arrayOf(graph: Graph, id: ValueId, values: ReadonlyMap<ValueId, NdArray>): NdArray {
  const array = values.get(id);
  if (array === undefined) throw new Error(`${valueOf(graph, id).name} is used before its node`);
  return array;
}

function evaluate(
  graph: Graph,
  node: Node,
  operands: readonly (NdArray | null)[],
  run: Run,
): readonly NdArray[] {
  const { meaning } = opDefinition(node.op);
  const given = operands.filter((operand) => operand !== null);
  if (meaning.kind === 'composite') return runBody(expansionOf(graph, node, run), given, run);
  const { body } = node;
  const args = argumentsOf(graph, node, operands, run.sizes);
  if (meaning.kind !== 'region') {
    return meaning.evaluate({ ...args, result: present(args.results, 0) });
  }
  if (body === null) throw new Error(`${node.op} has no body`);
  return meaning.evaluate({ ...args, body: (inputs) => runBody(body, inputs, run) });
}

function argumentsOf(
  graph: Graph,
  node: Node,
  operands: readonly (NdArray | null)[],
  sizes: Sizes,
): Omit<EvaluateArguments<Node['attributes']>, 'result'> {
  const arrays = operands.map((operand) => operand ?? undefined);
  const results = node.results.map((id): NdType => {
    const { dtype, shape } = valueOf(graph, id);
    return { dtype, shape: shape.map((dim) => evaluateDim(dim, sizes)) };
  });
  return {
    operands: arrays,
    operand: (index) => present(arrays, index),
    attributes: node.attributes,
    results,
    size: (dim) => evaluateDim(dim, sizes),
  };
}

function runBody(body: Graph, operands: readonly NdArray[], run: Run): readonly NdArray[] {
  const values = new Map<ValueId, NdArray>();
  body.inputs.forEach((id, i) => {
    values.set(id, present(operands, i));
  });
  for (const node of body.nodes) runNode(body, node, values, run);
  return body.outputs.map(({ value }) => arrayOf(body, value, values));
}

function expansionOf(graph: Graph, node: Node, run: Run): Graph {
  const types = node.operands.map((id) => (id === null ? '_' : printType(valueOf(graph, id))));
  const key = [node.op, structuralKey(node.attributes), ...types].join(' ');
  let expansion = run.expansions.get(key);
  if (expansion === undefined) {
    expansion = expandNode(graph, node);
    run.expansions.set(key, expansion);
  }
  return expansion;
}
