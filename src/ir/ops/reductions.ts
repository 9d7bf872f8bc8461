/**
 * Reductions: y[i] combines x[i, k] over all k, where k runs over the axes.
 *
 * x [..s] -> y: s without the axes, or with 1 in their place (`keep`). Negative axes count from the
 * end. Over no elements a sum is 0, a product 1, a mean NaN, a maximum minus infinity or the lowest
 * number of an integer dtype (of i64, that kernels hold), a minimum the opposite, as ONNX has it. In WGSL,
 * which has no infinities, the largest finite numbers stand for them.
 * - c1: x is a number; of a mean, floating point
 * - c2: the axes exist
 * - c3: no axis appears twice
 */
import { binary, cast, constant, type Expression, index as indexOf } from '../../loops/nodes.ts';
import { flag, integers } from '../attributes.ts';
import { resolveAxis } from '../broadcasting.ts';
import { type Dim, sizeOf } from '../dims.ts';
import type { Value } from '../graph.ts';
import { RANGE, WRAP, wrapExpression } from '../integers.ts';
import { at, type NdArray, tabulate } from '../nd-array.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { Tolerance } from '../op-arguments.ts';
import type { AxesOk, DTypeOk, ReduceShape } from '../shape-types.ts';
import { type DType, type FloatType, isFloat, type NumericType, type Shape } from '../types.ts';

export type Reduce<Op extends string, Defined extends NumericType> = <
  D extends DType,
  S extends Shape,
  const Axes extends readonly number[],
  Keep extends boolean = false,
>(
  x: Value<D, S> & DTypeOk<`${Op}_c1`, Defined, D>,
  attributes: { readonly axes: Axes & AxesOk<Op, S, Axes>; readonly keep?: Keep },
) => Value<D, ReduceShape<S, Axes, Keep>>;

interface Reduction {
  readonly formula: string;
  readonly evaluate: (terms: Float64Array, dtype: DType) => number;
  readonly combine: 'add' | 'max' | 'min' | 'mul';
  /** Applied to the combined terms. */
  readonly finish?: (combined: Expression, count: Dim, dtype: DType) => Expression;
  readonly tolerance?: Tolerance;
}

const ACCUMULATED: Tolerance = { absolute: 1e-5, relative: 1e-4 };

function family<D extends NumericType>(accepts: (dtype: DType) => boolean, defined: string) {
  return <Op extends string>({
    formula,
    evaluate,
    combine,
    finish,
    tolerance,
  }: Reduction): OpDefinition<Reduce<Op, D>> =>
    defineOp({
      kind: 'reduction',
      summary: `y[i] = ${formula} over the axes`,
      operands: [{ name: 'x' }],
      attributes: { axes: integers(), keep: flag(false) },
      ...(tolerance === undefined ? {} : { tolerance }),
      infer: ({ operand, attributes: { axes, keep }, require }) => {
        const { dtype, shape } = operand(0);
        require('c1', accepts(dtype), () => `defined on ${defined}, not on ${dtype}`);
        for (const axis of axes) {
          require('c2', resolveAxis(axis, shape.length) !== null, () => {
            return `axis ${axis} is not an axis of a value with ${shape.length} dims`;
          });
        }
        const reduced = reducedAxes(axes, shape.length);
        require('c3', reduced.length === axes.length, () => 'an axis appears twice');
        return [{ dtype, shape: without(shape, reduced, keep) }];
      },
      evaluate: ({ operand, attributes: { axes, keep }, result }) => {
        const x = operand(0);
        const reduced = reducedAxes(axes, x.shape.length);
        const y = tabulate(result, (index) => {
          const kept = keep ? index.filter((_, axis) => !reduced.includes(axis)) : [...index];
          return WRAP[x.dtype](evaluate(termsAt(x, kept, reduced), x.dtype));
        });
        return [y];
      },
      lower: ({ index, types, type, attributes: { axes, keep }, operand, emit }) => {
        const shape = types[0]?.shape ?? [];
        const reduced = reducedAxes(axes, shape.length);
        const kept = keep ? index.filter((_, axis) => !reduced.includes(axis)) : index;
        const over = (loops: readonly Dim[]): Expression => {
          const axis = reduced[loops.length];
          if (axis === undefined) return operand(0, weave(kept, loops, reduced));
          return emit.reduce(combine, shape[axis] ?? 1, (k) => over([...loops, k]));
        };
        const combined = over([]);
        const count = sizeOf(reduced.map((axis) => shape[axis] ?? 1));
        return finish === undefined
          ? wrapExpression(type.dtype, combined)
          : finish(combined, count, type.dtype);
      },
    });
}

const onNumbers = family<NumericType>((dtype) => dtype !== 'bool', 'numbers');
const onFloats = family<FloatType>(isFloat, 'f32 and f16');

export const reductionOps = {
  reduce_sum: onNumbers<'reduce_sum'>({
    formula: 'sum of x[i, k]',
    evaluate: sum,
    combine: 'add',
    tolerance: ACCUMULATED,
  }),
  reduce_mean: onFloats<'reduce_mean'>({
    formula: 'mean of x[i, k]',
    evaluate: (terms) => sum(terms) / terms.length,
    combine: 'add',
    finish: (total, count) => binary('div', total, cast('f32', indexOf(count))),
    tolerance: ACCUMULATED,
  }),
  reduce_max: onNumbers<'reduce_max'>({
    formula: 'max of x[i, k]',
    evaluate: (terms, dtype) => terms.reduce((a, b) => Math.max(a, b), lowest(dtype)),
    combine: 'max',
    finish: (largest, _, dtype) => withinBytes('max', largest, dtype, lowest(dtype)),
  }),
  reduce_min: onNumbers<'reduce_min'>({
    formula: 'min of x[i, k]',
    evaluate: (terms, dtype) => terms.reduce((a, b) => Math.min(a, b), highest(dtype)),
    combine: 'min',
    finish: (smallest, _, dtype) => withinBytes('min', smallest, dtype, highest(dtype)),
  }),
  reduce_prod: onNumbers<'reduce_prod'>({
    formula: 'product of x[i, k]',
    evaluate: (terms, dtype) =>
      terms.reduce((a, b) => (isFloat(dtype) || dtype === 'i64' ? a * b : Math.imul(a, b)), 1),
    combine: 'mul',
    tolerance: ACCUMULATED,
  }),
} as const;

function sum(terms: Float64Array): number {
  return terms.reduce((a, b) => a + b, 0);
}

const lowest = (dtype: DType) => (isInteger(dtype) ? RANGE[dtype][0] : -Infinity);
const highest = (dtype: DType) => (isInteger(dtype) ? RANGE[dtype][1] : Infinity);

function isInteger(dtype: DType): dtype is keyof typeof RANGE {
  return Object.hasOwn(RANGE, dtype);
}

/** Loops begin with the last number of 32 bits, which a byte cannot hold where there is no element. */
function withinBytes(
  combine: 'max' | 'min',
  combined: Expression,
  dtype: DType,
  last: number,
): Expression {
  return dtype === 'i8' || dtype === 'u8'
    ? binary(combine, combined, constant(last, 'i32'))
    : combined;
}

/** The axes counted from the start, each once, in order. */
function reducedAxes(axes: readonly number[], rank: number): readonly number[] {
  const resolved = axes.map((axis) => resolveAxis(axis, rank) ?? -1);
  return [...new Set(resolved)].sort((a, b) => a - b);
}

function without(shape: Shape, reduced: readonly number[], keep: boolean): Shape {
  const isReduced = (axis: number) => reduced.includes(axis);
  return keep
    ? shape.map((dim, axis) => (isReduced(axis) ? 1 : dim))
    : shape.filter((_, axis) => !isReduced(axis));
}

/** x[i, k] for all k. */
function termsAt(x: NdArray, kept: readonly number[], reduced: readonly number[]): Float64Array {
  const shape = reduced.map((axis) => x.shape[axis] ?? 1);
  return tabulate({ dtype: x.dtype, shape }, (k) => at(x, weave(kept, k, reduced))).data;
}

/** The whole index of which `reduced` names the places of `inner`. */
function weave<D extends Dim>(
  outer: readonly D[],
  inner: readonly D[],
  reduced: readonly number[],
): readonly D[] {
  const whole: D[] = [];
  let [o, i] = [0, 0];
  for (let axis = 0; axis < outer.length + inner.length; axis++) {
    const next = reduced.includes(axis) ? inner[i++] : outer[o++];
    if (next !== undefined) whole.push(next);
  }
  return whole;
}
