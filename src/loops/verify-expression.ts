/**
 * Types and lanes of expressions, and whether all invocations of a workgroup see the same value.
 * What an op accepts stands in two tables, total over the ops.
 */

import type { Dim } from '../ir/dims.ts';
import {
  type BinaryOp,
  childrenOf,
  type Expression,
  type Lanes,
  type Scalar,
  type UnaryOp,
} from './nodes.ts';
import { checkDim, fail, isUniformDim, type Place, type Scope } from './verify-scope.ts';

const NUMBERS: readonly Scalar[] = ['f32', 'i32'];
const FLOAT: readonly Scalar[] = ['f32'];
const INTEGER: readonly Scalar[] = ['i32'];
const BOOL: readonly Scalar[] = ['bool'];
const ALL: readonly Scalar[] = ['f32', 'i32', 'bool'];

/** The operand types of an op; its result has the operand's type. */
const UNARY: { readonly [O in UnaryOp]: readonly Scalar[] } = {
  neg: NUMBERS,
  not: BOOL,
  abs: NUMBERS,
  sqrt: FLOAT,
  floor: FLOAT,
  ceil: FLOAT,
  round: FLOAT,
  trunc: FLOAT,
  sign: NUMBERS,
  exp: FLOAT,
  log: FLOAT,
  sin: FLOAT,
  cos: FLOAT,
  tanh: FLOAT,
  atan: FLOAT,
  erf: FLOAT,
};

/** The operand types of an op; both operands agree. */
const BINARY: { readonly [O in BinaryOp]: readonly [readonly Scalar[], 'same' | 'bool'] } = {
  add: [NUMBERS, 'same'],
  sub: [NUMBERS, 'same'],
  mul: [NUMBERS, 'same'],
  div: [NUMBERS, 'same'],
  rem: [NUMBERS, 'same'],
  min: [NUMBERS, 'same'],
  max: [NUMBERS, 'same'],
  pow: [FLOAT, 'same'],
  lt: [NUMBERS, 'bool'],
  le: [NUMBERS, 'bool'],
  eq: [ALL, 'bool'],
  ne: [ALL, 'bool'],
  and: [BOOL, 'same'],
  or: [BOOL, 'same'],
  shift_left: [INTEGER, 'same'],
  shift_right: [INTEGER, 'same'],
  bit_and: [INTEGER, 'same'],
  bit_or: [INTEGER, 'same'],
  bit_xor: [INTEGER, 'same'],
};

/** Checks an expression at a place where it is evaluated; `onLoad` sees every load in it. */
export function checkExpression(
  place: Place,
  scope: Scope,
  x: Expression,
  onLoad: (buffer: string) => void,
): void {
  for (const child of childrenOf(x)) checkExpression(place, scope, child, onLoad);
  switch (x.tag) {
    case 'constant':
      checkConstant(place, x.type, x.lanes, x.value);
      break;
    case 'index':
      expect(place, x, 'i32', 1, `index ${x.value}`);
      checkDim(place, scope, x.value);
      break;
    case 'read':
      checkRead(place, scope, x);
      break;
    case 'load':
      checkElement(place, scope, x.buffer, x.index, x);
      onLoad(x.buffer);
      break;
    case 'unary':
      accept(place, x.op, x.x, UNARY[x.op]);
      expect(place, x, x.x.type, x.x.lanes, x.op);
      break;
    case 'binary': {
      const [types, result] = BINARY[x.op];
      accept(place, x.op, x.a, types);
      expect(place, x.b, x.a.type, x.a.lanes, `the second operand of ${x.op}`);
      expect(place, x, result === 'bool' ? 'bool' : x.a.type, x.a.lanes, x.op);
      break;
    }
    case 'multiply_add':
      for (const part of [x.a, x.b, x.c]) {
        expect(place, part, 'f32', x.lanes, 'an operand of multiply_add');
      }
      expect(place, x, 'f32', x.a.lanes, 'multiply_add');
      break;
    case 'dot4':
      for (const part of [x.a, x.b, x.c]) {
        expect(place, part, 'i32', x.lanes, 'an operand of dot4');
      }
      expect(place, x, 'i32', x.a.lanes, 'dot4');
      break;
    case 'pack4':
      expect(place, x.x, 'i32', 4, 'the operand of pack4');
      expect(place, x, 'i32', 1, 'pack4');
      break;
    case 'vector':
      if (x.elements.length !== 4) {
        fail(place, 'loops_v2', `a vector of ${x.elements.length} elements`);
      }
      for (const element of x.elements) expect(place, element, x.type, 1, 'an element of vector');
      expect(place, x, x.type, 4, 'vector');
      break;
    case 'select':
      expect(place, x.condition, 'bool', x.then.lanes, 'the condition of select');
      expect(place, x.otherwise, x.then.type, x.then.lanes, 'the other arm of select');
      expect(place, x, x.then.type, x.then.lanes, 'select');
      break;
    case 'cast':
      expect(place, x, x.type, x.x.lanes, 'cast');
      break;
    case 'bitcast':
      accept(place, 'bitcast', x.x, NUMBERS);
      expect(place, x, x.x.type === 'f32' ? 'i32' : 'f32', x.x.lanes, 'bitcast');
      break;
    case 'splat':
      expect(place, x.x, x.x.type, 1, 'the operand of splat');
      expect(place, x, x.x.type, 4, 'splat');
      break;
    case 'lane':
      expect(place, x.x, x.x.type, 4, 'the operand of lane');
      if (![0, 1, 2, 3].includes(x.lane)) fail(place, 'loops_v2', `there is no lane ${x.lane}`);
      expect(place, x, x.x.type, 1, 'lane');
      break;
    default:
      x satisfies never;
  }
}

/** Checks that a load's or store's buffer exists, has the value's type, and can hold the index. */
export function checkElement(
  place: Place,
  scope: Scope,
  name: string,
  at: Dim,
  value: Expression,
): void {
  checkDim(place, scope, at);
  const buffer = scope.get(name);
  if (buffer?.tag !== 'buffer') fail(place, 'loops_v1', `there is no buffer '${name}' here`);
  if (value.type !== buffer.type) {
    fail(place, 'loops_v4', `'${name}' holds ${buffer.type}, not ${value.type}`);
  }
  if (buffer.space === 'register' && typeof at !== 'number') {
    fail(place, 'loops_v6', `'${name}' is a register tile, so '${at}' must be a number`);
  }
  if (typeof at !== 'number') return;
  const isOutside = typeof buffer.size === 'number' && at + value.lanes > buffer.size;
  if (at < 0 || isOutside) {
    const asked = value.lanes === 1 ? `element ${at}` : `elements ${at} to ${at + 3}`;
    fail(place, 'loops_v4', `'${name}' has ${buffer.size} elements, but ${asked} is asked for`);
  }
}

/** Whether all invocations of a workgroup surely compute the same value. */
export function isUniform(scope: Scope, x: Expression): boolean {
  if (x.tag === 'index') return isUniformDim(scope, x.value);
  if (x.tag === 'load') {
    const binding = scope.get(x.buffer);
    const isGiven = binding?.tag === 'buffer' && binding.space === 'read';
    return isGiven && isUniformDim(scope, x.index);
  }
  if (x.tag === 'read') {
    const binding = scope.get(x.name);
    return binding?.tag === 'let' && binding.uniform;
  }
  return childrenOf(x).every((child) => isUniform(scope, child));
}

function checkConstant(place: Place, type: Scalar, lanes: Lanes, value: number): void {
  if (lanes !== 1) fail(place, 'loops_v2', 'a constant has one lane; splat it');
  if (type === 'i32' && (value | 0) !== value) {
    fail(place, 'loops_v2', `the constant ${value} is not an i32`);
  }
  if (type === 'bool' && value !== 0 && value !== 1) {
    fail(place, 'loops_v2', `the bool constant ${value} is neither 0 nor 1`);
  }
}

function checkRead(place: Place, scope: Scope, x: Expression & { readonly tag: 'read' }): void {
  const binding = scope.get(x.name);
  if (binding?.tag !== 'let' && binding?.tag !== 'variable') {
    fail(place, 'loops_v1', `'${x.name}' is read, but it is no let and no variable here`);
  }
  expect(place, x, binding.type, binding.lanes, `'${x.name}'`);
}

function accept(place: Place, op: string, x: Expression, types: readonly Scalar[]): void {
  if (!types.includes(x.type)) {
    fail(place, 'loops_v2', `${op} takes ${types.join(' or ')}, not ${x.type}`);
  }
}

function expect(place: Place, x: Expression, type: Scalar, lanes: Lanes, what: string): void {
  if (x.type === type && x.lanes === lanes) return;
  fail(place, 'loops_v2', `${what} must be ${show(type, lanes)}, but is ${show(x.type, x.lanes)}`);
}

function show(type: Scalar, lanes: Lanes): string {
  return lanes === 1 ? type : `${type}x${lanes}`;
}
