/**
 * gather: y[..p, ..i, ..q] = table[..p, indices[..i], ..q]
 *
 * table [..p, n, ..q] with n at the axis, indices integer[..r] -> y [..p, ..r, ..q]. An index
 * outside of 0 .. n-1 is clamped into it: no kernel reads beyond a table.
 * - c1: the indices are integers
 * - c2: the axis exists
 */
import { integer } from '../attributes.ts';
import { resolveAxis } from '../broadcasting.ts';
import type { Value } from '../graph.ts';
import { at, tabulate } from '../nd-array.ts';
import { defineOp, type OpDefinition, present } from '../op.ts';
import type { AxisOk, DTypeOk, GatherShape } from '../shape-types.ts';
import { type DType, type IntegerType, isInteger, type Shape } from '../types.ts';

export type Gather = <
  D extends DType,
  T extends Shape,
  E extends DType,
  I extends Shape,
  Axis extends number = 0,
>(
  table: Value<D, T>,
  indices: Value<E, I> & DTypeOk<'gather_c1', IntegerType, E>,
  attributes?: { readonly axis?: Axis & AxisOk<'gather_c2', T, Axis> },
) => Value<D, GatherShape<T, I, Axis>>;

export const gather: OpDefinition<Gather> = defineOp({
  kind: 'gather',
  summary: 'y[..p, ..i, ..q] = table[..p, indices[..i], ..q]',
  operands: [{ name: 'table' }, { name: 'indices' }],
  attributes: { axis: integer(0) },
  infer: ({ operand, attributes, require }) => {
    const [table, indices] = [operand(0), operand(1)];
    require('c1', isInteger(indices.dtype), () => `the indices are ${indices.dtype}, not integers`);
    const axis = resolveAxis(attributes.axis, table.shape.length);
    require('c2', axis !== null, () => {
      return `axis ${attributes.axis} is not an axis of a table with ${table.shape.length} dims`;
    });
    const shape = table.shape.flatMap((dim, a) => (a === axis ? indices.shape : [dim]));
    return [{ dtype: table.dtype, shape }];
  },
  evaluate: ({ operand, attributes, result }) => {
    const [table, indices] = [operand(0), operand(1)];
    const axis = resolveAxis(attributes.axis, table.shape.length) ?? 0;
    const last = (table.shape[axis] ?? 1) - 1;
    const behind = axis + indices.shape.length;
    const y = tabulate(result, (index) => {
      const row = at(indices, index.slice(axis, behind));
      const clamped = Math.max(0, Math.min(row, last));
      return at(table, [...index.slice(0, axis), clamped, ...index.slice(behind)]);
    });
    return [y];
  },
  lower: ({ index, types, attributes, operand, emit }) => {
    const [table, indices] = [present(types, 0), present(types, 1)];
    const axis = resolveAxis(attributes.axis, table.shape.length) ?? 0;
    const behind = axis + indices.shape.length;
    const row = emit.asIndex(operand(1, index.slice(axis, behind)), table.shape[axis] ?? 1);
    return operand(0, [...index.slice(0, axis), row, ...index.slice(behind)]);
  },
});
