/**
 * Where the rows of a padded batch stand in a shape, for remove-padding. A value of the shape
 * [.., batch, .., seq, ..] has a row for each token and each place of padding; packed, the axis `batch`
 * is gone and `seq` is as long as there are rows kept. Both may be one axis of batch*seq, which then is
 * the packed one.
 */
import { type Dim, multiply } from '../../ir/dims.ts';
import type { Shape } from '../../ir/types.ts';

/** The sizes of a padded batch. */
export interface Batch {
  readonly batch: Dim;
  readonly seq: Dim;
}

/** The axes of a shape along which samples and their tokens lie; one axis where they are joined. */
export interface Rows {
  readonly batch: number;
  readonly seq: number;
}

export function isJoined({ batch, seq }: Rows): boolean {
  return batch === seq;
}

export function sameRows(a: Rows, b: Rows): boolean {
  return a.batch === b.batch && a.seq === b.seq;
}

export function hasAxis({ batch, seq }: Rows, axis: number): boolean {
  return axis === batch || axis === seq;
}

/** The axes moved to the right. */
export function shifted({ batch, seq }: Rows, by: number): Rows {
  return { batch: batch + by, seq: seq + by };
}

/** Whether two axes are of the batch's sizes. */
export function fitsRows(shape: Shape, rows: Rows, { batch, seq }: Batch): boolean {
  return shape[rows.batch] === batch && shape[rows.seq] === seq;
}

/** The axis after packing; not of the batch axis, which is gone. */
export function packedAxis(axis: number, rows: Rows): number {
  return !isJoined(rows) && axis > rows.batch ? axis - 1 : axis;
}

export function packedShape(shape: Shape, rows: Rows, tokens: Dim): Shape {
  return withoutBatch(shape, rows).map((size, axis) => {
    return axis === packedAxis(rows.seq, rows) ? tokens : size;
  });
}

/** A list of one entry an axis, without that of the batch axis. */
export function withoutBatch<T>(entries: readonly T[], rows: Rows): readonly T[] {
  return isJoined(rows) ? entries : entries.filter((_, axis) => axis !== rows.batch);
}

/** The rows behind a reshape that leaves their axes whole; null where it does not. */
export function reshapedRows(from: Shape, to: Shape, rows: Rows, sizes: Batch): Rows | null {
  const { batch, seq } = sizes;
  const before = product(from, rows.batch);
  if (isJoined(rows) || rows.seq === rows.batch + 1) {
    const joined = axisAfter(to, before, multiply(batch, seq));
    if (joined !== null) return { batch: joined, seq: joined };
  }
  const batchAxis = axisAfter(to, before, batch);
  const beforeSeq = isJoined(rows) ? multiply(before, batch) : product(from, rows.seq);
  const seqAxis = axisAfter(to, beforeSeq, seq);
  return batchAxis === null || seqAxis === null || batchAxis === seqAxis
    ? null
    : { batch: batchAxis, seq: seqAxis };
}

/** The axis of some size with so many elements in front of it. */
function axisAfter(shape: Shape, before: Dim, size: Dim): number | null {
  const axis = shape.findIndex((dim, a) => dim === size && product(shape, a) === before);
  return axis < 0 ? null : axis;
}

function product(shape: Shape, end: number): Dim {
  return shape.slice(0, end).reduce<Dim>(multiply, 1);
}
