/**
 * Declares graphs. `g.matmul(x, w)` has the typed signature that the op's file gives it; here all
 * ops are called alike: operands in order, then an object of attributes.
 */
import { EncompileError } from '../errors.ts';
import { type AttributeValue, completeAttributes } from './attributes.ts';
import { completeOperands, isValue, splitArguments } from './call-arguments.ts';
import { callOrigin } from './call-origin.ts';
import type { Graph, Node, NodeId, Origin, Output, Parameter, Value, ValueId } from './graph.ts';
import { inferTypes, type OpDefinition } from './op.ts';
import type { RegionDeclaration } from './op-arguments.ts';
import { opDefinition, type Registry, registry } from './ops/index.ts';
import type { UntypedScan } from './ops/scan.ts';
import { checkShape } from './shape-bounds.ts';
import { type DType, printType, type Shape, type TensorData, type TensorType } from './types.ts';

type CallOf<O> = O extends OpDefinition<infer Call> ? Call : never;

/** One method an op, with the op's own signature. */
export type OpCalls = { readonly [N in keyof Registry]: CallOf<Registry[N]> };

export interface GraphCalls {
  input<D extends DType, S extends Shape>(name: string, type: TensorType<D, S>): Value<D, [...S]>;
  /** A weight; its numbers are bound by name later, or given here. */
  weight<D extends DType, S extends Shape>(
    name: string,
    type: TensorType<D, S>,
    data?: TensorData,
  ): Value<D, [...S]>;
  /** A builder of the same graph whose names all begin with `prefix.` */
  scope(prefix: string): Builder;
  /** Gives a value its name in dumps: `g.named('query', g.matmul(x, w))`. */
  named<V extends Value>(name: string, value: V): V;
}

export type Builder = OpCalls & GraphCalls;

type UntypedArgument =
  | Value
  | readonly Value[]
  | number
  | null
  | undefined
  | { readonly [attribute: string]: AttributeValue };

type UntypedCall<Call> = Call extends (...args: never) => readonly Value[]
  ? (...args: readonly UntypedArgument[]) => readonly Value[]
  : (...args: readonly UntypedArgument[]) => Value;

/**
 * The same methods for code whose types are data, such as expansions and importers: what is wrong
 * is an error when it runs.
 */
export type UntypedBuilder = {
  readonly [N in Exclude<keyof Registry, 'scan'>]: UntypedCall<CallOf<Registry[N]>>;
} & { readonly scan: UntypedScan };

export interface NodeOptions {
  /** Names of the results; made unique. The op's name stands in where they are left out. */
  readonly names?: readonly string[];
  readonly body?: Graph | null;
  readonly origin?: Origin;
}

const CALL = Symbol('the method of an op');

/** An untyped builder, which makes the method of an op when it is first asked for: most have few calls. */
class LazyCalls {
  readonly [CALL]: (op: string) => unknown;

  constructor(callOf: (op: string) => unknown) {
    this[CALL] = callOf;
  }
}

for (const op of Object.keys(registry)) {
  Object.defineProperty(LazyCalls.prototype, op, {
    get(this: LazyCalls) {
      const value = this[CALL](op);
      Object.defineProperty(this, op, { value });
      return value;
    },
  });
}

/** The state of a graph under construction, shared by all scopes of its builder. */
export class GraphConstruction {
  readonly values = new Map<ValueId, Value>();
  readonly inputs: ValueId[] = [];
  readonly parameters: Parameter[] = [];
  readonly nodes: Node[] = [];
  private readonly names = new Map<string, number>();
  private readonly boundary = new Map<string, Value>();
  private readonly originOf: () => Origin;
  /** Of a body: the graph around it, and what stands here for values of that graph. */
  private readonly around: GraphConstruction | null;
  private readonly captures = new Map<ValueId, Value>();
  private nextValue = 0;

  constructor(originOf: () => Origin = callOrigin, around: GraphConstruction | null = null) {
    this.originOf = originOf;
    this.around = around;
  }

  /** A construction that begins with a graph's values, inputs and parameters, but no node. */
  static continuing(graph: Graph): GraphConstruction {
    const next = new GraphConstruction();
    for (const [id, value] of graph.values) {
      next.values.set(id, value);
      next.names.set(value.name, 1);
      next.nextValue = Math.max(next.nextValue, id + 1);
    }
    next.inputs.push(...graph.inputs);
    next.parameters.push(...graph.parameters);
    return next;
  }

  builder(prefix = ''): Builder {
    const calls: GraphCalls = {
      input: (name, type) => this.define('input', prefix + name, type, null),
      weight: (name, type, data) => this.weight(prefix + name, type, data),
      scope: (inner) => this.builder(`${prefix}${inner}.`),
      named: (name, value) => this.rename(value, prefix + name),
    };
    const ops = Object.keys(registry).map((op) => [op, this.callOf(op, prefix)]);
    return Object.assign(Object.fromEntries(ops), calls) as Builder;
  }

  untypedBuilder(prefix = ''): UntypedBuilder {
    return new LazyCalls((op) => this.callOf(op, prefix)) as object as UntypedBuilder;
  }

  weight<D extends DType, S extends Shape>(
    name: string,
    type: TensorType<D, S>,
    data?: TensorData,
  ): Value<D, [...S]> {
    return this.define('weight', name, type, data ?? null);
  }

  private callOf(op: string, prefix: string): (...args: readonly unknown[]) => unknown {
    const { meaning } = opDefinition(op);
    const declare = meaning.kind === 'region' ? meaning.declare : null;
    return (...args) =>
      declare === null ? this.call(prefix, op, args) : declare(this.region(prefix, op), args);
  }

  finish(name: string, outputs: readonly Output[]): Graph {
    const { inputs, parameters, nodes } = this;
    const defined = [
      ...inputs,
      ...parameters.map(({ value }) => value),
      ...nodes.flatMap(({ results }) => results),
    ];
    const values = new Map(defined.map((id) => [id, this.values.get(id)] as const));
    return { name, inputs, parameters, nodes, outputs, values: values as Graph['values'] };
  }

  /** Adds a value that an enclosing graph defines, for bodies and rewrites. */
  addValue(name: string, type: TensorType): Value {
    checkShape(type.shape);
    const id = this.nextValue++ as ValueId;
    // a shape of its own tells the value from those of other graphs
    const value: Value = { id, name: this.unique(name), dtype: type.dtype, shape: [...type.shape] };
    this.values.set(id, value);
    return value;
  }

  addInput(name: string, type: TensorType): Value {
    const value = this.addValue(name, type);
    this.inputs.push(value.id);
    return value;
  }

  addNode(
    op: string,
    present: readonly (Value | null)[],
    given: { readonly [name: string]: unknown },
    options: NodeOptions = {},
  ): readonly Value[] {
    const definition = opDefinition(op);
    const operands = completeOperands(op, definition, present);
    const attributes = completeAttributes(op, definition.attributes, given);
    const types = inferTypes(
      op,
      definition,
      operands.map((value) => value ?? undefined),
      attributes,
      options.body ?? null,
    );
    const names = options.names ?? [];
    const results = types.map((type, i) => this.addValue(names[i] ?? names[0] ?? op, type));
    const origin = options.origin ?? this.originOf();
    this.nodes.push({
      id: this.nodes.length as NodeId,
      op,
      operands: operands.map((value) => value?.id ?? null),
      attributes,
      results: results.map((value) => value.id),
      body: options.body ?? null,
      origin: origin.names.length > 0 ? origin : { ...origin, names: results.map((v) => v.name) },
    });
    return results;
  }

  private define<D extends DType, S extends Shape>(
    role: 'input' | 'weight',
    name: string,
    type: TensorType<D, S>,
    data: TensorData | null,
  ): Value<D, [...S]> {
    if (this.around !== null) {
      if (role === 'input') {
        throw new EncompileError(
          `The input '${name}' is declared in the body of a region op: declare it in the graph around, ` +
            'and use it in the body.',
        );
      }
      const outer = this.around.define(role, name, type, data);
      return this.own('weight', outer) as Value<D, [...S]>;
    }
    const known = this.boundary.get(name);
    if (known !== undefined) {
      throw new EncompileError(
        `The ${role} '${name}' is declared twice: first as ${printType(known)}, now as ` +
          `${printType(type)}. Give each its own name, or use a scope.`,
      );
    }
    const value = this.addBoundaryValue(name, type);
    this.boundary.set(name, value);
    if (role === 'input') this.inputs.push(value.id);
    else this.parameters.push({ value: value.id, data });
    return value as Value<D, [...S]>;
  }

  /** Inputs and weights are bound by name: a value of the graph that has it already gets another. */
  private addBoundaryValue(name: string, type: TensorType): Value {
    const value = this.addValue(name, type);
    if (value.name === name) return value;
    const other = [...this.values.values()].find((candidate) => candidate.name === name);
    if (other !== undefined) this.rename(other, name);
    const named = { ...value, name };
    this.values.set(value.id, named);
    return named;
  }

  private call(prefix: string, op: string, args: readonly unknown[]): unknown {
    const definition = opDefinition(op);
    const split = splitArguments(op, definition, args);
    const own = split.operands.map((value) => (isValue(value) ? this.own(op, value) : value));
    const { attributes } = split;
    const operands = this.withConstants(prefix, op, definition, own);
    const results = this.addNode(op, operands, attributes, { names: [prefix + op] });
    return results.length === 1 ? results[0] : results;
  }

  /** The value, or in a body the input that stands for a value of a graph around. */
  private own(op: string, value: Value): Value {
    if (this.values.get(value.id)?.shape === value.shape) return value;
    if (this.around === null) {
      throw new EncompileError(`${op}: the operand '${value.name}' belongs to another graph.`);
    }
    const outer = this.around.own(op, value);
    let capture = this.captures.get(outer.id);
    if (capture === undefined) {
      capture = this.addInput(outer.name, outer);
      this.captures.set(outer.id, capture);
    }
    return capture;
  }

  /** What a region op needs to be declared in this graph. */
  private region(prefix: string, op: string): RegionDeclaration {
    return {
      body: (inputs, build) => {
        const inner = new GraphConstruction(this.originOf, this);
        const values = inputs.map(({ name, ...type }) => inner.addInput(name, type));
        const builder = inner.builder(prefix) as object as UntypedBuilder;
        const made = build(builder, values).map((value) => inner.own(op, value));
        const names = new Map<string, number>();
        const outputs = made.map(({ id, name }) => {
          const count = names.get(name) ?? 0;
          names.set(name, count + 1);
          return { name: count === 0 ? name : `${name}:${count}`, value: id };
        });
        const outer = [...inner.captures.keys()].map((id) => this.values.get(id));
        const captures = outer.filter((value) => value !== undefined);
        return { body: inner.finish(prefix + op, outputs), captures };
      },
      add: (operands, attributes, body) => {
        const own = operands.map((value) => this.own(op, value));
        return this.addNode(op, own, attributes, { names: [prefix + op], body });
      },
    };
  }

  /** The operands with constants for plain numbers, of the dtype of the other such operand. */
  private withConstants(
    prefix: string,
    op: string,
    { operands: specs }: OpDefinition,
    operands: readonly (Value | number | null)[],
  ): readonly (Value | null)[] {
    if (!operands.some((operand) => typeof operand === 'number')) return operands.filter(isOperand);
    const like = operands.find((operand, i) => specs[i]?.number && isValue(operand));
    if (!isValue(like)) {
      throw new EncompileError(`${op} of numbers alone is a number: one operand must be a value.`);
    }
    return operands.map((operand) => {
      if (typeof operand !== 'number') return operand;
      const attributes = { value: [operand], dtype: like.dtype };
      const [constant] = this.addNode('constant', [], attributes, { names: [`${prefix}constant`] });
      return constant ?? null;
    });
  }

  private rename<V extends Value>(value: V, name: string): V {
    // inputs and weights are named by what feeds them
    if (this.boundary.get(value.name)?.id === value.id) return value;
    const renamed = { ...value, name: this.unique(name) };
    this.values.set(value.id, renamed);
    const at = this.nodes.findLastIndex((node) => node.results.includes(value.id));
    const node = this.nodes[at];
    if (node !== undefined) {
      const names = node.origin.names.map((old) => (old === value.name ? renamed.name : old));
      this.nodes[at] = { ...node, origin: { ...node.origin, names } };
    }
    return renamed;
  }

  /** The name itself, or with the next free number behind it. */
  private unique(name: string): string {
    let count = this.names.get(name);
    let free = name;
    while (count !== undefined && this.names.has(free)) free = `${name}_${count++}`;
    this.names.set(name, count ?? 1);
    this.names.set(free, this.names.get(free) ?? 1);
    return free;
  }
}

function isOperand(operand: Value | number | null): operand is Value | null {
  return typeof operand !== 'number';
}

/** Builds a graph from typed inputs; used by expansions, tests and importers. */
export function buildGraph(
  name: string,
  build: (g: Builder) => { readonly [output: string]: Value },
): Graph {
  const construction = new GraphConstruction();
  const outputs = Object.entries(build(construction.builder()));
  return construction.finish(
    name,
    outputs.map(([output, value]) => ({ name: output, value: value.id })),
  );
}
