/**
 * Addresses that several accesses of a block share: they are computed once, ahead of the first of them.
 * Accesses share one where their indices differ by a constant, which is the instruction's `offset`. What an
 * index is made of keeps its value as long as it is in sight: it is no variable (loops_v3).
 */
import { type Dim, symbolsOf } from '../../ir/dims.ts';
import { childrenOf, type Expression, type Statement } from '../../loops/nodes.ts';
import { addressKey, addressTree, placeIn } from './dims.ts';
import { setLocal } from './instructions.ts';
import type { WasmScope } from './scope.ts';
import { type Item, line } from './sexp.ts';

interface Access {
  readonly buffer: string;
  readonly index: Dim;
}

/** What a block computes ahead of one statement after another. */
export class SharedAddresses {
  private readonly scope: WasmScope;
  /** How many accesses of the block, from the statement at hand on, have an address. */
  private readonly counts = new Map<string, number>();
  private readonly scratch: ReadonlySet<string>;

  constructor(body: readonly Statement[], scope: WasmScope) {
    this.scope = scope;
    this.scratch = new Set(body.flatMap(scratchIn));
    for (const statement of body) this.count(statement, 1);
  }

  before(statement: Statement): readonly Item[] {
    const items: Item[] = [];
    for (const { buffer, index } of accessesIn(statement)) {
      const place = this.scope.memory(buffer);
      const rest = place === null ? 0 : placeIn(index, place.start).rest;
      if (place === null || rest === 0 || !this.scope.knows(symbolsOf(rest))) continue;
      const key = addressKey(place.local, rest);
      if (this.scope.address(key) !== null || (this.counts.get(key) ?? 0) < 2) continue;
      const tree = addressTree(place.local, rest, this.scope);
      items.push(line(setLocal(this.scope.declareAddress(key, place.local), tree)));
    }
    this.count(statement, -1);
    return items;
  }

  private count(statement: Statement, by: number): void {
    for (const { buffer, index } of accessesIn(statement)) {
      const isScratch = this.scratch.has(buffer);
      const local = isScratch ? this.scope.locals.scratch : this.scope.memory(buffer)?.local;
      if (local === undefined) continue;
      const key = addressKey(local, placeIn(index, 0).rest);
      this.counts.set(key, (this.counts.get(key) ?? 0) + by);
    }
  }
}

const known = new WeakMap<Statement, readonly Access[]>();

/** The loads and stores of a statement, in nested ones, too. */
function accessesIn(statement: Statement): readonly Access[] {
  let accesses = known.get(statement);
  if (accesses === undefined) {
    accesses = findAccesses(statement);
    known.set(statement, accesses);
  }
  return accesses;
}

function findAccesses(s: Statement): readonly Access[] {
  switch (s.tag) {
    case 'for':
      return s.body.flatMap(accessesIn);
    case 'if':
      return [...loadsIn(s.condition), ...[...s.then, ...s.otherwise].flatMap(accessesIn)];
    case 'let':
    case 'set':
      return loadsIn(s.value);
    case 'variable':
      return loadsIn(s.initial);
    case 'store':
      return [{ buffer: s.buffer, index: s.index }, ...loadsIn(s.value)];
    case 'alloc':
    case 'barrier':
    case 'comment':
      return [];
    default:
      return s satisfies never;
  }
}

function loadsIn(x: Expression): readonly Access[] {
  const inside = childrenOf(x).flatMap(loadsIn);
  return x.tag === 'load' ? [{ buffer: x.buffer, index: x.index }, ...inside] : inside;
}

/** The buffers in scratch memory that a statement makes, at any depth. */
function scratchIn(s: Statement): readonly string[] {
  if (s.tag === 'for') return s.body.flatMap(scratchIn);
  if (s.tag === 'if') return [...s.then, ...s.otherwise].flatMap(scratchIn);
  return s.tag === 'alloc' && s.space === 'scratch' ? [s.buffer] : [];
}
