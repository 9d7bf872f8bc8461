/** One element of a primitive's result, from its loop-IR expression at a concrete index. */
import type { AttributeValue } from '../../src/ir/attributes.ts';
import { type Dim, evaluateDim } from '../../src/ir/dims.ts';
import { at, type NdArray } from '../../src/ir/nd-array.ts';
import type { PrimitiveMeaning } from '../../src/ir/op.ts';
import type { ElementEmitter } from '../../src/ir/op-arguments.ts';
import { erf } from '../../src/ir/ops/unary.ts';
import { scalarOf } from '../../src/ir/scalars.ts';
import type { TensorType } from '../../src/ir/types.ts';
import {
  type BinaryOp,
  binary,
  constant,
  type Expression,
  type Scalar,
  type UnaryOp,
} from '../../src/loops/nodes.ts';

export function elementOf(
  meaning: PrimitiveMeaning,
  operands: readonly NdArray[],
  type: TensorType,
  attributes: { readonly [name: string]: AttributeValue },
  index: readonly number[],
): number {
  const expression = meaning.lower({
    index,
    types: operands,
    type,
    attributes,
    operand: (i, place) => {
      const operand = operands[i];
      if (operand === undefined) throw new Error(`there is no operand ${i}`);
      place.forEach((k, axis) => {
        const inside = Number(k) >= 0 && Number(k) < (operand.shape[axis] ?? 0);
        if (!inside) throw new Error(`element [${place}] of an operand [${operand.shape}]`);
      });
      return constant(at(operand, place.map(Number)), scalarOf(operand.dtype));
    },
    emit: emitterOf(scalarOf(type.dtype)),
  });
  if (expression.type !== scalarOf(type.dtype)) {
    throw new Error(`the expression is ${expression.type}, and the result ${type.dtype}`);
  }
  return valueOf(expression);
}

const FIRST = {
  f32: { add: 0, mul: 1, max: -Infinity, min: Infinity },
  i32: { add: 0, mul: 1, max: -2147483648, min: 2147483647 },
} as const;

/** Loops run here and now: every extent is a number. Of no terms the type is that of the result. */
const emitterOf = (result: Scalar): ElementEmitter => ({
  reduce: (combine, extent, term) => {
    const terms = Array.from({ length: Number(extent) }, (_, k) => term(k));
    const type = terms[0]?.type ?? result;
    const initial = FIRST[type === 'i32' ? 'i32' : 'f32'][combine];
    const total = terms.reduce(
      (sum, x) => valueOf(binary(combine, constant(sum, x.type), x)),
      initial,
    );
    return constant(total, type);
  },
  fold: (extent, initial, step) => {
    let state = initial;
    for (let k = 0; k < Number(extent); k++) {
      state = step(k, state).map((x) => constant(valueOf(x), x.type));
    }
    return state;
  },
  guard: (condition, value, otherwise) => (valueOf(condition) ? value() : otherwise),
  asIndex: (value, extent) => Math.max(0, Math.min(valueOf(value), Number(extent) - 1)),
  divide: (x, by) => Math.floor(Number(x) / Number(by)),
  modulo: (x, by) => Number(x) % Number(by),
});

function valueOf(x: Expression): number {
  switch (x.tag) {
    case 'constant':
      return x.value;
    case 'index':
      return numberOf(x.value);
    case 'unary': {
      const value = UNARY[x.op](valueOf(x.x));
      return x.type === 'i32' ? value | 0 : value;
    }
    case 'binary': {
      const value = BINARY[x.op](valueOf(x.a), valueOf(x.b), x.a.type);
      return x.type === 'i32' ? value | 0 : value;
    }
    case 'select':
      return valueOf(x.condition) ? valueOf(x.then) : valueOf(x.otherwise);
    case 'cast':
      return x.type === 'i32' ? toInteger(valueOf(x.x)) : valueOf(x.x);
    case 'bitcast':
      return x.type === 'i32' ? bitsOf(valueOf(x.x)) : floatOf(valueOf(x.x));
    default:
      throw new Error(`an element's expression has a ${x.tag}`);
  }
}

const numberOf = (dim: Dim) => evaluateDim(dim, {});
const toInteger = (x: number) => Math.max(-2147483648, Math.min(Math.trunc(x) || 0, 2147483647));

const UNARY: { readonly [O in UnaryOp]: (x: number) => number } = {
  neg: (x) => -x,
  not: (x) => (x === 0 ? 1 : 0),
  abs: Math.abs,
  sqrt: Math.sqrt,
  floor: Math.floor,
  ceil: Math.ceil,
  round: (x) => {
    const [below, above] = [Math.floor(x), Math.ceil(x)];
    if (x - below !== above - x) return x - below < above - x ? below : above;
    return below % 2 === 0 ? below : above;
  },
  trunc: Math.trunc,
  sign: Math.sign,
  exp: Math.exp,
  log: Math.log,
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  atan: Math.atan,
  erf,
};

const BINARY: { readonly [O in BinaryOp]: (a: number, b: number, type: Scalar) => number } = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b, type) => (type === 'i32' ? Math.imul(a, b) : a * b),
  div: (a, b, type) => {
    if (type === 'i32' && b === 0) throw new Error('an integer is divided by 0');
    return type === 'i32' ? Math.trunc(a / b) : a / b;
  },
  rem: (a, b, type) => {
    if (type === 'i32' && b === 0) throw new Error('an integer is divided by 0');
    return a % b;
  },
  min: (a, b) => Math.min(a, b),
  max: (a, b) => Math.max(a, b),
  pow: (a, b) => {
    if (a < 0) throw new Error('the power of a negative number is undefined in WGSL');
    return a ** b;
  },
  lt: (a, b) => (a < b ? 1 : 0),
  le: (a, b) => (a <= b ? 1 : 0),
  eq: (a, b) => (a === b ? 1 : 0),
  ne: (a, b) => (a !== b ? 1 : 0),
  and: (a, b) => (a !== 0 && b !== 0 ? 1 : 0),
  or: (a, b) => (a !== 0 || b !== 0 ? 1 : 0),
  shift_left: (a, b) => a << b,
  shift_right: (a, b) => a >> b,
  bit_and: (a, b) => a & b,
  bit_or: (a, b) => a | b,
  bit_xor: (a, b) => a ^ b,
};

const four = new DataView(new ArrayBuffer(4));

function bitsOf(x: number): number {
  four.setFloat32(0, x);
  return four.getInt32(0);
}

function floatOf(bits: number): number {
  four.setInt32(0, bits);
  return four.getFloat32(0);
}
