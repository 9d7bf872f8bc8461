/**
 * cast: y[i] = x[i] as another dtype
 *
 * x [..s] -> y dtype[..s]
 * - to an integer from a float: truncated toward 0; NaN gives 0. Beyond the 32-bit range the
 *   nearest end of it here, and what the target does in kernels. i8 and u8 then wrap around.
 * - to bool: whether it is not 0; from bool: 0 or 1
 * - to f16: kernels compute f16 in float32, so nothing is rounded
 */
import { binary, cast as castOf, constant } from '../../loops/nodes.ts';
import { dtype } from '../attributes.ts';
import type { Value } from '../graph.ts';
import { RANGE, WRAP, wrapExpression } from '../integers.ts';
import { defineOp, type OpDefinition, present } from '../op.ts';
import { type DType, isFloat, isInteger, type Shape } from '../types.ts';

export type Cast = <D extends DType, S extends Shape>(
  x: Value<DType, S>,
  attributes: { readonly dtype: D },
) => Value<D, S>;

export const cast: OpDefinition<Cast> = defineOp({
  kind: 'elementwise',
  summary: 'y[i] = x[i] as another dtype',
  operands: [{ name: 'x' }],
  attributes: { dtype: dtype() },
  infer: ({ operand, attributes }) => [{ dtype: attributes.dtype, shape: operand(0).shape }],
  evaluate: ({ operand, attributes, result }) => {
    const x = operand(0);
    return [{ ...result, data: x.data.map((value) => convert(value, x.dtype, attributes.dtype)) }];
  },
  lower: ({ index, types, attributes, operand }) => {
    const x = operand(0, index);
    const [from, to] = [present(types, 0).dtype, attributes.dtype];
    if (to === 'bool') return x.type === 'bool' ? x : binary('ne', x, constant(0, x.type));
    if (isFloat(to)) return castOf('f32', x);
    const whole = castOf('i32', x);
    return from === to || from === 'bool' ? whole : wrapExpression(to, whole);
  },
});

function convert(value: number, from: DType, to: DType): number {
  if (!isInteger(to) || !isFloat(from)) return WRAP[to](value);
  const [low, high] = RANGE.i32;
  const whole = Number.isNaN(value) ? 0 : Math.trunc(value);
  return WRAP[to](Math.min(Math.max(whole, low), high));
}
