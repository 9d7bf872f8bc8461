/**
 * Masks in the form that declared models have, true where a key is visible.
 *
 * - select(a = b, low, x)  ->  select(a != b, x, low), low a constant of at most -1e4
 * - x + (m + n)  ->  (x + m) + n, where m and n are masks to add: 0 where a key is visible, else low
 * - select(h, x - c, x)  ->  x + select(h, -c, 0), c at least 1e4: the attention layers of Keras
 * - select(h, 0, softmax(select(h, low, x)))  ->  softmax(x, not h): DeBERTa hides weights once more
 * - select(p is NaN, 0, p)  ->  p, p a softmax: PyTorch replaces the NaN of rows without a visible key,
 *   which the op here has as zeros anyway
 *
 * That an added mask hides a key, so that it may become a bool, fuse-attention decides.
 */
import type { Value, ValueId } from '../../ir/graph.ts';
import { isFloat, sameShape } from '../../ir/types.ts';
import { beforeViews, VERY_LOW } from '../attention/mask.ts';
import type { GraphIndex } from '../graph-index.ts';
import type { GraphWriter } from '../graph-writer.ts';
import { bothOrders, firstResult, operandOf, resultShape } from '../node-reading.ts';
import { negatedComparison } from '../simplify/logic.ts';
import { type RaisePattern, raised } from './pattern.ts';

export const visibleKeys: RaisePattern = {
  name: 'visible keys',
  ops: ['select'],
  match: (node, index) => {
    const [hidden, low, x] = [0, 1, 2].map((i) => operandOf(node, i));
    if (hidden === undefined || low === undefined || x === undefined) return null;
    const [constant, other] = [index.scalarOf(low), index.scalarOf(x)];
    if (constant === null || constant > VERY_LOW || (other !== null && other <= VERY_LOW))
      return null;
    if (!isFloat(index.value(low).dtype)) return null;
    const visible = negatedMask(hidden, index);
    if (visible === null) return null;
    const write = (into: GraphWriter) => [
      into.node('select', [visible(into), into.get(x), into.get(low)]),
    ];
    const { source } = beforeViews(hidden, index);
    return raised(node, [], index, `hidden where ${index.nameOf(source)}`, write);
  },
};

/** Writes the mask that is true where a comparison behind views is not; null for other masks. */
function negatedMask(hidden: ValueId, index: GraphIndex): ((into: GraphWriter) => Value) | null {
  const { source, views } = beforeViews(hidden, index);
  const test = index.producerOf(source);
  const negated = test === null ? null : negatedComparison(test, index);
  if (negated === null) return null;
  return (into) =>
    views.reduce((value, { op, attributes }) => into.node(op, [value], attributes), negated(into));
}

export const loweredScores: RaisePattern = {
  name: 'lowered scores',
  ops: ['select'],
  match: (node, index) => {
    const [hidden, lowered, x] = [0, 1, 2].map((i) => operandOf(node, i));
    if (hidden === undefined || lowered === undefined || x === undefined) return null;
    if (!isFloat(index.value(x).dtype)) return null;
    for (const [low, kept, isHidden] of [
      [lowered, x, true],
      [x, lowered, false],
    ] as const) {
      const moved = movedBy(low, kept, index);
      if (moved === null || moved.by > VERY_LOW) continue;
      if (!sameShape(index.shapeOf(kept), resultShape(node, index))) continue;
      const write = (into: GraphWriter) => {
        const numbers = [moved.by, 0].map((by) => into.scalar(by, index.value(kept).dtype));
        const choices = isHidden ? numbers : numbers.toReversed();
        const mask = into.node('select', [into.get(hidden), ...choices]);
        return [into.node('add', [into.get(kept), mask])];
      };
      const detail = `${moved.by} added where ${index.nameOf(hidden)} hides it`;
      return raised(node, [moved.node], index, detail, write);
    }
    return null;
  },
};

/** c and the node, where a value is x + c or x - (-c). */
function movedBy(id: ValueId, x: ValueId, index: GraphIndex) {
  const sub = index.madeBy(id, 'sub');
  const taken = sub === null ? null : index.scalarOf(sub.operands[1]);
  if (sub !== null && taken !== null && sub.operands[0] === x) return { by: -taken, node: sub };
  const sum = index.madeBy(id, 'add');
  for (const [from, c] of sum === null ? [] : bothOrders(sum)) {
    const by = index.scalarOf(c);
    if (sum !== null && by !== null && from === x) return { by, node: sum };
  }
  return null;
}

export const hiddenWeights: RaisePattern = {
  name: 'weights of hidden keys',
  ops: ['select'],
  match: (node, index) => {
    const [hidden, zero, p] = [0, 1, 2].map((i) => operandOf(node, i));
    const softmax = index.madeBy(p, 'softmax');
    const scores = index.madeBy(softmax?.operands[0], 'select');
    if (hidden === undefined || p === undefined || index.scalarOf(zero) !== 0) return null;
    if (softmax === null || scores === null || softmax.operands[1] != null) return null;
    const [condition, low, x] = scores.operands;
    const constant = index.scalarOf(low);
    if (condition !== hidden || x == null || constant === null || constant > VERY_LOW) return null;
    if (!sameShape(index.shapeOf(x), resultShape(node, index))) return null;
    const negated = negatedMask(hidden, index);
    const write = (into: GraphWriter) => {
      const visible = negated?.(into) ?? into.node('not', [into.get(hidden)]);
      return [into.node('softmax', [into.get(x), visible], softmax.attributes)];
    };
    const detail = `${index.nameOf(p)}, once more 0 where ${index.nameOf(hidden)} hides it`;
    return raised(node, [softmax, scores], index, detail, write);
  },
};

export const addedMasks: RaisePattern = {
  name: 'added masks',
  ops: ['add'],
  match: (node, index) => {
    for (const [x, masks] of bothOrders(node)) {
      const inner = index.madeBy(beforeViews(masks, index).source, 'add');
      if (inner === null || isAddedMask(x, index)) continue;
      const parts = [operandOf(inner, 0), operandOf(inner, 1)];
      if (!parts.every((part) => isAddedMask(part, index))) continue;
      const isWhole = sameShape(index.shapeOf(x), resultShape(node, index));
      if (!isWhole || firstResult(inner) !== masks) continue;
      const names = parts.map((part) => index.nameOf(part)).join(' and ');
      const write = (into: GraphWriter) => [
        parts.reduce((sum, part) => into.node('add', [sum, into.get(part)]), into.get(x)),
      ];
      return raised(node, [], index, `the masks ${names}, one after the other`, write);
    }
    return null;
  },
};

/** select(b, 0, low) or select(b, low, 0), views behind it allowed. */
function isAddedMask(id: ValueId, index: GraphIndex): boolean {
  const choice = index.madeBy(beforeViews(id, index).source, 'select');
  const numbers = choice?.operands.slice(1).map((operand) => index.scalarOf(operand)) ?? [];
  return numbers.includes(0) && numbers.some((x) => x !== null && x <= VERY_LOW);
}

export const nanGuard: RaisePattern = {
  name: 'NaN of a softmax',
  ops: ['select'],
  match: (node, index) => {
    const [test, zero, p] = [0, 1, 2].map((i) => operandOf(node, i));
    if (p === undefined || index.scalarOf(zero) !== 0) return null;
    const question = index.madeBy(test, 'is_nan') ?? index.madeBy(test, 'not_equal');
    const isAsked = question?.operands.every((operand) => operand === p) === true;
    if (question === null || !isAsked || index.madeBy(p, 'softmax') === null) return null;
    const write = (into: GraphWriter) => [into.get(p)];
    const detail = `${index.nameOf(p)} has no NaN where no key is visible`;
    return raised(node, [], index, detail, write);
  },
};
