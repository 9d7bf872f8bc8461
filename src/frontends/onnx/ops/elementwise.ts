/** Arithmetic, comparison and logic, element by element with broadcasting. */
import { broadcastShapes } from '../../../ir/broadcasting.ts';
import { sizeOf } from '../../../ir/dims.ts';
import type { Value } from '../../../ir/graph.ts';
import { isFloat, isInteger } from '../../../ir/types.ts';
import type { Handler, HandlerTable, NodeContext, Result } from '../context.ts';
import { known, MAX_KNOWN } from '../operand.ts';
import { castTo, held } from './casts.ts';

type UnaryOp =
  | 'neg'
  | 'abs'
  | 'sign'
  | 'exp'
  | 'log'
  | 'sqrt'
  | 'reciprocal'
  | 'sin'
  | 'cos'
  | 'erf'
  | 'floor'
  | 'ceil'
  | 'round'
  | 'not'
  | 'tan'
  | 'asin'
  | 'acos'
  | 'atan'
  | 'sinh'
  | 'cosh'
  | 'asinh'
  | 'acosh'
  | 'atanh';
type BinaryOp =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'minimum'
  | 'maximum'
  | 'equal'
  | 'less'
  | 'less_equal'
  | 'greater'
  | 'greater_equal'
  | 'and'
  | 'or'
  | 'xor'
  | 'bit_and'
  | 'bit_or'
  | 'bit_xor';

const unary =
  (op: UnaryOp): Handler =>
  (node) =>
    node.g[op](node.value(0));

const binary =
  (op: BinaryOp): Handler =>
  (node) =>
    joined(op, node);

function joined(op: BinaryOp, node: NodeContext): Value {
  const [a, b] = node.opset < 7 ? oldOperands(node) : node.aligned(2);
  return node.g[op](a, b);
}

/** Where known bools decide, the others need not be: exporters compare sizes that are not asked for then. */
const decided =
  (op: 'and' | 'or', deciding: number): Handler =>
  (node): Result => {
    const decides = [0, 1].some((i) => {
      const operand = node.operand(i);
      return operand.kind === 'known' && operand.elements.every((held) => held === deciding);
    });
    const shape = decides && node.opset >= 7 ? shapeOfBoth(node) : null;
    if (shape === null) return joined(op, node);
    return known('bool', shape, Array(Number(sizeOf(shape))).fill(deciding));
  };

/** Null where it is symbolic or large. */
function shapeOfBoth(node: NodeContext): readonly number[] | null {
  const shape = broadcastShapes(node.type(0).shape, node.type(1).shape);
  const dims = shape?.filter((dim) => typeof dim === 'number') ?? [];
  const isFixed = shape !== null && dims.length === shape.length;
  return isFixed && Number(sizeOf(dims)) <= MAX_KNOWN ? dims : null;
}

/** Any number of operands, one after another. */
const variadic =
  (op: 'add' | 'minimum' | 'maximum'): Handler =>
  (node) =>
    node.aligned().reduce((a, b) => node.g[op](a, b));

/** Before opset 7 the second operand stands along axes of the first, from `axis` on or at its end. */
function oldOperands(node: NodeContext): readonly Value[] {
  const [a, b] = [node.value(0), node.value(1)];
  if (node.int('broadcast', 0) === 0) return node.aligned(2);
  const rank = a.shape.length;
  const first = node.attributes.has('axis') ? node.axis('axis', 0, rank) : rank - b.shape.length;
  const behind = rank - first - b.shape.length;
  if (behind < 0) return node.unsupported(`its second operand has no place at axis ${first}`);
  const shape = [...b.shape, ...Array.from({ length: behind }, () => 1)];
  node.align(a.shape, shape);
  return [a, behind === 0 ? b : node.g.reshape(b, { shape })];
}

function mean(node: NodeContext): Value {
  const sum = node.aligned().reduce((a, b) => node.g.add(a, b));
  return node.g.div(sum, node.operands.length);
}

/**
 * The result has the dtype of the base, whatever that of the exponent. An integer to a power that is
 * none loses its fraction; a float32 that is whole but for its rounding counts as whole.
 */
function pow(node: NodeContext): Value {
  const { g } = node;
  const operands = node.opset < 7 ? oldOperands(node) : node.aligned(2);
  const [base, exponent] = operands as [Value, Value];
  const { dtype } = base;
  if (isFloat(dtype) || isInteger(exponent.dtype)) return g.pow(base, held(node, exponent, dtype));
  const power = g.pow(g.cast(base, { dtype: 'f32' }), held(node, exponent, 'f32'));
  const nearest = g.round(power);
  const isWhole = g.less_equal(g.abs(g.sub(power, nearest)), g.mul(g.abs(nearest), 1e-5));
  return g.cast(g.select(isWhole, nearest, power), { dtype });
}

/** The rest has the sign of the divisor, with fmod that of the dividend. */
function mod(node: NodeContext): Value {
  const [a, b] = node.aligned(2);
  return node.int('fmod', 0) === 1 ? node.g.rem(a, b) : node.g.mod(a, b);
}

/**
 * Zeros come in, from above copies of the sign. Since opset 28 signed integers shift, too, and no bit is
 * left where it goes past either end, or b is below 0.
 */
function bitShift(node: NodeContext): Value {
  const { g } = node;
  const [a, b] = node.aligned(2) as [Value, Value];
  const isLeft = node.text('direction', '') === 'LEFT';
  const moved = isLeft ? g.shift_left(a, b) : g.shift_right(a, b);
  const type = node.types[0] ?? a.dtype;
  if (node.opset < 28) return moved;
  const isWithin = g.and(g.less_equal(0, b), g.less(b, BITS_OF[type] ?? 64));
  const sign = isLeft || a.dtype === 'u8' ? 0 : g.maximum(g.minimum(a, 0), -1);
  return castTo(node, g.select(isWithin, moved, sign), type);
}

const BITS_OF: { readonly [type: string]: number } = {
  ...{ i8: 8, u8: 8, i32: 32, int8: 8, uint8: 8, int16: 16, uint16: 16, int32: 32, uint32: 32 },
};

function bitNot(node: NodeContext): Value {
  const x = node.value(0);
  const type = node.types[0];
  if (type === 'uint32' || type === 'uint64') {
    return node.unsupported(
      `its operand is ${type}`,
      'Integers of at most 32 bits with a sign are taken.',
    );
  }
  const ones = type === 'uint16' ? 0xffff : type === 'uint4' ? 0xf : 0xff;
  const isUnsigned = x.dtype === 'u8' || type === 'uint16';
  return node.g.bit_xor(x, isUnsigned ? ones : -1);
}

function where(node: NodeContext): Value {
  const [condition, then, otherwise] = node.aligned(3);
  return node.g.select(condition, then, otherwise);
}

/** Without a sign to detect, nothing is. */
function isInf(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const [positive, negative] = [node.int('detect_positive', 1), node.int('detect_negative', 1)];
  if (positive === 0 && negative === 0) return g.less(x, x);
  if (positive === 1 && negative === 1) return g.is_inf(x);
  return g.is_inf(x, { sign: positive === 1 ? 'positive' : 'negative' });
}

/** `round` is of floats alone; an integer is whole. */
const wholeAlready =
  (op: 'floor' | 'ceil' | 'round'): Handler =>
  (node) =>
    isInteger(node.type(0).dtype) ? node.operand(0) : node.g[op](node.value(0));

export const elementwise: HandlerTable = {
  Acos: unary('acos'),
  Acosh: unary('acosh'),
  Asin: unary('asin'),
  Asinh: unary('asinh'),
  Atan: unary('atan'),
  Atanh: unary('atanh'),
  BitShift: bitShift,
  BitwiseAnd: binary('bit_and'),
  BitwiseNot: bitNot,
  BitwiseOr: binary('bit_or'),
  BitwiseXor: binary('bit_xor'),
  Cosh: unary('cosh'),
  Sinh: unary('sinh'),
  Tan: unary('tan'),
  Abs: (node) => (node.type(0).dtype === 'u8' ? node.operand(0) : node.g.abs(node.value(0))),
  Add: binary('add'),
  And: decided('and', 0),
  Ceil: wholeAlready('ceil'),
  Cos: unary('cos'),
  Div: binary('div'),
  Equal: binary('equal'),
  Erf: unary('erf'),
  Exp: unary('exp'),
  Floor: wholeAlready('floor'),
  Greater: binary('greater'),
  GreaterOrEqual: binary('greater_equal'),
  IsInf: isInf,
  IsNaN: (node) => node.g.is_nan(node.value(0)),
  Less: binary('less'),
  LessOrEqual: binary('less_equal'),
  Log: unary('log'),
  Max: variadic('maximum'),
  Mean: mean,
  Min: variadic('minimum'),
  Mod: mod,
  Mul: binary('mul'),
  Neg: unary('neg'),
  Not: unary('not'),
  Or: decided('or', 1),
  Pow: pow,
  Reciprocal: unary('reciprocal'),
  Round: wholeAlready('round'),
  Sign: unary('sign'),
  Sin: unary('sin'),
  Sqrt: unary('sqrt'),
  Sub: binary('sub'),
  Sum: variadic('add'),
  Where: where,
  Xor: binary('xor'),
};
