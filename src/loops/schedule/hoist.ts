/**
 * Loop-invariant indices: the terms of an index that do not change in a loop are added up before
 * it, loop by loop outwards. x[b*seq*384 + i*384 + j] becomes x[at + j] inside the loop over j.
 *
 * Requires and guarantees: the same loads and stores in the same order. Constants stay where they
 * are: an addressing mode takes them for nothing. Nothing leaves an invocation's loop or a branch.
 */
import {
  add,
  type Dim,
  divideExactly,
  multiply,
  partition,
  subtract,
  symbolsOf,
} from '../../ir/dims.ts';
import { type Expression, index, type Lanes, mapExpression, type Statement } from '../nodes.ts';
import { reuseNames } from './reuse-names.ts';

interface Scope {
  /** The loop's variable and every name bound inside it. */
  readonly names: ReadonlySet<string>;
  readonly hoisted: Map<string, string>;
  readonly statements: Statement[];
  /** Whether terms may leave for the scope around. */
  readonly open: boolean;
}

export function hoistIndices(
  body: readonly Statement[],
  reserved: readonly string[],
): readonly Statement[] {
  const taken = new Set([...reserved, ...namesBound(body)]);
  const hoisting = new Hoisting(taken);
  return reuseNames(hoisting.scope(body, new Set(), false), hoisting.own, taken);
}

class Hoisting {
  private readonly taken: ReadonlySet<string>;
  /** The names given out. */
  readonly own = new Set<string>();
  private readonly scopes: Scope[] = [];

  constructor(taken: ReadonlySet<string>) {
    this.taken = taken;
  }

  scope(
    body: readonly Statement[],
    names: ReadonlySet<string>,
    open: boolean,
  ): readonly Statement[] {
    const scope: Scope = { names, hoisted: new Map(), statements: [], open };
    this.scopes.push(scope);
    for (const statement of body) scope.statements.push(this.statement(statement));
    this.scopes.pop();
    return this.shareStarts(scope.statements);
  }

  private statement(s: Statement): Statement {
    switch (s.tag) {
      case 'for': {
        const open = s.kind === 'serial' || s.kind === 'parallel';
        const names = new Set([s.variable, ...namesBound(s.body)]);
        return { ...s, body: this.scope(s.body, names, open) };
      }
      case 'if':
        return {
          ...s,
          condition: this.expression(s.condition),
          then: this.scope(s.then, new Set(), false),
          otherwise: this.scope(s.otherwise, new Set(), false),
        };
      case 'let':
      case 'set':
        return { ...s, value: this.expression(s.value) };
      case 'variable':
        return { ...s, initial: this.expression(s.initial) };
      case 'store':
        return {
          ...s,
          index: inUnits(s.value.lanes, s.index, (at) => this.place(at, this.scopes.length - 1)),
          value: this.expression(s.value),
        };
      case 'alloc':
      case 'barrier':
      case 'comment':
        return s;
      default:
        return s satisfies never;
    }
  }

  private expression(x: Expression): Expression {
    return loadsAt(x, (at) => this.place(at, this.scopes.length - 1));
  }

  private place(dim: Dim, depth: number): Dim {
    const scope = this.scopes[depth];
    const around = this.scopes[depth - 1];
    if (scope === undefined || around === undefined || !scope.open) return dim;
    const [inside, outside] = partition(
      dim,
      (term) => typeof term === 'number' || symbolsOf(term).some((s) => scope.names.has(s)),
    );
    if (typeof outside === 'number' || isName(outside)) return dim;
    const known = around.hoisted.get(outside);
    if (known !== undefined) return add(inside, known);
    const value = this.place(outside, depth - 1);
    const name = isName(value) ? value : this.bind(around.statements, value);
    around.hoisted.set(outside, name);
    return add(inside, name);
  }

  private bind(statements: Statement[], value: Dim): string {
    const name = this.fresh();
    statements.push({ tag: 'let', name, value: index(value) });
    return name;
  }

  /** Names the products that several places of one scope begin with. */
  private shareStarts(statements: readonly Statement[]): readonly Statement[] {
    const uses = new Map<string, number>();
    for (const place of statements.flatMap(placesIn)) {
      const start = startOf(place);
      if (typeof start === 'string' && start.includes('*')) {
        uses.set(start, (uses.get(start) ?? 0) + 1);
      }
    }
    // a name that stands further down for a loop inside comes up to the first use
    const names = new Map<Dim, string>();
    for (const s of statements) {
      if (s.tag === 'let' && s.value.tag === 'index') names.set(s.value.value, s.name);
    }
    const bound = new Set<string>();
    const shared: Statement[] = [];
    const nameOf = (start: string): string => {
      const name = names.get(start) ?? this.fresh();
      names.set(start, name);
      if (!bound.has(name)) shared.push({ tag: 'let', name, value: index(start) });
      bound.add(name);
      return name;
    };
    const place = (at: Dim): Dim => {
      const start = startOf(at);
      if (typeof start === 'number' || (uses.get(start) ?? 0) < 2) return at;
      return add(nameOf(start), subtract(at, start));
    };
    for (const statement of statements) {
      if (statement.tag === 'let' && bound.has(statement.name)) continue;
      if (statement.tag === 'let') bound.add(statement.name);
      shared.push(withPlaces(statement, place));
    }
    return shared;
  }

  private fresh(): string {
    let name = 'at';
    for (let n = 1; this.taken.has(name) || this.own.has(name); n++) name = `at_${n}`;
    this.own.add(name);
    return name;
  }
}

function isName(dim: Dim): dim is string {
  return typeof dim === 'string' && /^\w+$/.test(dim);
}

/** An index without its constant. */
function startOf(place: Dim): Dim {
  return partition(place, (term) => typeof term === 'number')[1];
}

/** Places of four lanes are counted in fours, so that 4 still divides what comes of it. */
function inUnits(lanes: Lanes, index: Dim, place: (at: Dim) => Dim): Dim {
  const fours = lanes === 4 ? divideExactly(index, 4) : null;
  return fours === null ? place(index) : multiply(place(fours), 4);
}

function loadsAt(x: Expression, place: (at: Dim) => Dim): Expression {
  return mapExpression(x, (part) =>
    part.tag === 'load' ? { ...part, index: inUnits(part.lanes, part.index, place) } : part,
  );
}

/** The statement with its own loads and stores at other places; nested statements stay. */
function withPlaces(s: Statement, place: (at: Dim) => Dim): Statement {
  switch (s.tag) {
    case 'let':
    case 'set':
      return { ...s, value: loadsAt(s.value, place) };
    case 'variable':
      return { ...s, initial: loadsAt(s.initial, place) };
    case 'store':
      return {
        ...s,
        index: inUnits(s.value.lanes, s.index, place),
        value: loadsAt(s.value, place),
      };
    case 'if':
      return { ...s, condition: loadsAt(s.condition, place) };
    case 'for':
    case 'alloc':
    case 'barrier':
    case 'comment':
      return s;
    default:
      return s satisfies never;
  }
}

function placesIn(s: Statement): readonly Dim[] {
  const places: Dim[] = [];
  withPlaces(s, (at) => {
    places.push(at);
    return at;
  });
  return places;
}

/** Every name that statements bind, at any depth. */
export function namesBound(body: readonly Statement[]): readonly string[] {
  return body.flatMap((s): readonly string[] => {
    if (s.tag === 'for') return [s.variable, ...namesBound(s.body)];
    if (s.tag === 'if') return namesBound([...s.then, ...s.otherwise]);
    if (s.tag === 'let' || s.tag === 'variable') return [s.name];
    return s.tag === 'alloc' ? [s.buffer] : [];
  });
}
