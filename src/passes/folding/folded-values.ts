/**
 * The numbers of values that depend on constants and weights alone: through the interpreter, or,
 * for views of large float weights, by a copy in their own typed array.
 */
import { evaluateNode } from '../../interpreter/interpreter.ts';
import { add, type Dim, linearIn, multiply } from '../../ir/dims.ts';
import { type Node, presentOperands, type ValueId } from '../../ir/graph.ts';
import { elementCount, type NdArray, toNdArray } from '../../ir/nd-array.ts';
import type { ElementEmitter } from '../../ir/op-arguments.ts';
import { opDefinition } from '../../ir/ops/index.ts';
import { staticShape, type TensorData } from '../../ir/types.ts';
import { constant } from '../../loops/nodes.ts';
import type { GraphIndex } from '../graph-index.ts';
import { firstResult } from '../node-reading.ts';
import { traitsOf } from '../regions/traits.ts';
import { besideEachOther, stridedCopy } from './weight-data.ts';

/** Elements from which float64 is avoided. */
const LARGE = 1 << 16;

export class FoldedValues {
  private readonly index: GraphIndex;
  private readonly arrays = new Map<ValueId, NdArray>();

  constructor(index: GraphIndex) {
    this.index = index;
  }

  array(id: ValueId): NdArray {
    let array = this.arrays.get(id);
    if (array === undefined) {
      array = this.compute(id);
      this.arrays.set(id, array);
    }
    return array;
  }

  /** The tensor of a large value that is views of weights and nothing else, else null. */
  largeView(id: ValueId): TensorData | null {
    const shape = staticShape(this.index.shapeOf(id));
    if (shape === null || elementCount(shape) < LARGE) return null;
    const parameter = this.index.parameterOf(id);
    if (parameter !== null) return parameter.data;
    const node = this.index.producerOf(id);
    if (node === null || traitsOf(this.index.graph, node).kind !== 'view') return null;
    const operands = presentOperands(node).map((operand) => this.largeView(operand));
    const present = operands.filter((operand) => operand !== null);
    const [only] = present;
    if (only === undefined || present.length < operands.length) return null;
    const isRowMajor = node.op === 'reshape';
    if (isRowMajor) return { ...only, shape };
    if (present.length > 1) return isAlongLast(node, shape) ? besideEachOther(present) : null;
    const affine = affineView(node, this.index);
    if (affine === null || !(only.data instanceof Float32Array)) return null;
    const data = stridedCopy(only.data, shape, affine.offset, affine.strides);
    return { dtype: only.dtype, shape, data };
  }

  private compute(id: ValueId): NdArray {
    const { graph } = this.index;
    const data = this.index.parameterOf(id)?.data;
    if (data != null) return toNdArray(data);
    const node = this.index.producerOf(id);
    if (node === null) throw new Error(`${this.index.nameOf(id)} has no numbers`);
    const operands = node.operands.map((operand) =>
      operand === null ? null : this.array(operand),
    );
    const [result] = evaluateNode(graph, node, operands, {});
    if (result === undefined) throw new Error(`${node.op} has no result`);
    return result;
  }
}

function isAlongLast(node: Node, shape: readonly number[]): boolean {
  return node.op === 'concat' && [-1, shape.length - 1].includes(Number(node.attributes.axis));
}

interface AffineView {
  readonly offset: number;
  readonly strides: readonly number[];
}

/**
 * Where an element of a view stands in its operand, as offset + sum of index[axis] * strides[axis];
 * null where it is no such sum. The op's own `lower` tells, asked for an index of symbols.
 */
function affineView(node: Node, index: GraphIndex): AffineView | null {
  const { meaning } = opDefinition(node.op);
  const type = index.value(firstResult(node));
  const from = presentOperands(node).map((id) => index.value(id));
  const symbols = type.shape.map((_, axis) => `i${axis}`);
  const asked: Dim[] = [];
  if (!('lower' in meaning)) return null;
  meaning.lower({
    index: symbols,
    types: from,
    type,
    attributes: node.attributes,
    operand: (_, at) => {
      asked.push(placeOf(at, from[0]?.shape ?? []));
      return constant(0);
    },
    emit: NOT_AFFINE,
  });
  const [place, other] = asked;
  if (place === undefined || other !== undefined) return null;
  let rest: Dim = place;
  const strides: number[] = [];
  for (const symbol of symbols) {
    const line = linearIn(rest, symbol);
    if (line === null || typeof line.coefficient !== 'number') return null;
    strides.push(line.coefficient);
    rest = line.rest;
  }
  return typeof rest === 'number' ? { offset: rest, strides } : null;
}

function placeOf(index: readonly Dim[], shape: readonly Dim[]): Dim {
  return index.reduce<Dim>((flat, i, axis) => add(multiply(flat, shape[axis] ?? 1), i), 0);
}

/** Answers so that an index that depends on it is not a sum. */
const NOT_AFFINE: ElementEmitter = {
  reduce: () => constant(0),
  fold: (_, initial) => initial,
  guard: (_, value, otherwise) => {
    value();
    value();
    return otherwise;
  },
  asIndex: () => 'i0*i0',
  divide: () => 'i0*i0',
  modulo: () => 'i0*i0',
};

/** About how many operations the interpreter takes for a node. */
export function workOf(index: GraphIndex, node: Node): number {
  const sizeOf = (id: ValueId) => elementCount(staticShape(index.shapeOf(id)) ?? []);
  const sizes = [...presentOperands(node), ...node.results].map(sizeOf);
  const largest = Math.max(1, ...sizes);
  const [a] = presentOperands(node);
  const inner = a === undefined ? 1 : Number(index.shapeOf(a).at(-1) ?? 1);
  const contracts = traitsOf(index.graph, node).kind === 'contraction';
  return contracts ? sizeOf(firstResult(node)) * inner : largest;
}
