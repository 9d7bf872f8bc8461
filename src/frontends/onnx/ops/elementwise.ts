/** Arithmetic, comparison and logic, element by element with broadcasting. */
import type { Value } from '../../../ir/graph.ts';
import { isFloat, isInteger } from '../../../ir/types.ts';
import type { Handler, HandlerTable, NodeContext } from '../context.ts';
import { dtypeOf } from '../tensors.ts';

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
  | 'not';
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
  | 'xor';

const unary =
  (op: UnaryOp): Handler =>
  (node) =>
    node.g[op](node.value(0));

const binary =
  (op: BinaryOp): Handler =>
  (node) => {
    refuseOldBroadcast(node);
    const [a, b] = node.aligned();
    return node.g[op](a, b);
  };

/** Any number of operands, one after another. */
const variadic =
  (op: 'add' | 'minimum' | 'maximum'): Handler =>
  (node) =>
    node.aligned().reduce((a, b) => node.g[op](a, b));

/** Before opset 7 operands broadcast along an axis that an attribute names. */
function refuseOldBroadcast(node: NodeContext): void {
  if (node.int('broadcast', 0) === 0) return;
  node.unsupported('it broadcasts as before opset 7', 'Convert the model to opset 13 or newer.');
}

function mean(node: NodeContext): Value {
  const sum = node.aligned().reduce((a, b) => node.g.add(a, b));
  return node.g.div(sum, node.operands.length);
}

/** The result has the dtype of the base, whatever that of the exponent. */
function pow(node: NodeContext): Value {
  const { g } = node;
  const [base, exponent] = node.aligned() as [Value, Value];
  const floats = [base, exponent].map((x) => (isFloat(x.dtype) ? x : g.cast(x, { dtype: 'f32' })));
  const [x, y] = floats as [Value, Value];
  const power = g.pow(x, y.dtype === x.dtype ? y : g.cast(y, { dtype: x.dtype }));
  return isFloat(base.dtype) ? power : g.cast(g.round(power), { dtype: base.dtype });
}

/** Of integers the rest has the sign of the divisor, with fmod that of the dividend, as of floats. */
function mod(node: NodeContext): Value {
  const { g } = node;
  const [a, b] = node.aligned() as [Value, Value];
  const rest = g.rem(a, b);
  if (node.int('fmod', 0) === 1) return rest;
  if (a.dtype === 'u8') return rest;
  const differs = g.and(g.not_equal(rest, 0), g.not_equal(g.less(rest, 0), g.less(b, 0)));
  return g.select(differs, g.add(rest, b), rest);
}

function where(node: NodeContext): Value {
  const [condition, then, otherwise] = node.aligned();
  return node.g.select(condition, then, otherwise);
}

function cast(node: NodeContext): Value {
  const dtype = dtypeOf(node.int('to', 0), 'its result');
  return castTo(node, node.value(0), dtype);
}

function castTo({ g }: NodeContext, x: Value, dtype: Value['dtype']): Value {
  return x.dtype === dtype ? x : g.cast(x, { dtype });
}

function isNaNOf(node: NodeContext): Value {
  const x = node.value(0);
  return node.g.not(node.g.equal(x, x));
}

function isInf(node: NodeContext): Value {
  const { g } = node;
  const x = node.value(0);
  const above = g.equal(x, Number.POSITIVE_INFINITY);
  const below = g.equal(x, Number.NEGATIVE_INFINITY);
  const [positive, negative] = [node.int('detect_positive', 1), node.int('detect_negative', 1)];
  if (positive === 1 && negative === 1) return g.or(above, below);
  if (positive === 1) return above;
  return negative === 1 ? below : g.less(x, x);
}

/** `round` is of floats alone; an integer is whole. */
const wholeAlready =
  (op: 'floor' | 'ceil' | 'round'): Handler =>
  (node) =>
    isInteger(node.type(0).dtype) ? node.operand(0) : node.g[op](node.value(0));

export const elementwise: HandlerTable = {
  Abs: (node) => (node.type(0).dtype === 'u8' ? node.operand(0) : node.g.abs(node.value(0))),
  Add: binary('add'),
  And: binary('and'),
  Cast: cast,
  CastLike: (node) => castTo(node, node.value(0), node.type(1).dtype),
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
  IsNaN: isNaNOf,
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
  Or: binary('or'),
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
