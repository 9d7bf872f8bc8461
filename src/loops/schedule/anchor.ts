/**
 * Regions built around one op with a nest of its own (a matmul, an attention): finding the anchor,
 * and following its result through the epilogue to the region's outputs.
 */
import type { Dim } from '../../ir/dims.ts';
import { type Graph, type Node, presentOperands, type ValueId, valueOf } from '../../ir/graph.ts';
import type { Nest, PrimitiveMeaning } from '../../ir/op.ts';
import { opDefinition } from '../../ir/ops/index.ts';
import { sameShape } from '../../ir/types.ts';
import type { Emitter } from '../emitter.ts';
import type { Expression } from '../nodes.ts';
import type { KernelDraft } from './schedule.ts';

/** The only contraction of a body, where nothing in it reduces besides; else null. */
export function onlyContraction(body: Graph): Node | null {
  const kinds = body.nodes.map((node) => opDefinition(node.op).meaning.kind);
  if (kinds.some((kind) => kind === 'reduction' || kind === 'composite')) return null;
  const contractions = body.nodes.filter((_, i) => kinds[i] === 'contraction');
  return contractions.length === 1 ? (contractions[0] ?? null) : null;
}

/** The only node with a nest, if it is this one and nothing else contracts or reduces; else null. */
export function onlyOf(nest: Nest, body: Graph): Node | null {
  const meanings = body.nodes.map((node) => opDefinition(node.op).meaning);
  const others = meanings.some(({ kind }) => kind === 'reduction' || kind === 'contraction');
  const nests = body.nodes.flatMap((node, i) => {
    const meaning = meanings[i];
    return meaning?.kind === 'composite' ? [{ node, nest: meaning.nest }] : [];
  });
  const [found] = nests;
  return !others && nests.length === 1 && found?.nest === nest ? found.node : null;
}

/** Stores the region's results once the anchor's element is known. */
export interface Epilogue {
  readonly store: (index: readonly Dim[], element: Expression) => void;
}

/**
 * Null where an output is not reached from the anchor through elementwise ops and bijective views,
 * or where an op meets the anchor's elements from two places: x + x^T.
 */
export function epilogueOf(draft: KernelDraft, emitter: Emitter, anchor: ValueId): Epilogue | null {
  const { body } = draft.region;
  const places = placesBehind(body, anchor);
  const paths = body.outputs.map(({ value }) => places?.get(value));
  if (!paths.every((path) => path !== undefined)) return null;
  return {
    store: (index, element) => {
      emitter.override(anchor, () => element);
      body.outputs.forEach(({ value }, i) => {
        const at = pushAlong(body, emitter, paths[i] ?? [], index);
        emitter.emit(draft.store(i, at, emitter.value(value, at)));
      });
    },
  };
}

/** Bijective views, first to last: where an element of the anchor stands in a value behind it. */
type Place = readonly PlaceStep[];

interface PlaceStep {
  readonly node: Node;
  readonly from: ValueId;
  readonly to: ValueId;
  readonly push: NonNullable<PrimitiveMeaning['push']>;
}

/** The place in every value behind the anchor; null where one of them has none, or two. */
function placesBehind(body: Graph, anchor: ValueId): ReadonlyMap<ValueId, Place> | null {
  const places = new Map<ValueId, Place>([[anchor, []]]);
  for (const node of body.nodes) {
    const behind = presentOperands(node).filter((id) => places.has(id));
    const [from] = behind;
    const [to] = node.results;
    const place = from === undefined ? undefined : places.get(from);
    if (from === undefined || to === undefined || place === undefined) continue;
    if (!behind.every((id) => places.get(id) === place)) return null;
    const next = placeAfter(body, node, behind, place, to);
    if (next === null) return null;
    places.set(to, next);
  }
  return places;
}

function placeAfter(
  body: Graph,
  node: Node,
  behind: readonly ValueId[],
  place: Place,
  to: ValueId,
): Place | null {
  const { meaning } = opDefinition(node.op);
  const [from] = behind;
  if (meaning.kind === 'view' && 'push' in meaning && meaning.push !== null) {
    return from === undefined ? null : [...place, { node, from, to, push: meaning.push }];
  }
  const { shape } = valueOf(body, to);
  const isAligned = behind.every((id) => sameShape(valueOf(body, id).shape, shape));
  return meaning.kind === 'elementwise' && isAligned ? place : null;
}

function pushAlong(
  body: Graph,
  emitter: Emitter,
  place: Place,
  index: readonly Dim[],
): readonly Dim[] {
  return place.reduce((at, { node, from, to, push }) => {
    return push({
      index: at,
      from: valueOf(body, from),
      type: valueOf(body, to),
      attributes: node.attributes,
      emit: emitter.elements,
    });
  }, index);
}
