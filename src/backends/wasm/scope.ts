/**
 * What the names of a kernel are called in its text. The locals of a WebAssembly function all stand
 * at its head, so names of sibling scopes share one where they have the same type; a value that
 * is needed twice inside an expression is kept in a temporary.
 */
import type { Statement } from '../../loops/nodes.ts';
import { Names } from '../identifiers.ts';
import type { Helper } from './helpers.ts';
import { getLocal, isAtom, type ValueType } from './instructions.ts';
import type { Sexp } from './sexp.ts';

type Alloc = Extract<Statement, { tag: 'alloc' }>;

/** Where an element of a register tile is: a local, or one lane of a local. */
export interface Register {
  readonly local: string;
  readonly lane: number | null;
}

/** Where a buffer's elements are: `start` bytes after the address in a local, or in locals. */
export type Place =
  | { readonly tag: 'memory'; readonly local: string; readonly start: number }
  | { readonly tag: 'registers'; readonly elements: readonly Register[] };

/** What the functions of a module share. */
export class WasmModule {
  /** Identifiers of functions, without their `$`. */
  readonly names: Names;
  /** Whether relaxed SIMD may be used. */
  readonly relaxed: boolean;
  /** The helpers that functions have asked for. */
  readonly helpers = new Set<Helper>();

  constructor(relaxed: boolean, reserved: readonly string[]) {
    this.relaxed = relaxed;
    this.names = new Names(new Set(reserved));
  }
}

/** The locals of the function in print. */
export class Locals {
  private readonly names = new Names(new Set());
  private readonly identifiers = new Map<string, string>();
  private readonly free: { readonly [T in ValueType]: string[] } = { i32: [], f32: [], v128: [] };
  private scratchLocal: string | null = null;
  /** The declared locals and their types, parameters left out. */
  readonly types = new Map<string, ValueType>();

  parameter(name: string): string {
    return `$${this.names.fresh(name)}`;
  }

  /** The local for what has this key and type: the same one each time it is asked for. */
  named(name: string, type: ValueType, key = name): string {
    const typed = `${type} ${key}`;
    const identifier = this.identifiers.get(typed) ?? this.fresh(name, type);
    this.identifiers.set(typed, identifier);
    return identifier;
  }

  /** A local for the text alone. */
  own(name: string, type: ValueType): string {
    return this.fresh(name, type);
  }

  /** The local that holds the address of scratch memory. */
  get scratch(): string {
    this.scratchLocal ??= this.fresh('scratch', 'i32');
    return this.scratchLocal;
  }

  take(type: ValueType): string {
    return this.free[type].pop() ?? this.fresh('kept', type);
  }

  giveBack(local: string, type: ValueType): void {
    this.free[type].push(local);
  }

  private fresh(name: string, type: ValueType): string {
    const identifier = `$${this.names.fresh(name)}`;
    this.types.set(identifier, type);
    return identifier;
  }
}

/** The scope of a block: names are found here or in the blocks around it. */
export class WasmScope {
  readonly module: WasmModule;
  readonly locals: Locals;
  /** The byte at which each scratch alloc of the kernel starts. */
  readonly scratch: ReadonlyMap<Alloc, number>;
  private readonly values: Map<string, string>;
  private readonly places: Map<string, Place>;
  /** Locals that hold an address, by its key. */
  private readonly addresses: Map<string, string>;

  constructor(
    module: WasmModule,
    locals: Locals,
    scratch: ReadonlyMap<Alloc, number> = new Map(),
    around: WasmScope | null = null,
  ) {
    this.module = module;
    this.locals = locals;
    this.scratch = scratch;
    this.values = new Map(around?.values);
    this.places = new Map(around?.places);
    this.addresses = new Map(around?.addresses);
  }

  /** The scope of a block inside. */
  inner(): WasmScope {
    return new WasmScope(this.module, this.locals, this.scratch, this);
  }

  /** The local of an address that was computed before; null where it was not. */
  address(key: string): string | null {
    return this.addresses.get(key) ?? null;
  }

  /** A local for an address after that in `base`, which no other address in sight has. */
  declareAddress(key: string, base: string): string {
    const inSight = new Set(this.addresses.values());
    for (let n = 1; ; n++) {
      const name = `${base.slice(1)}_at${n === 1 ? '' : `_${n}`}`;
      const local = this.locals.named(name, 'i32', `the address ${name}`);
      if (inSight.has(local)) continue;
      this.addresses.set(key, local);
      return local;
    }
  }

  /** Whether all of these have a meaning here. */
  knows(names: readonly string[]): boolean {
    return names.every((name) => this.values.has(name));
  }

  /** The place of a buffer in memory; null where it is in registers, or not in sight. */
  memory(buffer: string): Extract<Place, { tag: 'memory' }> | null {
    const place = this.places.get(buffer);
    return place?.tag === 'memory' ? place : null;
  }

  /** Takes a parameter of the function for a symbol or a math function's operand. */
  declareParameter(name: string): string {
    const local = this.locals.parameter(name);
    this.values.set(name, local);
    return local;
  }

  /** The local of a let, variable or loop variable that starts here. */
  declare(name: string, type: ValueType): string {
    const local = this.locals.named(name, type);
    this.values.set(name, local);
    return local;
  }

  /** The local of a let, variable, loop variable or symbol. */
  local(name: string): string {
    const local = this.values.get(name);
    if (local === undefined) throw new Error(`there is no value '${name}' here`);
    return local;
  }

  declareBuffer(buffer: string, place: Place): void {
    this.places.set(buffer, place);
  }

  place(buffer: string): Place {
    const place = this.places.get(buffer);
    if (place === undefined) throw new Error(`there is no buffer '${buffer}' here`);
    return place;
  }

  /** The function's identifier. */
  helper(name: Helper): string {
    this.module.helpers.add(name);
    return `$${name}`;
  }

  /**
   * An instruction that uses a value first and again, in this order. What `use` prints in between
   * takes other temporaries.
   */
  keep(value: Sexp, type: ValueType, use: (first: Sexp, again: Sexp) => Sexp): Sexp {
    if (isAtom(value)) return use(value, value);
    const local = this.locals.take(type);
    const result = use(['local.tee', local, value], getLocal(local));
    this.locals.giveBack(local, type);
    return result;
  }
}
