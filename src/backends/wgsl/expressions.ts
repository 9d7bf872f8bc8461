/** Expressions as WGSL text. */

import type { BinaryOp, Expression, Lanes, Scalar, UnaryOp } from '../../loops/nodes.ts';
import { atLevel, byTag, LEVEL, sumText, type TableOf, type Text } from '../by-tag.ts';
import { dimText } from '../dim-text.ts';
import { COMPONENTS, call, dimStyle, loadText } from './elements.ts';
import { floatLiteral } from './float-literal.ts';
import { type DefinedOp, typeText, type WgslScope } from './scope.ts';

export function printExpression(x: Expression, scope: WgslScope): string {
  return textOf(x, scope).text;
}

const EXPRESSIONS: TableOf<Expression, [WgslScope], Text> = {
  constant: (x) => constantText(x.value, x.type),
  index: (x, scope) => dimText(x.value, dimStyle(scope)),
  read: (x, scope) => atom(scope.identifier(x.name)),
  load: (x, scope) =>
    atom(loadText(x.buffer, x.index, x.type === 'f32' ? 'f32' : 'i32', x.lanes, scope)),
  unary: (x, scope) => UNARY[x.op](textOf(x.x, scope), x, scope),
  binary: (x, scope) => BINARY[x.op](x, scope),
  multiply_add: ({ a, b, c }, scope) =>
    call('fma', ...[a, b, c].map((part) => printExpression(part, scope))),
  dot4: (x, scope) => {
    const product = (a: string, b: string) =>
      `dot4I8Packed(bitcast<u32>(${a}), bitcast<u32>(${b}))`;
    const [a, b] = [textOf(x.a, scope), textOf(x.b, scope)];
    const c = textOf(x.c, scope);
    if (x.lanes === 1) return sumText(c, atom(product(a.text, b.text)));
    const lanes = COMPONENTS.map((l) =>
      product(`${atLevel(a, LEVEL.atom)}.${l}`, `${atLevel(b, LEVEL.atom)}.${l}`),
    );
    return sumText(c, call('vec4<i32>', ...lanes));
  },
  pack4: (x, scope) => call('bitcast<i32>', `pack4xI8Clamp(${printExpression(x.x, scope)})`),
  vector: (x, scope) =>
    call(typeText(x.type, 4), ...x.elements.map((element) => printExpression(element, scope))),
  select: (x, scope) =>
    call(
      'select',
      printExpression(x.otherwise, scope),
      printExpression(x.then, scope),
      printExpression(x.condition, scope),
    ),
  cast: (x, scope) => call(typeText(x.type, x.lanes), printExpression(x.x, scope)),
  bitcast: (x, scope) => call(`bitcast<${typeText(x.type, x.lanes)}>`, printExpression(x.x, scope)),
  splat: (x, scope) => call(typeText(x.type, 4), printExpression(x.x, scope)),
  lane: (x, scope) => atom(`${atLevel(textOf(x.x, scope), LEVEL.atom)}.${COMPONENTS[x.lane]}`),
};

const textOf = byTag(EXPRESSIONS);

interface Operand {
  readonly type: Scalar;
  readonly lanes: Lanes;
}
type UnaryPrinter = (x: Text, of: Operand, scope: WgslScope) => Text;

const builtin =
  (name: string): UnaryPrinter =>
  (x) =>
    call(name, x.text);
/** A function of the module, defined in loop IR. */
const defined =
  (op: DefinedOp): UnaryPrinter =>
  (x, { lanes }, scope) =>
    call(scope.helper(`${op}_${lanes === 1 ? 'f32' : 'vec4'}`), x.text);
const prefix =
  (sign: string): UnaryPrinter =>
  (x) => ({ text: `${sign}${atLevel(x, LEVEL.atom)}`, level: LEVEL.unary });

const UNARY: { readonly [O in UnaryOp]: UnaryPrinter } = {
  neg: prefix('-'),
  not: prefix('!'),
  abs: builtin('abs'),
  sqrt: builtin('sqrt'),
  floor: builtin('floor'),
  ceil: builtin('ceil'),
  /** WGSL rounds halves to even, as the IR does. */
  round: builtin('round'),
  trunc: builtin('trunc'),
  sign: builtin('sign'),
  exp: builtin('exp'),
  log: builtin('log'),
  sin: defined('sin'),
  cos: defined('cos'),
  tanh: defined('tanh'),
  atan: defined('atan'),
  erf: defined('erf'),
};

type Binary = Extract<Expression, { tag: 'binary' }>;
type BinaryPrinter = (x: Binary, scope: WgslScope) => Text;

const arithmetic =
  (sign: string, level: number): BinaryPrinter =>
  (x, scope) => {
    const [a, b] = operands(x, scope);
    return { text: `${atLevel(a, level)} ${sign} ${atLevel(b, level + 1)}`, level };
  };
const comparison =
  (sign: string): BinaryPrinter =>
  (x, scope) => ({
    text: `${operandText(x.a, scope, LEVEL.sum)} ${sign} ${operandText(x.b, scope, LEVEL.sum)}`,
    level: LEVEL.comparison,
  });
/** Vectors of bool know only the operators that evaluate both sides. */
const logic =
  (sign: string, vectorSign: string): BinaryPrinter =>
  (x, scope) => {
    const [level, inner, shown] =
      x.lanes === 1 ? [LEVEL.logic, LEVEL.comparison, sign] : [LEVEL.bits, LEVEL.unary, vectorSign];
    return {
      text: `${operandText(x.a, scope, inner)} ${shown} ${operandText(x.b, scope, inner)}`,
      level,
    };
  };
const binaryCall =
  (name: string): BinaryPrinter =>
  (x, scope) =>
    call(name, printExpression(x.a, scope), printExpression(x.b, scope));
const binaryDefined =
  (op: DefinedOp): BinaryPrinter =>
  (x, scope) =>
    binaryCall(scope.helper(`${op}_${x.lanes === 1 ? 'f32' : 'vec4'}`))(x, scope);

const BINARY: { readonly [O in BinaryOp]: BinaryPrinter } = {
  add: (x, scope) => sumText(...operands(x, scope)),
  sub: arithmetic('-', LEVEL.sum),
  mul: arithmetic('*', LEVEL.product),
  div: arithmetic('/', LEVEL.product),
  rem: (x, scope) =>
    x.type === 'i32' ? arithmetic('%', LEVEL.product)(x, scope) : binaryDefined('rem')(x, scope),
  min: binaryCall('min'),
  max: binaryCall('max'),
  pow: binaryDefined('pow'),
  lt: comparison('<'),
  le: comparison('<='),
  eq: comparison('=='),
  ne: comparison('!='),
  and: logic('&&', '&'),
  or: logic('||', '|'),
  shift_left: (x, scope) => bits('<<', x, scope),
  shift_right: (x, scope) => bits('>>', x, scope),
  bit_and: (x, scope) => bits('&', x, scope),
  bit_or: (x, scope) => bits('|', x, scope),
  bit_xor: (x, scope) => bits('^', x, scope),
};

/** The right operand of a WGSL shift is unsigned. */
function bits(sign: '<<' | '>>' | '&' | '|' | '^', x: Binary, scope: WgslScope): Text {
  const right = operandText(x.b, scope, LEVEL.unary);
  const isShift = sign === '<<' || sign === '>>';
  const b = isShift ? `${x.lanes === 4 ? 'vec4<u32>' : 'u32'}(${right})` : right;
  return { text: `${operandText(x.a, scope, LEVEL.unary)} ${sign} ${b}`, level: LEVEL.bits };
}

function operandText(x: Expression, scope: WgslScope, level: number): string {
  return atLevel(textOf(x, scope), level);
}

/** WGSL takes a scalar beside a vector, so one splat operand is printed as the scalar it spreads. */
function operands(x: Binary, scope: WgslScope): readonly [Text, Text] {
  return [textOf(withoutSplat(x.a, x.b), scope), textOf(withoutSplat(x.b, x.a), scope)];
}

function withoutSplat(x: Expression, other: Expression): Expression {
  return x.tag === 'splat' && other.tag !== 'splat' ? x.x : x;
}

function constantText(value: number, type: Scalar): Text {
  if (type === 'bool') return atom(value !== 0 ? 'true' : 'false');
  const text = type === 'f32' ? floatLiteral(value) : `${value}`;
  return { text, level: text.startsWith('-') ? LEVEL.unary : LEVEL.atom };
}

function atom(text: string): Text {
  return { text, level: LEVEL.atom };
}
