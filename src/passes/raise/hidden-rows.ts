/**
 * What is put around a softmax or an attention for rows of which nothing is visible, where the op itself
 * would give NaN or a mean. The ops here give zeros for them anyway.
 *
 * - select(v, softmax(select(v, x, low)), 0)  ->  softmax(x, v), low a constant of at most -1e4
 * - select(sum(m) != 0, attention(q, k, v, m), 0)  ->  attention(q, k, v, m), the sum over the keys
 *
 * In the first, v may say besides, or say alone, that x is not below the number at which a softmax takes
 * an element for invisible.
 */
import type { Node, ValueId } from '../../ir/graph.ts';
import { FLOOR } from '../../ir/ops/softmax.ts';
import { sameShape } from '../../ir/types.ts';
import { structuralKey } from '../../structural-key.ts';
import { beforeViews, VERY_LOW } from '../attention/mask.ts';
import type { GraphIndex } from '../graph-index.ts';
import type { GraphWriter } from '../graph-writer.ts';
import { bothOrders, operandOf, resultShape } from '../node-reading.ts';
import { type RaisePattern, raised } from './pattern.ts';
import { reduced } from './reading.ts';

export const maskedSoftmax: RaisePattern = {
  name: 'masked softmax',
  ops: ['select'],
  match: (node, index) => {
    const [visible, weights, zero] = [0, 1, 2].map((i) => operandOf(node, i));
    const softmax = index.madeBy(weights, 'softmax');
    if (visible === undefined || softmax === null || index.scalarOf(zero) !== 0) return null;
    const [given, mask] = softmax.operands;
    const scores = mask == null ? index.madeBy(given, 'select') : null;
    if (scores === null || scores.operands[0] !== visible) return null;
    const [x, low] = [operandOf(scores, 1), index.scalarOf(scores.operands[2])];
    if (low === null || low > VERY_LOW) return null;
    if (!sameShape(index.shapeOf(x), resultShape(node, index))) return null;
    const found = maskBeside(visible, x, index);
    const write = (into: GraphWriter) => {
      const operands = [into.get(x), ...(found === null ? [] : [into.get(found)])];
      return [into.node('softmax', operands, softmax.attributes)];
    };
    const detail = `of what is visible of ${index.nameOf(x)}, zeros where nothing is`;
    return raised(node, [softmax, scores], index, detail, write);
  },
};

/** v without the condition that x is not below FLOOR; null where it is that condition. */
function maskBeside(v: ValueId, x: ValueId, index: GraphIndex): ValueId | null {
  if (isAboveFloor(v, x, index)) return null;
  const both = index.madeBy(v, 'and');
  const found = both && bothOrders(both).find(([, other]) => isAboveFloor(other, x, index));
  return found?.[0] ?? v;
}

/** not (x < FLOOR), which NaN fulfils. */
function isAboveFloor(v: ValueId, x: ValueId, index: GraphIndex): boolean {
  const less = index.madeBy(index.madeBy(v, 'not')?.operands[0], 'less');
  return less?.operands[0] === x && index.scalarOf(less.operands[1]) === FLOOR;
}

export const hiddenQueries: RaisePattern = {
  name: 'queries that see no key',
  ops: ['select'],
  match: (node, index) => {
    const [test, y, zero] = [0, 1, 2].map((i) => operandOf(node, i));
    const attention = index.madeBy(y, 'attention');
    if (y === undefined || attention === null || index.scalarOf(zero) !== 0) return null;
    const counted = countedKeys(index.madeBy(test, 'not_equal'), index);
    const mask = attention.operands[3] ?? null;
    if (counted === null || mask === null || !isSame(counted, mask, index)) return null;
    const write = (into: GraphWriter) => [into.get(y)];
    const detail = `${index.nameOf(y)} has zeros where ${index.nameOf(mask)} hides every key`;
    return raised(node, [], index, detail, write);
  },
};

/** x of sum(x) != 0 over its last axis, which stays as a dim of 1; x counts, so it is whole and wide. */
function countedKeys(test: Node | null, index: GraphIndex): ValueId | null {
  const sum = test === null ? null : reduced(test.operands[0], index);
  if (sum?.op !== 'reduce_sum' || index.scalarOf(test?.operands[1]) !== 0) return null;
  const { dtype, shape } = index.value(sum.x);
  const isLast = sum.axes.length === 1 && sum.axes[0] === shape.length - 1;
  return isLast && (dtype === 'i32' || dtype === 'i64') ? sum.x : null;
}

/** Whether the numbers are those of the mask, which may be broadcast to all queries and keys. */
function isSame(numbers: ValueId, mask: ValueId, index: GraphIndex): boolean {
  const narrow = index.madeBy(mask, 'broadcast')?.operands[0] ?? mask;
  const [a, b] = [bareBool(numbers, index), bareBool(narrow, index)];
  return a !== null && b !== null && a.source === b.source && a.moved === b.moved;
}

/** The bool that a value is a view of, or the numbers 0 and 1 of one, and how its elements are moved. */
function bareBool(id: ValueId, index: GraphIndex) {
  const outer = beforeViews(id, index);
  const inside = index.madeBy(outer.source, 'cast')?.operands[0] ?? outer.source;
  const inner = beforeViews(inside, index);
  if (index.value(inner.source).dtype !== 'bool') return null;
  const moves = [...inner.views, ...outer.views].map(({ op, attributes }) => [op, attributes]);
  return { source: inner.source, moved: structuralKey(moves) };
}
