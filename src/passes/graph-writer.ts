/**
 * Writes a graph anew, with other nodes in place of some. What stays keeps its ids; a value that
 * replaces another has its type and takes its name.
 */
import { GraphConstruction } from '../ir/builder.ts';
import {
  type Graph,
  mergeOrigins,
  type Node,
  type Origin,
  presentOperands,
  type Value,
  type ValueId,
} from '../ir/graph.ts';
import { inline } from '../ir/rebuild.ts';
import {
  type DType,
  printType,
  type Shape,
  sameType,
  type TensorData,
  type TensorType,
} from '../ir/types.ts';
import type { GraphIndex } from './graph-index.ts';
import type { Rewrite } from './rewrite.ts';
import { sweep } from './sweep.ts';

export interface NodeWriting {
  readonly name?: string;
  readonly origin?: Origin;
  readonly body?: Graph | null;
}

/** Writes the nodes of one application of rewrites. */
export class GraphWriter {
  readonly index: GraphIndex;
  /** The values written by rewrites, first to last. */
  readonly written = new Set<ValueId>();
  private readonly into: GraphConstruction;
  private readonly replaced = new Map<ValueId, Value>();
  private place = 0;
  private origin: Origin;

  constructor(index: GraphIndex) {
    this.index = index;
    this.into = GraphConstruction.continuing(index.graph);
    this.origin = mergeOrigins([]);
  }

  /** What stands for a value of the old graph; it must stand before the place of the rewrite. */
  get(id: ValueId): Value {
    if (this.index.placeOf(id) >= this.place) {
      throw new Error(`${this.index.nameOf(id)} is used before its node`);
    }
    return this.replaced.get(id) ?? this.index.value(id);
  }

  /** Adds a node of one result; its origin is that of what the rewrite replaces. */
  node(
    op: string,
    operands: readonly (Value | null)[],
    attributes: { readonly [name: string]: unknown } = {},
    writing: NodeWriting = {},
  ): Value {
    const [result] = this.nodeOfSeveral(op, operands, attributes, writing);
    if (result === undefined) throw new Error(`${op} has no result`);
    return result;
  }

  nodeOfSeveral(
    op: string,
    operands: readonly (Value | null)[],
    attributes: { readonly [name: string]: unknown } = {},
    { name, origin = this.origin, body = null }: NodeWriting = {},
  ): readonly Value[] {
    const names = name === undefined ? {} : { names: [name] };
    const results = this.into.addNode(op, operands, attributes, { ...names, origin, body });
    for (const { id } of results) this.written.add(id);
    return results;
  }

  scalar(value: number, dtype: DType, shape: Shape = []): Value {
    return this.node('constant', [], { value: [value], dtype, shape });
  }

  parameter(name: string, type: TensorType, data: TensorData | null): Value {
    const value = this.into.addValue(name, type);
    this.into.parameters.push({ value: value.id, data });
    this.written.add(value.id);
    return value;
  }

  /** Adds the nodes of a graph with `inputs` for its inputs; gives its outputs. */
  inline(body: Graph, inputs: readonly (Value | null)[]): readonly Value[] {
    const first = this.into.nodes.length;
    const outputs = inline(body, inputs, this.into, this.origin);
    for (const node of this.into.nodes.slice(first)) {
      for (const id of node.results) this.written.add(id);
    }
    return outputs;
  }

  isReplaced(id: ValueId): boolean {
    return this.replaced.has(id);
  }

  apply({ replaces, write }: Rewrite, place: number): void {
    this.place = place;
    const producers = replaces.map((id) => this.index.producerOf(id)?.origin);
    this.origin = mergeOrigins(producers.filter((origin) => origin !== undefined));
    const values = write(this);
    replaces.forEach((id, i) => {
      const value = values[i];
      const old = this.index.value(id);
      if (value === undefined || !sameType(value, old)) {
        const given = value === undefined ? 'nothing' : printType(value);
        throw new Error(`%${old.name} of ${printType(old)} is replaced by ${given}`);
      }
      this.replaced.set(id, value);
    });
  }

  /** Writes a node of the old graph as it is, but for operands that were replaced. */
  keep(node: Node): void {
    const isSame = node.operands.every((id) => id === null || !this.replaced.has(id));
    const operands = isSame ? node.operands : node.operands.map((id) => this.current(id));
    this.into.nodes.push({ ...node, operands });
  }

  finish(): Graph {
    const { graph } = this.index;
    const outputs = graph.outputs.map(({ name, value }) => {
      return { name, value: this.replaced.get(value)?.id ?? value };
    });
    const whole = this.into.finish(graph.name, outputs);
    const dropped = graph.nodes.filter((node) => node.results.every((id) => this.isReplaced(id)));
    const orphans = dropped.flatMap(presentOperands).map((id) => this.replaced.get(id)?.id ?? id);
    const swept = sweep(whole, [...orphans, ...this.replaced.keys(), ...this.written]);
    return { ...swept, values: this.renamed(swept.values) };
  }

  private current(id: ValueId | null): ValueId | null {
    return id === null ? null : (this.replaced.get(id)?.id ?? id);
  }

  private renamed(values: ReadonlyMap<ValueId, Value>): ReadonlyMap<ValueId, Value> {
    const next = new Map(values);
    const open = new Set(this.written);
    for (const [old, { id }] of this.replaced) {
      const value = next.get(id);
      if (value === undefined || next.has(old) || !open.delete(id)) continue;
      next.set(id, { ...value, name: this.index.value(old).name });
    }
    return next;
  }
}
