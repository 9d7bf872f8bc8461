/**
 * gather(table, select(ids < 0, ids + rows, ids))  ->  gather(table, ids)
 *
 * In ONNX a negative index counts from the end. An embedding never means that.
 * Requires: the table is a weight of two dims, looked up along its rows, and the ids are an input of
 * the model, as it is or reshaped or cast.
 * Guarantees: the host knows the range of the ids, 0 to rows - 1, and refuses others, as it does for a
 * declared embedding. Ids below 0, which would have been counted from the end, are refused, too.
 */
import type { Node, ValueId } from '../../ir/graph.ts';
import type { GraphIndex } from '../graph-index.ts';
import type { GraphWriter } from '../graph-writer.ts';
import { bothOrders, operandOf } from '../node-reading.ts';
import { refuse } from '../rewrite.ts';
import { type RaisePattern, raised } from './pattern.ts';

export const embedding: RaisePattern = {
  name: 'embedding',
  ops: ['gather'],
  match: (node, index) => {
    const [table, places] = [operandOf(node, 0), operandOf(node, 1)];
    const [rows, width, more] = index.shapeOf(table);
    const ids = typeof rows === 'number' ? beforeCounting(places, rows, index) : null;
    if (ids === null) return null;
    const isTable = index.parameterOf(table) !== null && width !== undefined && more === undefined;
    if (!isTable || Number(node.attributes.axis ?? 0) !== 0) {
      return refuse(table, `${index.nameOf(table)} is no weight of two dims, looked up by rows`);
    }
    if (!isInput(ids, index)) {
      return refuse(ids, `${index.nameOf(ids)} is computed, so it may count from the end`);
    }
    const write = (into: GraphWriter) => {
      return [into.node('gather', [into.get(table), into.get(ids)], node.attributes)];
    };
    const detail = `rows of ${index.nameOf(table)} by ${index.nameOf(ids)}, which must not be below 0`;
    // the guard may serve several tables
    return raised(node, [], index, detail, write);
  },
};

/** TensorFlow counts from the end itself, and its exporter once more. */
function beforeCounting(places: ValueId, rows: number, index: GraphIndex): ValueId | null {
  const ids = countedFromEnd(places, rows, index);
  return ids === null ? null : (countedFromEnd(ids, rows, index) ?? ids);
}

/** ids of select(ids < 0, ids + rows, ids) */
function countedFromEnd(places: ValueId, rows: number, index: GraphIndex): ValueId | null {
  const choice = index.madeBy(places, 'select');
  if (choice === null) return null;
  const [test, moved, ids] = [0, 1, 2].map((i) => operandOf(choice, i));
  const less = index.madeBy(test, 'less');
  const add = index.madeBy(moved, 'add');
  if (less === null || add === null || ids === undefined) return null;
  const isBelow = less.operands[0] === ids && index.scalarOf(less.operands[1]) === 0;
  const isMoved = bothOrders(add).some(([x, by]) => x === ids && index.scalarOf(by) === rows);
  return isBelow && isMoved ? ids : null;
}

const VIEWS: ReadonlySet<Node['op']> = new Set([
  'reshape',
  'broadcast',
  'transpose',
  'slice',
  'cast',
]);

function isInput(id: ValueId, index: GraphIndex): boolean {
  if (index.graph.inputs.includes(id)) return true;
  const node = index.producerOf(id);
  return node !== null && VIEWS.has(node.op) && isInput(operandOf(node, 0), index);
}
