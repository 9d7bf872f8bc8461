/**
 * Rewriting: patterns find places in a graph, `applyRewrites` writes the graph anew with other
 * nodes there. Patterns match on the old graph alone, so the rewrites of a round are independent.
 *
 * - A rewrite may use any value that stands before the first it replaces, so no cycle can arise.
 * - What replaces a value has its type and takes its name.
 * - Nodes that a rewrite leaves without a use are dropped; others keep their ids and objects.
 * - A round is linear in the size of the graph; rounds repeat until none finds anything.
 */
import { GraphConstruction } from '../ir/builder.ts';
import {
  type Graph,
  mergeOrigins,
  type Node,
  type NodeId,
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
import { GraphIndex } from './graph-index.ts';
import type { Ledger } from './ledger.ts';
import type { Pass } from './pass.ts';

export interface Rewrite {
  /** The values that get another definition. */
  readonly replaces: readonly ValueId[];
  /** Writes what stands for them, one value each. */
  readonly write: (into: GraphWriter) => readonly Value[];
}

export type Outcome =
  | { readonly rewrite: Rewrite; readonly detail: string }
  /** `stopper` is the value that stopped the pattern. */
  | { readonly refused: string; readonly stopper: ValueId };

/** A pattern tried at a value. */
export interface Finding {
  readonly pattern: string;
  readonly at: ValueId;
  readonly outcome: Outcome;
}

/** All places at which a pass tries its patterns, best first where they overlap. */
export type Search = (index: GraphIndex) => readonly Finding[];

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
    const swept = sweep(whole, [...orphans, ...this.written]);
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

/** The graph with every rewrite done; they must replace different values. */
export function applyRewrites(index: GraphIndex, rewrites: readonly Rewrite[]): Graph {
  const starts = new Map<number, Rewrite[]>();
  for (const rewrite of rewrites) {
    const place = Math.min(...rewrite.replaces.map((id) => index.placeOf(id)));
    starts.set(place, [...(starts.get(place) ?? []), rewrite]);
  }
  const writer = new GraphWriter(index);
  index.graph.nodes.forEach((node, place) => {
    for (const rewrite of starts.get(place) ?? []) writer.apply(rewrite, place);
    if (!node.results.every((id) => writer.isReplaced(id))) writer.keep(node);
  });
  return writer.finish();
}

/**
 * Drops nodes and parameters that have no use, and then what they alone used, beginning with the
 * makers of `candidates`. Inputs stay.
 */
export function sweep(graph: Graph, candidates: Iterable<ValueId>): Graph {
  const counts = new Map<ValueId, number>();
  const count = (id: ValueId, by: number) => counts.set(id, (counts.get(id) ?? 0) + by);
  const producers = new Map<ValueId, Node>();
  for (const node of graph.nodes) {
    for (const id of presentOperands(node)) count(id, 1);
    for (const id of node.results) producers.set(id, node);
  }
  for (const { value } of graph.outputs) count(value, 1);
  const dead = new Set<ValueId>();
  const parameters = new Set(graph.parameters.map(({ value }) => value));
  const open = [...candidates];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (dead.has(id) || (counts.get(id) ?? 0) > 0) continue;
    if (parameters.has(id)) dead.add(id);
    const node = producers.get(id);
    if (node?.results.every((result) => (counts.get(result) ?? 0) === 0) !== true) continue;
    for (const result of node.results) dead.add(result);
    for (const operand of presentOperands(node)) {
      count(operand, -1);
      open.push(operand);
    }
  }
  return keepLive(graph, dead);
}

function keepLive(graph: Graph, dead: ReadonlySet<ValueId>): Graph {
  const nodes = graph.nodes
    .filter((node) => !node.results.every((id) => dead.has(id)))
    .map((node, i) => (node.id === i ? node : { ...node, id: i as NodeId }));
  const parameters = graph.parameters.filter(({ value }) => !dead.has(value));
  const live = [
    ...graph.inputs,
    ...parameters.map(({ value }) => value),
    ...nodes.flatMap((node) => node.results),
  ];
  const values = new Map<ValueId, Value>();
  for (const id of live) {
    const value = graph.values.get(id);
    if (value !== undefined) values.set(id, value);
  }
  return { ...graph, nodes, parameters, values };
}

const MOST_ROUNDS = 200;

/** A pass that searches and rewrites until nothing more is found. */
export function rewritingPass(
  pass: Pick<Pass, 'name' | 'summary' | 'reason'>,
  search: Search,
): Pass {
  return {
    ...pass,
    run: (graph, ledger) => {
      let current = graph;
      for (let round = 0; round < MOST_ROUNDS; round++) {
        const index = new GraphIndex(current);
        const findings = withoutOverlaps(search(index));
        const rewrites = findings.flatMap(({ outcome }) =>
          'rewrite' in outcome ? [outcome.rewrite] : [],
        );
        record(pass.name, index, findings, rewrites.length === 0, ledger);
        if (rewrites.length === 0) return current;
        current = applyRewrites(index, rewrites);
      }
      throw new Error(`${pass.name} does not come to an end`);
    },
  };
}

/** Of findings that replace the same value the first; the next round tries the others again. */
function withoutOverlaps(findings: readonly Finding[]): readonly Finding[] {
  const claimed = new Set<ValueId>();
  return findings.filter(({ outcome }) => {
    if (!('rewrite' in outcome)) return true;
    const { replaces } = outcome.rewrite;
    if (replaces.some((id) => claimed.has(id))) return false;
    for (const id of replaces) claimed.add(id);
    return true;
  });
}

/** What was refused counts in the last round: an earlier one may only have been too early. */
function record(
  pass: string,
  index: GraphIndex,
  findings: readonly Finding[],
  isLast: boolean,
  ledger: Ledger,
): void {
  for (const { pattern, at, outcome } of findings) {
    const location = () => index.producerOf(at)?.origin.location() ?? null;
    const tried = { pass, pattern, at: index.value(at).name, location };
    if ('rewrite' in outcome) ledger.record({ ...tried, matched: true, detail: outcome.detail });
    else if (isLast) {
      const stopper = index.value(outcome.stopper).name;
      ledger.record({ ...tried, matched: false, reason: outcome.refused, stopper });
    }
  }
}
