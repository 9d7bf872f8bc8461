/**
 * What fusion needs to know of a node: how it moves and combines elements. A primitive says so
 * itself; a composite is what its expansion is made of.
 */
import type { AttributeValue } from '../../ir/attributes.ts';
import { resolveAxis } from '../../ir/broadcasting.ts';
import { expandNode } from '../../ir/expand.ts';
import { type Graph, type Node, presentOperands, valueOf } from '../../ir/graph.ts';
import type { PrimitiveKind } from '../../ir/op.ts';
import { opDefinition } from '../../ir/ops/index.ts';
import { printType, type Shape } from '../../ir/types.ts';
import { structuralKey } from '../../structural-key.ts';

/** `region` is what another pass fused already. */
export type FusionKind = PrimitiveKind | 'region';

/** A reduction inside a node. */
export interface Reduction {
  /** Shape of what is reduced. */
  readonly domain: Shape;
  /** Counted from the start, in order. */
  readonly axes: readonly number[];
}

export interface Traits {
  /** Of a composite: contraction or reduction where it has one inside, else elementwise. */
  readonly kind: FusionKind;
  readonly reductions: readonly Reduction[];
  /** Whether every element of the operand stands at one place of the result. */
  readonly isBijective: boolean;
  /** Whether an element takes many times an addition. */
  readonly isCostly: boolean;
  /** Whether elements of an operand are read for several elements of the result, as windows do. */
  readonly isRereading: boolean;
}

const ofComposites = new Map<string, Traits>();

export function traitsOf(graph: Graph, node: Node): Traits {
  const { meaning } = opDefinition(node.op);
  if (meaning.kind === 'region') {
    const none = { reductions: [], isBijective: false, isRereading: false };
    return { kind: 'region', ...none, isCostly: true };
  }
  if (meaning.kind !== 'composite') {
    const reductions = meaning.kind === 'reduction' ? [reductionOf(graph, node)] : [];
    const isBijective = meaning.push !== null;
    const isRereading = meaning.isRereading(node.attributes);
    return { kind: meaning.kind, reductions, isBijective, isCostly: meaning.isCostly, isRereading };
  }
  const types = node.operands.map((id) => (id === null ? '_' : printType(valueOf(graph, id))));
  const key = structuralKey([node.op, node.attributes, types]);
  let traits = ofComposites.get(key);
  if (traits === undefined) {
    traits = join(expandNode(graph, node));
    if (ofComposites.size > 10_000) ofComposites.clear();
    ofComposites.set(key, traits);
  }
  return traits;
}

function join(expansion: Graph): Traits {
  const inner = expansion.nodes.map((node) => traitsOf(expansion, node));
  const reductions = inner.flatMap((traits) => traits.reductions);
  const moves = inner.some(({ kind }) => kind === 'view' || kind === 'gather');
  const contracts = inner.some(({ kind }) => kind === 'contraction');
  const reduces = reductions.length > 0 || moves;
  return {
    kind: contracts ? 'contraction' : reduces ? 'reduction' : 'elementwise',
    reductions,
    isBijective: false,
    isCostly: inner.some(({ isCostly }) => isCostly),
    isRereading: inner.some(({ isRereading }) => isRereading),
  };
}

function reductionOf(graph: Graph, node: Node): Reduction {
  const [operand] = presentOperands(node);
  const domain = operand === undefined ? [] : valueOf(graph, operand).shape;
  const { axes, axis } = node.attributes;
  const given = Array.isArray(axes) ? (axes as readonly AttributeValue[]) : [axis ?? -1];
  const resolved = given.map((a) => resolveAxis(Number(a), domain.length) ?? -1);
  return { domain, axes: resolved.sort((a, b) => a - b) };
}

/** Whether a reduction runs along the last axis alone. */
export function isAlongRows({ domain, axes }: Reduction): boolean {
  return axes.length === 1 && axes[0] === domain.length - 1;
}
