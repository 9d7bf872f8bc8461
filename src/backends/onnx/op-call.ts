/** What the exporter of one op is given: its operands as the graph holds them, and typed attributes. */
import type { AttributeValue } from '../../ir/attributes.ts';
import { resolveAxis } from '../../ir/broadcasting.ts';
import type { Dim } from '../../ir/dims.ts';
import type { Graph, Node } from '../../ir/graph.ts';
import { present } from '../../ir/op.ts';
import { type DType, isDType, type Shape, type TensorType } from '../../ir/types.ts';
import type { GraphWriter, Ref } from './graph-writer.ts';
import type { SymbolicDims } from './symbolic-dims.ts';

/** In place of a result: this is left to an older spelling, or to what the op expands into, or to its body. */
export const EXPANDED = 'expanded';

/** Adds the nodes of one op to the graph and gives its result, as it is held. */
export type Exporter = (call: OpCall) => Ref;

/** The same of a composite or a region, which may have several results, or leave cases to its expansion. */
export type CompositeExporter = (call: OpCall) => Ref | readonly Ref[] | typeof EXPANDED;

/** Adds the nodes of a graph, whose inputs are given, to that of the writer; gives its outputs. */
export type ExportGraph = (body: Graph, inputs: readonly Operand[]) => readonly Operand[];

export interface Operand {
  readonly ref: Ref;
  readonly type: TensorType;
  /** Whether no element is a score that softmax counts as invisible: `magnitude.ts`. */
  readonly isModerate: boolean;
  /** An input of the model that may be an index, its elements moved at most; a weight; or else null. */
  readonly origin: 'input' | 'weight' | null;
}

export interface OpContext {
  readonly writer: GraphWriter;
  readonly sizes: SymbolicDims;
  readonly exportGraph: ExportGraph;
}

export class OpCall {
  readonly writer: GraphWriter;
  readonly sizes: SymbolicDims;
  readonly op: string;
  readonly operands: readonly (Operand | null)[];
  readonly result: TensorType;
  readonly results: readonly TensorType[];
  /** What the op carries, and how it is exported. */
  readonly body: Graph | null;
  readonly exportGraph: ExportGraph;
  private readonly attributes: { readonly [name: string]: AttributeValue };

  constructor(
    context: OpContext,
    { op, attributes, body }: Node,
    operands: readonly (Operand | null)[],
    results: readonly TensorType[],
  ) {
    this.writer = context.writer;
    this.sizes = context.sizes;
    this.op = op;
    this.operands = operands;
    this.attributes = attributes;
    this.result = present(results, 0);
    this.results = results;
    this.body = body;
    this.exportGraph = context.exportGraph;
  }

  operand(index: number): Operand {
    const operand = this.operands[index];
    if (operand == null) throw new Error(`${this.op} has no operand ${index}`);
    return operand;
  }

  ref(index: number): Ref {
    return this.operand(index).ref;
  }

  type(index: number): TensorType {
    return this.operand(index).type;
  }

  /** All operands, which must be there. */
  refs(): readonly Ref[] {
    return this.operands.map((_, index) => this.ref(index));
  }

  number(name: string): number {
    const value = this.attributes[name];
    return typeof value === 'number' ? value : this.fail(name, 'a number');
  }

  /** A number, or nothing where the attribute is left out. */
  numberOrNull(name: string): number | null {
    return this.attributes[name] == null ? null : this.number(name);
  }

  flag(name: string): boolean {
    const value = this.attributes[name];
    return typeof value === 'boolean' ? value : this.fail(name, 'true or false');
  }

  choice(name: string): string {
    const value = this.attributes[name];
    return typeof value === 'string' ? value : this.fail(name, 'a word');
  }

  numbers(name: string): readonly number[] {
    return this.list(name).map((value) =>
      typeof value === 'number' ? value : this.fail(name, 'a list of numbers'),
    );
  }

  dim(name: string): Dim {
    return this.asDim(name, this.attributes[name]);
  }

  dims(name: string): Shape {
    return this.list(name).map((value) => this.asDim(name, value));
  }

  dtype(name: string): DType {
    const value = this.attributes[name];
    return typeof value === 'string' && isDType(value) ? value : this.fail(name, 'a dtype');
  }

  /** The attribute `axis`, counted from the start of a shape of `rank` dims. */
  axis(rank: number): number {
    return resolveAxis(this.number('axis'), rank) ?? this.fail('axis', 'an axis');
  }

  private list(name: string): readonly AttributeValue[] {
    const value = this.attributes[name];
    return Array.isArray(value) ? value : this.fail(name, 'a list');
  }

  private asDim(name: string, value: AttributeValue | undefined): Dim {
    return typeof value === 'number' || typeof value === 'string'
      ? value
      : this.fail(name, 'a dim');
  }

  private fail(name: string, wanted: string): never {
    throw new Error(`the attribute '${name}' of ${this.op} is not ${wanted}`);
  }
}
