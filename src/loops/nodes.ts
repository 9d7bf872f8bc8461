/**
 * Loop IR: kernels as loops over buffers, the last form before a target's text.
 *
 * Indices are dims (`ir/dims.ts`): polynomials over the model's symbols, loop variables and integer
 * lets, kept in normal form. A stride is thus a coefficient, and equality is `===`. Values are
 * expression trees of f32, i32 or bool, 1 or 4 lanes wide.
 *
 * A kernel's buffers hold f32 or i32 elements: f16 is computed as f32; i64, i8 and u8 as i32; a bool
 * is an i32 that is 0 or 1.
 */
import type { Dim } from '../ir/dims.ts';

export type Scalar = 'f32' | 'i32' | 'bool';
export type Lanes = 1 | 4;

export type UnaryOp =
  | 'neg'
  | 'not'
  | 'abs'
  | 'sqrt'
  | 'floor'
  | 'ceil'
  | 'round'
  | 'trunc'
  | 'sign'
  | 'exp'
  | 'log'
  | 'sin'
  | 'cos'
  | 'tanh'
  | 'atan'
  | 'erf';

export type ArithmeticOp = 'add' | 'sub' | 'mul' | 'div' | 'rem' | 'min' | 'max' | 'pow';
export type ComparisonOp = 'lt' | 'le' | 'eq' | 'ne';
export type LogicOp = 'and' | 'or';
/** On the 32 bits of an i32; `shift_right` keeps the sign. Shifts are by 0 to 31. */
export type BitOp = 'shift_left' | 'shift_right' | 'bit_and' | 'bit_or' | 'bit_xor';
export type BinaryOp = ArithmeticOp | ComparisonOp | LogicOp | BitOp;

interface Typed {
  readonly type: Scalar;
  readonly lanes: Lanes;
}

export type Expression =
  | (Typed & { readonly tag: 'constant'; readonly value: number })
  /** An integer: a polynomial over symbols, loop variables and integer lets. */
  | (Typed & { readonly tag: 'index'; readonly value: Dim })
  /** A `let`, or a mutable variable. */
  | (Typed & { readonly tag: 'read'; readonly name: string })
  /** Elements index .. index + lanes - 1. */
  | (Typed & { readonly tag: 'load'; readonly buffer: string; readonly index: Dim })
  | (Typed & { readonly tag: 'unary'; readonly op: UnaryOp; readonly x: Expression })
  | (Typed & {
      readonly tag: 'binary';
      readonly op: BinaryOp;
      readonly a: Expression;
      readonly b: Expression;
    })
  /** a * b + c of f32; whether the product is rounded before the sum is the target's choice. */
  | (Typed & {
      readonly tag: 'multiply_add';
      readonly a: Expression;
      readonly b: Expression;
      readonly c: Expression;
    })
  /**
   * c + a0 b0 + a1 b1 + a2 b2 + a3 b3 of i32, over the signed bytes of a and those of b, which lie
   * in 0 .. 127; what comes of a b beyond them is the target's choice.
   */
  | (Typed & {
      readonly tag: 'dot4';
      readonly a: Expression;
      readonly b: Expression;
      readonly c: Expression;
    })
  /** Four lanes of i32, each clamped to -128 .. 127, as the bytes of one, the first the lowest. */
  | (Typed & { readonly tag: 'pack4'; readonly x: Expression })
  /** Both arms are evaluated. */
  | (Typed & {
      readonly tag: 'select';
      readonly condition: Expression;
      readonly then: Expression;
      readonly otherwise: Expression;
    })
  /** Between f32, i32 and bool; f32 to i32 truncates. */
  | (Typed & { readonly tag: 'cast'; readonly x: Expression })
  /** The bits of an f32 as an i32 and back. */
  | (Typed & { readonly tag: 'bitcast'; readonly x: Expression })
  /** One lane to four. */
  | (Typed & { readonly tag: 'splat'; readonly x: Expression })
  /** Four of one lane to one of four. */
  | (Typed & { readonly tag: 'vector'; readonly elements: readonly Expression[] })
  /** One lane of four. */
  | (Typed & { readonly tag: 'lane'; readonly x: Expression; readonly lane: number });

export type ExpressionTag = Expression['tag'];

/**
 * - serial: in order
 * - parallel: iterations are independent; a target may run them in any order
 * - split: as parallel, and divided among the threads that run the kernel together; every thread runs
 *   what stands around it
 * - workgroup: one workgroup an iteration; up to three nest, outermost in the kernel
 * - invocation: one invocation an iteration, directly inside the workgroup loops and their allocs;
 *   the extent is a number; barriers stand directly or in uniform loops inside
 */
export type LoopKind = 'serial' | 'parallel' | 'split' | 'workgroup' | 'invocation';

/**
 * - register: per iteration of the loops around it, indexed by numbers alone
 * - scratch: per iteration of the loops around it, any index
 * - workgroup: shared by the invocations of a workgroup
 */
export type Space = 'register' | 'scratch' | 'workgroup';

export type Statement =
  | {
      readonly tag: 'for';
      readonly kind: LoopKind;
      readonly variable: string;
      readonly from: Dim;
      /** Exclusive. */
      readonly to: Dim;
      readonly step: Dim;
      readonly body: readonly Statement[];
    }
  | {
      readonly tag: 'if';
      readonly condition: Expression;
      readonly then: readonly Statement[];
      readonly otherwise: readonly Statement[];
    }
  /** An immutable name; an i32 let of one lane may stand in indices. */
  | { readonly tag: 'let'; readonly name: string; readonly value: Expression }
  /** A mutable variable. */
  | { readonly tag: 'variable'; readonly name: string; readonly initial: Expression }
  | { readonly tag: 'set'; readonly name: string; readonly value: Expression }
  | {
      readonly tag: 'alloc';
      readonly buffer: string;
      readonly type: 'f32' | 'i32';
      readonly size: number;
      readonly space: Space;
    }
  | {
      readonly tag: 'store';
      readonly buffer: string;
      readonly index: Dim;
      readonly value: Expression;
    }
  /** All invocations of the workgroup meet here; writes before are seen after. */
  | { readonly tag: 'barrier' }
  | { readonly tag: 'comment'; readonly text: string };

export type StatementTag = Statement['tag'];
export type For = Extract<Statement, { tag: 'for' }>;

/** A buffer a kernel reads or writes. */
export interface BufferParameter {
  readonly name: string;
  readonly type: 'f32' | 'i32';
  readonly access: 'read' | 'write';
  /** Number of elements. */
  readonly size: Dim;
}

export interface Kernel {
  readonly name: string;
  /** What it computes, in the words of the graph: one line a fused op. */
  readonly summary: readonly string[];
  readonly buffers: readonly BufferParameter[];
  /** The model's symbols it uses, passed as i32. */
  readonly symbols: readonly string[];
  readonly body: readonly Statement[];
}

// Constructors --------------------------------------------------------------------------------

export function constant(value: number, type: Scalar = 'f32'): Expression {
  return { tag: 'constant', type, lanes: 1, value };
}

export function index(value: Dim): Expression {
  return { tag: 'index', type: 'i32', lanes: 1, value };
}

export function read(name: string, type: Scalar = 'f32', lanes: Lanes = 1): Expression {
  return { tag: 'read', type, lanes, name };
}

export function load(
  buffer: string,
  at: Dim,
  type: 'f32' | 'i32' = 'f32',
  lanes: Lanes = 1,
): Expression {
  return { tag: 'load', type, lanes, buffer, index: at };
}

export function unary(op: UnaryOp, x: Expression): Expression {
  return { tag: 'unary', type: x.type, lanes: x.lanes, op, x };
}

const COMPARISONS: ReadonlySet<BinaryOp> = new Set<BinaryOp>(['lt', 'le', 'eq', 'ne']);

export function binary(op: BinaryOp, a: Expression, b: Expression): Expression {
  const lanes = a.lanes === 4 || b.lanes === 4 ? 4 : 1;
  const type = COMPARISONS.has(op) ? 'bool' : a.type;
  return { tag: 'binary', type, lanes, op, a: widen(a, lanes), b: widen(b, lanes) };
}

/** a * b + c. */
export function multiplyAdd(a: Expression, b: Expression, c: Expression): Expression {
  const lanes = [a, b, c].some((x) => x.lanes === 4) ? 4 : 1;
  const [x, y, z] = [widen(a, lanes), widen(b, lanes), widen(c, lanes)];
  return { tag: 'multiply_add', type: 'f32', lanes, a: x, b: y, c: z };
}

/** c + the sum of the products of four bytes. */
export function dot4(a: Expression, b: Expression, c: Expression): Expression {
  const lanes = [a, b, c].some((x) => x.lanes === 4) ? 4 : 1;
  const [x, y, z] = [widen(a, lanes), widen(b, lanes), widen(c, lanes)];
  return { tag: 'dot4', type: 'i32', lanes, a: x, b: y, c: z };
}

export function pack4(x: Expression): Expression {
  return { tag: 'pack4', type: 'i32', lanes: 1, x };
}

export function select(condition: Expression, then: Expression, otherwise: Expression): Expression {
  const lanes = [condition, then, otherwise].some((x) => x.lanes === 4) ? 4 : 1;
  return {
    tag: 'select',
    type: then.type,
    lanes,
    condition: widen(condition, lanes),
    then: widen(then, lanes),
    otherwise: widen(otherwise, lanes),
  };
}

export function cast(type: Scalar, x: Expression): Expression {
  if (x.type === type) return x;
  if (x.tag === 'index' && typeof x.value === 'number') return constant(x.value, type);
  return { tag: 'cast', type, lanes: x.lanes, x };
}

export function bitcast(type: 'f32' | 'i32', x: Expression): Expression {
  return { tag: 'bitcast', type, lanes: x.lanes, x };
}

export function splat(x: Expression): Expression {
  return { tag: 'splat', type: x.type, lanes: 4, x };
}

export function vector(elements: readonly Expression[]): Expression {
  return { tag: 'vector', type: elements[0]?.type ?? 'f32', lanes: 4, elements };
}

export function lane(x: Expression, which: number): Expression {
  return { tag: 'lane', type: x.type, lanes: 1, x, lane: which };
}

/** A value of four lanes where four are asked for. */
export function widen(x: Expression, lanes: Lanes): Expression {
  return lanes === 4 && x.lanes === 1 ? splat(x) : x;
}

export const addOf = (a: Expression, b: Expression) => binary('add', a, b);
export const multiplyOf = (a: Expression, b: Expression) => binary('mul', a, b);

export function loop(
  kind: LoopKind,
  variable: string,
  to: Dim,
  body: readonly Statement[],
  from: Dim = 0,
  step: Dim = 1,
): For {
  return { tag: 'for', kind, variable, from, to, step, body };
}

export function letOf(name: string, value: Expression): Statement {
  return { tag: 'let', name, value };
}

export function store(buffer: string, at: Dim, value: Expression): Statement {
  return { tag: 'store', buffer, index: at, value };
}

// Traversal -----------------------------------------------------------------------------------

/** The direct subexpressions. */
export function childrenOf(x: Expression): readonly Expression[] {
  switch (x.tag) {
    case 'constant':
    case 'index':
    case 'read':
    case 'load':
      return [];
    case 'unary':
    case 'cast':
    case 'bitcast':
    case 'splat':
    case 'lane':
    case 'pack4':
      return [x.x];
    case 'binary':
      return [x.a, x.b];
    case 'multiply_add':
    case 'dot4':
      return [x.a, x.b, x.c];
    case 'select':
      return [x.condition, x.then, x.otherwise];
    case 'vector':
      return x.elements;
    default:
      return x satisfies never;
  }
}

/** Rebuilds an expression bottom up. */
export function mapExpression(x: Expression, f: (x: Expression) => Expression): Expression {
  switch (x.tag) {
    case 'constant':
    case 'index':
    case 'read':
    case 'load':
      return f(x);
    case 'unary':
    case 'cast':
    case 'bitcast':
    case 'splat':
    case 'lane':
    case 'pack4':
      return f({ ...x, x: mapExpression(x.x, f) });
    case 'binary':
      return f({ ...x, a: mapExpression(x.a, f), b: mapExpression(x.b, f) });
    case 'multiply_add':
    case 'dot4':
      return f({
        ...x,
        a: mapExpression(x.a, f),
        b: mapExpression(x.b, f),
        c: mapExpression(x.c, f),
      });
    case 'vector':
      return f({ ...x, elements: x.elements.map((element) => mapExpression(element, f)) });
    case 'select':
      return f({
        ...x,
        condition: mapExpression(x.condition, f),
        then: mapExpression(x.then, f),
        otherwise: mapExpression(x.otherwise, f),
      });
    default:
      return x satisfies never;
  }
}
