/**
 * A region: what one kernel computes, as a graph of primitives (and of composites that have a
 * hand-designed nest). Composites without one are replaced by their expansion here, so that a
 * kernel never needs code of its own for them.
 */

import { GraphConstruction } from '../ir/builder.ts';
import { add, type Dim, multiply, sizeOf, subtract } from '../ir/dims.ts';
import { expandNode } from '../ir/expand.ts';
import {
  type Graph,
  mergeOrigins,
  type Node,
  type Origin,
  type Parameter,
  presentOperands,
  type Value,
  type ValueId,
  valueOf,
} from '../ir/graph.ts';
import { opDefinition } from '../ir/ops/index.ts';
import { copyNode, inline, rebuild } from '../ir/rebuild.ts';
import type { TensorType } from '../ir/types.ts';
import type { Place } from './row-major.ts';

/** Where a region's input comes from. */
export interface RegionOperand {
  readonly name: string;
  readonly type: TensorType;
  /** The value of the outer graph; null for a constant that the region lifts out of itself. */
  readonly outer: ValueId | null;
  readonly parameter: Parameter | null;
  /** Numbers of a lifted constant. */
  readonly constant: readonly number[] | null;
  /** Where its elements stand, if not row-major from the start of a buffer. */
  readonly place?: Place;
}

export interface Region {
  /** The name of the first result in the outer graph. */
  readonly name: string;
  readonly body: Graph;
  /** One an input of the body. */
  readonly operands: readonly RegionOperand[];
  /** One an output of the body. */
  readonly results: readonly ValueId[];
  /** Where the results' elements stand, if not row-major from the start of a buffer. */
  readonly places?: readonly Place[];
  /** The ops as the outer graph shows them, before expansion. */
  readonly ops: readonly string[];
  /** Lines for the kernel's comment. */
  readonly summary: readonly string[];
  readonly origin: Origin;
  readonly flops: Dim;
}

export interface RegionContext {
  readonly parameters: ReadonlyMap<ValueId, Parameter>;
  /** Values that something reads; others are not computed. */
  readonly used: ReadonlySet<ValueId>;
}

/** The region of a top-level node that has a used result. `keepNests` leaves composites with a nest unexpanded. */
export function regionOf(
  graph: Graph,
  node: Node,
  { parameters, used }: RegionContext,
  keepNests = true,
): Region {
  const whole = node.body ?? singleNodeGraph(graph, node);
  const isUsed = (_: unknown, i: number) => used.has(node.results[i] ?? (-1 as ValueId));
  const results = node.results.filter(isUsed);
  const shown = { ...whole, outputs: whole.outputs.filter(isUsed) };
  const expanded = expandAll(shown, keepNests);
  const lifted = liftConstants(expanded);
  const operands = presentOperands(node);
  const present = node.body === null ? [...new Set(operands)] : operands;
  const fromOutside = present.map((id, i): RegionOperand => {
    const input = shown.inputs[i];
    if (input === undefined) throw new Error(`${node.op} has more operands than its body inputs`);
    const value = valueOf(graph, id);
    const parameter = parameters.get(id) ?? null;
    const name = operandName(shown, input, parameter === null ? null : value.name);
    return { name, type: value, outer: id, parameter, constant: null };
  });
  const inputs = inputsByUse(lifted.body);
  const all = [...fromOutside, ...lifted.constants];
  const origins = node.body === null ? [node.origin] : node.body.nodes.map((n) => n.origin);
  return {
    name: valueOf(graph, results[0] ?? (-1 as ValueId)).name,
    body: { ...lifted.body, inputs },
    operands: inputs.map((id) => all[lifted.body.inputs.indexOf(id)] ?? missing(id)),
    results,
    ops: shown.nodes.map((n) => n.op),
    summary: shown.nodes.map((n) => summarise(shown, n)),
    origin: mergeOrigins(origins),
    flops: subtract(flopsOf(expandAll(shown, false)), flopsLeftOut(shown)),
  };
}

function singleNodeGraph(graph: Graph, node: Node): Graph {
  const into = new GraphConstruction(() => node.origin);
  const inputs = new Map<ValueId, Value>();
  for (const id of presentOperands(node)) {
    if (!inputs.has(id)) inputs.set(id, into.addInput(valueOf(graph, id).name, valueOf(graph, id)));
  }
  const operands = node.operands.map((id) => (id === null ? null : (inputs.get(id) ?? null)));
  const results = copyNode(graph, node, operands, into);
  return into.finish(
    valueOf(graph, node.results[0] ?? (-1 as ValueId)).name,
    results.map((value) => ({ name: value.name, value: value.id })),
  );
}

function expandAll(body: Graph, keepNests: boolean): Graph {
  const isOpen = (node: Node) => {
    const { meaning } = opDefinition(node.op);
    return meaning.kind === 'composite' && !(keepNests && meaning.nest !== null);
  };
  if (!body.nodes.some(isOpen)) return body;
  const next = rebuild(body, (node, operands, into) =>
    isOpen(node) ? inline(expandNode(body, node), presentOf(operands), into, node.origin) : null,
  );
  return expandAll(next, keepNests);
}

function presentOf(operands: readonly (Value | null)[]): readonly Value[] {
  return operands.filter((value) => value !== null);
}

/** Constants with several different numbers become inputs: kernels read them from memory. */
function liftConstants(body: Graph): { body: Graph; constants: readonly RegionOperand[] } {
  const constants: RegionOperand[] = [];
  const isTable = (node: Node) =>
    node.op === 'constant' && new Set(node.attributes.value as readonly number[]).size > 1;
  if (!body.nodes.some(isTable)) return { body, constants };
  const lifted = rebuild(body, (node, _, into) => {
    const id = node.results[0];
    if (!isTable(node) || id === undefined) return null;
    const value = valueOf(body, id);
    const constant = node.attributes.value as readonly number[];
    constants.push({ name: 'table', type: value, outer: null, parameter: null, constant });
    return [into.addInput(value.name, value)];
  });
  return { body: lifted, constants };
}

/**
 * The inputs as they are met on the way back from the outputs: equal kernels have equal buffers,
 * whatever order their nodes came in.
 */
function inputsByUse(body: Graph): readonly ValueId[] {
  const makers = new Map(body.nodes.flatMap((node) => node.results.map((id) => [id, node])));
  const seen = new Set<ValueId>();
  const visit = (id: ValueId): void => {
    if (seen.has(id)) return;
    seen.add(id);
    const maker = makers.get(id);
    if (maker !== undefined) presentOperands(maker).forEach(visit);
  };
  for (const { value } of body.outputs) visit(value);
  const used = [...seen].filter((id) => body.inputs.includes(id));
  return [...used, ...body.inputs.filter((id) => !seen.has(id))];
}

function missing(id: ValueId): never {
  throw new Error(`a region has no operand for its input ${id}`);
}

/** Weights by the last part of their name, other operands by what the op calls them. */
function operandName(body: Graph, input: ValueId, weight: string | null): string {
  if (weight !== null) return weight.slice(weight.lastIndexOf('.') + 1);
  let id = input;
  for (const node of body.nodes) {
    const at = node.operands.indexOf(id);
    if (at < 0) continue;
    const { operands, meaning } = opDefinition(node.op);
    const [result] = node.results;
    if (meaning.kind === 'view' && result !== undefined) id = result;
    else return operands[Math.min(at, operands.length - 1)]?.name ?? 'x';
  }
  return 'x';
}

function summarise(body: Graph, node: Node): string {
  const results = node.results.map((id) => valueOf(body, id));
  const operands = node.operands.map((id) => (id === null ? '_' : `%${valueOf(body, id).name}`));
  const shapes = results.map((v) => `${v.dtype}[${v.shape.join(', ')}]`);
  return `${results.map((v) => `%${v.name}`).join(', ')} = ${node.op} ${operands.join(', ')} : ${shapes.join(', ')}`;
}

/** What nests leave out of the operations that expansions have. */
function flopsLeftOut(body: Graph): Dim {
  const counts = body.nodes.map((node): Dim => {
    const { meaning } = opDefinition(node.op);
    if (meaning.kind !== 'composite' || meaning.flops === null) return 0;
    const types = node.operands.map((id) => (id === null ? undefined : valueOf(body, id)));
    const flops = meaning.flops({ types, attributes: node.attributes });
    if (flops === null) return 0;
    return subtract(flopsOf(expandAll(singleNodeGraph(body, node), false)), flops);
  });
  return counts.reduce(add, 0);
}

/** Arithmetic operations of a graph of primitives; a transcendental counts as one. */
function flopsOf(body: Graph): Dim {
  const counts = body.nodes.map((node): Dim => {
    const { meaning } = opDefinition(node.op);
    const [operand, result] = [presentOperands(node)[0], node.results[0]];
    if (operand === undefined || result === undefined) return 0;
    const size = sizeOf(valueOf(body, result).shape);
    const from = valueOf(body, operand).shape;
    if (meaning.kind === 'elementwise') return size;
    if (meaning.kind === 'reduction') return sizeOf(from);
    if (meaning.kind === 'contraction') return multiply(2, multiply(size, from.at(-1) ?? 1));
    return 0;
  });
  return counts.reduce(add, 0);
}
