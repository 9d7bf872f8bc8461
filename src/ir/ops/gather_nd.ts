/**
 * gather_nd: y[..b, ..q, ..s] = x[..b, indices[..b, ..q, :], ..s]
 *
 * x [..b, ..r, ..s], indices integer[..b, ..q, R] -> y [..b, ..q, ..s], with `batch_dims` the number of
 * dims b, which both share, and R that of the dims r. As in ONNX (GatherND), but that an index outside
 * of a dim is clamped into it.
 * - c1: the indices are integers
 * - c2: both begin with the dims b
 * - c3: R is a number, and x has so many dims behind the dims b
 */
import { integer } from '../attributes.ts';
import { type Dim, sizeOf, subtract } from '../dims.ts';
import type { Value } from '../graph.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { ExpandArguments } from '../op-arguments.ts';
import type { DTypeOk } from '../shape-types.ts';
import { type DType, type IntegerType, isInteger, type Shape, sameShape } from '../types.ts';

export type GatherNd = <D extends DType, E extends DType>(
  x: Value<D>,
  indices: Value<E> & DTypeOk<'gather_nd_c1', IntegerType, E>,
  attributes?: { readonly batch_dims?: number },
) => Value<D, Shape>;

export const gather_nd: OpDefinition<GatherNd> = defineOp({
  kind: 'composite',
  keep: false,
  summary: 'y[..b, ..q, ..s] = x[..b, indices[..b, ..q, :], ..s]',
  operands: [{ name: 'x' }, { name: 'indices' }],
  attributes: { batch_dims: integer(0) },
  infer: ({ operand, attributes: { batch_dims: batch }, require }) => {
    const [x, indices] = [operand(0), operand(1)];
    require('c1', isInteger(indices.dtype), () => `the indices are ${indices.dtype}, not integers`);
    const shared =
      batch >= 0 &&
      batch < indices.shape.length &&
      batch <= x.shape.length &&
      sameShape(x.shape.slice(0, batch), indices.shape.slice(0, batch));
    require('c2', shared, () => `x and the indices do not share their first ${batch} dims`);
    const depth = indices.shape.at(-1);
    require('c3', typeof depth === 'number' && depth <= x.shape.length - batch, () => {
      return `the indices have ${depth} parts, for ${x.shape.length - batch} dims`;
    });
    const shape = [...indices.shape.slice(0, -1), ...x.shape.slice(batch + Number(depth))];
    return [{ dtype: x.dtype, shape }];
  },
  expand: (args) => {
    const { g, operand, attributes } = args;
    const [x, indices] = [operand(0), operand(1)];
    const named = attributes.batch_dims + Number(indices.shape.at(-1));
    const [front, rest] = [x.shape.slice(0, named), x.shape.slice(named)];
    const table = g.reshape(x, { shape: [sizeOf(front), ...rest] });
    return [g.gather(table, rowsOf(args, front), { axis: 0 })];
  },
});

/** The rows of the table of all dims b and r: Horner's scheme over a row's index in each of them. */
function rowsOf(
  {
    g,
    operand,
    attributes: { batch_dims: batch },
  }: ExpandArguments<{ readonly batch_dims: number }>,
  front: Shape,
): Value {
  const indices = operand(1);
  const shape = indices.shape.slice(0, -1);
  const number = (dim: Dim) =>
    typeof dim === 'number'
      ? g.constant({ value: [dim], dtype: 'i32' })
      : g.reshape(g.iota({ shape: [1], start: dim }), { shape: [] });
  const part = (axis: number): Value => {
    if (axis < batch) {
      const places = g.iota({ shape: shape.map((dim, a) => (a === axis ? dim : 1)), axis });
      return g.broadcast(places, { shape });
    }
    const k = axis - batch;
    const starts = [...shape.map(() => 0), k];
    const column = g.slice(indices, { starts, ends: [...shape, k + 1] });
    const index = g.cast(g.reshape(column, { shape }), { dtype: 'i32' });
    return g.minimum(g.maximum(index, 0), number(subtract(front[axis] ?? 1, 1)));
  };
  const zeros = () => g.constant({ value: [0], dtype: 'i32', shape });
  return (
    front.reduce<Value | null>((row, dim, axis) => {
      return row === null ? part(axis) : g.add(g.mul(row, number(dim)), part(axis));
    }, null) ?? zeros()
  );
}
