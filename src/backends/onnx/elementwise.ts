/**
 * Ops of single elements. ONNX broadcasts as encompile does, so shapes need nothing here.
 *
 * Integers wrap around to the width of their dtype; a quotient or remainder by 0 is 0, where ONNX
 * leaves it open.
 */
import { RANGE } from '../../ir/integers.ts';
import type { arithmeticOps } from '../../ir/ops/arithmetic.ts';
import type { comparisonOps } from '../../ir/ops/comparison.ts';
import type { floatClassOps } from '../../ir/ops/float_class.ts';
import type { floatRoundingOps } from '../../ir/ops/float_rounding.ts';
import type { logicOps } from '../../ir/ops/logic.ts';
import { MOST_STEPS, SMALLEST } from '../../ir/ops/quantize.ts';
import type { trigonometricOps } from '../../ir/ops/trigonometry.ts';
import type { unaryOps } from '../../ir/ops/unary.ts';
import { type DType, isFloat } from '../../ir/types.ts';
import { DATA_TYPE } from '../../onnx/schema.ts';
import { bitExporters } from './bits.ts';
import { type GraphWriter, int, type Ref } from './graph-writer.ts';
import { castTo, HELD_TYPE, scalar, wrap } from './held-types.ts';
import type { Exporter, OpCall } from './op-call.ts';
import type { OpEntry } from './opsets.ts';

/** One exporter an op of a family. */
export type ExportersOf<F> = { readonly [N in keyof F]: Exporter };

/** The standard op of that name, with integers wrapped around. */
const standard =
  (opType: string): Exporter =>
  (call) =>
    wrap(call.writer, call.result.dtype, call.writer.node(opType, call.refs()));

export const unaryExporters: ExportersOf<typeof unaryOps> = {
  neg: standard('Neg'),
  abs: standard('Abs'),
  sign: standard('Sign'),
  // Relu of opset 14 is defined on integers too, but runtimes lack it there.
  relu: (call) => {
    const { writer, result } = call;
    if (isFloat(result.dtype)) return writer.node('Relu', call.refs());
    return writer.node('Max', [call.ref(0), scalar(writer, result.dtype, 0)]);
  },
  exp: standard('Exp'),
  log: standard('Log'),
  sqrt: standard('Sqrt'),
  rsqrt: (call) => call.writer.node('Reciprocal', [call.writer.node('Sqrt', call.refs())]),
  reciprocal: standard('Reciprocal'),
  sin: standard('Sin'),
  cos: standard('Cos'),
  tanh: standard('Tanh'),
  atan: standard('Atan'),
  erf: standard('Erf'),
  sigmoid: standard('Sigmoid'),
  floor: standard('Floor'),
  ceil: standard('Ceil'),
  round: standard('Round'),
  trunc: (call) => {
    // up below 0, down above
    const [x, zero] = [call.ref(0), scalar(call.writer, call.result.dtype, 0)];
    const { writer } = call;
    const isNegative = writer.node('Less', [x, zero]);
    return writer.node('Where', [isNegative, writer.node('Ceil', [x]), writer.node('Floor', [x])]);
  },
  not: standard('Not'),
};

export const trigonometricExporters: ExportersOf<typeof trigonometricOps> = {
  tan: standard('Tan'),
  asin: standard('Asin'),
  acos: standard('Acos'),
  sinh: standard('Sinh'),
  cosh: standard('Cosh'),
  asinh: standard('Asinh'),
  acosh: standard('Acosh'),
  atanh: standard('Atanh'),
};

export const floatClassExporters: ExportersOf<typeof floatClassOps> = {
  is_nan: standard('IsNaN'),
  is_inf: (call) => {
    const sign = call.choice('sign');
    return call.writer.node('IsInf', call.refs(), {
      detect_negative: int(sign === 'positive' ? 0 : 1),
      detect_positive: int(sign === 'negative' ? 0 : 1),
    });
  },
};

/** There and back; a float of the exported model has float32 already. */
const through =
  (type: number): Exporter =>
  (call) =>
    castTo(call.writer, castTo(call.writer, call.ref(0), type), DATA_TYPE.float);

export const floatRoundingExporters: ExportersOf<typeof floatRoundingOps> = {
  round_float32: (call) => call.ref(0),
  round_float16: through(DATA_TYPE.float16),
  round_bfloat16: through(DATA_TYPE.bfloat16),
};

/**
 * Of integers in doubles, which hold a power exactly up to 2^53, truncated; 0 where a power of 0 would be
 * infinite.
 */
function exportPow(call: OpCall): Ref {
  const { writer, result } = call;
  const { dtype } = result;
  if (isFloat(dtype)) return writer.node('Pow', call.refs());
  const [a, b] = [call.ref(0), call.ref(1)];
  const zero = scalar(writer, dtype, 0);
  const isInfinite = writer.node('And', [
    writer.node('Equal', [a, zero]),
    writer.node('Less', [b, zero]),
  ]);
  const [x, y] = [a, b].map((ref) => castTo(writer, ref, DATA_TYPE.double)) as [Ref, Ref];
  const base = writer.node('Where', [isInfinite, double(writer, 2), x]);
  const power = castTo(writer, writer.node('Pow', [base, y]), DATA_TYPE.int64);
  return wrap(writer, dtype, castTo(writer, power, HELD_TYPE[dtype]));
}

export const arithmeticExporters: { readonly [N in keyof typeof arithmeticOps]: OpEntry } = {
  add: standard('Add'),
  sub: standard('Sub'),
  mul: standard('Mul'),
  div: quotient('Div'),
  rem: quotient('Mod'),
  pow: exportPow,
  minimum: standard('Min'),
  maximum: standard('Max'),
  ...bitExporters,
};

/** 127 / largest steps a unit, none where that is no number to divide by. */
export const exportQuantize: Exporter = (call) => {
  const { writer } = call;
  const number = (value: number) => scalar(writer, 'f32', value);
  const [x, largest] = [call.ref(0), call.ref(1)];
  const isSmall = writer.node('Less', [largest, number(SMALLEST)]);
  const steps = writer.node('Div', [number(MOST_STEPS), largest]);
  const inverse = writer.node('Where', [isSmall, number(0), steps]);
  return writer.node('Round', [writer.node('Mul', [x, inverse])]);
};

export const comparisonExporters: ExportersOf<typeof comparisonOps> = {
  equal: standard('Equal'),
  not_equal: (call) => call.writer.node('Not', [call.writer.node('Equal', call.refs())]),
  less: standard('Less'),
  less_equal: standard('LessOrEqual'),
  greater: standard('Greater'),
  greater_equal: standard('GreaterOrEqual'),
};

export const logicExporters: ExportersOf<typeof logicOps> = {
  and: standard('And'),
  or: standard('Or'),
  xor: standard('Xor'),
};

/** Where of bool operands is missing in runtimes: there it is (c and a) or (not c and b). */
export const exportSelect: Exporter = (call) => {
  const { writer, result } = call;
  if (result.dtype !== 'bool') return writer.node('Where', call.refs());
  const [condition, then, otherwise] = [call.ref(0), call.ref(1), call.ref(2)];
  const left = writer.node('And', [condition, then]);
  const right = writer.node('And', [writer.node('Not', [condition]), otherwise]);
  return writer.node('Or', [left, right]);
};

export const exportCast: Exporter = (call) => {
  const { writer } = call;
  const [from, to] = [call.type(0).dtype, call.dtype('dtype')];
  if (HELD_TYPE[from] === HELD_TYPE[to]) return wrap(writer, to, call.ref(0));
  if (!isFloat(from) || isFloat(to) || to === 'bool') {
    return wrap(writer, to, castTo(writer, call.ref(0), HELD_TYPE[to]));
  }
  return truncate(call, to);
};

/** A float as an integer: toward 0, NaN as 0, beyond 32 bits the nearest end of their range. */
function truncate(call: OpCall, to: DType): Ref {
  const { writer } = call;
  const x = call.ref(0);
  const number = writer.node('Where', [writer.node('IsNaN', [x]), scalar(writer, 'f32', 0), x]);
  // 2^31 - 1 is no float32. In int64 it is, but ONNX Runtime 1.30 gives a wrong Min and Clip there.
  const wide = castTo(writer, number, DATA_TYPE.double);
  const limits = RANGE.i32.map((limit) => double(writer, limit));
  const within = writer.node('Clip', [wide, ...limits]);
  return wrap(writer, to, castTo(writer, within, HELD_TYPE[to]));
}

function double(writer: GraphWriter, value: number): Ref {
  return writer.constant(DATA_TYPE.double, [], new Uint8Array(Float64Array.of(value).buffer));
}

/**
 * Div or Mod, of integers in int64: there no quotient overflows, which ends the process in some
 * runtimes as a division by 0 does.
 */
function quotient(opType: 'Div' | 'Mod'): Exporter {
  const attributes = opType === 'Mod' ? { fmod: int(1) } : {};
  return (call) => {
    const { writer } = call;
    const { dtype } = call.result;
    if (isFloat(dtype)) return writer.node(opType, call.refs(), attributes);
    const isWide = HELD_TYPE[dtype] === DATA_TYPE.int64;
    const widen = (x: Ref) => (isWide ? x : castTo(writer, x, DATA_TYPE.int64));
    const [a, b] = [widen(call.ref(0)), widen(call.ref(1))];
    const [zero, one] = [scalar(writer, 'i64', 0), scalar(writer, 'i64', 1)];
    const isZero = writer.node('Equal', [b, zero]);
    const divisor = writer.node('Where', [isZero, one, b]);
    const result = writer.node(opType, [a, divisor], attributes);
    const total = writer.node('Where', [isZero, zero, result]);
    return isWide ? total : wrap(writer, dtype, castTo(writer, total, HELD_TYPE[dtype]));
  };
}
