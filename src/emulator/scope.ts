/** What names mean while a kernel is compiled. Scopes are immutable; a block's names end with it. */
import type { Dim } from '../ir/dims.ts';
import type { Lanes, Statement } from '../loops/nodes.ts';
import { type CompiledIndex, compileIndex, type IndexSymbol } from './compile-index.ts';
import type { Memory, Registers } from './memory.ts';
import type { LoopSlot, Unit } from './unit.ts';

export type Binding =
  | {
      readonly tag: 'value';
      readonly slot: number;
      readonly lanes: Lanes;
      /** A `variable`, whose slot may change between two reads. */
      readonly mutable: boolean;
    }
  | Memory
  | Registers;

export interface Scope {
  readonly bindings: ReadonlyMap<string, Binding>;
  /** The loops around, from the outermost in. */
  readonly loops: readonly LoopSlot[];
  /** The loops and ifs around, from the outermost in. */
  readonly enclosing: readonly Statement[];
  /** Loops around whose iterations are concurrent. */
  readonly concurrency: number;
  /** The invocation loop around. */
  readonly invocation: { readonly slot: number; readonly extent: number } | null;
}

export function bind(scope: Scope, name: string, binding: Binding): Scope {
  return { ...scope, bindings: new Map(scope.bindings).set(name, binding) };
}

export function lookUp(unit: Unit, scope: Scope, name: string): Binding {
  const binding = scope.bindings.get(name);
  if (binding === undefined) throw new Error(`kernel '${unit.kernel}': '${name}' is not defined`);
  return binding;
}

export function indexIn(unit: Unit, scope: Scope, dim: Dim): CompiledIndex {
  return compileIndex(dim, (symbol): IndexSymbol => {
    const binding = scope.bindings.get(symbol);
    if (binding?.tag === 'value') return { tag: 'slot', slot: binding.slot };
    const value = unit.symbols[symbol];
    if (value === undefined) {
      throw new Error(`kernel '${unit.kernel}': the index symbol '${symbol}' has no value`);
    }
    return { tag: 'number', value };
  });
}
