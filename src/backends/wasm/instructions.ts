/**
 * Instructions as trees, with the names that WebAssembly gives to types and shapes. A bool of one
 * lane is an i32 that is 0 or 1; of four lanes it is a mask, every bit of a lane alike.
 */
import type { Lanes, Scalar } from '../../loops/nodes.ts';
import type { Sexp } from './sexp.ts';

export type ValueType = 'i32' | 'f32' | 'v128';
/** The prefix of an instruction that computes with a value. */
export type Shape = 'i32' | 'f32' | 'i32x4' | 'f32x4';

export function valueType(type: Scalar, lanes: Lanes): ValueType {
  return lanes === 4 ? 'v128' : type === 'f32' ? 'f32' : 'i32';
}

export function shapeOf(type: Scalar, lanes: Lanes): Shape {
  const element = type === 'f32' ? 'f32' : 'i32';
  return lanes === 4 ? `${element}x4` : element;
}

export function getLocal(local: string): Sexp {
  return ['local.get', local];
}

export function setLocal(local: string, value: Sexp): Sexp {
  return ['local.set', local, value];
}

export function i32Const(value: number): Sexp {
  return ['i32.const', `${value | 0}`];
}

/** A constant of one lane. */
export function scalarConst(value: number, type: Scalar): Sexp {
  return type === 'f32' ? ['f32.const', floatText(value)] : i32Const(value);
}

/** A constant of four lanes. */
export function vectorConst(values: readonly number[], type: Scalar): Sexp {
  const shape = shapeOf(type, 4);
  return ['v128.const', shape, ...values.map((value) => laneText(value, type))];
}

/** The same number in four lanes. */
export function splatConst(value: number, type: Scalar): Sexp {
  return vectorConst([value, value, value, value], type);
}

/** Whether a value may be written twice instead of being kept: it is a local or a constant. */
export function isAtom(x: Sexp): boolean {
  const head = x[0];
  return head === 'local.get' || (typeof head === 'string' && head.endsWith('.const'));
}

function laneText(value: number, type: Scalar): string {
  if (type === 'f32') return floatText(value);
  return `${type === 'bool' ? -value : value | 0}`;
}

/** A decimal that reads as the float32 nearest to `value`. */
export function floatText(value: number): string {
  const nearest = Math.fround(value);
  if (Number.isNaN(nearest)) return 'nan';
  if (!Number.isFinite(nearest)) return nearest < 0 ? '-inf' : 'inf';
  if (Object.is(nearest, -0)) return '-0';
  // Read as a float32 at once, a decimal at the middle of two could round to the other one.
  const isClear = [1 - 2 ** -50, 1 + 2 ** -50].every((f) => Math.fround(value * f) === nearest);
  return `${isClear ? value : nearest}`;
}
