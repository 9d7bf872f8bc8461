/**
 * Expressions as JS text. f32 values are plain numbers: they are rounded to float32 only where a
 * typed array holds them, but in an exact module after every step. Rounding the float64 result of
 * + - * / and sqrt gives the float32 that is nearest to the true one (Figueroa 1995, "When is double
 * rounding innocuous?"); functions that are no such steps are those that loop IR defines. i32 values are numbers within the int32 range; bools are JS booleans.
 */

import type { Dim } from '../../ir/dims.ts';
import type { BinaryOp, Expression, Scalar, UnaryOp } from '../../loops/nodes.ts';
import { atLevel, byTag, LEVEL, sumText, type TableOf, type Text } from '../by-tag.ts';
import { type DimStyle, dimText } from '../dim-text.ts';
import type { HelperName } from './helpers.ts';
import type { JsScope } from './scope.ts';

export function printExpression(x: Expression, scope: JsScope): string {
  return textOf(x, scope).text;
}

/** An element of a buffer: `x[i]`, or the local that is a register. */
export function elementText(buffer: string, at: Dim, scope: JsScope): string {
  const place = scope.place(buffer);
  if (place.tag === 'array') return `${place.identifier}[${printDim(at, scope)}]`;
  const local = place.identifiers[Number(at)];
  if (local === undefined) throw new Error(`${buffer} has no register ${at}`);
  return local;
}

export function printDim(dim: Dim, scope: JsScope): string {
  return dimText(dim, styleOf(scope)).text;
}

function styleOf(scope: JsScope): DimStyle {
  return {
    symbol: (name) => scope.identifier(name),
    floor: (a, b, nonNegative) => {
      const quotient = `${atLevel(a, LEVEL.product)} / ${atLevel(b, LEVEL.unary)}`;
      return nonNegative
        ? { text: `(${quotient}) | 0`, level: LEVEL.bits }
        : call('Math.floor', quotient);
    },
    max: (a, b) => call('Math.max', a.text, b.text),
    min: (a, b) => call('Math.min', a.text, b.text),
  };
}

const EXPRESSIONS: TableOf<Expression, [JsScope], Text> = {
  constant: (x, scope) => {
    const isRounded = scope.module.exact && x.type === 'f32';
    return constantText(isRounded ? Math.fround(x.value) : x.value, x.type);
  },
  index: (x, scope) => dimText(x.value, styleOf(scope)),
  read: (x, scope) => atom(scope.identifier(x.name)),
  load: (x, scope) => atom(elementText(x.buffer, x.index, scope)),
  unary: (x, scope) => {
    const result = UNARY[x.op](textOf(x.x, scope), x.type, scope);
    return x.op === 'sqrt' ? rounded(result, x.type, scope) : result;
  },
  binary: (x, scope) => {
    const result = BINARY[x.op](textOf(x.a, scope), textOf(x.b, scope), x.a.type, scope);
    return ROUNDED.has(x.op) ? rounded(result, x.type, scope) : result;
  },
  multiply_add: ({ a, b, c }, scope) => {
    const product = BINARY.mul(textOf(a, scope), textOf(b, scope), 'f32', scope);
    return rounded(sumText(rounded(product, 'f32', scope), textOf(c, scope)), 'f32', scope);
  },
  dot4: (x, scope) =>
    call(scope.helper('dot4'), ...[x.a, x.b, x.c].map((part) => printExpression(part, scope))),
  pack4: ({ x }, scope) => {
    if (x.tag !== 'vector') return refuseLanes(x);
    return call(scope.helper('pack4'), ...x.elements.map((part) => printExpression(part, scope)));
  },
  vector: refuseLanes,
  select: (x, scope) => {
    const condition = atLevel(textOf(x.condition, scope), LEVEL.logic);
    const then = atLevel(textOf(x.then, scope), LEVEL.logic);
    const otherwise = atLevel(textOf(x.otherwise, scope), LEVEL.logic);
    return { text: `${condition} ? ${then} : ${otherwise}`, level: LEVEL.conditional };
  },
  cast: (x, scope) => {
    const result = castText(textOf(x.x, scope), x.x.type, x.type, scope);
    return x.x.type === 'i32' ? rounded(result, x.type, scope) : result;
  },
  bitcast: (x, scope) =>
    call(scope.helper(x.type === 'i32' ? 'bits_of' : 'float_of'), textOf(x.x, scope).text),
  splat: refuseLanes,
  lane: refuseLanes,
};

const printByTag = byTag(EXPRESSIONS);

function textOf(x: Expression, scope: JsScope): Text {
  return x.lanes === 1 ? printByTag(x, scope) : refuseLanes(x);
}

/** The steps whose result float32 may not hold; functions of the module round theirs. */
const ROUNDED: ReadonlySet<BinaryOp> = new Set<BinaryOp>(['add', 'sub', 'mul', 'div']);

function rounded(x: Text, type: Scalar, scope: JsScope): Text {
  return scope.module.exact && type === 'f32' ? call('Math.fround', x.text) : x;
}

function refuseLanes(x: Expression): never {
  throw new Error(
    `a kernel for JS has a ${x.tag} of ${x.lanes} lanes; its schedule must not make any`,
  );
}

type UnaryPrinter = (x: Text, type: Scalar, scope: JsScope) => Text;

const math =
  (name: string): UnaryPrinter =>
  (x) =>
    call(`Math.${name}`, x.text);
const helped =
  (name: HelperName): UnaryPrinter =>
  (x, _, scope) =>
    call(scope.helper(name), x.text);
/** Of Math, but in an exact module the function that loop IR defines. */
const defined =
  (name: 'log' | 'sin' | 'cos' | 'atan'): UnaryPrinter =>
  (x, _, scope) =>
    call(scope.module.exact ? scope.helper(name) : `Math.${name}`, x.text);
/** Functions that change no integer. */
const ofFloat =
  (name: string): UnaryPrinter =>
  (x, type) =>
    type === 'i32' ? x : call(`Math.${name}`, x.text);

const UNARY: { readonly [O in UnaryOp]: UnaryPrinter } = {
  neg: (x, type) => {
    const negated = { text: `-${operand(x)}`, level: LEVEL.unary };
    return type === 'i32' ? toInteger(negated) : negated;
  },
  not: (x) => ({ text: `!${operand(x)}`, level: LEVEL.unary }),
  abs: (x, type) =>
    type === 'i32' ? toInteger(call('Math.abs', x.text)) : call('Math.abs', x.text),
  sqrt: math('sqrt'),
  floor: ofFloat('floor'),
  ceil: ofFloat('ceil'),
  round: (x, type, scope) => (type === 'i32' ? x : call(scope.helper('round_half_even'), x.text)),
  trunc: ofFloat('trunc'),
  sign: math('sign'),
  exp: helped('exp'),
  log: defined('log'),
  sin: defined('sin'),
  cos: defined('cos'),
  tanh: helped('tanh'),
  atan: defined('atan'),
  erf: helped('erf'),
};

type BinaryPrinter = (a: Text, b: Text, type: Scalar, scope: JsScope) => Text;

/** Integers wrap around; floats stay as they are. */
const arithmetic =
  (sign: string, level: number): BinaryPrinter =>
  (a, b, type) => {
    const result = { text: `${atLevel(a, level)} ${sign} ${atLevel(b, level + 1)}`, level };
    return type === 'i32' ? toInteger(result) : result;
  };
const comparison =
  (sign: string): BinaryPrinter =>
  (a, b) => ({
    text: `${atLevel(a, LEVEL.sum)} ${sign} ${atLevel(b, LEVEL.sum)}`,
    level: LEVEL.comparison,
  });
const logic =
  (sign: string): BinaryPrinter =>
  (a, b) => ({
    text: `${atLevel(a, LEVEL.comparison)} ${sign} ${atLevel(b, LEVEL.comparison)}`,
    level: LEVEL.logic,
  });
const bits =
  (sign: string): BinaryPrinter =>
  (a, b) => ({
    text: `${atLevel(a, LEVEL.unary)} ${sign} ${atLevel(b, LEVEL.unary)}`,
    level: LEVEL.bits,
  });
/** Of Math; of f32 in an exact module a function of its own. */
const binaryMath =
  (name: string, exact: HelperName): BinaryPrinter =>
  (a, b, type, scope) => {
    const isExact = scope.module.exact && type === 'f32';
    return call(isExact ? scope.helper(exact) : `Math.${name}`, a.text, b.text);
  };

const BINARY: { readonly [O in BinaryOp]: BinaryPrinter } = {
  add: (a, b, type) => (type === 'i32' ? toInteger(sumText(a, b)) : sumText(a, b)),
  sub: arithmetic('-', LEVEL.sum),
  mul: (a, b, type, scope) =>
    type === 'i32'
      ? call('Math.imul', a.text, b.text)
      : arithmetic('*', LEVEL.product)(a, b, type, scope),
  div: (a, b, type, scope) =>
    type === 'i32' && !/^[1-9]\d*$/.test(b.text)
      ? call(scope.helper('divide_integers'), a.text, b.text)
      : arithmetic('/', LEVEL.product)(a, b, type, scope),
  rem: (a, b, type, scope) =>
    scope.module.exact && type === 'f32'
      ? call(scope.helper('rem'), a.text, b.text)
      : arithmetic('%', LEVEL.product)(a, b, type, scope),
  min: binaryMath('min', 'smaller'),
  max: binaryMath('max', 'larger'),
  pow: binaryMath('pow', 'pow'),
  lt: comparison('<'),
  le: comparison('<='),
  eq: comparison('==='),
  ne: comparison('!=='),
  and: logic('&&'),
  or: logic('||'),
  shift_left: bits('<<'),
  shift_right: bits('>>'),
  bit_and: bits('&'),
  bit_or: bits('|'),
  bit_xor: bits('^'),
};

function castText(x: Text, from: Scalar, to: Scalar, scope: JsScope): Text {
  if (from === to || (from === 'i32' && to === 'f32')) return x;
  if (to === 'bool') return { text: `${atLevel(x, LEVEL.sum)} !== 0`, level: LEVEL.comparison };
  if (from === 'bool') {
    return { text: `${atLevel(x, LEVEL.logic)} ? 1 : 0`, level: LEVEL.conditional };
  }
  return call(scope.helper('to_integer'), x.text);
}

function constantText(value: number, type: Scalar): Text {
  if (type === 'bool') return atom(value !== 0 ? 'true' : 'false');
  const text = Object.is(value, -0) ? '-0' : `${value}`;
  return { text, level: text.startsWith('-') ? LEVEL.unary : LEVEL.atom };
}

/** `- -x` and `!-x` need no parentheses in JS, but read better with them. */
function operand(x: Text): string {
  return atLevel(x, LEVEL.atom);
}

function toInteger(x: Text): Text {
  return { text: `${atLevel(x, LEVEL.unary)} | 0`, level: LEVEL.bits };
}

function atom(text: string): Text {
  return { text, level: LEVEL.atom };
}

function call(name: string, ...args: readonly string[]): Text {
  return atom(`${name}(${args.join(', ')})`);
}
