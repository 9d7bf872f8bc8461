/**
 * Numbers that are known before the model runs. One mechanism for every op: its handler builds the
 * node into a graph of its own, which the interpreter runs.
 *
 * - Numbers alone: as they are.
 * - Symbolic sizes under an op that only moves elements: the places of the elements are moved, and
 *   the elements follow.
 * - Symbolic sizes under arithmetic: `size-arithmetic.ts`, on dims.
 */
import { interpret } from '../../interpreter/interpreter.ts';
import { GraphConstruction } from '../../ir/builder.ts';
import { type Dim, sizeOf } from '../../ir/dims.ts';
import {
  type Graph,
  NO_ORIGIN,
  type Node,
  type Parameter,
  type Value,
  type ValueId,
} from '../../ir/graph.ts';
import { fromNdArray, type NdArray } from '../../ir/nd-array.ts';
import { opDefinition } from '../../ir/ops/index.ts';
import { isFloat, isInteger, type TensorData } from '../../ir/types.ts';
import { asOperand, type Handler, NodeContext, type Site } from './context.ts';
import { Unify } from './dims.ts';
import { Exhausted } from './effort.ts';
import { type Known, known, MAX_KNOWN, numbersOf, type Operand, tensorOf } from './operand.ts';
import { sizeArithmetic } from './size-arithmetic.ts';
import { workOf } from './work.ts';

/** No value of a graph that is run while importing has more elements. */
const MAX_ELEMENTS = 1 << 16;

/** The operands whose elements an op only moves; the others say where to. */
const MOVED: { readonly [opType: string]: (operand: number) => boolean } = {
  Concat: () => true,
  Expand: (i) => i === 0,
  Flatten: () => true,
  Gather: (i) => i === 0,
  GatherElements: (i) => i === 0,
  GatherND: (i) => i === 0,
  Identity: () => true,
  Reshape: (i) => i === 0,
  ScatterElements: (i) => i !== 1,
  ScatterND: (i) => i !== 1,
  Slice: (i) => i === 0,
  Split: (i) => i === 0,
  Squeeze: (i) => i === 0,
  Tile: (i) => i === 0,
  Transpose: () => true,
  Unsqueeze: (i) => i === 0,
  Where: (i) => i !== 0,
};

/** The results of a node of known integers, or null where it must become nodes of the graph. */
export function foldNode(handler: Handler, node: NodeContext): readonly Known[] | null {
  const aligned = knownBesideSizes(node);
  const operands = aligned?.filter((operand) => operand !== null) ?? [];
  if (aligned === null || operands.length === 0) return null;
  const size = operands.reduce((work, { elements }) => work + elements.length, 1);
  if (!node.site.affords(size)) return null;
  if (operands.every((operand) => numbersOf(operand) !== null)) {
    if (operands.some(({ dtype }) => isFloat(dtype))) return null;
    const results = runAlone(handler, node, node.operands);
    return results?.some(({ dtype }) => isFloat(dtype)) ? null : results;
  }
  const results = sizeArithmetic(node, operands) ?? foldMoved(handler, node, aligned);
  // sizes become a node each where they are computed with
  return results?.some(({ elements }) => elements.length > MAX_KNOWN) ? null : results;
}

/**
 * The operands where all are known. Beside a symbolic size, numbers that were computed with floats are
 * known, too: ceil(h / 2.0) of a fixed h.
 */
function knownBesideSizes({ operands, site }: NodeContext): readonly (Known | null)[] | null {
  const isSymbolic = operands.some(
    (operand) => operand?.kind === 'known' && numbersOf(operand) === null,
  );
  const found: (Known | null)[] = [];
  for (const operand of operands) {
    const isSize = isSymbolic && operand?.kind === 'computed' && isSizeLike(operand.value);
    const known = isSize ? site.numbers(operand) : operand;
    if (known !== null && known.kind !== 'known') return null;
    if (known === null && operand !== null) return null;
    found.push(known);
  }
  return found;
}

const isSizeLike = ({ dtype, shape }: Value) => {
  return (isInteger(dtype) || dtype === 'f32') && shape.length < 2;
};

/** Moves places 0, 1, 2, .. of all elements, and puts the elements where their places went. */
function foldMoved(
  handler: Handler,
  node: NodeContext,
  operands: readonly (Known | null)[],
): readonly Known[] | null {
  const isMoved = MOVED[node.opType];
  if (isMoved === undefined) return null;
  const moving = operands.filter((operand, i) => operand !== null && isMoved(i));
  const elements = moving.flatMap((operand) => operand?.elements ?? []);
  const dtype = moving[0]?.dtype ?? 'i64';
  let place = 0;
  const places = operands.map((operand, i) => {
    if (operand === null || !isMoved(i)) return operand;
    return known(
      'i32',
      operand.shape,
      operand.elements.map(() => place++),
    );
  });
  const moved = runAlone(handler, node, places);
  if (moved === null) return null;
  return moved.map(({ shape, elements: at }) =>
    known(
      dtype,
      shape,
      at.map((from) => elements[Number(from)] ?? 0),
    ),
  );
}

function runAlone(
  handler: Handler,
  node: NodeContext,
  operands: readonly (Operand | null)[],
): readonly Known[] | null {
  const construction = new GraphConstruction(() => NO_ORIGIN);
  const site = new ScratchSite(construction, node.site);
  try {
    const made = handler(new NodeContext({ ...node, operands }, site));
    const results = (Array.isArray(made) ? made : [made]).map(asOperand);
    const known = results.map(tensorOf).filter((result) => result.kind === 'known');
    if (known.length === results.length) return known;
    const values = results.map((result) => site.materialise(result));
    const graph = graphOf(construction, values);
    return graph !== null && site.affords(workOf(graph)) ? runGraph(graph) : null;
  } catch (error) {
    if (error instanceof Unify || error instanceof Exhausted) throw error;
    // The node fails again, and says so, where it is built into the model.
    return null;
  }
}

/** A graph of its own, in which numbers of any range can stand. */
class ScratchSite implements Site {
  readonly g: Site['g'];
  private readonly construction: GraphConstruction;
  private readonly outer: Site;
  private count = 0;

  constructor(construction: GraphConstruction, outer: Site) {
    this.construction = construction;
    this.g = construction.untypedBuilder();
    this.outer = outer;
  }

  materialise(operand: Operand): Value {
    const tensor = tensorOf(operand);
    if (tensor.kind === 'computed') return tensor.value;
    const { dtype, shape } = tensor;
    const numbers = numbersOf(tensor);
    if (numbers === null) throw new Error('a symbolic size where numbers are computed');
    const data = fromNdArray({ dtype, shape, data: Float64Array.from(numbers) });
    return this.construction.weight(`known_${this.count++}`, { dtype, shape }, data);
  }

  numbers(operand: Operand): Known | null {
    const tensor = tensorOf(operand);
    if (tensor.kind === 'known') return tensor;
    const graph = graphOf(this.construction, [tensor.value]);
    if (graph === null || !this.affords(workOf(graph))) return null;
    return runGraph(graph)[0] ?? null;
  }

  explainUnknown(operand: Operand, what: string) {
    return this.outer.explainUnknown(operand, what);
  }

  readTensor(tensor: Parameters<Site['readTensor']>[0]) {
    return this.outer.readTensor(tensor);
  }

  parameter(name: string, data: TensorData): Value {
    return this.construction.weight(`${name}_${this.count++}`, data, data);
  }

  affords(work: number): boolean {
    return this.outer.affords(work);
  }

  positions(): null {
    return null;
  }

  inline(): never {
    throw new Error('a subgraph where numbers are computed');
  }

  equate(a: Dim, b: Dim): void {
    if (a !== b) throw new Error('shapes that differ where numbers are computed');
  }

  hasAxis(dim: Dim): boolean {
    return this.outer.hasAxis(dim);
  }
}

/**
 * What leads to `outputs`; null where that needs an input or a size of the model, or is too large to
 * be computed while importing.
 */
export function graphOf(
  construction: Pick<GraphConstruction, 'values' | 'parameters' | 'nodes'>,
  outputs: readonly Value[],
  { producers, parameters }: Definitions = definitionsOf(construction),
): Graph | null {
  const nodes = new Set<Node>();
  const seen = new Set<ValueId>();
  const open = outputs.map(({ id }) => id);
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    const shape = construction.values.get(id)?.shape ?? ['?'];
    const size = sizeOf(shape);
    if (typeof size !== 'number' || size > MAX_ELEMENTS) return null;
    if (shape.some((dim) => typeof dim !== 'number')) return null;
    const producer = producers.get(id);
    if (producer === undefined) {
      if (parameters.get(id)?.data == null) return null;
      continue;
    }
    if (usesSize(producer)) return null;
    nodes.add(producer);
    for (const operand of producer.operands) if (operand !== null) open.push(operand);
    for (const result of producer.results) open.push(result);
  }
  const values = [...seen].map((id) => [id, construction.values.get(id)] as const);
  return {
    name: 'known',
    inputs: [],
    parameters: [...seen].flatMap((id) => parameters.get(id) ?? []),
    nodes: [...nodes].sort((a, b) => a.id - b.id),
    outputs: outputs.map(({ id }, i) => ({ name: `${i}`, value: id })),
    values: new Map(values) as Graph['values'],
  };
}

/** Whether an attribute is a symbolic size, which has no number here. */
function usesSize({ op, attributes }: Node): boolean {
  const specs = opDefinition(op).attributes;
  return Object.entries(attributes).some(([name, value]) => {
    const isDims = specs[name]?.kind.includes('dim') ?? false;
    return isDims && [value].flat().some((dim) => typeof dim === 'string');
  });
}

/** What gives each value of a graph. */
export interface Definitions {
  readonly producers: ReadonlyMap<ValueId, Node>;
  readonly parameters: ReadonlyMap<ValueId, Parameter>;
}

function definitionsOf({
  nodes,
  parameters,
}: Pick<GraphConstruction, 'parameters' | 'nodes'>): Definitions {
  return {
    producers: new Map(nodes.flatMap((node) => node.results.map((id) => [id, node] as const))),
    parameters: new Map(parameters.map((parameter) => [parameter.value, parameter])),
  };
}

/** The outputs of a graph without inputs, in its order. */
export function runGraph(graph: Graph): readonly Known[] {
  const { outputs } = interpret(graph, new Map());
  return graph.outputs.map(({ name }) => knownArray(outputs.get(name) as NdArray));
}

function knownArray(array: NdArray): Known {
  const { dtype, shape, data } = array;
  const rounded = isFloat(dtype) ? Float32Array.from(data) : data;
  return known(dtype, shape, [...rounded]);
}
