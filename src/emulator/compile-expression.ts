// biome-ignore-all lint/style/noNonNullAssertion: slots and checked elements exist by construction.
/**
 * Compiles expressions to three-address steps over a frame: every subexpression puts its lanes into
 * slots of its own, and the steps run one after another. Both arms of a select are thus evaluated,
 * as the loop IR has it.
 */
import type {
  ArithmeticOp,
  BinaryOp,
  BitOp,
  ComparisonOp,
  Expression,
  Lanes,
  LogicOp,
  Statement,
} from '../loops/nodes.ts';
import type { Step } from './code.ts';
import { indexFunction } from './compile-index.ts';
import {
  BOOLEAN,
  conversion,
  dot4,
  FLOAT,
  INTEGER,
  pack4,
  reinterpret,
  UNARY,
} from './functions.ts';
import { loadStep, registerCheck } from './memory.ts';
import { indexIn, lookUp, type Scope } from './scope.ts';
import type { Unit } from './unit.ts';

/** Where a value is: its first slot. */
export interface Operand {
  readonly slot: number;
  /** Whether the slots keep the value for as long as its names are in scope. */
  readonly stable: boolean;
}

export interface ExpressionContext {
  readonly unit: Unit;
  readonly scope: Scope;
  /** The statement the expression stands in. */
  readonly statement: Statement;
  readonly emit: (step: Step) => void;
}

export function compileExpression(x: Expression, context: ExpressionContext): Operand {
  const { unit, scope } = context;
  switch (x.tag) {
    case 'constant': {
      const value = x.type === 'f32' && unit.rounds ? Math.fround(x.value) : x.value;
      return { slot: unit.layout.constant(value), stable: true };
    }
    case 'index':
      return compileIndexValue(x, context);
    case 'read': {
      const binding = lookUp(unit, scope, x.name);
      if (binding.tag !== 'value') throw new Error(`'${x.name}' is a buffer, not a value`);
      return { slot: binding.slot, stable: !binding.mutable };
    }
    case 'load':
      return compileLoad(x, context);
    case 'unary': {
      const apply = UNARY[x.op];
      if (x.type === 'i32') return compileMap(x, x.x, (a) => apply(a) | 0, context);
      return compileMap(x, x.x, rounded(x, apply, unit), context);
    }
    case 'binary': {
      const [a, b] = [compileExpression(x.a, context), compileExpression(x.b, context)];
      return result(x, context, (to) =>
        binaryStep(x.op, x.a.type === 'i32', unit.rounds, [a.slot, b.slot, to], x.lanes),
      );
    }
    case 'multiply_add': {
      const [a, b, c] = [x.a, x.b, x.c].map((part) => compileExpression(part, context).slot);
      const round = unit.rounds ? Math.fround : (value: number) => value;
      return result(x, context, (to) => (f) => {
        for (let l = 0; l < x.lanes; l++)
          f[to + l] = round(round(f[a! + l]! * f[b! + l]!) + f[c! + l]!);
      });
    }
    case 'dot4': {
      const [a, b, c] = [x.a, x.b, x.c].map((part) => compileExpression(part, context).slot);
      return result(x, context, (to) => (f) => {
        for (let l = 0; l < x.lanes; l++) f[to + l] = dot4(f[a! + l]!, f[b! + l]!, f[c! + l]!);
      });
    }
    case 'pack4': {
      const from = compileExpression(x.x, context).slot;
      return result(x, context, (to) => (f) => {
        f[to] = pack4(f[from]!, f[from + 1]!, f[from + 2]!, f[from + 3]!);
      });
    }
    case 'vector': {
      const from = x.elements.map((element) => compileExpression(element, context).slot);
      return result(x, context, (to) => (f) => {
        for (let l = 0; l < 4; l++) f[to + l] = f[from[l]!]!;
      });
    }
    case 'select': {
      const { lanes } = x;
      const condition = compileExpression(x.condition, context).slot;
      const then = compileExpression(x.then, context).slot;
      const otherwise = compileExpression(x.otherwise, context).slot;
      return result(x, context, (to) => (f) => {
        for (let l = 0; l < lanes; l++) {
          f[to + l] = f[condition + l] !== 0 ? f[then + l]! : f[otherwise + l]!;
        }
      });
    }
    case 'cast':
      return compileMap(x, x.x, rounded(x, conversion(x.x.type, x.type), unit), context);
    case 'bitcast':
      return compileMap(x, x.x, reinterpret(x.type), context);
    case 'splat': {
      const from = compileExpression(x.x, context).slot;
      return result(x, context, (to) => (f) => {
        const value = f[from]!;
        for (let l = 0; l < 4; l++) f[to + l] = value;
      });
    }
    case 'lane': {
      const { slot, stable } = compileExpression(x.x, context);
      return { slot: slot + x.lane, stable };
    }
    default:
      return x satisfies never;
  }
}

function compileIndexValue(
  x: Extract<Expression, { tag: 'index' }>,
  context: ExpressionContext,
): Operand {
  const { unit, scope } = context;
  const index = indexIn(unit, scope, x.value);
  if (index.tag === 'number') return { slot: unit.layout.constant(index.value), stable: true };
  if (index.tag === 'slot') return { slot: index.slot, stable: true };
  const { at } = index;
  return result(x, context, (to) => (f) => {
    f[to] = at(f);
  });
}

function compileLoad(x: Extract<Expression, { tag: 'load' }>, context: ExpressionContext): Operand {
  const { unit, scope, statement } = context;
  const { lanes, buffer } = x;
  const { loops, concurrency } = scope;
  const memory = lookUp(unit, scope, buffer);
  if (memory.tag === 'value') throw new Error(`'${buffer}' is loaded, but is no buffer`);
  const { size } = memory;
  const site = unit.addSite({ action: 'loads', statement, loops, buffer, size });
  const index = indexIn(unit, scope, x.index);
  if (memory.tag === 'memory') {
    const at = indexFunction(index);
    return result(x, context, (to) => loadStep({ unit, memory, at, lanes, concurrency, site }, to));
  }
  if (index.tag !== 'number') throw new Error(`'${buffer}' is a register tile: use a number`);
  const i = index.value;
  if (i < 0 || i + lanes > size) {
    return result(x, context, (to) => (f) => {
      unit.outOfBounds(site, f, i, lanes);
      f.fill(0, to, to + lanes);
    });
  }
  context.emit(registerCheck(unit, memory, i, lanes, site));
  return { slot: memory.values + i, stable: false };
}

function compileMap(
  x: Expression,
  operand: Expression,
  apply: (a: number) => number,
  context: ExpressionContext,
): Operand {
  const from = compileExpression(operand, context).slot;
  const { lanes } = x;
  return result(x, context, (to) => (f) => {
    for (let l = 0; l < lanes; l++) f[to + l] = apply(f[from + l]!);
  });
}

function rounded(x: Expression, apply: (a: number) => number, unit: Unit): (a: number) => number {
  return x.type === 'f32' && unit.rounds ? (a) => Math.fround(apply(a)) : apply;
}

/** Slots of its own for a value, and the step that fills them. */
function result(
  x: Expression,
  { unit, emit }: ExpressionContext,
  step: (to: number) => Step,
): Operand {
  const slot = unit.layout.reserve(x.lanes);
  emit(step(slot));
  return { slot, stable: true };
}

type Slots = readonly [a: number, b: number, to: number];

function binaryStep(
  op: BinaryOp,
  isInteger: boolean,
  rounds: boolean,
  slots: Slots,
  lanes: Lanes,
): Step {
  if (isBoolean(op)) return applyStep(BOOLEAN[op], slots, lanes);
  if (isInteger || isOfBits(op)) return applyStep(INTEGER[op], slots, lanes);
  const apply = FLOAT[op];
  if (!rounds) return op === 'mul' ? multiplyStep(slots, lanes) : applyStep(apply, slots, lanes);
  const frequent = FREQUENT[op];
  if (frequent !== undefined) return frequent(slots, lanes);
  return applyStep((a, b) => Math.fround(apply(a, b)), slots, lanes);
}

function isBoolean(op: BinaryOp): op is ComparisonOp | LogicOp {
  return op in BOOLEAN;
}

function isOfBits(op: ArithmeticOp | BitOp): op is BitOp {
  return !(op in FLOAT);
}

function applyStep(apply: (a: number, b: number) => number, [a, b, to]: Slots, lanes: Lanes): Step {
  return (f) => {
    for (let l = 0; l < lanes; l++) f[to + l] = apply(f[a + l]!, f[b + l]!);
  };
}

function multiplyStep([a, b, to]: Slots, lanes: Lanes): Step {
  return (f) => {
    for (let l = 0; l < lanes; l++) f[to + l] = f[a + l]! * f[b + l]!;
  };
}

/** What most of the time goes to, without a call an element. */
const FREQUENT: { readonly [O in ArithmeticOp]?: (slots: Slots, lanes: Lanes) => Step } = {
  add:
    ([a, b, to], lanes) =>
    (f) => {
      for (let l = 0; l < lanes; l++) f[to + l] = Math.fround(f[a + l]! + f[b + l]!);
    },
  mul:
    ([a, b, to], lanes) =>
    (f) => {
      for (let l = 0; l < lanes; l++) f[to + l] = Math.fround(f[a + l]! * f[b + l]!);
    },
};
