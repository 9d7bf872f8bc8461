/**
 * What the ops' `lower` may emit beside expressions: reductions, folds, guarded values, indices that
 * are data. On a GPU a row's reductions are shared by the invocations of a workgroup.
 */
import { add, type Dim, isAtLeast, subtract } from '../ir/dims.ts';
import type { ElementEmitter } from '../ir/op-arguments.ts';
import { structuralKey } from '../structural-key.ts';
import { Blocks, namesIn } from './blocks.ts';
import { bound, divideIndex, isBelow, moduloIndex } from './index-algebra.ts';
import {
  binary,
  cast,
  constant,
  type Expression,
  index as indexOf,
  letOf,
  load,
  loop,
  read,
  type Scalar,
  store,
} from './nodes.ts';

export type Combine = 'add' | 'max' | 'min' | 'mul';

/** Splits row-wide loops over the invocations of a workgroup, and joins what they reduce. */
export interface Collective {
  readonly lane: string;
  readonly width: number;
  /** Workgroup memory of `width` elements for each type that is reduced. */
  readonly exchange: { readonly [T in 'f32' | 'i32']?: string };
}

export class ElementLoops extends Blocks {
  private collective: { readonly how: Collective; readonly depth: number } | null = null;

  /** From here on, reductions at this scope are shared by the invocations of the workgroup. */
  shareReductions(how: Collective): void {
    this.collective = { how, depth: this.scopes.length - 1 };
  }

  readonly elements: ElementEmitter = {
    reduce: (combine, extent, term) => this.reduce(combine, extent, term),
    fold: (extent, initial, step) => this.fold(extent, initial, step),
    guard: (condition, value, otherwise) => this.guard(condition, value, otherwise),
    asIndex: (value, extent) => this.asIndex(value, extent),
    divide: (x, by) => divideIndex(x, by, this.ranges),
    modulo: (x, by) => moduloIndex(x, by, this.ranges),
  };

  private reduce(combine: Combine, extent: Dim, term: (k: Dim) => Expression): Expression {
    const shared = this.collective;
    if (shared === null || shared.depth !== this.scopes.length - 1) {
      return this.accumulate(combine, extent, term, 0, 1);
    }
    const { how } = shared;
    const partial = this.accumulate(combine, extent, term, how.lane, how.width);
    const type = partial.type === 'f32' ? 'f32' : 'i32';
    const exchange = how.exchange[type];
    if (exchange === undefined) throw new Error(`there is no memory to reduce ${type} in`);
    const element = (at: Dim) => load(exchange, at, type);
    this.emit(store(exchange, how.lane, partial));
    this.emit({ tag: 'barrier' });
    for (let half = how.width / 2; half >= 1; half /= 2) {
      this.when(binary('lt', indexOf(how.lane), constant(half, 'i32')), () => {
        const joined = binary(combine, element(how.lane), element(add(how.lane, half)));
        this.emit(store(exchange, how.lane, joined));
      });
      this.emit({ tag: 'barrier' });
    }
    const total = this.declareFresh('total');
    this.emit(letOf(total, element(0)));
    this.emit({ tag: 'barrier' });
    return read(total, partial.type);
  }

  private accumulate(
    combine: Combine,
    extent: Dim,
    term: (k: Dim) => Expression,
    from: Dim,
    step: Dim,
  ): Expression {
    const name = this.fresh(ACCUMULATOR[combine]);
    const variable = this.fresh('k');
    this.ranges.set(variable, extent);
    let type: Scalar = 'f32';
    const body = this.inScope([variable, name], false, () => {
      const value = term(variable);
      type = value.type;
      this.emit({ tag: 'set', name, value: binary(combine, read(name, type), value) });
    });
    this.declare(name);
    this.emit({ tag: 'variable', name, initial: constant(identityOf(combine, type), type) });
    this.emit(loop('serial', variable, extent, body, from, step));
    return read(name, type);
  }

  private fold(
    extent: Dim,
    initial: readonly Expression[],
    step: (k: Dim, state: readonly Expression[]) => readonly Expression[],
  ): readonly Expression[] {
    // every invocation reads all of the row, also what others keep in workgroup memory
    if (this.collective?.depth === this.scopes.length - 1) this.emit({ tag: 'barrier' });
    const names = initial.map((value) => this.variable('state', value));
    const state = names.map((name, i) => read(name, initial[i]?.type ?? 'f32'));
    this.loop('serial', 'k', extent, (k) => {
      const next = step(k, state).map((value) => this.bindHere('next', value));
      names.forEach((name, i) => {
        const value = next[i];
        if (value !== undefined) this.emit({ tag: 'set', name, value });
      });
    });
    return state;
  }

  private guard(condition: Expression, value: () => Expression, otherwise: Expression): Expression {
    const decided = truthOf(condition);
    if (decided !== null) return decided ? value() : otherwise;
    const name = this.variable('guarded', otherwise);
    this.when(condition, () => this.emit({ tag: 'set', name, value: value() }));
    return read(name, otherwise.type);
  }

  private asIndex(value: Expression, extent: Dim): Dim {
    if (value.tag === 'index' && this.isWithin(value.value, extent)) return value.value;
    const integer = cast('i32', value);
    const last = indexOf(subtract(extent, 1));
    const clamped = binary('max', constant(0, 'i32'), binary('min', integer, last));
    const key = `index ${structuralKey(clamped)}`;
    for (const scope of this.scopes) {
      const known = scope.memo.get(key);
      if (known?.tag === 'read') return known.name;
    }
    const depth = this.depthOf(namesIn(clamped));
    return this.atDepth(depth, () => {
      const bound = this.bind('row', clamped);
      if (bound.tag !== 'read') throw new Error('an index must be bound to a name');
      this.ranges.set(bound.name, extent);
      this.top().memo.set(key, bound);
      return bound.name;
    });
  }

  /** Whether 0 <= x < extent is provable. */
  private isWithin(x: Dim, extent: Dim): boolean {
    const isPositive = isAtLeast(bound(x, this.ranges, 'lower'), 0);
    return isPositive && isBelow(x, extent, this.ranges);
  }
}

/** Whether a condition on places holds, where they are numbers: a loop of one step has its place known. */
function truthOf(condition: Expression): boolean | null {
  if (condition.tag !== 'binary') return null;
  const { op, a, b } = condition;
  if (op === 'and') {
    const [first, second] = [truthOf(a), truthOf(b)];
    if (first === false || second === false) return false;
    return first === null || second === null ? null : true;
  }
  if (a.tag !== 'index' || b.tag !== 'index') return null;
  if (typeof a.value !== 'number' || typeof b.value !== 'number') return null;
  if (op === 'lt') return a.value < b.value;
  return op === 'le' ? a.value <= b.value : null;
}

const ACCUMULATOR: { readonly [C in Combine]: string } = {
  add: 'sum',
  max: 'largest',
  min: 'smallest',
  mul: 'product',
};

const FLOAT_IDENTITY: { readonly [C in Combine]: number } = {
  add: 0,
  mul: 1,
  max: -Infinity,
  min: Infinity,
};

/** What changes nothing that it is combined with. */
export function identityOf(combine: Combine, type: Scalar): number {
  if (type === 'f32' || combine === 'add' || combine === 'mul') return FLOAT_IDENTITY[combine];
  return combine === 'max' ? -(2 ** 31) : 2 ** 31 - 1;
}
