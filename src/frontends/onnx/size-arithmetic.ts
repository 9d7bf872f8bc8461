/**
 * Arithmetic of symbolic sizes: the ops that exporters write between Shape and Reshape, on dims.
 * A table entry gives the element of the result for elements of the operands, or null where that is
 * no dim (a quotient with a rest that may be negative, a comparison that depends on the run).
 */
import {
  add,
  type Dim,
  divideExactly,
  floorDivide,
  isAtLeast,
  maximum,
  minimum,
  modulo,
  multiply,
  substitute,
  subtract,
} from '../../ir/dims.ts';
import { type DType, isFloat, isInteger } from '../../ir/types.ts';
import type { NodeContext, Site } from './context.ts';
import { type Known, known, MAX_KNOWN } from './operand.ts';
import { dtypeOf } from './tensors.ts';

type Element = Dim | null;
type Binary = (a: Dim, b: Dim, dtype: DType, site: Site) => Element;

/** The result of the node, or null where this is not arithmetic that dims can do. */
export function sizeArithmetic(
  node: NodeContext,
  operands: readonly Known[],
): readonly Known[] | null {
  const [first, second] = operands;
  if (first === undefined) return null;
  if (node.opType === 'Cast') return cast(node, first);
  if (node.opType === 'Range') return null;
  const reduce = REDUCTIONS[node.opType];
  if (reduce !== undefined) return reduceAll(node, operands, reduce);
  const unary = UNARY[node.opType];
  if (unary !== undefined) return complete(first.dtype, first.shape, first.elements.map(unary));
  if (node.opType === 'Where') return where(operands);
  const binary = BINARY[node.opType];
  if (binary === undefined || second === undefined) return null;
  return operands.slice(1).reduce<readonly Known[] | null>(
    (left, right) => {
      return left?.[0] === undefined
        ? null
        : elementwise(node.opType, binary, node.site, left[0], right);
    },
    [first],
  );
}

function complete(
  dtype: DType,
  shape: readonly number[],
  elements: readonly Element[],
): readonly Known[] | null {
  const found = elements.filter((element) => element !== null);
  return found.length === elements.length ? [known(dtype, shape, found)] : null;
}

function elementwise(
  opType: string,
  f: Binary,
  site: Site,
  a: Known,
  b: Known,
): readonly Known[] | null {
  const shape = broadcast(a.shape, b.shape);
  if (shape === null || a.dtype !== b.dtype) return null;
  const [left, right] = [spread(a, shape), spread(b, shape)];
  const dtype = COMPARISONS.has(opType) ? 'bool' : a.dtype;
  return complete(
    dtype,
    shape,
    left.map((x, i) => f(x, right[i] ?? 0, a.dtype, site)),
  );
}

/** Of floats only whole numbers are sizes. */
const whole = (f: (a: Dim, b: Dim, site: Site) => Element): Binary => {
  return (a, b, dtype, site) =>
    isFloat(dtype) && [a, b].some((x) => typeof x === 'number' && !Number.isInteger(x))
      ? null
      : f(a, b, site);
};

/** Of bools, which are 0 or 1 at any size. */
function both(a: Dim, b: Dim): Element {
  if (a === b || a === 0 || b === 1) return a;
  return b === 0 || a === 1 ? b : null;
}

const COMPARISONS = new Set(['Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual']);

const ofIntegers = whole(quotient);
const ofFloats = whole(divideExactly);

const BINARY: { readonly [opType: string]: Binary } = {
  Add: whole(add),
  Sub: whole(subtract),
  Mul: whole(multiply),
  Div: (a, b, dtype, site) => (isFloat(dtype) ? ofFloats : ofIntegers)(a, b, dtype, site),
  Mod: whole((a, b) => (isAtLeast(b, 1) ? modulo(a, b) : null)),
  Min: whole(minimum),
  Max: whole(largerOf),
  And: both,
  Equal: whole(isEqual),
  Less: whole(isLess),
  LessOrEqual: whole((a, b, site) => isLess(a, add(b, 1), site)),
  Greater: whole((a, b, site) => isLess(b, a, site)),
  GreaterOrEqual: whole((a, b, site) => isLess(b, add(a, 1), site)),
};

const UNARY: { readonly [opType: string]: (x: Dim) => Element } = {
  Neg: (x) => subtract(0, x),
  Abs: (x) => (isAtLeast(x, 0) ? x : null),
  Relu: (x) => maximum(x, 0),
  Floor: (x) => (typeof x === 'string' ? x : Math.floor(x)),
  Ceil: (x) => (typeof x === 'string' ? x : Math.ceil(x)),
  Round: (x) => (typeof x === 'string' ? x : null),
};

/**
 * ONNX divides towards 0, which of numbers from 0 is the floor; floats divide without a rest. Exporters
 * count the windows of a convolution so: (samples - 10) / 5 + 1. Where no sample is left the window does
 * not fit, and the run is refused, so that large sizes tell.
 */
function quotient(a: Dim, b: Dim): Element {
  const exact = divideExactly(a, b);
  if (exact !== null) return exact;
  return isAtLeastOfLarge(a, 0) && isAtLeast(b, 1) ? floorDivide(a, b) : null;
}

const LARGE = 2 ** 16;

/** Whether a >= b where no symbol is small. */
function isAtLeastOfLarge(a: Dim, b: Dim): boolean {
  return isAtLeast(
    substitute(a, (symbol) => add(symbol, LARGE)),
    b,
  );
}

/** Whether a >= b for all sizes of values that there are. */
function isProven(a: Dim, b: Dim, site: Site): boolean {
  return isAtLeast(a, b) || (isAtLeast(0, b) && site.hasAxis(a));
}

function largerOf(a: Dim, b: Dim, site: Site): Element {
  if (isProven(a, b, site)) return a;
  return isProven(b, a, site) ? b : maximum(a, b);
}

function isEqual(a: Dim, b: Dim, site: Site): Element {
  if (a === b) return 1;
  return isProven(a, add(b, 1), site) || isProven(b, add(a, 1), site) ? 0 : null;
}

function isLess(a: Dim, b: Dim, site: Site): Element {
  if (isProven(b, add(a, 1), site)) return 1;
  if (isProven(a, b, site)) return 0;
  // whether there are any
  return a === 0 && isProven(b, 0, site) ? minimum(1, b) : null;
}

const REDUCTIONS: { readonly [opType: string]: (a: Dim, b: Dim) => Dim } = {
  ReduceProd: multiply,
  ReduceSum: add,
  ReduceMax: maximum,
  ReduceMin: minimum,
};

/** Reductions of a vector to one number; of more dims, nobody computes sizes. */
function reduceAll(
  node: NodeContext,
  [x, axes]: readonly Known[],
  f: (a: Dim, b: Dim) => Dim,
): readonly Known[] | null {
  const named = axes?.elements ?? node.ints('axes') ?? [0];
  if (x?.shape.length !== 1 || named.length !== 1 || isFloat(x.dtype)) return null;
  const [first, ...others] = x.elements;
  if (first === undefined) return null;
  const shape = node.int('keepdims', 1) === 1 ? [1] : [];
  return [known(x.dtype, shape, [others.reduce(f, first)])];
}

function cast(node: NodeContext, x: Known): readonly Known[] | null {
  const dtype = dtypeOf(node.int('to', 0), 'the cast');
  const isExact = dtype === 'i64' || dtype === 'i32' || dtype === 'f32';
  return isExact && (isInteger(x.dtype) || x.dtype === 'f32')
    ? [known(dtype, x.shape, x.elements)]
    : null;
}

function where([condition, then, otherwise]: readonly Known[]): readonly Known[] | null {
  if (condition === undefined || then === undefined || otherwise === undefined) return null;
  const choices = broadcast(then.shape, otherwise.shape);
  const shape = choices && broadcast(condition.shape, choices);
  if (shape === null) return null;
  const [c, a, b] = [condition, then, otherwise].map((operand) => spread(operand, shape));
  const chosen = (c ?? []).map((holds, i): Element => {
    const [x, y] = [a?.[i] ?? 0, b?.[i] ?? 0];
    if (x === y) return x;
    return typeof holds === 'number' ? (holds === 0 ? y : x) : null;
  });
  return complete(then.dtype, shape, chosen);
}

function broadcast(a: readonly number[], b: readonly number[]): readonly number[] | null {
  const rank = Math.max(a.length, b.length);
  const shape: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const [x, y] = [a[axis - (rank - a.length)] ?? 1, b[axis - (rank - b.length)] ?? 1];
    if (x !== y && x !== 1 && y !== 1) return null;
    shape.push(x === 1 ? y : x);
  }
  return shape.reduce((product, dim) => product * dim, 1) > MAX_KNOWN ? null : shape;
}

/** The elements broadcast to `shape`. */
function spread({ shape: from, elements }: Known, shape: readonly number[]): readonly Dim[] {
  const count = shape.reduce((product, dim) => product * dim, 1);
  return Array.from({ length: count }, (_, place) => {
    let [rest, offset, stride] = [place, 0, 1];
    for (let back = 1; back <= shape.length; back++) {
      const dim = shape.at(-back) ?? 1;
      const own = back <= from.length ? (from.at(-back) ?? 1) : 1;
      if (own !== 1) offset += (rest % dim) * stride;
      stride *= own;
      rest = Math.floor(rest / dim);
    }
    return elements[offset] ?? 0;
  });
}
