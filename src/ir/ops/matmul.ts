/**
 * matmul: c[.., i, j] = sum over k of a[.., i, k] * b[.., k, j]
 *
 * a [..p, m, k], b [..q, k, n] -> c [..broadcast(p, q), m, n]
 * - c1: both have at least 2 dims
 * - c2: the inner dims agree
 * - c3: the leading dims broadcast
 * - c4: both have the same floating-point dtype
 */
import { multiplyOf } from '../../loops/nodes.ts';
import { broadcastIndex, broadcastShapes } from '../broadcasting.ts';
import type { Value } from '../graph.ts';
import { offsetOf, tabulate } from '../nd-array.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { DTypeOk, MatmulOk, MatmulShape, SameDTypeOk } from '../shape-types.ts';
import { type DType, type FloatType, isFloat, type Shape } from '../types.ts';

export type Matmul = <D extends DType, A extends Shape, E extends DType, B extends Shape>(
  a: Value<D, A> & DTypeOk<'matmul_c4', FloatType, D>,
  b: Value<E, B> & MatmulOk<A, B> & SameDTypeOk<'matmul_c4', D, E>,
) => Value<D, MatmulShape<A, B>>;

export const matmul: OpDefinition<Matmul> = defineOp({
  kind: 'contraction',
  summary: 'c[.., i, j] = sum over k of a[.., i, k] * b[.., k, j]',
  operands: [{ name: 'a' }, { name: 'b' }],
  attributes: {},
  tolerance: { absolute: 1e-5, relative: 1e-4 },
  infer: ({ operand, require }) => {
    const [a, b] = [operand(0), operand(1)];
    require('c1', a.shape.length >= 2 && b.shape.length >= 2, () => 'both need at least 2 dims');
    const [m = 1, k = 1] = a.shape.slice(-2);
    const [inner = 1, n = 1] = b.shape.slice(-2);
    require('c2', k === inner, () => `the inner dims differ: ${k} and ${inner}`);
    const leading = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
    require('c3', leading !== null, () => 'the leading dims do not broadcast');
    require('c4', a.dtype === b.dtype && isFloat(a.dtype), () => 'both must be f32, or both f16');
    return [{ dtype: a.dtype, shape: [...(leading ?? []), m, n] }];
  },
  evaluate: ({ operand, result }) => {
    const [a, b] = [operand(0), operand(1)];
    const [inner = 0] = a.shape.slice(-1);
    const [n = 0] = b.shape.slice(-1);
    const c = tabulate(result, (index) => {
      const [i = 0, j = 0] = index.slice(-2);
      const leading = index.slice(0, -2);
      // The places of a[.., i, 0] and b[.., 0, j], from which k steps by 1 and by n.
      const row = offsetOf(a, [...stretched(leading, a.shape.slice(0, -2)), i, 0]);
      const column = offsetOf(b, [...stretched(leading, b.shape.slice(0, -2)), 0, j]);
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += (a.data[row + k] ?? 0) * (b.data[column + k * n] ?? 0);
      return sum;
    });
    return [c];
  },
  lower: ({ index, types, operand, emit }) => {
    const [a, b] = [types[0]?.shape ?? [], types[1]?.shape ?? []];
    const [i = 0, j = 0] = index.slice(-2);
    const leading = index.slice(0, -2);
    return emit.reduce('add', a.at(-1) ?? 1, (k) =>
      multiplyOf(
        operand(0, [...broadcastIndex(leading, a.slice(0, -2)), i, k]),
        operand(1, [...broadcastIndex(leading, b.slice(0, -2)), k, j]),
      ),
    );
  },
});

function stretched(index: readonly number[], from: readonly number[]): readonly number[] {
  return broadcastIndex(index, from) as readonly number[];
}
