/**
 * The graph: readonly data in SSA form. Every value is defined once, by an input, a parameter or a
 * node; nodes stand in topological order. `verify.ts` lists and checks the invariants.
 */
import type { AttributeValue } from './attributes.ts';
import type { DType, Shape, TensorData, TensorType } from './types.ts';

export type ValueId = number & { readonly __brand: 'ValueId' };
export type NodeId = number & { readonly __brand: 'NodeId' };

/** A value of the graph, and the handle that declarations hold. */
export interface Value<D extends DType = DType, S extends Shape = Shape> extends TensorType<D, S> {
  readonly id: ValueId;
  readonly name: string;
}

/** A weight. `data` is null until a source is bound (`dump` and `check` can do without). */
export interface Parameter {
  readonly value: ValueId;
  readonly data: TensorData | null;
}

/** Where a node came from: the declared ops behind it and the place in the user's file. */
export interface Origin {
  /** Names of the declared values that this node computes or replaces. */
  readonly names: readonly string[];
  /** `file:line:column` of the call that declared the first of them, where known. */
  readonly location: () => string | null;
}

export interface Node {
  readonly id: NodeId;
  readonly op: string;
  /** One entry an operand; null for an optional operand left out. */
  readonly operands: readonly (ValueId | null)[];
  readonly attributes: { readonly [name: string]: AttributeValue };
  readonly results: readonly ValueId[];
  /** The graph inside a region op such as `fused`; its inputs are the operands. */
  readonly body: Graph | null;
  readonly origin: Origin;
}

export interface Output {
  readonly name: string;
  readonly value: ValueId;
}

export interface Graph {
  readonly name: string;
  readonly inputs: readonly ValueId[];
  readonly parameters: readonly Parameter[];
  readonly nodes: readonly Node[];
  readonly outputs: readonly Output[];
  readonly values: ReadonlyMap<ValueId, Value>;
}

export function valueOf(graph: Graph, id: ValueId): Value {
  const value = graph.values.get(id);
  if (value === undefined) throw new Error(`graph @${graph.name} has no value ${id}`);
  return value;
}

/** The operands that are present. */
export function presentOperands(node: Node): readonly ValueId[] {
  return node.operands.filter((id) => id !== null);
}

/** The only result of a node; throws on a node with several. */
export function resultOf(node: Node): ValueId {
  const [result, ...others] = node.results;
  if (result === undefined || others.length > 0) {
    throw new Error(`${node.op} has ${node.results.length} results, not one`);
  }
  return result;
}

/** The symbols of a graph's inputs and parameters, in order of first appearance. */
export function dimSymbols(graph: Graph, symbolsOf: (dim: string) => readonly string[]) {
  const found = new Set<string>();
  for (const id of [...graph.inputs, ...graph.parameters.map((p) => p.value)]) {
    for (const dim of valueOf(graph, id).shape) {
      if (typeof dim === 'string') for (const symbol of symbolsOf(dim)) found.add(symbol);
    }
  }
  return [...found];
}

export const NO_ORIGIN: Origin = { names: [], location: () => null };

/** The origin of a node that replaces several. */
export function mergeOrigins(origins: readonly Origin[]): Origin {
  const names = [...new Set(origins.flatMap((origin) => origin.names))];
  return {
    names,
    location: () => origins.reduce<string | null>((found, o) => found ?? o.location(), null),
  };
}
