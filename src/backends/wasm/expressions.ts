/**
 * Expressions as trees of instructions. What an instruction lacks is a function of the module
 * (`helpers.ts`), or an instruction or two more; a bool of four lanes is a mask.
 */
import type { BinaryOp, Expression, Lanes, Scalar, UnaryOp } from '../../loops/nodes.ts';
import { byTag, type TableOf } from '../by-tag.ts';
import { dimTree, pickTree } from './dims.ts';
import { extract, gather, loadTree, splatLoadTree } from './elements.ts';
import type { MathHelper } from './helpers.ts';
import {
  getLocal,
  i32Const,
  scalarConst,
  shapeOf,
  splatConst,
  valueType,
  vectorConst,
} from './instructions.ts';
import type { WasmScope } from './scope.ts';
import type { Sexp } from './sexp.ts';

const EXPRESSIONS: TableOf<Expression, [WasmScope], Sexp> = {
  constant: (x) => scalarConst(x.value, x.type),
  index: (x, scope) => dimTree(x.value, scope),
  read: (x, scope) => getLocal(scope.local(x.name)),
  load: (x, scope) => loadTree(x.buffer, x.index, elementType(x), x.lanes, scope),
  unary: (x, scope) => UNARY[x.op](x, scope),
  binary: (x, scope) => BINARY[x.op](x, scope),
  multiply_add: (x, scope) => {
    const [a, b, c] = [x.a, x.b, x.c].map((part) => expressionTree(part, scope)) as [
      Sexp,
      Sexp,
      Sexp,
    ];
    if (x.lanes === 4 && scope.module.relaxed) return ['f32x4.relaxed_madd', a, b, c];
    const shape = shapeOf('f32', x.lanes);
    return [`${shape}.add`, [`${shape}.mul`, a, b], c];
  },
  dot4: (x, scope) => {
    const sums = dotTree(x, scope);
    return x.lanes === 4 ? sums : extract(sums, 0, 'i32');
  },
  pack4: (x, scope) =>
    extract(packTree([expressionTree(x.x, scope), ZEROS, ZEROS, ZEROS]), 0, 'i32'),
  vector: (x, scope) => {
    const packed = x.elements.flatMap((element) => (element.tag === 'pack4' ? [element.x] : []));
    if (packed.length === 4) return packTree(packed.map((four) => expressionTree(four, scope)));
    const constants = x.elements.flatMap((element) =>
      element.tag === 'constant' ? [element.value] : [],
    );
    if (constants.length === 4) return vectorConst(constants, x.type);
    const elements = x.elements.map((element) => expressionTree(element, scope));
    return asMask(gather(elements, elementType(x)), x.type);
  },
  select: (x, scope) => [
    x.lanes === 4 ? 'v128.bitselect' : 'select',
    expressionTree(x.then, scope),
    expressionTree(x.otherwise, scope),
    expressionTree(x.condition, scope),
  ],
  cast: (x, scope) => {
    const operand = expressionTree(x.x, scope);
    return x.lanes === 4
      ? castOfFour(operand, x.x.type, x.type)
      : castOfOne(operand, x.x.type, x.type);
  },
  bitcast: (x, scope) => {
    const operand = expressionTree(x.x, scope);
    return x.lanes === 4 ? operand : [`${x.type}.reinterpret_${x.x.type}`, operand];
  },
  splat: (x, scope) => splatTree(x.x, scope),
  lane: (x, scope) => {
    const element = extract(expressionTree(x.x, scope), x.lane, elementType(x));
    return x.type === 'bool' ? ['i32.and', element, i32Const(1)] : element;
  },
};

export const expressionTree = byTag(EXPRESSIONS);

const ZEROS = splatConst(0, 'i32');

/** A value in four lanes, whatever it has. */
function splatOf(x: Expression, scope: WasmScope): Sexp {
  return x.lanes === 4 ? expressionTree(x, scope) : splatTree(x, scope);
}

/** Four times four lanes as sixteen bytes. */
function packTree([x = ZEROS, y = ZEROS, z = ZEROS, w = ZEROS]: readonly Sexp[]): Sexp {
  const low: Sexp = ['i16x8.narrow_i32x4_s', x, y];
  return ['i8x16.narrow_i16x8_s', low, ['i16x8.narrow_i32x4_s', z, w]];
}

/** Without the relaxed instruction, the even bytes and the odd ones are multiplied as 16-bit numbers. */
function dotTree(x: Extract<Expression, { tag: 'dot4' }>, scope: WasmScope): Sexp {
  if (scope.module.relaxed) {
    const operands = [x.a, x.b, x.c].map((part) => splatOf(part, scope));
    return ['i32x4.relaxed_dot_i8x16_i7x16_add_s', ...operands];
  }
  const eight = i32Const(8);
  return scope.keep(splatOf(x.a, scope), 'v128', (a0, a1) =>
    scope.keep(splatOf(x.b, scope), 'v128', (b0, b1) => {
      const even: Sexp = [
        'i32x4.dot_i16x8_s',
        ['i16x8.shr_s', ['i16x8.shl', a0, eight], eight],
        ['v128.and', b0, splatConst(0x00ff_00ff, 'i32')],
      ];
      const odd: Sexp = [
        'i32x4.dot_i16x8_s',
        ['i16x8.shr_s', a1, eight],
        ['i16x8.shr_u', b1, eight],
      ];
      return ['i32x4.add', ['i32x4.add', even, odd], splatOf(x.c, scope)];
    }),
  );
}

function elementType({ type }: { readonly type: Scalar }): 'f32' | 'i32' {
  return type === 'f32' ? 'f32' : 'i32';
}

function splatTree(x: Expression, scope: WasmScope): Sexp {
  if (x.tag === 'constant') return splatConst(x.value, x.type);
  if (x.tag === 'load') {
    const loaded = splatLoadTree(x.buffer, x.index, scope);
    if (loaded !== null) return loaded;
  }
  if (x.tag === 'lane') {
    // One shuffle, where extracting the lane and splatting it would be two instructions.
    const bytes = Array.from({ length: 16 }, (_, i) => `${4 * x.lane + (i % 4)}`);
    return scope.keep(expressionTree(x.x, scope), 'v128', (first, again) => [
      'i8x16.shuffle',
      ...bytes,
      first,
      again,
    ]);
  }
  return asMask([`${shapeOf(x.type, 4)}.splat`, expressionTree(x, scope)], x.type);
}

/** Four lanes of 0 or 1 as a mask; other types as they are. */
function asMask(x: Sexp, type: Scalar): Sexp {
  return type === 'bool' ? ['i32x4.neg', x] : x;
}

function castOfOne(x: Sexp, from: Scalar, to: Scalar): Sexp {
  if (from === to || (from === 'bool' && to === 'i32')) return x;
  if (to === 'f32') return ['f32.convert_i32_s', x];
  if (to === 'bool') return [`${from}.ne`, x, scalarConst(0, from)];
  return ['i32.trunc_sat_f32_s', x];
}

function castOfFour(x: Sexp, from: Scalar, to: Scalar): Sexp {
  if (from === to) return x;
  if (to === 'bool') return [`${from}x4.ne`, x, splatConst(0, from)];
  if (from === 'bool') return ['v128.and', x, splatConst(1, to)];
  return to === 'f32' ? ['f32x4.convert_i32x4_s', x] : ['i32x4.trunc_sat_f32x4_s', x];
}

type Unary = Extract<Expression, { tag: 'unary' }>;
type UnaryPrinter = (x: Unary, scope: WasmScope) => Sexp;

const instruction =
  (name: string): UnaryPrinter =>
  (x, scope) => [`${shapeOf(x.type, x.lanes)}.${name}`, expressionTree(x.x, scope)];
/** A function of the module that loop IR defines. */
const defined =
  (op: MathHelper): UnaryPrinter =>
  (x, scope) => ['call', scope.helper(`${op}_${widthOf(x.lanes)}`), expressionTree(x.x, scope)];
/** An instruction of f32 and four lanes that i32 lacks in one. */
const withInteger =
  (name: string, integer: (first: Sexp, again: Sexp) => Sexp): UnaryPrinter =>
  (x, scope) =>
    x.type === 'i32' && x.lanes === 1
      ? scope.keep(expressionTree(x.x, scope), 'i32', integer)
      : instruction(name)(x, scope);

const UNARY: { readonly [O in UnaryOp]: UnaryPrinter } = {
  neg: (x, scope) =>
    x.type === 'i32' && x.lanes === 1
      ? ['i32.sub', i32Const(0), expressionTree(x.x, scope)]
      : instruction('neg')(x, scope),
  not: (x, scope) => [x.lanes === 4 ? 'v128.not' : 'i32.eqz', expressionTree(x.x, scope)],
  abs: withInteger('abs', (x, again) => [
    'select',
    x,
    ['i32.sub', i32Const(0), again],
    ['i32.gt_s', again, i32Const(0)],
  ]),
  sqrt: instruction('sqrt'),
  floor: instruction('floor'),
  ceil: instruction('ceil'),
  /** Halves to even, as the IR has it. */
  round: instruction('nearest'),
  trunc: instruction('trunc'),
  sign: (x, scope) => {
    const operand = expressionTree(x.x, scope);
    return scope.keep(operand, valueType(x.type, x.lanes), SIGN[shapeOf(x.type, x.lanes)]);
  },
  exp: defined('exp'),
  log: defined('log'),
  sin: defined('sin'),
  cos: defined('cos'),
  tanh: defined('tanh'),
  atan: defined('atan'),
  erf: defined('erf'),
};

/** Zeros and NaN are their own sign. */
const SIGN = {
  f32: (x: Sexp, again: Sexp): Sexp => [
    'select',
    ['f32.copysign', scalarConst(1, 'f32'), x],
    again,
    ['f32.gt', ['f32.abs', again], scalarConst(0, 'f32')],
  ],
  f32x4: (x: Sexp, again: Sexp): Sexp => [
    'v128.bitselect',
    ['v128.bitselect', x, splatConst(1, 'f32'), splatConst(-(2 ** 31), 'i32')],
    again,
    ['f32x4.gt', ['f32x4.abs', again], splatConst(0, 'f32')],
  ],
  i32: (x: Sexp, again: Sexp): Sexp => [
    'i32.sub',
    ['i32.gt_s', x, i32Const(0)],
    ['i32.lt_s', again, i32Const(0)],
  ],
  /** A mask is -1 where it holds. */
  i32x4: (x: Sexp, again: Sexp): Sexp => [
    'i32x4.sub',
    ['i32x4.lt_s', x, splatConst(0, 'i32')],
    ['i32x4.gt_s', again, splatConst(0, 'i32')],
  ],
} as const;

type Binary = Extract<Expression, { tag: 'binary' }>;
type BinaryPrinter = (x: Binary, scope: WasmScope) => Sexp;

function operands(x: Binary, scope: WasmScope): readonly [Sexp, Sexp] {
  return [expressionTree(x.a, scope), expressionTree(x.b, scope)];
}

/** The same name for f32 and i32. */
const both =
  (name: string): BinaryPrinter =>
  (x, scope) => [`${shapeOf(x.a.type, x.lanes)}.${name}`, ...operands(x, scope)];
const ordering =
  (name: string): BinaryPrinter =>
  (x, scope) =>
    both(x.a.type === 'i32' ? `${name}_s` : name)(x, scope);
const logic =
  (name: string): BinaryPrinter =>
  (x, scope) => [`${x.lanes === 4 ? 'v128' : 'i32'}.${name}`, ...operands(x, scope)];
/** Vectors have instructions; a scalar is a select, of which the second operand may be NaN. */
const extreme =
  (
    comparison: 'lt' | 'gt',
    vector: { readonly f32: string; readonly i32: string },
  ): BinaryPrinter =>
  (x, scope) => {
    const type = elementType(x);
    if (x.lanes === 4) return both(vector[type])(x, scope);
    return pickTree(
      `${type}.${comparison}${type === 'i32' ? '_s' : ''}`,
      type,
      () => expressionTree(x.a, scope),
      () => expressionTree(x.b, scope),
      scope,
    );
  };
/** By an instruction where it traps for no operand, else by a function of the module. */
const division =
  (name: 'div' | 'rem', helper: 'divide' | 'remainder'): BinaryPrinter =>
  (x, scope) => {
    if (x.type === 'f32') {
      return name === 'div' ? both(name)(x, scope) : calledPair('rem')(x, scope);
    }
    if (x.lanes === 1 && isSafeDivisor(x.b)) return both(`${name}_s`)(x, scope);
    return [
      'call',
      scope.helper(`${helper}_${x.lanes === 4 ? 'i32x4' : 'i32'}`),
      ...operands(x, scope),
    ];
  };
const calledPair =
  (op: MathHelper): BinaryPrinter =>
  (x, scope) => ['call', scope.helper(`${op}_${widthOf(x.lanes)}`), ...operands(x, scope)];
/** The count of a vector's shift is one for all lanes. */
const shift =
  (name: 'shl' | 'shr_s', helper: 'shift_left' | 'shift_right'): BinaryPrinter =>
  (x, scope) => {
    if (x.lanes === 1) return both(name)(x, scope);
    if (x.b.tag === 'splat') {
      return [`i32x4.${name}`, expressionTree(x.a, scope), expressionTree(x.b.x, scope)];
    }
    return ['call', scope.helper(`${helper}_i32x4`), ...operands(x, scope)];
  };

const BINARY: { readonly [O in BinaryOp]: BinaryPrinter } = {
  add: both('add'),
  sub: both('sub'),
  mul: both('mul'),
  div: division('div', 'divide'),
  rem: division('rem', 'remainder'),
  min: extreme('lt', { f32: 'pmin', i32: 'min_s' }),
  max: extreme('gt', { f32: 'pmax', i32: 'max_s' }),
  pow: calledPair('pow'),
  lt: ordering('lt'),
  le: ordering('le'),
  eq: both('eq'),
  ne: both('ne'),
  and: logic('and'),
  or: logic('or'),
  shift_left: shift('shl', 'shift_left'),
  shift_right: shift('shr_s', 'shift_right'),
  bit_and: logic('and'),
  bit_or: logic('or'),
  bit_xor: logic('xor'),
};

function isSafeDivisor(x: Expression): boolean {
  const known = x.tag === 'constant' || x.tag === 'index' ? x.value : 0;
  return typeof known === 'number' && known !== 0 && known !== -1;
}

function widthOf(lanes: Lanes): 'f32' | 'f32x4' {
  return lanes === 4 ? 'f32x4' : 'f32';
}
