/**
 * embedding: y[..i, :] = table[ids[..i], :]
 *
 * table [rows, width], ids integer[..r] -> y [..r, width]; ids out of range are clamped (gather)
 * - c1: the table has 2 dims
 * - c2: the ids are integers
 */
import type { Value } from '../graph.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { DTypeOk, EmbeddingShape, RankOk } from '../shape-types.ts';
import { type DType, type IntegerType, isInteger, type Shape } from '../types.ts';

export type Embedding = <D extends DType, T extends Shape, E extends DType, I extends Shape>(
  table: Value<D, T> & RankOk<'embedding_c1', 'table', T, 2>,
  ids: Value<E, I> & DTypeOk<'embedding_c2', IntegerType, E>,
) => Value<D, EmbeddingShape<T, I>>;

export const embedding: OpDefinition<Embedding> = defineOp({
  kind: 'composite',
  keep: false,
  summary: 'the rows of a table that the ids name',
  operands: [{ name: 'table' }, { name: 'ids' }],
  attributes: {},
  infer: ({ operand, require }) => {
    const [table, ids] = [operand(0), operand(1)];
    require('c1', table.shape.length === 2, () => 'the table needs 2 dims');
    require('c2', isInteger(ids.dtype), () => `the ids are ${ids.dtype}, not integers`);
    return [{ dtype: table.dtype, shape: [...ids.shape, ...table.shape.slice(1)] }];
  },
  expand: ({ g, operand }) => [g.gather(operand(0), operand(1), { axis: 0 })],
});
