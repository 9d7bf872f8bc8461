/**
 * Statements about one element as statements about four neighbours.
 *
 * Where a lane variable l stands for elements at + l, what does not depend on l stays one lane, and
 * what does becomes four: a load whose index is l + rest is one load of four lanes, a store likewise,
 * l itself is the vector at + (0, 1, 2, 3).
 *
 * Requires: the elements may be computed in any order. Guarantees: null, and nothing changed, where
 * four elements cannot be computed together: a branch or a bound that depends on l, a store that
 * does not go to neighbours, an index that is data, or (unless gathers are allowed) such a load.
 */
import { add, type Dim, linearIn, substitute, symbolsOf } from '../../../ir/dims.ts';
import {
  addOf,
  binary,
  bitcast,
  cast,
  childrenOf,
  constant,
  dot4,
  type Expression,
  index as indexOf,
  load,
  multiplyAdd,
  read,
  type Statement,
  select,
  splat,
  store,
  unary,
  vector,
  widen as widenTo,
} from '../../nodes.ts';

export interface Widening {
  /** The lane variable. */
  readonly variable: string;
  /** What stands for it in the first lane. */
  readonly at: Dim;
  /** Names from outside that have one lane in the statements and four in the result. */
  readonly wide?: ReadonlySet<string>;
  /** Variables from outside that are reduced into, and what they are called in the result. */
  readonly accumulators?: ReadonlyMap<string, string>;
  /** Names of the statements' own, where the result is one of several copies in a scope. */
  readonly rename?: (name: string) => string;
  /** Whether four loads apart may become one vector. */
  readonly gathers?: boolean;
}

export function widen(
  statements: readonly Statement[],
  widening: Widening,
): readonly Statement[] | null {
  const wide = dependents(statements, widening);
  const writer = new Widener(widening, wide);
  const result = writer.block(statements, true);
  return writer.isPossible ? result : null;
}

type Reduction = Extract<Expression, { tag: 'binary' }>;

/** The `set` of a reduction, `acc = acc op value`, with the value; else null. */
export function reductionOf(
  s: Statement,
): { readonly op: Reduction['op']; readonly value: Expression } | null {
  if (s.tag !== 'set' || s.value.tag !== 'binary') return null;
  const { op, a, b } = s.value;
  const combines = op === 'add' || op === 'max' || op === 'min' || op === 'mul';
  return combines && a.tag === 'read' && a.name === s.name ? { op, value: b } : null;
}

/** Every name whose value depends on the lane variable. */
function dependents(body: readonly Statement[], widening: Widening): ReadonlySet<string> {
  const wide = new Set(widening.wide ?? []);
  const depends = (x: Expression): boolean => {
    if (x.tag === 'read') return wide.has(x.name);
    const dim = x.tag === 'index' ? x.value : x.tag === 'load' ? x.index : 0;
    const here = symbolsOf(dim).some((s) => s === widening.variable || wide.has(s));
    return here || childrenOf(x).some(depends);
  };
  const visit = (statements: readonly Statement[]): void => {
    for (const s of statements) {
      if (s.tag === 'for') visit(s.body);
      if (s.tag === 'if') visit([...s.then, ...s.otherwise]);
      const value =
        s.tag === 'variable' ? s.initial : s.tag === 'let' || s.tag === 'set' ? s.value : null;
      if (value !== null && 'name' in s && depends(value)) wide.add(s.name);
    }
  };
  for (let before = -1; before < wide.size; ) {
    before = wide.size;
    visit(body);
  }
  return wide;
}

class Widener {
  isPossible = true;
  private readonly widening: Widening;
  private readonly wide: ReadonlySet<string>;
  private readonly names = new Map<string, string>();

  constructor(widening: Widening, wide: ReadonlySet<string>) {
    this.widening = widening;
    this.wide = wide;
  }

  block(statements: readonly Statement[], isOutermost: boolean): readonly Statement[] {
    return statements.map((s) => this.statement(s, isOutermost));
  }

  private statement(s: Statement, isOutermost: boolean): Statement {
    switch (s.tag) {
      case 'for':
        if ([s.from, s.to, s.step].some((dim) => this.dependsOnLane(dim))) return this.refuse(s);
        return {
          ...s,
          from: this.dim(s.from),
          to: this.dim(s.to),
          step: this.dim(s.step),
          body: this.block(s.body, false),
        };
      case 'if': {
        const condition = this.expression(s.condition);
        if (condition.lanes !== 1) return this.refuse(s);
        return {
          ...s,
          condition,
          then: this.block(s.then, false),
          otherwise: this.block(s.otherwise, false),
        };
      }
      case 'let': {
        const value = this.ofName(s.name, this.expression(s.value));
        return { ...s, name: this.declared(s.name, isOutermost), value };
      }
      case 'variable': {
        const initial = this.ofName(s.name, this.expression(s.initial));
        return { ...s, name: this.declared(s.name, isOutermost), initial };
      }
      case 'set':
        return this.set(s);
      case 'store':
        return this.store(s);
      case 'comment':
        return s;
      case 'alloc':
      case 'barrier':
        return this.refuse(s);
      default:
        return s satisfies never;
    }
  }

  private set(s: Extract<Statement, { tag: 'set' }>): Statement {
    const accumulator = this.widening.accumulators?.get(s.name);
    if (accumulator === undefined) {
      return {
        ...s,
        name: this.nameOf(s.name),
        value: this.ofName(s.name, this.expression(s.value)),
      };
    }
    const reduction = reductionOf(s);
    if (reduction === null) return this.refuse(s);
    const sum = read(accumulator, s.value.type, 4);
    const { op, value } = reduction;
    const isProduct =
      op === 'add' && value.type === 'f32' && value.tag === 'binary' && value.op === 'mul';
    const combined = isProduct
      ? multiplyAdd(this.expression(value.a), this.expression(value.b), sum)
      : binary(op, sum, this.expression(value));
    return { ...s, name: accumulator, value: combined };
  }

  private store(s: Extract<Statement, { tag: 'store' }>): Statement {
    const linear = linearIn(s.index, this.widening.variable);
    if (linear?.coefficient !== 1 || this.readsWideName(s.index)) return this.refuse(s);
    return store(s.buffer, this.dim(s.index), widenTo(this.expression(s.value), 4));
  }

  /** One lane where nothing in it depends on the lane variable, else four. */
  private expression(x: Expression): Expression {
    switch (x.tag) {
      case 'constant':
        return x;
      case 'index':
        return this.position(x.value);
      case 'read':
        return read(this.nameOf(x.name), x.type, this.wide.has(x.name) ? 4 : 1);
      case 'load':
        return this.load(x);
      case 'unary':
        return unary(x.op, this.expression(x.x));
      case 'binary':
        return binary(x.op, this.expression(x.a), this.expression(x.b));
      case 'multiply_add':
        return multiplyAdd(this.expression(x.a), this.expression(x.b), this.expression(x.c));
      case 'select':
        return select(
          this.expression(x.condition),
          this.expression(x.then),
          this.expression(x.otherwise),
        );
      case 'cast':
        return cast(x.type, this.expression(x.x));
      case 'bitcast':
        return bitcast(x.type === 'f32' ? 'f32' : 'i32', this.expression(x.x));
      case 'dot4':
        return dot4(this.expression(x.a), this.expression(x.b), this.expression(x.c));
      case 'splat':
      case 'vector':
      case 'lane':
      case 'pack4':
        return this.refuse(x);
      default:
        return x satisfies never;
    }
  }

  private position(dim: Dim): Expression {
    if (this.readsWideName(dim)) return this.refuse(indexOf(dim));
    const linear = linearIn(dim, this.widening.variable);
    if (linear === null) return vector(LANES.map((lane) => indexOf(this.dim(dim, lane))));
    if (linear.coefficient === 0) return indexOf(this.dim(dim));
    const { coefficient } = linear;
    if (typeof coefficient !== 'number') {
      return vector(LANES.map((lane) => indexOf(this.dim(dim, lane))));
    }
    const steps = vector(LANES.map((lane) => constant(coefficient * lane, 'i32')));
    return addOf(splat(indexOf(this.dim(dim))), steps);
  }

  private load(x: Extract<Expression, { tag: 'load' }>): Expression {
    if (x.lanes !== 1 || this.readsWideName(x.index)) return this.refuse(x);
    const type = x.type === 'i32' ? 'i32' : 'f32';
    const linear = linearIn(x.index, this.widening.variable);
    if (linear?.coefficient === 0) return load(x.buffer, this.dim(x.index), type);
    if (linear?.coefficient === 1) return load(x.buffer, this.dim(x.index), type, 4);
    if (this.widening.gathers !== true) return this.refuse(x);
    return vector(LANES.map((lane) => load(x.buffer, this.dim(x.index, lane), type)));
  }

  /** A dim in a lane, under the names of this copy. */
  private dim(dim: Dim, lane = 0): Dim {
    const { variable, at } = this.widening;
    return substitute(dim, (symbol) => {
      if (symbol === variable) return add(at, lane);
      return this.names.get(symbol);
    });
  }

  private dependsOnLane(dim: Dim): boolean {
    return symbolsOf(dim).includes(this.widening.variable) || this.readsWideName(dim);
  }

  private readsWideName(dim: Dim): boolean {
    return symbolsOf(dim).some((symbol) => this.wide.has(symbol));
  }

  private ofName(name: string, value: Expression): Expression {
    return this.wide.has(name) ? widenTo(value, 4) : value;
  }

  private declared(name: string, isOutermost: boolean): string {
    const { rename } = this.widening;
    if (isOutermost && rename !== undefined) this.names.set(name, rename(name));
    return this.nameOf(name);
  }

  private nameOf(name: string): string {
    return this.names.get(name) ?? name;
  }

  private refuse<T>(x: T): T {
    this.isPossible = false;
    return x;
  }
}

const LANES = [0, 1, 2, 3];
