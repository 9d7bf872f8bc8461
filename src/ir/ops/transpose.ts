/**
 * transpose: y[i[p[0]], i[p[1]], ..] = x[i[0], i[1], ..] with p the permutation
 *
 * x [..s] -> y of which dim k is dim p[k] of x
 * - c1: the permutation names every axis of x once
 */
import { integers } from '../attributes.ts';
import type { Dim } from '../dims.ts';
import type { Value } from '../graph.ts';
import { at, tabulate } from '../nd-array.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { PermutationOk, TransposeShape } from '../shape-types.ts';
import type { DType, Shape } from '../types.ts';

export type Transpose = <D extends DType, S extends Shape, const P extends readonly number[]>(
  x: Value<D, S>,
  attributes: { readonly permutation: P & PermutationOk<'transpose_c1', S, P> },
) => Value<D, TransposeShape<S, P>>;

export const transpose: OpDefinition<Transpose> = defineOp({
  kind: 'view',
  summary: 'dim k of y is dim permutation[k] of x',
  operands: [{ name: 'x' }],
  attributes: { permutation: integers() },
  infer: ({ operand, attributes: { permutation }, require }) => {
    const { dtype, shape } = operand(0);
    const sorted = [...permutation].sort((a, b) => a - b);
    const isPermutation =
      sorted.length === shape.length && sorted.every((axis, place) => axis === place);
    require('c1', isPermutation, () => {
      return `[${permutation.join(', ')}] does not name each of ${shape.length} axes once`;
    });
    return [{ dtype, shape: permutation.map((axis) => shape[axis] ?? 1) }];
  },
  evaluate: ({ operand, attributes: { permutation }, result }) => {
    const x = operand(0);
    return [tabulate(result, (index) => at(x, unpermute(index, permutation)))];
  },
  lower: ({ index, attributes: { permutation }, operand }) =>
    operand(0, unpermute(index, permutation)),
  push: ({ index, attributes: { permutation } }) => permutation.map((axis) => index[axis] ?? 0),
});

/** The operand's index: the result's place k goes to the operand's place permutation[k]. */
function unpermute<D extends Dim>(
  index: readonly D[],
  permutation: readonly number[],
): readonly D[] {
  const inverse = permutation.map((_, axis) => index[permutation.indexOf(axis)]);
  return inverse.filter((i) => i !== undefined);
}
