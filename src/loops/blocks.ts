/**
 * Statements under construction: nested scopes, the names that each knows, and where a statement may
 * stand.
 *
 * A name has one meaning wherever it is in sight; disjoint scopes use names again. A fence scope (a
 * guarded branch, the body of an invocation) lets nothing that is computed in it out.
 */
import { type Dim, symbolsOf } from '../ir/dims.ts';
import {
  childrenOf,
  type Expression,
  index as indexOf,
  type LoopKind,
  letOf,
  loop,
  read,
  type Space,
  type Statement,
} from './nodes.ts';

export interface Scope {
  readonly names: Set<string>;
  /** Names of the closed scopes inside. */
  readonly inside: Set<string>;
  readonly statements: Statement[];
  readonly memo: Map<string, Expression>;
  readonly fence: boolean;
}

export interface LoopOptions {
  readonly from?: Dim;
  /** Where the loop ends, if before the extent. */
  readonly to?: Dim;
  readonly step?: Dim;
  /** Whether what is computed inside must stay inside. */
  readonly fence?: boolean;
}

/** Names with a meaning in indices, which nothing else can have. */
export const DIM_FUNCTIONS: readonly string[] = ['floor', 'max', 'min'];

export class Blocks {
  /** Loop variables and integers by name; each lies in 0 .. extent - 1. */
  readonly ranges = new Map<string, Dim>();
  protected scopes: Scope[] = [newScope(false)];
  /** Open scopes that are out of reach while statements are emitted further out. */
  private suspended: readonly Scope[] = [];
  private readonly reserved: ReadonlySet<string>;

  constructor(reserved: readonly string[]) {
    this.reserved = new Set([...reserved, ...DIM_FUNCTIONS]);
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
        .replace(/^_+|_+$/g, '')
        .replace(/^(?=\d)/, 'v') || 'v';
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
    const name = this.declareFresh(base);
    this.emit(letOf(name, indexOf(value)));
    if (extent === undefined) this.ranges.delete(name);
    else this.ranges.set(name, extent);
    return name;
  }

  /** A buffer of the kernel's own. */
  alloc(base: string, size: number, space: Space, type: 'f32' | 'i32' = 'f32'): string {
    const buffer = this.declareFresh(base);
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

  /** Names a value; gives the expression to use in its place. */
  bind(base: string, value: Expression): Expression {
    if (value.tag === 'constant' || value.tag === 'read') return value;
    return this.atDepth(this.depthOf(namesIn(value)), () => this.bindHere(base, value));
  }

  /** As `bind`, in the current scope whatever the names. */
  bindHere(base: string, value: Expression): Expression {
    const name = this.declareFresh(base);
    this.emit(letOf(name, value));
    return read(name, value.type, value.lanes);
  }

  /** A mutable variable in the current scope. */
  variable(base: string, initial: Expression): string {
    const name = this.declareFresh(base);
    this.emit({ tag: 'variable', name, initial });
    return name;
  }

  /** Makes a name known in the current scope, such as that of an alloc. */
  declare(name: string): void {
    this.top().names.add(name);
  }

  /** A name that nothing in sight has, known in the current scope from now on. */
  declareFresh(base: string): string {
    const name = this.fresh(base);
    this.declare(name);
    return name;
  }

  protected top(): Scope {
    const scope = this.scopes.at(-1);
    if (scope === undefined) throw new Error('no scope is open');
    return scope;
  }

  /** The outermost scope in which all of `names` are known, not outside the innermost fence. */
  depthOf(names: readonly string[]): number {
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

  atDepth<T>(depth: number, run: () => T): T {
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
