/**
 * gather_elements: y[..i, k, ..j] = x[..i, indices[..i, k, ..j], ..j], the index standing at the axis
 *
 * x [..p, n, ..q], indices integer[..p, m, ..q] -> y as the indices: each element of y has an index of
 * its own, where `gather` takes whole rows. An index outside of 0 .. n-1 is clamped into it.
 * - c1: the indices are integers
 * - c2: the axis exists
 * - c3: both have the same dims beside the axis; a dim of the indices may be smaller
 */
import { integer } from '../attributes.ts';
import { resolveAxis } from '../broadcasting.ts';
import { isAtLeast } from '../dims.ts';
import type { Value } from '../graph.ts';
import { at, tabulate } from '../nd-array.ts';
import { defineOp, type OpDefinition, present } from '../op.ts';
import type { AxisOk, DTypeOk } from '../shape-types.ts';
import { type DType, type IntegerType, isInteger, type Shape } from '../types.ts';

export type GatherElements = <
  D extends DType,
  S extends Shape,
  E extends DType,
  I extends Shape,
  Axis extends number = 0,
>(
  x: Value<D, S>,
  indices: Value<E, I> & DTypeOk<'gather_elements_c1', IntegerType, E>,
  attributes?: { readonly axis?: Axis & AxisOk<'gather_elements_c2', S, Axis> },
) => Value<D, I>;

export const gather_elements: OpDefinition<GatherElements> = defineOp({
  kind: 'gather',
  summary: 'y[..i, k, ..j] = x[..i, indices[..i, k, ..j], ..j]',
  operands: [{ name: 'x' }, { name: 'indices' }],
  attributes: { axis: integer(0) },
  infer: ({ operand, attributes, require }) => {
    const [x, indices] = [operand(0), operand(1)];
    require('c1', isInteger(indices.dtype), () => `the indices are ${indices.dtype}, not integers`);
    const axis = resolveAxis(attributes.axis, x.shape.length);
    require('c2', axis !== null, () => {
      return `axis ${attributes.axis} is not an axis of a value with ${x.shape.length} dims`;
    });
    const fits =
      indices.shape.length === x.shape.length &&
      indices.shape.every((dim, a) => a === axis || isAtLeast(x.shape[a] ?? 0, dim));
    require('c3', fits, () =>
      'the indices are as many beside the axis as there are elements, or fewer');
    return [{ dtype: x.dtype, shape: indices.shape }];
  },
  evaluate: ({ operand, attributes, result }) => {
    const [x, indices] = [operand(0), operand(1)];
    const axis = resolveAxis(attributes.axis, x.shape.length) ?? 0;
    const last = (x.shape[axis] ?? 1) - 1;
    const y = tabulate(result, (index) => {
      const place = Math.max(0, Math.min(at(indices, index), last));
      return at(
        x,
        index.map((i, a) => (a === axis ? place : i)),
      );
    });
    return [y];
  },
  lower: ({ index, types, attributes, operand, emit }) => {
    const { shape } = present(types, 0);
    const axis = resolveAxis(attributes.axis, shape.length) ?? 0;
    const place = emit.asIndex(operand(1, index), shape[axis] ?? 1);
    return operand(
      0,
      index.map((i, a) => (a === axis ? place : i)),
    );
  },
});
