/**
 * Arithmetic of two operands: y[i] = f(a[i], b[i]) after broadcasting.
 *
 * a [..p], b [..q] -> y [..broadcast(p, q)]. A plain number may stand for either operand. Integers
 * wrap around (`ir/integers.ts`); where an integer is divided by 0, the result is 0. Bits are those of the
 * integer in 32 bits, and a shift is by b[i] mod 32 of them.
 * - c1: the shapes broadcast
 * - c2: both have the same dtype, and the function is defined on it
 */
import { binary, constant, type Expression, select, unary } from '../../loops/nodes.ts';
import { broadcastIndex, broadcastShapes } from '../broadcasting.ts';
import type { Value } from '../graph.ts';
import { WRAP, wrapExpression } from '../integers.ts';
import { atBroadcast, tabulate } from '../nd-array.ts';
import { defineOp, type OpDefinition } from '../op.ts';
import type { ElementEmitter, Tolerance } from '../op-arguments.ts';
import type { Broadcast, BroadcastOk, DTypeOk, SameDTypeOk } from '../shape-types.ts';
import {
  type DType,
  type IntegerType,
  isFloat,
  isInteger,
  type NumericType,
  type Shape,
} from '../types.ts';

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
  readonly lower: (a: Expression, b: Expression, dtype: DType, emit: ElementEmitter) => Expression;
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
      lower: ({ index, types, type, operand, emit }) => {
        const [a, b] = [types[0]?.shape ?? [], types[1]?.shape ?? []];
        const x = operand(0, broadcastIndex(index, a));
        const y = operand(1, broadcastIndex(index, b));
        return wrapExpression(type.dtype, lower(x, y, type.dtype, emit));
      },
    });
}

const onNumbers = family<NumericType>('a number', (dtype) => dtype !== 'bool');
const onIntegers = family<IntegerType>('an integer', isInteger);

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
  pow: onNumbers<'pow'>({
    isCostly: true,
    formula: 'a[i] to the power b[i], of integers truncated toward 0',
    evaluate: (a, b, dtype) => (isFloat(dtype) ? a ** b : integerPower(a, b, dtype)),
    lower: (a, b, dtype, emit) => (isFloat(dtype) ? power(a, b) : integerPowerOf(a, b, emit)),
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
  bit_and: onIntegers<'bit_and'>({
    formula: 'the bits set in a[i] and in b[i]',
    evaluate: (a, b) => a & b,
    lower: (a, b) => binary('bit_and', a, b),
  }),
  bit_or: onIntegers<'bit_or'>({
    formula: 'the bits set in a[i] or in b[i]',
    evaluate: (a, b) => a | b,
    lower: (a, b) => binary('bit_or', a, b),
  }),
  bit_xor: onIntegers<'bit_xor'>({
    formula: 'the bits set in one of a[i] and b[i]',
    evaluate: (a, b) => a ^ b,
    lower: (a, b) => binary('bit_xor', a, b),
  }),
  shift_left: onIntegers<'shift_left'>({
    formula: 'the bits of a[i] moved up by b[i]',
    evaluate: (a, b) => a << b,
    lower: (a, b) => binary('shift_left', a, shiftCount(b)),
  }),
  shift_right: onIntegers<'shift_right'>({
    formula: 'the bits of a[i] moved down by b[i], the sign kept: floor(a[i] / 2^b[i])',
    evaluate: (a, b) => a >> b,
    lower: (a, b) => binary('shift_right', a, shiftCount(b)),
  }),
} as const;

function shiftCount(b: Expression): Expression {
  const isCount = b.tag === 'constant' && b.value >= 0 && b.value < 32;
  return isCount ? b : binary('bit_and', b, constant(31, 'i32'));
}

/** a^b, wrapped around after each product; 1 / a^-b without its fraction where b < 0. */
function integerPower(a: number, b: number, dtype: DType): number {
  if (b < 0 && a !== 1 && a !== -1) return 0;
  if (dtype === 'i64' || b < 0) return a ** b;
  let power = 1;
  let square = a;
  for (let bits = b; bits > 0; bits >>= 1) {
    if ((bits & 1) !== 0) power = Math.imul(power, square);
    square = Math.imul(square, square);
  }
  return power;
}

/** By squaring: the product of the a^(2^k) whose bit k is set in b. The signs of 1 and -1 follow bit 0. */
function integerPowerOf(a: Expression, b: Expression, emit: ElementEmitter): Expression {
  const [zero, one] = [constant(0, 'i32'), constant(1, 'i32')];
  if (b.tag === 'constant' && [0, 1, 2, 3].includes(b.value)) return power(a, b);
  const [product] = emit.fold(31, [one, a, b], (_, [result, square, bits]) => {
    if (result === undefined || square === undefined || bits === undefined) {
      throw new Error('fold lost its state');
    }
    const isSet = binary('ne', binary('bit_and', bits, one), zero);
    return [
      select(isSet, binary('mul', result, square), result),
      binary('mul', square, square),
      binary('shift_right', bits, one),
    ];
  });
  const isUnit = binary('or', binary('eq', a, one), binary('eq', a, constant(-1, 'i32')));
  const isTotal = binary('or', isUnit, binary('le', zero, b));
  return select(isTotal, product ?? one, zero);
}

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
