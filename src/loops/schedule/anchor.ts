/**
 * Regions built around one op with a nest of its own (a matmul, an attention): finding the anchor,
 * and following its result through the epilogue to the region's outputs.
 */
import type { Dim } from '../../ir/dims.ts';
import { type Graph, type Node, presentOperands, type ValueId, valueOf } from '../../ir/graph.ts';
import type { PrimitiveMeaning } from '../../ir/op.ts';
import { opDefinition } from '../../ir/ops/index.ts';
import { sameShape } from '../../ir/types.ts';
import { type Emitter, flatIndex, storageOf } from '../emitter.ts';
import { cast, type Expression, store } from '../nodes.ts';
import type { KernelDraft } from './schedule.ts';

/** The only contraction of a body, where nothing in it reduces besides; else null. */
export function onlyContraction(body: Graph): Node | null {
  const kinds = body.nodes.map((node) => opDefinition(node.op).meaning.kind);
  if (kinds.some((kind) => kind === 'reduction' || kind === 'composite')) return null;
  const contractions = body.nodes.filter((_, i) => kinds[i] === 'contraction');
  return contractions.length === 1 ? (contractions[0] ?? null) : null;
}

/** The only node with the attention nest, where nothing else contracts or reduces; else null. */
export function onlyAttention(body: Graph): Node | null {
  const meanings = body.nodes.map((node) => opDefinition(node.op).meaning);
  const others = meanings.some(({ kind }) => kind === 'reduction' || kind === 'contraction');
  const nests = body.nodes.filter((_, i) => {
    const meaning = meanings[i];
    return meaning?.kind === 'composite' && meaning.nest === 'attention';
  });
  return !others && nests.length === 1 ? (nests[0] ?? null) : null;
}

/**
 * Stores the region's results once the anchor's element is known: `Epilogue.store(index, element)`.
 * Null where an output is not reached from the anchor through elementwise ops and bijective views.
 */
export interface Epilogue {
  readonly store: (index: readonly Dim[], element: Expression) => void;
}

export function epilogueOf(draft: KernelDraft, emitter: Emitter, anchor: ValueId): Epilogue | null {
  const { body } = draft.region;
  const paths = body.outputs.map(({ value }) => pathBetween(body, anchor, value));
  if (!paths.every((path) => path !== null)) return null;
  return {
    store: (index, element) => {
      emitter.override(anchor, () => element);
      body.outputs.forEach(({ value }, i) => {
        const type = valueOf(body, value);
        const at = pushAlong(body, emitter, paths[i] ?? [], index);
        const result = cast(storageOf(type.dtype), emitter.value(value, at));
        emitter.emit(store(draft.outputs[i] ?? 'out', flatIndex(at, type.shape), result));
      });
      emitter.forget();
    },
  };
}

interface PathStep {
  readonly node: Node;
  readonly from: ValueId;
  readonly to: ValueId;
  readonly push: NonNullable<PrimitiveMeaning['push']> | null;
}

/** Nodes that lead from one value to another without losing track of the element's place. */
function pathBetween(body: Graph, from: ValueId, to: ValueId): readonly PathStep[] | null {
  if (from === to) return [];
  for (const node of body.nodes) {
    if (!presentOperands(node).includes(from)) continue;
    for (const result of node.results) {
      const push = pushOf(body, node, from, result);
      if (push === null) continue;
      const rest = pathBetween(body, result, to);
      if (rest !== null) return [{ node, from, to: result, push: push.how }, ...rest];
    }
  }
  return null;
}

function pushOf(body: Graph, node: Node, from: ValueId, to: ValueId) {
  const { meaning } = opDefinition(node.op);
  if (meaning.kind === 'view' && 'push' in meaning && meaning.push !== null) {
    return { how: meaning.push };
  }
  const sameIndex = sameShape(valueOf(body, from).shape, valueOf(body, to).shape);
  return meaning.kind === 'elementwise' && sameIndex ? { how: null } : null;
}

function pushAlong(
  body: Graph,
  emitter: Emitter,
  path: readonly PathStep[],
  index: readonly Dim[],
): readonly Dim[] {
  return path.reduce((at, { node, from, to, push }) => {
    if (push === null) return at;
    return push({
      index: at,
      from: valueOf(body, from),
      type: valueOf(body, to),
      attributes: node.attributes,
      emit: emitter.elements,
    });
  }, index);
}
