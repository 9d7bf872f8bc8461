/**
 * Which nodes compute each row from the same row of their operands alone, so that they mean the same on
 * packed rows: row-wise nodes, and how they are written there.
 */
import type { AttributeValue } from '../../ir/attributes.ts';
import { resolveAxis } from '../../ir/broadcasting.ts';
import { type Node, presentOperands, type ValueId } from '../../ir/graph.ts';
import type { Dim, Shape } from '../../ir/types.ts';
import type { GraphIndex } from '../graph-index.ts';
import { numbersOf, operandOf, permutationOf, resultShape } from '../node-reading.ts';
import { traitsOf } from '../regions/traits.ts';
import {
  type Batch,
  fitsRows,
  hasAxis,
  isJoined,
  packedAxis,
  packedShape,
  type Rows,
  reshapedRows,
  sameRows,
  shifted,
  withoutBatch,
} from './rows.ts';

type Attributes = { readonly [name: string]: AttributeValue };

export interface RowWise {
  /** Of all results. */
  readonly rows: Rows;
  /**
   * Of each operand the axes that meet the rows, which it may lack (negative) or have with the size 1;
   * null where it has no rows, as a table.
   */
  readonly operands: readonly (Rows | null)[];
  /** On packed rows, of which there are `tokens`. */
  readonly attributes: (tokens: Dim) => Attributes;
}

export interface RowContext {
  readonly index: GraphIndex;
  readonly sizes: Batch;
  /** Of the values before the node; null where a value has none. */
  readonly rowsOf: (id: ValueId) => Rows | null;
}

/** Null where the node is not known to be row-wise, or has no operand with rows. */
export function rowWise(node: Node, context: RowContext): RowWise | null {
  const { index, rowsOf } = context;
  if (!presentOperands(node).some((id) => rowsOf(id) !== null)) return null;
  const rule = RULES[node.op];
  if (rule !== undefined) return rule(node, context);
  const { kind } = traitsOf(index.graph, node);
  if (kind === 'elementwise') return aligned(node, context);
  return kind === 'reduction' && Array.isArray(node.attributes.axes)
    ? reducing(node, context)
    : null;
}

type Rule = (node: Node, context: RowContext) => RowWise | null;

const RULES: { readonly [op: string]: Rule } = {
  ...{ softmax: alongAxis, log_softmax: alongAxis, cumsum: alongAxis },
  ...{ layer_norm: alongAxis, rms_norm: alongAxis, add_norm: alongAxis },
  ...{ argmax: reducing, argmin: reducing },
  ...{ matmul: multiplying, quantized_matmul: multiplying },
  ...{ reshape: reshaping, transpose: transposing, broadcast: broadcasting },
  ...{ slice: slicing, pad: padding, concat: concatenating, gather: gathering },
};

/** y[i] from the operands at i, after broadcasting. */
export function aligned(node: Node, { index, sizes, rowsOf }: RowContext): RowWise | null {
  const shape = resultShape(node, index);
  const offsets = node.operands.map((id) =>
    id === null ? 0 : shape.length - index.shapeOf(id).length,
  );
  let rows: Rows | null = null;
  for (const [i, id] of node.operands.entries()) {
    const own = id === null ? null : rowsOf(id);
    if (own === null) continue;
    const moved = shifted(own, offsets[i] ?? 0);
    if (rows !== null && !sameRows(rows, moved)) return null;
    rows = moved;
  }
  if (rows === null || !fitsRows(shape, rows, sizes)) return null;
  const found = rows;
  const operands = offsets.map((offset) => shifted(found, -offset));
  return { rows, operands, attributes: () => node.attributes };
}

/** Along an axis that is none of the rows'. */
function alongAxis(node: Node, context: RowContext): RowWise | null {
  const found = aligned(node, context);
  const rank = resultShape(node, context.index).length;
  const axis = resolveAxis(Number(node.attributes.axis), rank);
  if (found === null || axis === null || hasAxis(found.rows, axis)) return null;
  const attributes = () => ({ ...node.attributes, axis: packedAxis(axis, found.rows) });
  return { ...found, attributes };
}

function reducing(node: Node, { index, rowsOf }: RowContext): RowWise | null {
  const x = operandOf(node, 0);
  const rows = rowsOf(x);
  const rank = index.shapeOf(x).length;
  const { axes: several, axis: single, keep } = node.attributes;
  const axes = (Array.isArray(several) ? numbersOf(several) : [Number(single)]).map(
    (axis) => resolveAxis(axis, rank) ?? -1,
  );
  if (rows === null || axes.some((axis) => hasAxis(rows, axis))) return null;
  const moved = (axis: number) => axis - axes.filter((reduced) => reduced < axis).length;
  const after = keep === true ? rows : { batch: moved(rows.batch), seq: moved(rows.seq) };
  const packed = axes.map((axis) => packedAxis(axis, rows));
  const renumbered = Array.isArray(several) ? { axes: packed } : { axis: packed[0] ?? 0 };
  const attributes = () => ({ ...node.attributes, ...renumbered });
  return { rows: after, operands: [rows], attributes };
}

/** Rows of a by the same b: y[.., i, j] = sum over k of a[.., i, k] b[.., k, j] */
function multiplying(node: Node, { index, rowsOf }: RowContext): RowWise | null {
  const [a, b] = [operandOf(node, 0), operandOf(node, 1)];
  const rows = rowsOf(a);
  const [shape, other] = [index.shapeOf(a), index.shapeOf(b)];
  const rank = resultShape(node, index).length;
  const isOther = node.operands.slice(1).some((id) => id !== null && rowsOf(id) !== null);
  if (rows === null || isOther || shape.length !== rank) return null;
  if (hasAxis(rows, rank - 1)) return null;
  // only leading axes of b meet axes of a, and its last two are no rows
  const inOther = shifted(rows, other.length - rank);
  const meets = [inOther.batch, inOther.seq].filter((axis) => axis >= 0 && axis < other.length - 2);
  if (meets.some((axis) => other[axis] !== 1)) return null;
  const isDropped = !isJoined(rows) && meets.includes(inOther.batch);
  if (!isDropped && !isJoined(rows) && other.length === rank && rank > 2) return null;
  const ofOther = isDropped ? { batch: inOther.batch, seq: -1 } : null;
  const operands = [rows, ofOther, ...node.operands.slice(2).map(() => null)];
  return { rows, operands, attributes: () => node.attributes };
}

function reshaping(node: Node, { index, sizes, rowsOf }: RowContext): RowWise | null {
  const x = operandOf(node, 0);
  const before = rowsOf(x);
  const to = resultShape(node, index);
  const rows = before === null ? null : reshapedRows(index.shapeOf(x), to, before, sizes);
  if (before === null || rows === null) return null;
  const attributes = (tokens: Dim) => ({ shape: packedShape(to, rows, tokens) });
  return { rows, operands: [before], attributes };
}

function transposing(node: Node, { rowsOf }: RowContext): RowWise | null {
  const before = rowsOf(operandOf(node, 0));
  if (before === null) return null;
  const permutation = permutationOf(node);
  const rows = { batch: permutation.indexOf(before.batch), seq: permutation.indexOf(before.seq) };
  const packed = withoutBatch(permutation, rows).map((axis) => packedAxis(axis, before));
  return { rows, operands: [before], attributes: () => ({ permutation: packed }) };
}

function broadcasting(node: Node, context: RowContext): RowWise | null {
  const found = aligned(node, context);
  if (found === null) return null;
  const shape = resultShape(node, context.index);
  const attributes = (tokens: Dim) => ({ shape: packedShape(shape, found.rows, tokens) });
  return { ...found, attributes };
}

function slicing(node: Node, { index, rowsOf }: RowContext): RowWise | null {
  const x = operandOf(node, 0);
  const rows = rowsOf(x);
  if (rows === null || ![rows.batch, rows.seq].every((axis) => isWhole(node, axis, index))) {
    return null;
  }
  const { starts, ends, steps } = node.attributes;
  const attributes = (tokens: Dim): Attributes => ({
    starts: withoutBatch(listOf(starts), rows),
    ends: packedShape(listOf(ends) as Shape, rows, tokens),
    steps: withoutBatch(listOf(steps), listOf(steps).length === 0 ? NOWHERE : rows),
  });
  return { rows, operands: [rows], attributes };
}

/** Joined, so that nothing is taken out of an empty list. */
const NOWHERE: Rows = { batch: -1, seq: -1 };

/** Whether a slice takes all of an axis, in order. */
export function isWhole(slice: Node, axis: number, index: GraphIndex): boolean {
  const { starts, ends, steps } = slice.attributes;
  const size = index.shapeOf(operandOf(slice, 0))[axis];
  const step = listOf(steps)[axis] ?? 1;
  return listOf(starts)[axis] === 0 && listOf(ends)[axis] === size && step === 1;
}

export function listOf(list: AttributeValue | undefined): readonly AttributeValue[] {
  return Array.isArray(list) ? list : [];
}

function padding(node: Node, { rowsOf }: RowContext): RowWise | null {
  const rows = rowsOf(operandOf(node, 0));
  const [before, after] = [listOf(node.attributes.before), listOf(node.attributes.after)];
  const isAround = (axis: number) => before[axis] !== 0 || after[axis] !== 0;
  if (rows === null || isAround(rows.batch) || isAround(rows.seq)) return null;
  const attributes = () => ({
    ...node.attributes,
    before: withoutBatch(before, rows),
    after: withoutBatch(after, rows),
  });
  return { rows, operands: [rows], attributes };
}

function concatenating(node: Node, { index, sizes, rowsOf }: RowContext): RowWise | null {
  const shape = resultShape(node, index);
  const axis = resolveAxis(Number(node.attributes.axis), shape.length) ?? 0;
  const known = presentOperands(node).map(rowsOf);
  const rows = known.find((own) => own !== null);
  if (rows == null || hasAxis(rows, axis) || !fitsRows(shape, rows, sizes)) return null;
  if (!known.every((own) => own === null || sameRows(own, rows))) return null;
  const attributes = () => ({ axis: packedAxis(axis, rows) });
  return { rows, operands: known.map(() => rows), attributes };
}

/** Rows of a table that rows of indices name, or elements of rows that all share. */
function gathering(node: Node, { index, rowsOf }: RowContext): RowWise | null {
  const [table, indices] = [operandOf(node, 0), operandOf(node, 1)];
  const [ofTable, ofIndices] = [rowsOf(table), rowsOf(indices)];
  const axis = resolveAxis(Number(node.attributes.axis), index.shapeOf(table).length) ?? 0;
  if (ofTable === null && ofIndices !== null) {
    const attributes = () => ({ axis });
    return { rows: shifted(ofIndices, axis), operands: [null, ofIndices], attributes };
  }
  if (ofTable === null || ofIndices !== null || hasAxis(ofTable, axis)) return null;
  const grown = index.shapeOf(indices).length - 1;
  const moved = (at: number) => (at > axis ? at + grown : at);
  const rows = { batch: moved(ofTable.batch), seq: moved(ofTable.seq) };
  const attributes = () => ({ axis: packedAxis(axis, ofTable) });
  return { rows, operands: [ofTable, null], attributes };
}
