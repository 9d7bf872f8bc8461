/**
 * argmax, argmin: y[i] = the first k at which x[i, k] is largest (smallest) along the axis, or the `last`
 *
 * x [..p, n, ..q] -> y i64[..p, ..q], or i64[..p, 1, ..q] (`keep`); i64 as in ONNX
 * - c1: x is a number
 * - c2: the axis exists, and is not of 0 elements
 */
import { binary, constant, type Expression, index as indexOf, select } from '../../loops/nodes.ts';
import { flag, integer } from '../attributes.ts';
import { resolveAxis } from '../broadcasting.ts';
import type { Dim } from '../dims.ts';
import type { Value } from '../graph.ts';
import { at, tabulate } from '../nd-array.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { AxisOk, DTypeOk, ReduceShape } from '../shape-types.ts';
import type { DType, NumericType, Shape } from '../types.ts';

export type ArgReduce<Op extends string> = <
  D extends DType,
  S extends Shape,
  Axis extends number = -1,
  Keep extends boolean = false,
>(
  x: Value<D, S> & DTypeOk<`${Op}_c1`, NumericType, D>,
  attributes?: {
    readonly axis?: Axis & AxisOk<`${Op}_c2`, S, Axis>;
    readonly keep?: Keep;
    readonly last?: boolean;
  },
) => Value<'i64', ReduceShape<S, [Axis], Keep>>;

function argReduce<Op extends string>(
  word: string,
  better: (a: number, b: number) => boolean,
  betterOf: (a: Expression, b: Expression) => Expression,
): OpDefinition<ArgReduce<Op>> {
  return defineOp({
    kind: 'reduction',
    summary: `y[i] = the first k at which x[i, k] is ${word} along the axis`,
    operands: [{ name: 'x' }],
    attributes: { axis: integer(-1), keep: flag(false), last: flag(false) },
    infer: ({ operand, attributes, require }) => {
      const { dtype, shape } = operand(0);
      require('c1', dtype !== 'bool', () => 'defined on numbers, not on bool');
      const axis = resolveAxis(attributes.axis, shape.length);
      require('c2', axis !== null && shape[axis] !== 0, () => {
        return `axis ${attributes.axis} is not a nonempty axis of a value with ${shape.length} dims`;
      });
      const kept = attributes.keep ? [1] : [];
      return [{ dtype: 'i64', shape: shape.flatMap((dim, a) => (a === axis ? kept : [dim])) }];
    },
    evaluate: ({ operand, attributes, result }) => {
      const x = operand(0);
      const axis = resolveAxis(attributes.axis, x.shape.length) ?? 0;
      const y = tabulate(result, (index) => {
        const element = (k: number) => at(x, placeOf(index, axis, k, attributes.keep));
        let best = 0;
        for (let k = 1; k < (x.shape[axis] ?? 0); k++) {
          const isEqual = attributes.last && element(k) === element(best);
          if (isEqual || better(element(k), element(best))) best = k;
        }
        return best;
      });
      return [y];
    },
    lower: ({ index, types, attributes, operand, emit }) => {
      const shape = types[0]?.shape ?? [];
      const axis = resolveAxis(attributes.axis, shape.length) ?? 0;
      const element = (k: Dim) => operand(0, placeOf(index, axis, k, attributes.keep));
      const initial = [element(0), constant(0, 'i32')];
      const [, place] = emit.fold(shape[axis] ?? 1, initial, (k, [best, bestPlace]) => {
        const x = element(k);
        if (best === undefined || bestPlace === undefined) throw new Error('fold lost its state');
        const isBetter = betterOf(x, best);
        const wins = attributes.last ? binary('or', isBetter, binary('eq', x, best)) : isBetter;
        return [select(wins, x, best), select(wins, indexOf(k), bestPlace)];
      });
      if (place === undefined) throw new Error('fold lost its state');
      return place;
    },
  });
}

/** The operand's index for a result's index and a place along the axis. */
function placeOf<D extends Dim>(
  index: readonly D[],
  axis: number,
  k: D,
  keep: boolean,
): readonly D[] {
  return [...index.slice(0, axis), k, ...index.slice(keep ? axis + 1 : axis)];
}

export const argReduceOps = {
  argmax: argReduce<'argmax'>(
    'largest',
    (a, b) => a > b,
    (a, b) => binary('lt', b, a),
  ),
  argmin: argReduce<'argmin'>(
    'smallest',
    (a, b) => a < b,
    (a, b) => binary('lt', a, b),
  ),
} as const;
