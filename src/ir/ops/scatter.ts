/**
 * Scatters: a copy of x in which updates stand at places that are data, or are combined with what
 * stands there, one after another in the order of the updates.
 *
 * - scatter_elements: y[..i, indices[..i, k, ..j], ..j] takes updates[..i, k, ..j], the index standing
 *   at the axis. x [..p, n, ..q], indices integer[..p, m, ..q], updates as the indices -> y as x; beside
 *   the axis a dim of the indices may be smaller.
 * - scatter_nd: y[indices[..q, :], ..s] takes updates[..q, ..s]. x [..r, ..s], indices integer[..q, R]
 *   with R the number of dims r, updates [..q, ..s] -> y as x.
 *
 * The reduction `none` writes the update, so that of several the last stays. An update whose index lies
 * outside of x is left out. Kernels pull: each element of y looks for its updates, so none races.
 * - c1: the indices are integers
 * - c2: the shapes fit as above; the axis exists, R is a number
 * - c3: updates and x have one dtype; of bools there is the reduction `none` alone
 */
import {
  binary,
  type Expression,
  index as indexOf,
  select as selectOf,
} from '../../loops/nodes.ts';
import { integer, oneOf } from '../attributes.ts';
import { resolveAxis } from '../broadcasting.ts';
import { type Dim, isAtLeast, sizeOf } from '../dims.ts';
import type { Value } from '../graph.ts';
import { WRAP, wrapExpression } from '../integers.ts';
import { at, tabulate } from '../nd-array.ts';
import { defineOp, type OpDefinition, present } from '../op.ts';
import type { InferArguments, Tolerance } from '../op-arguments.ts';
import type { AxisOk, DTypeOk, SameDTypeOk, SameShapeOk } from '../shape-types.ts';
import {
  type DType,
  type IntegerType,
  isFloat,
  isInteger,
  type Shape,
  sameShape,
} from '../types.ts';

const REDUCTIONS = ['none', 'add', 'mul', 'min', 'max'] as const;
type Reduction = (typeof REDUCTIONS)[number];

export type ScatterElements = <
  D extends DType,
  S extends Shape,
  E extends DType,
  I extends Shape,
  F extends DType,
  U extends Shape,
  Axis extends number = 0,
>(
  x: Value<D, S>,
  indices: Value<E, I> & DTypeOk<'scatter_elements_c1', IntegerType, E>,
  updates: Value<F, U> &
    SameShapeOk<'scatter_elements_c2', I, U> &
    SameDTypeOk<'scatter_elements_c3', D, F>,
  attributes?: {
    readonly axis?: Axis & AxisOk<'scatter_elements_c2', S, Axis>;
    readonly reduction?: Reduction;
  },
) => Value<D, S>;

export type ScatterNd = <D extends DType, S extends Shape, E extends DType, F extends DType>(
  x: Value<D, S>,
  indices: Value<E> & DTypeOk<'scatter_nd_c1', IntegerType, E>,
  updates: Value<F> & SameDTypeOk<'scatter_nd_c3', D, F>,
  attributes?: { readonly reduction?: Reduction },
) => Value<D, S>;

const OPERANDS = [{ name: 'x' }, { name: 'indices' }, { name: 'updates' }] as const;
/** Sums and products of many updates. */
const TOLERANCE: Tolerance = { absolute: 1e-5, relative: 1e-4 };

const scatter_elements: OpDefinition<ScatterElements> = defineOp({
  kind: 'ordered',
  summary: 'x with updates[..i, k, ..j] at [..i, indices[..i, k, ..j], ..j]',
  operands: OPERANDS,
  attributes: { axis: integer(0), reduction: oneOf(REDUCTIONS, 'none') },
  tolerance: TOLERANCE,
  infer: (args) => {
    const { operand, attributes, require } = args;
    const [x, indices, updates] = [operand(0), operand(1), operand(2)];
    requireTypes(args, attributes.reduction);
    const axis = resolveAxis(attributes.axis, x.shape.length);
    require('c2', axis !== null, () => {
      return `axis ${attributes.axis} is not an axis of a value with ${x.shape.length} dims`;
    });
    require('c2', sameShape(indices.shape, updates.shape), () => {
      return 'the updates must have the shape of the indices';
    });
    const fits =
      indices.shape.length === x.shape.length &&
      indices.shape.every((dim, a) => a === axis || isAtLeast(x.shape[a] ?? 0, dim));
    require('c2', fits, () => 'beside the axis the indices have at most the dims of x');
    return [x];
  },
  evaluate: ({ operand, attributes, result }) => {
    const [x, indices, updates] = [operand(0), operand(1), operand(2)];
    const axis = resolveAxis(attributes.axis, x.shape.length) ?? 0;
    const y = tabulate(result, (index) => {
      let value = at(x, index);
      if (!index.every((i, a) => a === axis || i < (indices.shape[a] ?? 0))) return value;
      for (let k = 0; k < (indices.shape[axis] ?? 0); k++) {
        const from = index.map((i, a) => (a === axis ? k : i));
        if (at(indices, from) !== index[axis]) continue;
        value = combine(attributes.reduction, value, at(updates, from), result.dtype);
      }
      return value;
    });
    return [y];
  },
  lower: ({ index, types, type, attributes, operand, emit }) => {
    const [x, indices] = [present(types, 0), present(types, 1)];
    const axis = resolveAxis(attributes.axis, x.shape.length) ?? 0;
    const place = indexOf(index[axis] ?? 0);
    const scattered = () => {
      const [value] = emit.fold(indices.shape[axis] ?? 0, [operand(0, index)], (k, [state]) => {
        const from = index.map((i, a) => (a === axis ? k : i));
        const isHere = binary('eq', operand(1, from), place);
        return [replace(isHere, attributes.reduction, state, operand(2, from), type.dtype)];
      });
      return value ?? operand(0, index);
    };
    const [first, ...others] = index.flatMap((i, a): Expression[] => {
      const dim = indices.shape[a] ?? 0;
      return a === axis || dim === x.shape[a] ? [] : [binary('lt', indexOf(i), indexOf(dim))];
    });
    if (first === undefined) return scattered();
    const isWithin = others.reduce((a, b) => binary('and', a, b), first);
    return emit.guard(isWithin, scattered, operand(0, index));
  },
});

const scatter_nd: OpDefinition<ScatterNd> = defineOp({
  kind: 'ordered',
  summary: 'x with updates[..q, ..s] at [indices[..q, :], ..s]',
  operands: OPERANDS,
  attributes: { reduction: oneOf(REDUCTIONS, 'none') },
  tolerance: TOLERANCE,
  infer: (args) => {
    const { operand, attributes, require } = args;
    const [x, indices, updates] = [operand(0), operand(1), operand(2)];
    requireTypes(args, attributes.reduction);
    const depth = indices.shape.at(-1);
    require('c2', typeof depth === 'number' && depth <= x.shape.length, () => {
      return 'the last dim of the indices is the number of dims of x that they name';
    });
    const wanted = [...indices.shape.slice(0, -1), ...x.shape.slice(Number(depth))];
    require('c2', sameShape(updates.shape, wanted), () => {
      return `the updates must have the shape [${wanted.join(', ')}]`;
    });
    return [x];
  },
  evaluate: ({ operand, attributes, result }) => {
    const [x, indices, updates] = [operand(0), operand(1), operand(2)];
    const depth = indices.shape.at(-1) ?? 0;
    const rows = placesOf(indices.shape.slice(0, -1));
    const y = tabulate(result, (index) => {
      const [place, rest] = [index.slice(0, depth), index.slice(depth)];
      const isHere = (row: readonly number[]) =>
        place.every((i, axis) => at(indices, [...row, axis]) === i);
      return rows.filter(isHere).reduce(
        (value, row) => {
          return combine(attributes.reduction, value, at(updates, [...row, ...rest]), result.dtype);
        },
        at(x, index),
      );
    });
    return [y];
  },
  lower: ({ index, types, type, attributes, operand, emit }) => {
    const { shape } = present(types, 1);
    const depth = Number(shape.at(-1));
    const [place, rest] = [index.slice(0, depth), index.slice(depth)];
    const rows = shape.slice(0, -1);
    const [value] = emit.fold(sizeOf(rows), [operand(0, index)], (k, [state]) => {
      const row = unflatten(k, rows, emit.divide, emit.modulo);
      const [first, ...others] = place.map((i, axis) =>
        binary('eq', operand(1, [...row, axis]), indexOf(i)),
      );
      const update = operand(2, [...row, ...rest]);
      if (first === undefined) return [joined(attributes.reduction, state, update, type.dtype)];
      const isHere = others.reduce((a, b) => binary('and', a, b), first);
      return [replace(isHere, attributes.reduction, state, update, type.dtype)];
    });
    return value ?? operand(0, index);
  },
});

export const scatterOps = { scatter_elements, scatter_nd } as const;

function requireTypes(args: InferArguments<unknown>, reduction: Reduction): void {
  const [x, indices, updates] = [args.operand(0), args.operand(1), args.operand(2)];
  args.require('c1', isInteger(indices.dtype), () => {
    return `the indices are ${indices.dtype}, not integers`;
  });
  args.require('c3', updates.dtype === x.dtype, () => 'the updates must have the dtype of x');
  args.require('c3', x.dtype !== 'bool' || reduction === 'none', () => {
    return `bools know no reduction '${reduction}'`;
  });
}

function combine(reduction: Reduction, value: number, update: number, dtype: DType): number {
  const results: { readonly [R in Reduction]: () => number } = {
    none: () => update,
    add: () => value + update,
    mul: () => (isFloat(dtype) || dtype === 'i64' ? value * update : Math.imul(value, update)),
    min: () => Math.min(value, update),
    max: () => Math.max(value, update),
  };
  return WRAP[dtype](results[reduction]());
}

/** What stands in a place after an update. */
function joined(
  reduction: Reduction,
  state: Expression | undefined,
  update: Expression,
  dtype: DType,
): Expression {
  if (state === undefined) throw new Error('fold lost its state');
  if (reduction === 'none') return update;
  return wrapExpression(dtype, binary(reduction, state, update));
}

function replace(
  isHere: Expression,
  reduction: Reduction,
  state: Expression | undefined,
  update: Expression,
  dtype: DType,
): Expression {
  if (state === undefined) throw new Error('fold lost its state');
  return selectOf(isHere, joined(reduction, state, update, dtype), state);
}

/** Every index into a shape, the last axis fastest. */
function placesOf(shape: readonly number[]): readonly (readonly number[])[] {
  const places: (readonly number[])[] = [];
  tabulate({ dtype: 'i32', shape }, (index) => places.push([...index]));
  return places;
}

function unflatten(
  flat: Dim,
  shape: Shape,
  divide: (x: Dim, by: Dim) => Dim,
  modulo: (x: Dim, by: Dim) => Dim,
): readonly Dim[] {
  let rest = flat;
  const index: Dim[] = [];
  shape.toReversed().forEach((dim, i) => {
    index.unshift(i === shape.length - 1 ? rest : modulo(rest, dim));
    rest = divide(rest, dim);
  });
  return index;
}
