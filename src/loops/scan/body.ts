/** The body of a scan as its kernel runs it: without what nothing needs, and with every value held. */

import { resolveAxis } from '../../ir/broadcasting.ts';
import type { Dim } from '../../ir/dims.ts';
import type { Parameter } from '../../ir/graph.ts';
import { type Graph, type Node, presentOperands, type ValueId, valueOf } from '../../ir/graph.ts';
import { outputsOf } from '../../ir/ops/scan.ts';
import { elementOf, type Storage } from './storage.ts';

/** A value of a body: in a buffer, or a weight in a layout that its kernel chooses. */
export type Held = Storage | { readonly parameter: Parameter };

/** A graph whose values are held. */
export interface Scope {
  readonly graph: Graph;
  readonly held: Map<ValueId, Held>;
  /** Values that something reads. */
  readonly used: ReadonlySet<ValueId>;
}

/** Where a used result of a scan goes, given its number among all. */
export type ResultStorage = (id: ValueId, index: number) => Storage;

/** A value of the body, and where its element at t stands among those that are stacked. */
export type StackTarget = readonly [value: ValueId, to: Storage];

/** The body without stacked outputs that nothing uses, and without what only they need. */
export function neededBody(node: Node, used: ReadonlySet<ValueId>): Graph {
  const { attributes, body, results } = node;
  if (body === null) throw new Error('a scan has no body');
  const { next, stacked } = outputsOf(attributes, body);
  const isUsed = (_: unknown, i: number) => used.has(results[next.length + i] ?? missing(node));
  const outputs = [...next, ...stacked.filter(isUsed)];
  const needed = new Set(outputs.map(({ value }) => value));
  const nodes = body.nodes.toReversed().filter((inner) => {
    if (!inner.results.some((id) => needed.has(id))) return false;
    for (const id of presentOperands(inner)) needed.add(id);
    return true;
  });
  return { ...body, nodes: nodes.toReversed(), outputs };
}

export function scopeOf(graph: Graph, inputs: readonly Held[]): Scope {
  const held = new Map<ValueId, Held>();
  graph.inputs.forEach((id, i) => {
    const input = inputs[i];
    if (input !== undefined) held.set(id, input);
  });
  const used = new Set([
    ...graph.nodes.flatMap(presentOperands),
    ...graph.outputs.map(({ value }) => value),
  ]);
  return { graph, held, used };
}

/** The axis of a scan in a value of the graph around. */
export function axisIn(graph: Graph, node: Node, id: ValueId): number {
  return resolveAxis(Number(node.attributes.axis), valueOf(graph, id).shape.length) ?? 0;
}

/** Where the stacked outputs of a needed body go at `place` of the axis. */
export function stackTargets(
  { graph, used }: Scope,
  node: Node,
  body: Graph,
  place: Dim,
  resultOf: ResultStorage,
): readonly StackTarget[] {
  const { next, stacked } = outputsOf(node.attributes, body);
  const kept = node.results.slice(next.length).filter((id) => used.has(id));
  return stacked.map(({ value }, i) => {
    const id = kept[i] ?? missing(node);
    const whole = resultOf(id, node.results.indexOf(id));
    return [value, elementOf(whole, axisIn(graph, node, id), place)];
  });
}

export function missing(node: Node): never {
  throw new Error(`${node.op} lacks a part`);
}

/** A name without the scopes it was declared in. */
export function lastPart(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}
