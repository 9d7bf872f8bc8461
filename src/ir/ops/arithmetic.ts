/**
 * Arithmetic of two operands: y[i] = f(a[i], b[i]) after broadcasting.
 *
 * a [..p], b [..q] -> y [..broadcast(p, q)]. A plain number may stand for either operand. Integers
 * wrap around (`ir/integers.ts`); where an integer is divided by 0, the result is 0.
 * - c1: the shapes broadcast
 * - c2: both have the same dtype, and the function is defined on it
 */
import { binary, constant, type Expression, select, unary } from '../../loops/nodes.ts';
import { broadcastIndex, broadcastShapes } from '../broadcasting.ts';
import type { Value } from '../graph.ts';
import { WRAP, wrapExpression } from '../integers.ts';
import { atBroadcast, tabulate } from '../nd-array.ts';
import { defineOp, type OpDefinition, type Tolerance } from '../op.ts';
import type { Broadcast, BroadcastOk, DTypeOk, SameDTypeOk } from '../shape-types.ts';
import { type DType, type FloatType, isFloat, type NumericType, type Shape } from '../types.ts';

/** A plain number has the shape [] and the other operand's dtype. */
export type Arithmetic<Op extends string, Defined extends NumericType> = <
  F extends DType,
  B extends Shape = [],
  E extends DType = F,
  A extends Shape = [],
>(
  a: (Value<E, A> & DTypeOk<`${Op}_c2`, Defined, E>) | number,
  b: (Value<F, B> | number) & BroadcastOk<`${Op}_c1`, A, B> & SameDTypeOk<`${Op}_c2`, E, F>,
) => Value<E, Broadcast<A, B>>;

interface BinaryFunction {
  readonly formula: string;
  readonly evaluate: (a: number, b: number, dtype: DType) => number;
  readonly lower: (a: Expression, b: Expression, dtype: DType) => Expression;
  readonly tolerance?: Tolerance;
  readonly isCostly?: true;
}

function family<D extends NumericType>(defined: string, accepts: (dtype: DType) => boolean) {
  return <Op extends string>({
    formula,
    evaluate,
    lower,
    tolerance,
    isCostly,
  }: BinaryFunction): OpDefinition<Arithmetic<Op, D>> =>
    defineOp({
      kind: 'elementwise',
      summary: `y[i] = ${formula}`,
      operands: [
        { name: 'a', number: true },
        { name: 'b', number: true },
      ],
      attributes: {},
      ...(tolerance === undefined ? {} : { tolerance }),
      ...(isCostly === undefined ? {} : { isCostly }),
      infer: ({ operand, require }) => {
        const [a, b] = [operand(0), operand(1)];
        const shape = broadcastShapes(a.shape, b.shape);
        require('c1', shape !== null, () => 'the shapes do not broadcast');
        require('c2', a.dtype === b.dtype && accepts(a.dtype), () => {
          return `both must have one dtype, of ${defined}; they have ${a.dtype} and ${b.dtype}`;
        });
        return [{ dtype: a.dtype, shape: shape ?? [] }];
      },
      evaluate: ({ operand, result }) => {
        const [a, b] = [operand(0), operand(1)];
        const f = (index: readonly number[]) =>
          WRAP[result.dtype](evaluate(atBroadcast(a, index), atBroadcast(b, index), result.dtype));
        return [tabulate(result, f)];
      },
      lower: ({ index, types, type, operand }) => {
        const [a, b] = [types[0]?.shape ?? [], types[1]?.shape ?? []];
        const x = operand(0, broadcastIndex(index, a));
        const y = operand(1, broadcastIndex(index, b));
        return wrapExpression(type.dtype, lower(x, y, type.dtype));
      },
    });
}

const onNumbers = family<NumericType>('a number', (dtype) => dtype !== 'bool');
const onFloats = family<FloatType>('f32 and f16', isFloat);

export const arithmeticOps = {
  add: onNumbers<'add'>({
    formula: 'a[i] + b[i]',
    evaluate: (a, b) => a + b,
    lower: (a, b) => binary('add', a, b),
  }),
  sub: onNumbers<'sub'>({
    formula: 'a[i] - b[i]',
    evaluate: (a, b) => a - b,
    lower: (a, b) => binary('sub', a, b),
  }),
  mul: onNumbers<'mul'>({
    formula: 'a[i] * b[i]',
    evaluate: (a, b, dtype) => (isFloat(dtype) || dtype === 'i64' ? a * b : Math.imul(a, b)),
    lower: (a, b) => binary('mul', a, b),
  }),
  div: onNumbers<'div'>({
    formula: 'a[i] / b[i], of integers truncated toward 0',
    evaluate: (a, b, dtype) => (isFloat(dtype) ? a / b : b === 0 ? 0 : Math.trunc(a / b)),
    lower: (a, b, dtype) => (isFloat(dtype) ? binary('div', a, b) : safely('div', a, b)),
  }),
  rem: onNumbers<'rem'>({
    isCostly: true,
    formula: 'a[i] - b[i] * trunc(a[i] / b[i]), of the sign of a[i] as the fmod of C',
    evaluate: (a, b, dtype) => (isFloat(dtype) || b !== 0 ? a % b : 0),
    lower: (a, b, dtype) => (isFloat(dtype) ? binary('rem', a, b) : safely('rem', a, b)),
  }),
  pow: onFloats<'pow'>({
    isCostly: true,
    formula: 'a[i] to the power b[i]',
    evaluate: (a, b) => a ** b,
    lower: power,
    tolerance: { absolute: 1e-6, relative: 1e-4 },
  }),
  minimum: onNumbers<'minimum'>({
    formula: 'min(a[i], b[i])',
    evaluate: (a, b) => Math.min(a, b),
    lower: (a, b) => binary('min', a, b),
  }),
  maximum: onNumbers<'maximum'>({
    formula: 'max(a[i], b[i])',
    evaluate: (a, b) => Math.max(a, b),
    lower: (a, b) => binary('max', a, b),
  }),
} as const;

/** Division by 0 is an error or undefined on some targets, so none is reached. */
function safely(op: 'div' | 'rem', a: Expression, b: Expression): Expression {
  if (b.tag === 'constant' && b.value !== 0) return binary(op, a, b);
  const zero = constant(0, 'i32');
  const isZero = binary('eq', b, zero);
  return select(isZero, zero, binary(op, a, select(isZero, constant(1, 'i32'), b)));
}

/** WGSL's pow is undefined for a negative base: the usual constant exponents are spelled out. */
function power(a: Expression, b: Expression): Expression {
  if (b.tag !== 'constant') return binary('pow', a, b);
  const one = constant(1, a.type);
  const known: { readonly [exponent: number]: () => Expression } = {
    0: () => one,
    1: () => a,
    2: () => binary('mul', a, a),
    3: () => binary('mul', binary('mul', a, a), a),
    [-1]: () => binary('div', one, a),
    0.5: () => unary('sqrt', a),
    [-0.5]: () => binary('div', one, unary('sqrt', a)),
  };
  return known[b.value]?.() ?? binary('pow', a, b);
}
