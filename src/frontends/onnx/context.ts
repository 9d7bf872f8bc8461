/**
 * What the handler of an op sees: one node of the file, its operands and attributes, and a builder of
 * the graph that is made.
 *
 * A handler reads operands as it needs them: `value(i)` for computing with it, `contents(i)` or
 * `dims(i)` for a shape, axes or another operand whose numbers decide what is built. What it gives back
 * are values or known numbers, one an output of the node.
 */
import { EncompileError } from '../../errors.ts';
import { broadcastShapes, resolveAxis } from '../../ir/broadcasting.ts';
import type { UntypedBuilder } from '../../ir/builder.ts';
import { isValue } from '../../ir/call-arguments.ts';
import { type Dim, sizeOf } from '../../ir/dims.ts';
import type { Value } from '../../ir/graph.ts';
import { printType, type Shape, type TensorData, type TensorType } from '../../ir/types.ts';
import type { GraphProto, TensorProto } from '../../onnx/schema.ts';
import type { NodeAttributes } from './attributes.ts';
import { type Known, numbersOf, type Operand, tensorOf } from './operand.ts';
import type { ElementType } from './tensors.ts';

/** Thrown by a handler for what it does not take; the message is a clause: "its mode is 'cubic'". */
export class Unsupported extends Error {
  /** What would work, as a sentence. */
  readonly instead: string | null;

  constructor(reason: string, instead: string | null = null) {
    super(reason);
    this.instead = instead;
  }
}

export type Result = Value | Operand;
export type Handler = (node: NodeContext) => Result | readonly Result[];
export type HandlerTable = { readonly [opType: string]: Handler };

/** What a context needs from the walk. */
export interface Site {
  readonly g: UntypedBuilder;
  /** The operand as a value, in the body that `g` builds where one is given. */
  materialise(operand: Operand, g?: UntypedBuilder): Value;
  /** The numbers of an operand, computed now where it depends on no input; null where it does. */
  numbers(operand: Operand): Known | null;
  /** Why the numbers of an operand are not known, with what to do. */
  explainUnknown(operand: Operand, what: string): EncompileError;
  readTensor(tensor: TensorProto): TensorData;
  /** A tensor too large to be held as known numbers. */
  parameter(name: string, data: TensorData): Value;
  /** Walks a subgraph whose inputs are given, in the scope of the node; into a body that `g` builds. */
  inline(graph: GraphProto, inputs: readonly Operand[], g?: UntypedBuilder): readonly Operand[];
  /** Whether numbers that need not be known may be computed while importing. */
  affords(work: number): boolean;
  /**
   * The flat positions of what is not 0 in a value: i32 of a size that is counted when the model runs. Null
   * where that is not counted in an input.
   */
  positions(value: Value): Value | null;
  /** Makes two dims one, or throws. */
  equate(a: Dim, b: Dim): void;
  /** Whether a value that is made has an axis of this size, which is then at least 0. */
  hasAxis(dim: Dim): boolean;
}

export interface NodeFacts {
  readonly opType: string;
  readonly opset: number;
  readonly attributes: NodeAttributes;
  readonly operands: readonly (Operand | null)[];
  /** The element types of the operands, where the file says them. */
  readonly types: readonly (ElementType | null)[];
  /** Names of the outputs; empty where one is not wanted. */
  readonly outputs: readonly string[];
}

export class NodeContext {
  readonly opType: string;
  readonly opset: number;
  readonly attributes: NodeAttributes;
  readonly operands: readonly (Operand | null)[];
  readonly types: readonly (ElementType | null)[];
  readonly outputs: readonly string[];
  readonly site: Site;

  constructor(facts: NodeFacts, site: Site) {
    this.opType = facts.opType;
    this.opset = facts.opset;
    this.attributes = facts.attributes;
    this.operands = facts.operands;
    this.types = facts.types;
    this.outputs = facts.outputs;
    this.site = site;
  }

  get g(): UntypedBuilder {
    return this.site.g;
  }

  has(index: number): boolean {
    return this.operands[index] != null;
  }

  /** Whether the output `index` is used, or at least has a name. */
  wants(index: number): boolean {
    return (this.outputs[index] ?? '') !== '';
  }

  operand(index: number): Operand {
    const operand = this.operands[index];
    if (operand != null) return operand;
    throw new EncompileError(`its operand ${index} is missing.`);
  }

  value(index: number): Value {
    return this.site.materialise(this.operand(index));
  }

  optional(index: number): Value | null {
    return this.has(index) ? this.value(index) : null;
  }

  /** All operands, as values. */
  values(): readonly Value[] {
    return this.operands.map((_, index) => this.value(index));
  }

  type(index: number): TensorType {
    const operand = tensorOf(this.operand(index));
    return operand.kind === 'known' ? operand : operand.value;
  }

  /** The numbers of an operand, or null where they depend on what an input holds. */
  known(index: number): Known | null {
    return this.has(index) ? this.site.numbers(this.operand(index)) : null;
  }

  /** @param what the operand's part in the op, for the error: "shape" */
  contents(index: number, what: string): Known {
    const found = this.site.numbers(this.operand(index));
    if (found !== null) return found;
    throw this.site.explainUnknown(this.operand(index), what);
  }

  dims(index: number, what: string): readonly Dim[] {
    return this.contents(index, what).elements;
  }

  integers(index: number, what: string): readonly number[] {
    const found = this.contents(index, what);
    const numbers = numbersOf(found);
    if (numbers !== null) return numbers;
    throw new Unsupported(
      `its ${what} [${found.elements.join(', ')}] depends on a size that is known only when it runs`,
    );
  }

  integer(index: number, what: string): number {
    const [first, ...others] = this.integers(index, what);
    if (first === undefined || others.length > 0)
      throw new Unsupported(`its ${what} is not one number`);
    return first;
  }

  /** One number of any dtype. */
  number(index: number, what: string): number {
    const { elements } = this.contents(index, what);
    const [first] = elements;
    if (elements.length === 1 && typeof first === 'number') return first;
    throw new Unsupported(`its ${what} is not one number that is known`);
  }

  /** Whether a result of a subgraph, which must be known, holds. */
  flag(operand: Operand, what: string): boolean {
    const found = this.site.numbers(operand)?.elements[0];
    if (typeof found === 'number') return found !== 0;
    throw this.site.explainUnknown(operand, what);
  }

  /** The number of elements of a shape. */
  size(shape: Shape): Dim {
    return sizeOf(shape);
  }

  int(name: string, initial: number): number {
    return this.attributes.int(name) ?? initial;
  }

  float(name: string, initial: number): number {
    return this.attributes.float(name) ?? initial;
  }

  text(name: string, initial: string): string {
    return this.attributes.text(name) ?? initial;
  }

  ints(name: string): readonly number[] | undefined {
    return this.attributes.ints(name);
  }

  /** A list that was an attribute up to some opset, and is the operand `index` since. */
  intsOrOperand(name: string, index: number): readonly number[] | undefined {
    return this.ints(name) ?? (this.has(index) ? this.integers(index, name) : undefined);
  }

  /** The attribute `name` as an axis of a value with `rank` dims, counted from the start. */
  axis(name: string, initial: number, rank: number): number {
    return this.resolve(this.int(name, initial), rank);
  }

  resolve(axis: number, rank: number): number {
    const resolved = resolveAxis(axis, rank);
    if (resolved !== null) return resolved;
    throw new EncompileError(`its axis ${axis} is not an axis of a value with ${rank} dims.`);
  }

  /** Makes symbols equal so that the shapes broadcast. */
  align(...shapes: readonly Shape[]): void {
    shapes.reduce((together, shape) => {
      const rank = Math.max(together.length, shape.length);
      for (let back = 1; back <= Math.min(together.length, shape.length); back++) {
        const [a, b] = [together.at(-back) ?? 1, shape.at(-back) ?? 1];
        if (a !== b && a !== 1 && b !== 1) this.site.equate(a, b);
      }
      const broadcast = broadcastShapes(together, shape);
      if (broadcast !== null) return broadcast;
      throw new EncompileError(
        `the shapes [${together.join(', ')}] and [${shape.join(', ')}] do not broadcast (to ${rank} dims).`,
      );
    });
  }

  /** The operands as values whose shapes broadcast, at least as many as the op has. */
  aligned(least = 1): readonly Value[] {
    for (let index = 0; index < least; index++) this.operand(index);
    const values = this.values();
    this.align(...values.map(({ shape }) => shape));
    return values;
  }

  unsupported(reason: string, instead: string | null = null): never {
    throw new Unsupported(reason, instead);
  }

  printOperands(): string {
    return this.operands
      .map((operand) => {
        if (operand === null) return '_';
        if (operand.kind === 'sequence') return `a sequence of ${operand.elements.length}`;
        return printType(operand.kind === 'known' ? operand : operand.value);
      })
      .join(', ');
  }
}

export function asOperand(result: Result): Operand {
  return isValue(result) ? { kind: 'computed', value: result } : (result as Operand);
}
