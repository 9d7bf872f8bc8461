/**
 * The walk over an ONNX graph, node by node in the order of the file, which makes the nodes of a graph.
 *
 * Invariants: a name stands for one thing in its scope, and for nothing before the node that gives it
 * (which rules out cycles). What cannot be taken is noted, its results are unknown, and the walk goes
 * on, so that one error lists everything.
 */
import { EncompileError } from '../../errors.ts';
import { GraphConstruction, type UntypedBuilder } from '../../ir/builder.ts';
import { type Dim, symbolsOf } from '../../ir/dims.ts';
import type { Origin, Value } from '../../ir/graph.ts';
import type { TensorData } from '../../ir/types.ts';
import type { StoredBytes } from '../../onnx/byte-source.ts';
import type {
  FunctionProto,
  GraphProto,
  ModelProto,
  NodeProto,
  TensorProto,
} from '../../onnx/schema.ts';
import { quote } from '../json.ts';
import type { NodeAttributes } from './attributes.ts';
import { AxisSizes } from './axis-sizes.ts';
import { asOperand, type Handler, NodeContext, type Site, Unsupported } from './context.ts';
import { CountedInputs } from './counted-inputs.ts';
import type { DimNames } from './dims.ts';
import { type Effort, Exhausted } from './effort.ts';
import { declareTypes, typeOfResult } from './element-types.ts';
import { type Failure, importError, MAX_LISTED, Needed, NeedsSizes } from './failures.ts';
import { foldNode } from './folding.ts';
import { deeper, type Frame, frameOfCall, withoutOperands } from './frame.ts';
import { KnownValues } from './known-values.ts';
import { Materialiser } from './materialise.ts';
import { attributesOf, describeNode, domainOf, functionKey, unknownOp } from './node-facts.ts';
import { knownTensor, MAX_KNOWN, type Operand, tensorOf } from './operand.ts';
import { handlers, KEEPS_STRUCTURE } from './ops/index.ts';
import { type Entry, MISSING, Scope } from './scope.ts';
import { readTensor } from './tensors.ts';

export interface WalkFacts {
  readonly model: ModelProto;
  /** The file, for errors and origins. */
  readonly origin: string;
  readonly external: ReadonlyMap<TensorProto, StoredBytes>;
  readonly names: DimNames;
  /** Counted over all walks. */
  readonly effort: Effort;
  /** Tensors that are read already: a walk may begin again. */
  readonly tensors: Map<TensorProto, TensorData>;
}

/** After so many nodes that cannot be taken the others are not looked at. */
const MOST_FAILURES = 10_000;

export class Walk {
  readonly construction: GraphConstruction;
  readonly materialiser: Materialiser;
  readonly failures: Failure[] = [];
  readonly needed = new Needed();
  readonly facts: WalkFacts;
  readonly g: UntypedBuilder;
  private readonly named: (name: string, value: Value) => Value;
  private readonly functions: ReadonlyMap<string, FunctionProto>;
  private readonly known: KnownValues;
  private readonly counts: CountedInputs;
  private readonly axes: AxisSizes;
  /** Which node is taken, in words. */
  private place: (() => string) | null = null;

  constructor(facts: WalkFacts) {
    this.facts = facts;
    this.construction = new GraphConstruction(() => this.currentOrigin());
    this.materialiser = new Materialiser(this.construction);
    this.axes = new AxisSizes(this.construction);
    this.known = new KnownValues(this.construction, facts.effort);
    this.counts = new CountedInputs(this.construction, this.known, facts.names);
    const builder = this.construction.builder();
    this.g = this.construction.untypedBuilder();
    this.named = (name, value) => builder.named(name, value);
    this.functions = new Map(
      facts.model.functions.map((f) => [functionKey(f.domain, f.name, f.overload), f]),
    );
  }

  /** Makes a name known before the walk. */
  define(scope: Scope, name: string, entry: Entry): void {
    if (scope.entries.has(name)) {
      throw new EncompileError(
        `${this.facts.origin} gives the name ${quote(name)} to two things, where each name stands for one. ` +
          'Export the model again.',
      );
    }
    scope.entries.set(name, entry);
  }

  graph(graph: GraphProto, frame: Frame): void {
    if (graph.sparseInitializer.length > 0) {
      throw new EncompileError(
        `${this.facts.origin} has sparse initializers, which are not read. Export it with dense ones.`,
      );
    }
    declareTypes(graph, frame.scope);
    for (const tensor of graph.initializer) {
      const name = tensor.name ?? '';
      if (!frame.scope.entries.has(name))
        this.define(frame.scope, name, { kind: 'pending', tensor });
    }
    for (const node of graph.node) this.node(node, frame);
  }

  /** What the name stands for; null where that could not be taken. */
  lookup(name: string, scope: Scope): Operand | null {
    const found = scope.find(name);
    if (found === null) {
      throw new EncompileError(
        `${this.facts.origin} uses the name ${quote(name)}, which nothing before it defines. Nodes must ` +
          'stand behind those whose results they use: export the model again.',
      );
    }
    const { entry } = found;
    if (entry.kind === 'missing') return null;
    if (entry.kind !== 'pending') return entry;
    const operand = this.tensor(entry.tensor, name);
    found.scope.entries.set(name, operand);
    return operand;
  }

  /** A tensor with its numbers: known if it is small, else a parameter. */
  tensor(proto: TensorProto, name: string): Operand {
    return this.operandOf(this.readTensor(proto), name);
  }

  operandOf(data: TensorData, name: string): Operand {
    if (data.data.length <= MAX_KNOWN) return knownTensor(data, name);
    return { kind: 'computed', value: this.materialiser.parameter(name, data) };
  }

  private node(proto: NodeProto, frame: Frame): void {
    this.facts.effort.walk(1 + proto.input.length + proto.output.length);
    const operands = proto.input.map((name) =>
      name === '' ? null : this.lookup(name, frame.scope),
    );
    const isLacking = proto.input.some((name, i) => name !== '' && operands[i] === null);
    const results = isLacking ? this.onlyCheck(proto, frame) : this.take(proto, operands, frame);
    proto.output.forEach((name, i) => {
      if (name === '') return;
      const result = results?.[i];
      if (results !== null && result === undefined && i < results.length) return;
      this.define(frame.scope, name, result ?? MISSING);
    });
  }

  /** Of a node whose operands are unknown all that can be said is whether its op is. */
  private onlyCheck(proto: NodeProto, frame: Frame): null {
    if (this.functionOf(proto) === undefined && this.handlerOf(proto) === undefined) {
      this.fail(proto, frame, unknownOp(proto));
    }
    return null;
  }

  private take(
    proto: NodeProto,
    operands: readonly (Operand | null)[],
    frame: Frame,
  ): readonly Operand[] | null {
    const before = this.construction.values.size;
    const outerPlace = this.place;
    this.place = () => describeNode(proto, frame.opsets, this.facts.origin);
    try {
      const results = this.call(proto, operands, frame);
      proto.output.forEach((name, i) => {
        frame.scope.declare(name, typeOfResult(proto, results[i], frame.scope));
      });
      return results.map((result, i) => this.withName(result, proto.output[i] ?? '', before));
    } catch (error) {
      if (error instanceof Exhausted) throw error;
      this.needed.note(error);
      const isReason = error instanceof Unsupported || error instanceof EncompileError;
      if (!isReason) throw error;
      this.fail(proto, frame, error);
      return null;
    } finally {
      this.place = outerPlace;
    }
  }

  private call(
    proto: NodeProto,
    operands: readonly (Operand | null)[],
    frame: Frame,
  ): readonly Operand[] {
    const attributes = attributesOf(proto, frame.given);
    const called = this.functionOf(proto);
    if (called !== undefined) {
      const types = proto.input.map((name) => frame.scope.typeOf(name));
      return this.callFunction(called, attributes, { operands, types }, frame);
    }
    const handler = this.handlerOf(proto);
    if (handler === undefined) throw unknownOp(proto);
    const node = new NodeContext(
      {
        opType: proto.opType ?? '',
        opset: frame.opsets.get(domainOf(proto)) ?? frame.opsets.get('') ?? 0,
        attributes,
        operands,
        types: proto.input.map((name) => frame.scope.typeOf(name)),
        outputs: proto.output,
      },
      this.siteAt(frame),
    );
    const folded = KEEPS_STRUCTURE.has(node.opType) ? null : foldNode(handler, node);
    if (folded !== null) return folded;
    const made = handler(node);
    return (Array.isArray(made) ? made : [made]).map(asOperand);
  }

  private callFunction(
    called: FunctionProto,
    attributes: NodeAttributes,
    { operands, types }: Pick<NodeContext, 'operands' | 'types'>,
    frame: Frame,
  ): readonly Operand[] {
    const { input, output, attributeProto, opsetImport } = called;
    this.facts.effort.walk(
      input.length + output.length + attributeProto.length + opsetImport.length,
    );
    const inner = frameOfCall(called, attributes, deeper(frame, this.facts.origin));
    const absent = new Set<string>();
    input.forEach((name, i) => {
      const operand = operands[i];
      if (operand == null) absent.add(name);
      else this.define(inner.scope, name, operand);
      inner.scope.declare(name, types[i] ?? null);
    });
    for (const node of called.node) this.node(withoutOperands(node, absent), inner);
    return output.map((name) => this.present(name, inner.scope));
  }

  private inline(
    graph: GraphProto,
    inputs: readonly Operand[],
    frame: Frame,
    g: UntypedBuilder,
  ): readonly Operand[] {
    const scope = new Scope(frame.scope);
    const { input, output, initializer } = graph;
    this.facts.effort.walk(input.length + output.length + initializer.length);
    graph.input.forEach(({ name }, i) => {
      const operand = inputs[i];
      if (operand !== undefined) this.define(scope, name ?? '', operand);
    });
    this.graph(graph, { ...deeper(frame, this.facts.origin), scope, g });
    return graph.output.map(({ name }) => this.present(name ?? '', scope));
  }

  private present(name: string, scope: Scope): Operand {
    const operand = this.lookup(name, scope);
    if (operand !== null) return operand;
    throw new Unsupported('nodes inside it cannot be taken');
  }

  private siteAt(frame: Frame): Site {
    return {
      g: frame.g,
      materialise: (operand, g = frame.g) => this.materialise(operand, g),
      numbers: (operand) => this.known.numbers(operand),
      explainUnknown: (operand, what) => this.known.explainUnknown(operand, what),
      readTensor: (tensor) => this.readTensor(tensor),
      parameter: (name, data) => this.materialiser.parameter(name, data),
      inline: (graph, inputs, g = frame.g) => this.inline(graph, inputs, frame, g),
      affords: (work) => this.facts.effort.affords(work),
      positions: (value) => (frame.g === this.g ? this.counts.positions(value) : null),
      equate: (a, b) => this.equate(a, b),
      hasAxis: (dim) => this.axes.has(dim),
    };
  }

  materialise(operand: Operand, g: UntypedBuilder): Value {
    const tensor = tensorOf(operand);
    return tensor.kind === 'known' ? this.materialiser.valueOf(tensor, g) : tensor.value;
  }

  private readTensor(proto: TensorProto): TensorData {
    const { tensors, external, origin } = this.facts;
    let data = tensors.get(proto);
    if (data === undefined) {
      data = readTensor(
        proto,
        `The tensor ${quote(proto.name ?? '')} of ${origin}`,
        external.get(proto),
      );
      tensors.set(proto, data);
    }
    return data;
  }

  private equate(a: Dim, b: Dim): void {
    if (a === b) return;
    const equation = this.facts.names.equate(a, b);
    if (equation !== null) throw equation;
    const symbols = [...new Set([...symbolsOf(a), ...symbolsOf(b)])];
    throw new NeedsSizes(`the dims ${a} and ${b} differ, and should be one`, symbols, [a, b]);
  }

  /** The first that a name of the file is given to keeps it. */
  private withName(operand: Operand, name: string, before: number): Operand {
    if (name === '' || operand.kind === 'sequence') return operand;
    if (operand.kind === 'known') return operand.name === null ? { ...operand, name } : operand;
    if (operand.value.id < before || !this.known.owns(operand.value)) return operand;
    return { kind: 'computed', value: this.named(name, operand.value) };
  }

  private functionOf({ domain, opType, overload }: NodeProto): FunctionProto | undefined {
    if (this.functions.size === 0) return undefined;
    return this.functions.get(functionKey(domain, opType, overload));
  }

  private handlerOf(proto: NodeProto): Handler | undefined {
    const [domain, opType] = [domainOf(proto), proto.opType ?? ''];
    const name = domain === '' ? opType : `${domain}.${opType}`;
    return Object.hasOwn(handlers, name) ? handlers[name] : undefined;
  }

  private fail(proto: NodeProto, frame: Frame, error: Error): void {
    const instead = error instanceof Unsupported ? error.instead : null;
    const isListed = this.failures.length < MAX_LISTED;
    const node = isListed ? describeNode(proto, frame.opsets) : '';
    this.failures.push({ node, reason: isListed ? error.message : '', instead });
    if (this.failures.length < MOST_FAILURES) return;
    const nodes = this.facts.model.graph?.node.length ?? 0;
    throw new Exhausted(importError(this.facts.origin, nodes, this.failures, this.needed).message);
  }

  private currentOrigin(): Origin {
    const { place } = this;
    return { names: [], location: () => place?.() ?? null };
  }
}
