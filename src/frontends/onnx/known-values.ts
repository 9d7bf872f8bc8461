/**
 * What values of the graph hold where that depends on no input: computed while importing, when a shape,
 * axes or a condition needs it.
 */
import { EncompileError } from '../../errors.ts';
import type { GraphConstruction } from '../../ir/builder.ts';
import { symbolsOf } from '../../ir/dims.ts';
import type { Node, Parameter, Value, ValueId } from '../../ir/graph.ts';
import { quote } from '../json.ts';
import type { Effort } from './effort.ts';
import { NeedsContents, NeedsSizes } from './failures.ts';
import { type Definitions, graphOf, runGraph } from './folding.ts';
import {
  type Computed,
  type Known,
  type Operand,
  type TensorOperand,
  tensorOf,
} from './operand.ts';
import { workOf } from './work.ts';

export class KnownValues {
  private readonly construction: GraphConstruction;
  readonly producers = new Map<ValueId, Node>();
  readonly parameters = new Map<ValueId, Parameter>();
  private readonly evaluated = new Map<ValueId, Known | null>();
  private readonly effort: Effort;
  private indexed = 0;
  private indexedParameters = 0;

  constructor(construction: GraphConstruction, effort: Effort) {
    this.construction = construction;
    this.effort = effort;
  }

  /** Whether the value is of the graph itself, and of no body in it. */
  owns({ id, shape }: Value): boolean {
    return this.construction.values.get(id)?.shape === shape;
  }

  numbers(given: Operand): Known | null {
    const operand = tensorOf(given);
    if (operand.kind === 'known') return operand;
    if (!this.owns(operand.value)) return null;
    const { id } = operand.value;
    let found = this.evaluated.get(id);
    if (found === undefined) {
      const graph = graphOf(this.construction, [operand.value], this.definitionsSoFar());
      if (graph !== null) this.effort.compute(workOf(graph));
      found = (graph && runGraph(graph)[0]) ?? null;
      this.evaluated.set(id, found);
    }
    return found;
  }

  /** Of the graph as far as it is made. */
  definitionsSoFar(): Definitions {
    const { nodes, parameters } = this.construction;
    for (; this.indexed < nodes.length; this.indexed++) {
      const node = nodes[this.indexed] as Node;
      for (const id of node.results) this.producers.set(id, node);
    }
    for (; this.indexedParameters < parameters.length; this.indexedParameters++) {
      const parameter = parameters[this.indexedParameters] as Parameter;
      this.parameters.set(parameter.value, parameter);
    }
    return this;
  }

  explainUnknown(given: Operand, what: string): EncompileError {
    const operand = tensorOf(given);
    const isComputed = operand.kind === 'computed';
    if (isComputed && !this.owns(operand.value)) {
      return new EncompileError(`its ${what} depends on the step of the loop around it`);
    }
    const inputs = isComputed ? this.inputsBehind(operand) : [];
    if (inputs.length === 0) {
      return new NeedsSizes(
        `its ${what} depends on a size that only a run knows. Fix it: --fix SYMBOL=SIZE.`,
        this.symbolsBehind(operand),
      );
    }
    const listed = inputs.map((name) => quote(name)).join(' and ');
    return new NeedsContents(`its ${what} depends on what the input ${listed} holds`, inputs);
  }

  private symbolsBehind(operand: TensorOperand): readonly string[] {
    const dims =
      operand.kind === 'known'
        ? operand.elements
        : this.valuesBehind(operand).flatMap(({ shape }) => shape);
    return [...new Set(dims.flatMap((dim) => symbolsOf(dim)))];
  }

  private inputsBehind(operand: Computed): readonly string[] {
    const seen = new Set(this.valuesBehind(operand).map(({ id }) => id));
    return this.construction.inputs
      .filter((id) => seen.has(id))
      .map((id) => this.construction.values.get(id)?.name ?? '');
  }

  /** The value, and all that it is computed from. */
  private valuesBehind({ value }: Computed): readonly Value[] {
    const { producers } = this.definitionsSoFar();
    const seen = new Set<ValueId>([value.id]);
    for (const id of seen)
      for (const from of producers.get(id)?.operands ?? []) if (from !== null) seen.add(from);
    return [...seen].flatMap((id) => this.construction.values.get(id) ?? []);
  }
}
