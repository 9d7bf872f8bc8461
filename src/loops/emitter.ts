/**
 * Turns a region into loop IR by pulling: the expression of one element of a value, from elements
 * of its operands, down to loads of the region's inputs.
 *
 * Statements land in the outermost open scope that knows every name they use, so what does not
 * change in a loop is computed before it, a reduction once a row and not once an element. A fence
 * scope (a guarded branch, the body of an invocation) lets nothing out.
 */
import {
  add,
  type Dim,
  divideExactly,
  isAtLeast,
  multiply,
  sizeOf,
  subtract,
  symbolsOf,
} from '../ir/dims.ts';
import { type Graph, type Node, presentOperands, type ValueId, valueOf } from '../ir/graph.ts';
import type { ElementEmitter } from '../ir/op.ts';
import { opDefinition } from '../ir/ops/index.ts';
import type { DType, Shape } from '../ir/types.ts';
import { bound, divideIndex, isBelow, moduloIndex } from './index-algebra.ts';
import {
  binary,
  cast,
  childrenOf,
  constant,
  type Expression,
  index as indexOf,
  type LoopKind,
  letOf,
  load,
  loop,
  read,
  type Scalar,
  type Space,
  type Statement,
  store,
} from './nodes.ts';

export type Combine = 'add' | 'max' | 'min' | 'mul';

interface Scope {
  readonly names: Set<string>;
  /** Names of the closed scopes inside. */
  readonly inside: Set<string>;
  readonly statements: Statement[];
  readonly memo: Map<string, Expression>;
  readonly fence: boolean;
}

interface Override {
  readonly element: (index: readonly Dim[]) => Expression;
  /** Of the scope whose names it may use. */
  readonly depth: number;
}

export interface LoopOptions {
  readonly from?: Dim;
  /** Where the loop ends, if before the extent. */
  readonly to?: Dim;
  readonly step?: Dim;
  /** Whether what is computed inside must stay inside. */
  readonly fence?: boolean;
}

/** Splits row-wide loops over the invocations of a workgroup, and joins what they reduce. */
export interface Collective {
  readonly lane: string;
  readonly width: number;
  /** Workgroup memory of `width` elements for each type that is reduced. */
  readonly exchange: { readonly [T in 'f32' | 'i32']?: string };
}

/** Names with a meaning in indices, which nothing else can have. */
export const DIM_FUNCTIONS: readonly string[] = ['floor', 'max', 'min'];

/** The scalar type in kernels of a dtype. */
export function scalarOf(dtype: DType): Scalar {
  if (dtype === 'bool') return 'bool';
  return dtype === 'f32' || dtype === 'f16' ? 'f32' : 'i32';
}

/** The element type of the buffer that holds a dtype. */
export function storageOf(dtype: DType): 'f32' | 'i32' {
  return dtype === 'f32' || dtype === 'f16' ? 'f32' : 'i32';
}

/** The place of an element in row-major order. */
export function flatIndex(index: readonly Dim[], shape: Shape): Dim {
  return index.reduce<Dim>((flat, i, axis) => add(multiply(flat, shape[axis] ?? 1), i), 0);
}

/** The index of the element at a place in row-major order. */
export function unflatten(
  flat: Dim,
  shape: Shape,
  ranges: ReadonlyMap<string, Dim>,
): readonly Dim[] {
  const index: Dim[] = [];
  let rest = flat;
  shape.forEach((_, axis) => {
    const inner = sizeOf(shape.slice(axis + 1));
    const i = divideIndex(rest, inner, ranges);
    index.push(i);
    rest = subtract(rest, multiply(i, inner));
  });
  return index;
}

export class Emitter {
  readonly body: Graph;
  /** Buffers of the body's inputs. */
  private readonly buffers: ReadonlyMap<ValueId, string>;
  private readonly producers = new Map<ValueId, Node>();
  private readonly uses = new Map<ValueId, number>();
  private readonly overrides = new Map<ValueId, Override>();
  /** For values asked for: the innermost scope that an override of theirs belongs to, or -1. */
  private readonly overriddenIn = new Map<ValueId, number>();
  readonly ranges = new Map<string, Dim>();
  private readonly reserved: ReadonlySet<string>;
  private scopes: Scope[] = [newScope(false)];
  /** Open scopes that are out of reach while statements are emitted further out. */
  private suspended: readonly Scope[] = [];
  /** While set, values stay expressions without a name. */
  private inline = false;
  private collective: { readonly how: Collective; readonly depth: number } | null = null;

  constructor(body: Graph, buffers: ReadonlyMap<ValueId, string>, reserved: readonly string[]) {
    this.body = body;
    this.buffers = buffers;
    this.reserved = new Set([...buffers.values(), ...reserved, ...DIM_FUNCTIONS]);
    for (const node of body.nodes) {
      for (const id of node.results) this.producers.set(id, node);
      for (const id of presentOperands(node)) this.uses.set(id, (this.uses.get(id) ?? 0) + 1);
    }
  }

  /** The statements emitted outside all loops. */
  get statements(): readonly Statement[] {
    return this.scopes[0]?.statements ?? [];
  }

  emit(statement: Statement): void {
    this.top().statements.push(statement);
  }

  /** A name that nothing in sight has: `base`, `base_1`, ... Disjoint scopes use names again. */
  fresh(base: string): string {
    const clean =
      base
        .replace(/\W+/g, '_')
        .replace(/^(?=\d)/, '_')
        .replace(/^_+|_+$/g, '') || 'v';
    let name = clean;
    for (let n = 1; this.isInSight(name); n++) name = `${clean}_${n}`;
    return name;
  }

  private isInSight(name: string): boolean {
    return (
      this.reserved.has(name) ||
      this.scopes.some(({ names }) => names.has(name)) ||
      this.suspended.some(({ names, inside }) => names.has(name) || inside.has(name))
    );
  }

  /**
   * Emits a loop; `body` emits what stands inside, given the loop variable, which is known to be
   * below `extent`.
   */
  loop(
    kind: LoopKind,
    base: string,
    extent: Dim,
    body: (variable: string) => void,
    options: LoopOptions = {},
  ): void {
    const variable = this.fresh(base);
    this.ranges.set(variable, extent);
    const statements = this.inScope([variable], options.fence ?? false, () => body(variable));
    if (statements.length === 0) return;
    const { from = 0, to = extent, step = 1 } = options;
    this.emit(loop(kind, variable, to, statements, from, step));
  }

  /** Emits an `if` whose branch keeps all it computes inside. */
  when(condition: Expression, body: () => void): void {
    const then = this.inScope([], true, body);
    if (then.length > 0) this.emit({ tag: 'if', condition, then, otherwise: [] });
  }

  /** An integer under a name, for bounds and places that are read more than once. */
  integer(base: string, value: Dim, extent?: Dim): Dim {
    const name = this.fresh(base);
    this.declare(name);
    this.emit(letOf(name, indexOf(value)));
    if (extent === undefined) this.ranges.delete(name);
    else this.ranges.set(name, extent);
    return name;
  }

  /** A buffer of the kernel's own. */
  alloc(base: string, size: number, space: Space, type: 'f32' | 'i32' = 'f32'): string {
    const buffer = this.fresh(base);
    this.declare(buffer);
    this.emit({ tag: 'alloc', buffer, type, size, space });
    return buffer;
  }

  /** Emits into a list of its own, for statements the caller places. */
  inScope(names: readonly string[], fence: boolean, body: () => void): readonly Statement[] {
    const scope = newScope(fence, names);
    this.scopes.push(scope);
    body();
    this.scopes.pop();
    for (const name of [...scope.names, ...scope.inside]) this.top().inside.add(name);
    return scope.statements;
  }

  /** From here on, reductions at this scope are shared by the invocations of the workgroup. */
  shareReductions(how: Collective): void {
    this.collective = { how, depth: this.scopes.length - 1 };
  }

  /** Names a value; gives the expression to use in its place. */
  bind(base: string, value: Expression): Expression {
    if (value.tag === 'constant' || value.tag === 'read') return value;
    return this.atDepth(this.depthOf(namesIn(value)), () => this.bindHere(base, value));
  }

  /**
   * From here on something else than its definition computes a value, such as a matmul's register
   * tile. `element` may use any name of the current scope. An index always stands for the same
   * element: what was computed from one override is not computed again after the next.
   */
  override(id: ValueId, element: Override['element']): void {
    this.overrides.set(id, { element, depth: this.scopes.length - 1 });
    this.overriddenIn.clear();
  }

  /** A mutable variable in the current scope. */
  variable(base: string, initial: Expression): string {
    const name = this.fresh(base);
    this.top().names.add(name);
    this.emit({ tag: 'variable', name, initial });
    return name;
  }

  /** Makes a name known in the current scope, such as that of an alloc. */
  declare(name: string): void {
    this.top().names.add(name);
  }

  /** The element of a value at an index. */
  value(id: ValueId, at: readonly Dim[]): Expression {
    const override = this.overrides.get(id);
    if (override !== undefined) return override.element(at);
    const key = `${id}[${at.join()}]`;
    for (const { memo } of this.scopes) {
      const known = memo.get(key);
      if (known !== undefined) return known;
    }
    return this.computeAndName(id, at, key);
  }

  /**
   * Four neighbouring elements as one load, where that is what they are: of one buffer, in order,
   * from a place that 4 divides. Else null, and nothing is emitted.
   */
  quad(elements: (lane: number) => Expression): Expression | null {
    const before = this.inline;
    this.inline = true;
    const lanes: Expression[] = [];
    const spilled = this.inScope([], true, () => {
      for (let lane = 0; lane < 4; lane++) lanes.push(elements(lane));
    });
    this.inline = before;
    const [first] = lanes;
    if (spilled.length > 0 || first?.tag !== 'load' || first.type !== 'f32') return null;
    const isRun = lanes.every(
      (x, i) => x.tag === 'load' && x.buffer === first.buffer && x.index === add(first.index, i),
    );
    return isRun && divideExactly(first.index, 4) !== null
      ? load(first.buffer, first.index, 'f32', 4)
      : null;
  }

  private computeAndName(id: ValueId, at: readonly Dim[], key: string): Expression {
    const depth = Math.max(this.depthOf(at.flatMap(symbolsOf)), this.overrideDepthOf(id));
    const element = this.atDepth(depth, () => this.compute(id, at));
    const named = (this.uses.get(id) ?? 0) > 1 || depth < this.scopes.length - 1;
    if (!named || this.inline || element.tag === 'constant' || element.tag === 'index')
      return element;
    return this.atDepth(depth, () => {
      const bound = this.bind(this.nameOf(id), element);
      this.top().memo.set(key, bound);
      return bound;
    });
  }

  /** The scope out of which a value cannot be moved: that of an override it is computed from. */
  private overrideDepthOf(id: ValueId): number {
    const own = this.overrides.get(id)?.depth;
    if (own !== undefined) return own;
    let depth = this.overriddenIn.get(id);
    if (depth === undefined) {
      const node = this.buffers.has(id) ? undefined : this.producers.get(id);
      const operands = node === undefined ? [] : presentOperands(node);
      depth = Math.max(-1, ...operands.map((operand) => this.overrideDepthOf(operand)));
      this.overriddenIn.set(id, depth);
    }
    return depth;
  }

  private compute(id: ValueId, at: readonly Dim[]): Expression {
    const value = valueOf(this.body, id);
    const buffer = this.buffers.get(id);
    if (buffer !== undefined) {
      const element = load(buffer, flatIndex(at, value.shape), storageOf(value.dtype));
      return value.dtype === 'bool' ? binary('ne', element, constant(0, 'i32')) : element;
    }
    const node = this.producers.get(id);
    const definition = opDefinition(node?.op ?? '');
    if (node === undefined || !('lower' in definition.meaning)) {
      throw new Error(`%${value.name} (${node?.op ?? 'no node'}) cannot be lowered here`);
    }
    const operands = node.operands;
    return definition.meaning.lower({
      index: at,
      type: value,
      types: operands.map((operand) =>
        operand === null ? undefined : valueOf(this.body, operand),
      ),
      attributes: node.attributes,
      operand: (i, index) => {
        const operand = operands[i];
        if (operand == null) throw new Error(`${node.op}: operand ${i} is missing`);
        return this.value(operand, index);
      },
      emit: this.elements,
    });
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
    const total = this.fresh('total');
    this.declare(total);
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

  private bindHere(base: string, value: Expression): Expression {
    const name = this.fresh(base);
    this.declare(name);
    this.emit(letOf(name, value));
    return read(name, value.type, value.lanes);
  }

  private guard(condition: Expression, value: () => Expression, otherwise: Expression): Expression {
    const name = this.variable('guarded', otherwise);
    this.when(condition, () => this.emit({ tag: 'set', name, value: value() }));
    return read(name, otherwise.type);
  }

  private asIndex(value: Expression, extent: Dim): Dim {
    if (value.tag === 'index' && this.isWithin(value.value, extent)) return value.value;
    const integer = cast('i32', value);
    const last = indexOf(subtract(extent, 1));
    const clamped = binary('max', constant(0, 'i32'), binary('min', integer, last));
    const key = `index ${JSON.stringify(clamped)}`;
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

  private nameOf(id: ValueId): string {
    const { name } = valueOf(this.body, id);
    const last = this.buffers.get(id) ?? name.slice(name.lastIndexOf('.') + 1);
    return /^\d+$/.test(last) ? 'v' : `${last}${this.buffers.has(id) ? '_at' : ''}`;
  }

  private top(): Scope {
    const scope = this.scopes.at(-1);
    if (scope === undefined) throw new Error('no scope is open');
    return scope;
  }

  /** The outermost scope in which all of `names` are known, not outside the innermost fence. */
  private depthOf(names: readonly string[]): number {
    let depth = Math.max(
      0,
      this.scopes.findLastIndex((scope) => scope.fence),
    );
    for (const name of names) {
      depth = Math.max(
        depth,
        this.scopes.findLastIndex((scope) => scope.names.has(name)),
      );
    }
    return depth;
  }

  private atDepth<T>(depth: number, run: () => T): T {
    const [all, suspended] = [this.scopes, this.suspended];
    if (depth === all.length - 1) return run();
    this.scopes = all.slice(0, depth + 1);
    this.suspended = [...suspended, ...all.slice(depth + 1)];
    const result = run();
    this.scopes = all;
    this.suspended = suspended;
    return result;
  }
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
  max: -3.4028234663852886e38,
  min: 3.4028234663852886e38,
};

function identityOf(combine: Combine, type: Scalar): number {
  if (type === 'f32' || combine === 'add' || combine === 'mul') return FLOAT_IDENTITY[combine];
  return combine === 'max' ? -(2 ** 31) : 2 ** 31 - 1;
}

function newScope(fence: boolean, names: readonly string[] = []): Scope {
  return {
    names: new Set(names),
    inside: new Set(),
    statements: [],
    memo: new Map(),
    fence,
  };
}

/** Every variable, let and index symbol that an expression uses. */
export function namesIn(x: Expression): readonly string[] {
  if (x.tag === 'read') return [x.name];
  if (x.tag === 'index') return symbolsOf(x.value);
  if (x.tag === 'load') return [x.buffer, ...symbolsOf(x.index)];
  return childrenOf(x).flatMap(namesIn);
}
